/** The lesson `unclean`: the last in-sync replica is dead; one setting chooses availability or data. */
import { Command } from '../../shared/run';
import { brokersThatAre, DEATHS, followersOf, isrHas, leaderOf, nameOf, struck, told, toldOfT } from './look';
import { LessonScript } from './script';

const SETTING = 'unclean.leader.election.enable';

/** Two replicas, one of which is enough for acks=all. */
export const TWO_REPLICAS: readonly Command[] = [
  {
    what: 'create-topic',
    topic: 't',
    assignment: [[1, 2]],
    settings: { 'min.insync.replicas': '1' },
    atMs: 2000,
  },
  {
    what: 'start-producer',
    producer: 'p1',
    topic: 't',
    acks: 'all',
    isIdempotent: true,
    everyMs: 250,
    bytes: 0,
    settings: {},
    atMs: 3500,
  },
  { what: 'start-consumer', consumer: 'c1', topic: 't', group: 'g1', settings: {}, atMs: 3500 },
];

export const UNCLEAN: LessonScript = {
  name: 'unclean',
  short: 'unclean election',
  hint: 'Two replicas, min.insync.replicas=1, p1 writes with acks=all. First make one of them stale:',
  run: { scene: 'empty' },
  setup: TWO_REPLICAS,
  startMs: 6000,
  predictions: [
    {
      id: 'off',
      label: 'Setting off: leader',
      choices: ['the stale one', 'nobody'],
      truth: ({ notes }) => ('nobody' in notes ? 'nobody' : 'the stale one'),
    },
    {
      id: 'on',
      label: 'Setting on: lost',
      choices: ['none', 'what the stale one never had', 'all'],
      truth: ({ state: { verdict } }) => {
        const { lost = 0, acked = 0 } = verdict ?? {};
        return lost === 0 ? 'none' : lost < acked ? 'what the stale one never had' : 'all';
      },
    },
  ],
  steps: [
    {
      kind: 'break',
      name: 'follower-dies',
      label: (state) => `kill -9 the follower: broker ${nameOf(followersOf(state)[0])}`,
      actions: (state) => {
        const broker = followersOf(state)[0];
        return broker === undefined ? undefined : [{ what: 'kill', broker }];
      },
      is: ({ what, fault, target }, { leader }) =>
        what === 'fault' && fault === 'kill -9' && Number(target) !== leader,
      keep: (_, { target }) => ({ stale: Number(target) }),
    },
    {
      kind: 'sight',
      name: 'alone',
      label: 'it leaves the ISR: the leader is all of it',
      is: isrHas(1),
    },
    {
      kind: 'sight',
      name: 'solo',
      label: 'acks=all is acknowledged all the same: these records have one copy',
      is: told('acked', { producer: 'p1' }),
      keep: (_, { offset }) => ({ soloFrom: Number(offset) }),
    },
    {
      kind: 'sight',
      name: 'more',
      label: 'five more of them',
      is: (event, { soloFrom }) =>
        told('acked', { producer: 'p1' })(event, {}) && Number(event.offset) >= soloFrom! + 5,
    },
    {
      kind: 'break',
      name: 'leader-dies',
      label: (state) => `kill -9 the leader, broker ${nameOf(leaderOf(state))}, and start the stale one`,
      actions: (state) => {
        const leader = leaderOf(state);
        const stale = brokersThatAre(state, 'dead')[0];
        if (leader === undefined || stale === undefined) return undefined;
        return [
          { what: 'kill', broker: leader },
          { what: 'start', broker: stale },
        ];
      },
      is: struck('leader', ...DEATHS),
      keep: ({ leader }) => ({ last: leader! }),
    },
    {
      kind: 'sight',
      name: 'nobody',
      label: 'the stale one is up, and t-0 has no leader: ZooKeeper names only the dead one as ISR',
      is: toldOfT('replica-left-isr', { leader: -1 }),
    },
    {
      kind: 'sight',
      name: 'back',
      label: 'the controller knows that the stale one is up; it may not elect it',
      is: ({ what, added, bounced }, { stale }) =>
        what === 'broker-change' && [added, bounced].flat().includes(stale),
      after: ['leader-dies'],
    },
    {
      kind: 'break',
      name: 'allow',
      label: () => `set ${SETTING}=true on the topic`,
      actions: () => [{ what: 'set-topic', topic: 't', name: SETTING, value: 'true' }],
      is: (event) => event.what === 'command' && (event.action as { name?: unknown }).name === SETTING,
      after: ['nobody', 'back'],
    },
    {
      kind: 'sight',
      name: 'unclean',
      label: 'the stale one is elected, uncleanly',
      is: toldOfT('leader-elected', { unclean: true }),
    },
    {
      kind: 'sight',
      name: 'goes-on',
      label: 'p1 goes on: available again',
      is: told('acked', { producer: 'p1' }),
    },
    {
      kind: 'sight',
      name: 'lost',
      label: 'the verdict counts what the stale one never had: lost',
      is: (event) => event.what === 'verdict' && Number(event.lost) > 0,
      after: ['unclean'],
    },
    {
      kind: 'break',
      name: 'return',
      label: (state) => `start the old leader, broker ${nameOf(brokersThatAre(state, 'dead')[0])}`,
      actions: (state) => {
        const broker = brokersThatAre(state, 'dead')[0];
        return broker === undefined ? undefined : [{ what: 'start', broker }];
      },
      is: ({ what, fault, target }, { last }) =>
        what === 'fault' && fault === 'start' && Number(target) === last,
      after: ['goes-on', 'lost'],
    },
    {
      kind: 'sight',
      name: 'truncated',
      label: 'it truncates: the last copies of those records go',
      is: (event, { last }) => toldOfT('truncated', { broker: last })(event, {}) && event.from !== event.to,
    },
  ],
};
