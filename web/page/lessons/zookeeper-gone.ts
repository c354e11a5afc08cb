/** The lesson `zookeeper-gone`: records flow without ZooKeeper; what needs a decision waits for it. */
import { brokerHost } from '../../shared/run';
import { DEATHS, leaderOf, nameOf, struck, told, toldOfT } from './look';
import { LessonScript } from './script';

/** Longer than a session's timeout. */
const LONG_MS = 8000;

export const ZOOKEEPER_GONE: LessonScript = {
  name: 'zookeeper-gone',
  short: 'ZooKeeper gone for a while',
  hint: 'p1 writes with acks=all, c1 reads. First:',
  predictions: [
    {
      id: 'writes',
      label: 'Writes meanwhile',
      choices: ['go on', 'stop'],
      truth: ({ notes }) => ('acked' in notes ? 'go on' : 'stop'),
    },
    {
      id: 'election',
      label: 'A new leader',
      choices: ['after 6 s', 'when ZooKeeper is back'],
      truth: ({ notes }) => (notes.elected! >= notes.up! ? 'when ZooKeeper is back' : 'after 6 s'),
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
      name: 'down',
      label: () => 'stop ZooKeeper',
      actions: () => [{ what: 'zookeeper-down' }],
      is: told('fault', { fault: 'ZooKeeper down' }),
    },
    {
      kind: 'sight',
      name: 'acked',
      label: 'p1 is acknowledged: leader and ISR are known, nobody asks ZooKeeper for a record',
      is: (event, { down }) =>
        told('acked', { producer: 'p1' })(event, {}) && Number(event.sentMs) > down! + 1000,
    },
    {
      kind: 'sight',
      name: 'read',
      label: 'c1 reads on',
      is: (event, { down }) => event.what === 'read' && event.atMs > down! + 1000,
      after: ['down'],
    },
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
      after: ['acked', 'read'],
    },
    {
      kind: 'sight',
      name: 'waits',
      label: 'p1 waits: the leader is gone',
      is: (event) => told('producer', { producer: 'p1' })(event, {}) && Number(event.waiting) >= 3,
    },
    {
      kind: 'sight',
      name: 'long',
      label: 'longer than its session could last: no session ends, nobody is elected',
      is: ({ atMs }, notes) => atMs >= notes['leader-dies']! + LONG_MS,
    },
    {
      kind: 'break',
      name: 'up',
      label: () => 'start ZooKeeper again',
      actions: () => [{ what: 'zookeeper-up' }],
      is: told('fault', { fault: 'ZooKeeper up' }),
    },
    {
      kind: 'sight',
      name: 'ended',
      label: 'the living keep their sessions; that of the dead leader times out',
      is: (event, { dead }) => told('session', { host: brokerHost(dead!), state: 'ended' })(event, {}),
    },
    {
      kind: 'sight',
      name: 'elected',
      label: 'the controller elects another of the ISR',
      is: (event) => toldOfT('leader-elected')(event, {}) && event.leader !== -1,
    },
    {
      kind: 'sight',
      name: 'recover',
      label: 'p1 is acknowledged again',
      is: told('acked', { producer: 'p1' }),
    },
  ],
};
