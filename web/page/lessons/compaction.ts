/** The lesson `compaction`: of every key the last value stays, with the offset that it had. */
import { Command } from '../../shared/run';
import { asked, told, toldOfT } from './look';
import { LessonScript } from './script';

const KEYS = 4;

const SETUP: readonly Command[] = [
  {
    what: 'create-topic',
    topic: 't',
    assignment: [[1, 2, 3]],
    settings: { 'min.insync.replicas': '2', 'segment.bytes': '2000', 'min.cleanable.dirty.ratio': '0.01' },
    atMs: 2000,
  },
  {
    what: 'start-producer',
    producer: 'p1',
    topic: 't',
    acks: 'all',
    isIdempotent: true,
    everyMs: 100,
    bytes: 100,
    keys: KEYS,
    settings: {},
    atMs: 2500,
  },
];

export const COMPACTION: LessonScript = {
  name: 'compaction',
  short: 'compaction',
  hint: `p1 updates ${KEYS} accounts, k0 to k${KEYS - 1}, again and again. Small segments. First:`,
  run: {
    scene: 'empty',
    settings: { 'log.cleaner.backoff.ms': '1000', 'log.initial.task.delay.ms': '1000' },
  },
  setup: SETUP,
  startMs: 8000,
  predictions: [
    {
      id: 'left',
      label: 'c2 reads',
      choices: ['every record', 'exactly one for each key', 'a few more than one for each key'],
      truth: ({ notes: { read, end } }) =>
        read! >= end!
          ? 'every record'
          : read! <= KEYS
            ? 'exactly one for each key'
            : 'a few more than one for each key',
    },
    {
      id: 'offsets',
      label: 'Offsets of what is left',
      choices: ['as they were', 'counted anew'],
      truth: ({ notes: { read, end } }) => (end! > read! ? 'as they were' : 'counted anew'),
    },
  ],
  steps: [
    {
      kind: 'break',
      name: 'on',
      label: () => 'set cleanup.policy=compact on the topic',
      actions: () => [{ what: 'set-topic', topic: 't', name: 'cleanup.policy', value: 'compact' }],
      is: asked('set-topic', { name: 'cleanup.policy' }),
    },
    {
      kind: 'sight',
      name: 'cleaned',
      label:
        'the cleaner reads the dirty part, remembers the last offset of each key, and copies what counts',
      is: toldOfT('log-cleaned'),
      keep: (_, { bytesBefore, bytesAfter, keys }) => ({
        before: Number(bytesBefore),
        bytes: Number(bytesAfter),
        keys: Number(keys),
      }),
    },
    {
      kind: 'sight',
      name: 'all',
      label: 'each broker cleans its own log; nobody tells another',
      is: (event, { cleaned }) => toldOfT('log-cleaned')(event, {}) && event.atMs > cleaned!,
    },
    {
      kind: 'break',
      name: 'read',
      label: () => 'start c2, which reads all of the log',
      actions: (state) =>
        'c2' in state.consumers
          ? undefined
          : [{ what: 'start-consumer', consumer: 'c2', topic: 't', group: null, settings: {} }],
      is: asked('start-consumer', { consumer: 'c2' }),
    },
    {
      kind: 'sight',
      name: 'gaps',
      label: 'it steps over the gaps; the active segment was not touched, so there is more than one of a key',
      is: (event) =>
        told('consumer', { consumer: 'c2' })(event, {}) && Number(event.read) > 0 && Number(event.lag) <= 1,
      keep: (_, { read, positions }) => ({
        read: Number(read),
        end: (positions as [partition: number, offset: number][])[0]![1],
      }),
    },
  ],
};
