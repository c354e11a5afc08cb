/** The lesson `groups`: a member comes, one leaves properly, one falls silent. */
import { Command, brokerHost } from '../../shared/run';
import { State } from '../../shared/state';
import { asked, between, told } from './look';
import { LessonScript, Notes } from './script';

const GROUP = 'g1';
const consumer = (name: string) =>
  ({ what: 'start-consumer', consumer: name, topic: 't', group: GROUP, settings: {} }) as const;

const SETUP: readonly Command[] = [
  {
    what: 'create-topic',
    topic: 't',
    assignment: [
      [1, 2, 3],
      [2, 3, 1],
      [3, 1, 2],
      [1, 2, 3],
    ],
    settings: { 'min.insync.replicas': '2' },
    atMs: 2000,
  },
  {
    what: 'start-producer',
    producer: 'p1',
    topic: 't',
    acks: 'all',
    isIdempotent: true,
    everyMs: 200,
    bytes: 0,
    settings: {},
    atMs: 3500,
  },
  { ...consumer('c1'), atMs: 3500 },
  { ...consumer('c2'), atMs: 3500 },
];

const isRunning = ({ consumers }: State, name: string): boolean => consumers[name]?.status === 'running';

const WAITS = ['about a heartbeat, 2 s', 'its session timeout, 6 s'] as const;
/** Heartbeats come every 2 s, and a session ends 6 s after the last of them. */
const waitBetween = (notes: Notes, from: string, to: string): string =>
  between(notes, from, to) < 3500 ? WAITS[0] : WAITS[1];

export const GROUPS: LessonScript = {
  name: 'groups',
  short: 'a group rebalances',
  hint: 'Four partitions; c1 and c2 of group g1 share them. First:',
  run: { scene: 'empty' },
  setup: SETUP,
  startMs: 10_000,
  predictions: [
    {
      id: 'leave',
      label: 'After a goodbye: wait',
      choices: WAITS,
      truth: ({ notes }) => waitBetween(notes, 'leave', 'two'),
    },
    {
      id: 'silent',
      label: 'After silence: wait',
      choices: WAITS,
      truth: ({ notes }) => waitBetween(notes, 'silent', 'one'),
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
      name: 'join',
      label: () => 'start a third member: c3',
      actions: (state) => ('c3' in state.consumers ? undefined : [consumer('c3')]),
      is: asked('start-consumer', { consumer: 'c3' }),
    },
    {
      kind: 'sight',
      name: 'rebalance',
      label: 'the coordinator begins a rebalance: with the next heartbeat the members are told to join',
      is: told('rebalance', { group: GROUP }),
    },
    {
      kind: 'sight',
      name: 'three',
      label: 'all have joined: a new generation; one member, the group leader, assigns',
      is: told('generation-changed', { group: GROUP }),
    },
    {
      kind: 'sight',
      name: 'owns',
      label: 'c3 has partitions, and begins at their committed offsets',
      is: (event) =>
        told('assigned', { consumer: 'c3' })(event, {}) && (event.partitions as number[]).length > 0,
    },
    {
      kind: 'break',
      name: 'leave',
      label: () => 'stop c2 properly: it says LeaveGroup',
      actions: (state) => (isRunning(state, 'c2') ? [{ what: 'stop-consumer', consumer: 'c2' }] : undefined),
      is: asked('stop-consumer', { consumer: 'c2' }),
    },
    {
      kind: 'sight',
      name: 'two',
      label: 'the next generation, without c2',
      is: told('generation-changed', { group: GROUP }),
    },
    {
      kind: 'break',
      name: 'silent',
      label: () => 'cut c3 off from all brokers: it says nothing any more',
      actions: ({ consumers, brokers }) => {
        const host = consumers.c3?.host;
        if (host === undefined) return undefined;
        return Object.values(brokers).map(({ broker }) => ({
          what: 'cut-link',
          from: brokerHost(broker),
          to: host,
          isOneWay: false,
        }));
      },
      is: asked('cut-link'),
    },
    {
      kind: 'sight',
      name: 'stands',
      label: 'the partitions of c3 stand still: c1 hears of nothing until its session is over',
      is: told('rebalance', { group: GROUP }),
    },
    {
      kind: 'sight',
      name: 'one',
      label: 'c1 has all partitions, and reads on from the committed offsets',
      is: told('generation-changed', { group: GROUP }),
    },
  ],
};
