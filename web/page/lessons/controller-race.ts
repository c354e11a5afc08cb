/** The lesson `controller-race`: the controller dies, and whoever makes /controller first is the next. */
import { controllerOf, DEATHS, isrOf, nameOf, struck, told, toldOfT } from './look';
import { LessonScript } from './script';

export const CONTROLLER_RACE: LessonScript = {
  name: 'controller-race',
  short: 'race for /controller',
  hint: 'The crown marks the controller. Watch /controller and /controller_epoch in the tree, then:',
  predictions: [
    {
      id: 'winner',
      label: 'The next one',
      choices: ['broker 1', 'broker 2', 'broker 3'],
      truth: ({ notes }) => `broker ${notes.winner}`,
    },
    {
      id: 'epoch',
      label: 'Its epoch',
      choices: ['the same', 'one higher'],
      truth: ({ notes }) => (notes.winnerEpoch === notes.epochBefore! + 1 ? 'one higher' : 'the same'),
    },
    {
      id: 'leader',
      label: 'The leader of t-0',
      choices: ['stays', 'moves'],
      truth: ({ notes }) => (notes.leader === notes.leaderBefore ? 'stays' : 'moves'),
    },
  ],
  steps: [
    {
      kind: 'break',
      name: 'controller-dies',
      label: (state) => `kill -9 the controller: broker ${nameOf(controllerOf(state))}`,
      actions: (state) => {
        const broker = controllerOf(state);
        return broker === undefined ? undefined : [{ what: 'kill', broker }];
      },
      is: struck('controller', ...DEATHS),
      keep: ({ controller, controllerEpoch, leader }) => ({
        dead: controller!,
        epochBefore: controllerEpoch!,
        leaderBefore: leader!,
      }),
    },
    {
      kind: 'sight',
      name: 'gone',
      label: 'its session ends, and its ephemeral /controller goes with it',
      is: told('znode', { path: '/controller', change: 'deleted' }),
    },
    {
      kind: 'sight',
      name: 'made',
      label: 'the others saw that by their watch; the first to make it again has won',
      is: told('znode', { path: '/controller', change: 'created' }),
    },
    {
      kind: 'sight',
      name: 'elected',
      label: 'with the same multi it wrote the next /controller_epoch: its term has begun',
      is: (event, { dead }) => event.what === 'controller-elected' && event.broker !== dead,
      keep: (_, event) => ({ winner: Number(event.broker), winnerEpoch: Number(event.controllerEpoch) }),
    },
    {
      kind: 'sight',
      name: 'left',
      label: 'the replica of the dead broker has left the ISR; the leaders stay',
      is: (event, { dead }) =>
        (toldOfT('isr-changed')(event, {}) || toldOfT('replica-left-isr')(event, {})) &&
        !isrOf(event).includes(dead!),
      after: ['controller-dies'],
    },
  ],
};
