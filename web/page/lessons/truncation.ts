/** The lesson `truncation`: two leaders write at one offset; the leader epoch tells which records go. */
import { brokerHost, ZOOKEEPER } from '../../shared/run';
import { asked, cutOff, followersOf, isrOf, leaderOf, nameOf, toldOfT } from './look';
import { LessonScript } from './script';

/** The newest epoch in a replica's log. */
const lastEpoch = (epochs: unknown): number =>
  (epochs as readonly (readonly [number, number])[]).at(-1)?.[0] ?? -1;

export const TRUNCATION: LessonScript = {
  name: 'truncation',
  short: 'truncation by leader epoch',
  hint: 'p1 writes with acks=all, p2 with acks=1. A colour in a bar is a leader epoch. First:',
  setup: [
    {
      what: 'start-producer',
      producer: 'p2',
      topic: 't',
      acks: '1',
      isIdempotent: false,
      everyMs: 250,
      bytes: 0,
      settings: {},
      atMs: 3000,
    },
  ],
  startMs: 5000,
  predictions: [
    {
      id: 'own',
      label: 'What it wrote alone',
      choices: ['stays', 'goes'],
      truth: ({ notes }) => (notes.from! > notes.to! ? 'goes' : 'stays'),
    },
    {
      id: 'to',
      label: 'Its log then ends',
      choices: ['where the next epoch began', 'at its high watermark', 'empty'],
      truth: ({ notes: { to, start } }) =>
        to === start ? 'where the next epoch began' : to === 0 ? 'empty' : 'at its high watermark',
    },
  ],
  steps: [
    {
      kind: 'break',
      name: 'isolate',
      label: (state) => `cut the leader, broker ${nameOf(leaderOf(state))}, off from brokers and ZooKeeper`,
      actions: (state) => {
        const leader = leaderOf(state);
        if (leader === undefined) return undefined;
        return cutOff(leader, [...followersOf(state).map(brokerHost), ZOOKEEPER]);
      },
      is: asked('cut-link', { to: ZOOKEEPER }),
      keep: ({ leader, leaderEpoch }) => ({ old: leader!, oldEpoch: leaderEpoch! }),
    },
    {
      kind: 'sight',
      name: 'alone',
      label: 'clients still reach it: its log grows, its high watermark stands',
      is: (event, { old }) =>
        toldOfT('replica', { broker: old })(event, {}) &&
        Number(event.logEnd) - Number(event.highWatermark) >= 5,
    },
    {
      kind: 'sight',
      name: 'elected',
      label: 'its session ends; another leads, with the next leader epoch',
      is: (event) => toldOfT('leader-elected')(event, {}) && event.leader !== -1,
    },
    {
      kind: 'sight',
      name: 'two',
      label: 'now two brokers believe to lead t-0, each in its epoch',
      is: (event, { old }) => toldOfT('became-leader')(event, {}) && event.broker !== old,
      keep: (_, { logEndOffset }) => ({ start: Number(logEndOffset) }),
    },
    {
      kind: 'sight',
      name: 'written',
      label: 'other records stand at the same offsets, and are acknowledged to acks=all',
      is: (event, { start }) =>
        toldOfT('acked', { producer: 'p1' })(event, {}) && Number(event.offset) >= start!,
    },
    {
      kind: 'break',
      name: 'heal',
      label: () => 'mend all links',
      actions: () => [{ what: 'heal-all' }],
      is: (event, notes) => asked('heal-all')(event, notes) || asked('heal-link')(event, notes),
    },
    {
      kind: 'sight',
      name: 'truncated',
      label: 'it asks the new leader where its own epoch ended there, and truncates to that offset',
      is: (event, { old }) => toldOfT('truncated', { broker: old })(event, {}) && event.from !== event.to,
      keep: (_, { from, to }) => ({ from: Number(from), to: Number(to) }),
    },
    {
      kind: 'sight',
      name: 'same',
      label: 'it fetches the records of the next epoch: the logs agree',
      is: (event, { old, oldEpoch }) =>
        toldOfT('replica', { broker: old })(event, {}) && lastEpoch(event.epochs) > oldEpoch!,
    },
    {
      kind: 'sight',
      name: 'joined',
      label: 'it has caught up, and is in the ISR again',
      is: (event, { old }) => toldOfT('isr-changed')(event, {}) && isrOf(event).includes(old!),
    },
  ],
};
