/** The lesson `failover`: the leader dies, the controller elects another, and nothing is lost. */
import { controllerOf, counted, DEATHS, leaderOf, nameOf, struck, toldOfT } from './look';
import { AnyEvent, LessonScript, Notes } from './script';

/** The controller was told that the dead broker is gone; a new controller begins by reading who is alive. */
function isDetected(event: AnyEvent, { dead }: Notes): boolean {
  if (event.what === 'controller-elected') return event.broker !== dead;
  return event.what === 'broker-change' && [event.removed, event.bounced].flat().includes(dead);
}

export const FAILOVER: LessonScript = {
  name: 'failover',
  short: 'death of a leader',
  hint: 'The producer writes with acks=all. Watch the bars, then:',
  predictions: [
    {
      id: 'lost',
      label: 'Lost',
      choices: ['none', 'a few', 'many'],
      truth: ({ state }) => counted(state.verdict?.lost ?? 0),
    },
    {
      id: 'duplicated',
      label: 'Duplicated',
      choices: ['none', 'a few', 'many'],
      truth: ({ state }) => counted(state.verdict?.duplicated ?? 0),
    },
  ],
  steps: [
    {
      kind: 'break',
      name: 'leader-dies',
      label: (state) => `kill -9 the leader: broker ${nameOf(leaderOf(state))}`,
      actions: (state) => {
        const broker = leaderOf(state);
        return broker === undefined ? undefined : [{ what: 'kill', broker }];
      },
      is: struck('leader', ...DEATHS),
      keep: ({ leader }) => ({ dead: leader! }),
    },
    {
      kind: 'sight',
      name: 'detect',
      label: 'detect: its ZooKeeper session times out, the controller knows',
      is: isDetected,
    },
    {
      kind: 'sight',
      name: 'elect',
      label: 'elect: the next in-sync replica, with the next leader epoch',
      is: (event) => toldOfT('leader-elected')(event, {}) && event.leader !== -1,
    },
    {
      kind: 'sight',
      name: 'propagate',
      label: 'propagate: the new leader is told',
      is: toldOfT('became-leader'),
    },
    {
      kind: 'sight',
      name: 'recover',
      label: 'client recovers: a record is acknowledged again',
      is: toldOfT('acked'),
    },
    {
      kind: 'break',
      name: 'controller-dies',
      label: (state) => `then the controller: broker ${nameOf(controllerOf(state))}`,
      actions: (state) => {
        const broker = controllerOf(state);
        return broker === undefined ? undefined : [{ what: 'kill', broker }];
      },
      is: struck('controller', ...DEATHS),
    },
  ],
};
