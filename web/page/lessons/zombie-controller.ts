/** The lesson `zombie-controller`: it slept through its own succession, and its epoch is over. */
import { brokerHost } from '../../shared/run';
import { brokersThatAre, controllerOf, leaderOf, nameOf, struck, told, toldOfT } from './look';
import { LessonScript, Seeing } from './script';

/** Whether a leader was elected in the epoch that was over. */
function hasMoved({ state, notes }: Seeing): boolean {
  return state.happenings.some((event) => {
    const { what, atMs, controllerEpoch } = event;
    return what === 'leader-elected' && atMs >= notes.wake! && controllerEpoch === notes.oldEpoch;
  });
}

export const ZOMBIE_CONTROLLER: LessonScript = {
  name: 'zombie-controller',
  short: 'zombie controller and fencing',
  hint: 'The crown marks the controller. It freezes, as in a long pause of its collector:',
  predictions: [
    {
      id: 'moves',
      label: 'Awake, it moves a leader',
      choices: ['yes', 'no'],
      truth: (seeing) => (hasMoved(seeing) ? 'yes' : 'no'),
    },
    {
      id: 'epoch',
      label: 'The epoch that counts',
      choices: ['its own', 'the next one'],
      truth: ({ notes }) => (notes.controllerEpoch! > notes.oldEpoch! ? 'the next one' : 'its own'),
    },
    {
      id: 'lost',
      label: 'Lost',
      choices: ['none', 'some'],
      truth: ({ state }) => ((state.verdict?.lost ?? 0) === 0 ? 'none' : 'some'),
    },
  ],
  steps: [
    {
      kind: 'break',
      name: 'freeze',
      label: (state) => `freeze the controller: broker ${nameOf(controllerOf(state))}`,
      actions: (state) => {
        const broker = controllerOf(state);
        return broker === undefined ? undefined : [{ what: 'pause', broker }];
      },
      is: struck('controller', 'SIGSTOP'),
      keep: ({ controller, controllerEpoch }) => ({ old: controller!, oldEpoch: controllerEpoch! }),
    },
    {
      kind: 'sight',
      name: 'ended',
      label: 'ZooKeeper does not hear it, and ends its session: /controller goes',
      is: (event, { old }) => told('session', { host: brokerHost(old!), state: 'ended' })(event, {}),
    },
    {
      kind: 'sight',
      name: 'elected',
      label: 'another is the controller, with the next epoch; the frozen one knows nothing of it',
      is: (event, { old }) => event.what === 'controller-elected' && event.broker !== old,
    },
    {
      kind: 'break',
      name: 'leader-dies',
      label: (state) => `kill -9 the leader of t-0, broker ${nameOf(leaderOf(state))}: work for a controller`,
      actions: (state) => {
        const broker = leaderOf(state);
        return broker === undefined ? undefined : [{ what: 'kill', broker }];
      },
      is: struck('leader', 'kill -9', 'power cut'),
    },
    {
      kind: 'break',
      name: 'wake',
      label: () => 'wake the frozen one: two believe to be the controller',
      actions: (state) => {
        const broker = brokersThatAre(state, 'paused')[0];
        return broker === undefined ? undefined : [{ what: 'resume', broker }];
      },
      is: ({ what, fault, target }, { old }) =>
        what === 'fault' && fault === 'SIGCONT' && Number(target) === old,
    },
    {
      kind: 'sight',
      name: 'expired',
      label: 'it learns that its session is over',
      is: (event, { old }) => told('zk-session-expired', { who: brokerHost(old!) })(event, {}),
    },
    {
      kind: 'sight',
      name: 'resigned',
      label: 'it resigns: what it had in mind is dropped, and would have been refused for its epoch',
      is: (event, { old }) => told('controller-resigned', { broker: old })(event, {}),
      after: ['wake'],
    },
    {
      kind: 'sight',
      name: 'registered',
      label: 'it registers again, as an ordinary broker with a new broker epoch',
      is: (event, { old }) => told('znode', { path: `/brokers/ids/${old}`, change: 'created' })(event, {}),
      after: ['expired'],
    },
    {
      kind: 'sight',
      name: 'led',
      label: 't-0 gets a leader from the controller that is one',
      is: (event) => toldOfT('leader-elected')(event, {}) && event.leader !== -1,
      after: ['leader-dies'],
    },
  ],
};
