/** The lesson `retention`: segments go from the oldest on, whoever has not read them yet. */
import { brokerHost, Command } from '../../shared/run';
import { asked, told, toldOfT } from './look';
import { AnyEvent, LessonScript } from './script';

const LIMIT = '8000';

const SETUP: readonly Command[] = [
  {
    what: 'create-topic',
    topic: 't',
    assignment: [[1, 2, 3]],
    settings: { 'min.insync.replicas': '2', 'segment.bytes': '3000' },
    atMs: 2000,
  },
  {
    what: 'start-producer',
    producer: 'p1',
    topic: 't',
    acks: 'all',
    isIdempotent: true,
    everyMs: 200,
    bytes: 200,
    settings: {},
    atMs: 2500,
  },
  { what: 'start-consumer', consumer: 'c1', topic: 't', group: 'g1', settings: {}, atMs: 2500 },
];

/** Where the consumer stands: the offset that it reads next. */
const positionIn = ({ positions }: AnyEvent): number =>
  (positions as readonly (readonly [partition: number, offset: number])[])[0]?.[1] ?? 0;

const isBase = (offset: number, segments: unknown): boolean => (segments as number[]).includes(offset);

export const RETENTION: LessonScript = {
  name: 'retention',
  short: 'retention',
  hint: 'Small segments, and no limit yet: the log keeps everything. c1 reads along. First:',
  run: {
    scene: 'empty',
    settings: { 'log.retention.check.interval.ms': '2000', 'log.initial.task.delay.ms': '2000' },
  },
  setup: SETUP,
  startMs: 8000,
  predictions: [
    {
      id: 'start',
      label: 'Begins with',
      choices: ['any record', 'a segment'],
      truth: ({ notes }) => (notes.isBase === 1 ? 'a segment' : 'any record'),
    },
    {
      id: 'reader',
      label: 'c1 reads from',
      choices: ['where it stood', 'the new start'],
      truth: ({ notes: { stood, begins } }) => (begins! > stood! ? 'the new start' : 'where it stood'),
    },
    {
      id: 'next',
      label: 'Next offset',
      choices: ['goes on', '0 again'],
      truth: ({ notes }) => (notes.offset! > notes.stood! ? 'goes on' : '0 again'),
    },
  ],
  steps: [
    {
      kind: 'break',
      name: 'cut',
      label: () => 'cut c1 off from all brokers: it stands still',
      actions: ({ consumers, brokers }) => {
        const host = consumers.c1?.host;
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
      name: 'lags',
      label: 'the log grows, segment after segment; the lag of c1 grows with it',
      is: (event) => told('consumer', { consumer: 'c1' })(event, {}) && Number(event.lag) >= 10,
      keep: (_, event) => ({ stood: positionIn(event) }),
    },
    {
      kind: 'break',
      name: 'limit',
      label: () => `set retention.bytes=${LIMIT} on the topic`,
      actions: () => [{ what: 'set-topic', topic: 't', name: 'retention.bytes', value: LIMIT }],
      is: asked('set-topic', { name: 'retention.bytes' }),
    },
    {
      kind: 'sight',
      name: 'deleted',
      label: 'whole segments go, from the oldest on: the log begins where the first that is left does',
      is: (event) => toldOfT('replica', { role: 'leader' })(event, {}) && Number(event.logStart) > 0,
      keep: (_, { logStart, segments }) => ({
        start: Number(logStart),
        isBase: isBase(Number(logStart), segments) ? 1 : 0,
      }),
    },
    {
      kind: 'sight',
      name: 'followers',
      label: 'the followers delete theirs',
      is: (event) => toldOfT('replica', { role: 'follower' })(event, {}) && Number(event.logStart) > 0,
      after: ['limit'],
    },
    {
      kind: 'sight',
      name: 'behind',
      label: 'the log begins behind the place where c1 stands: what it wants next is gone',
      is: (event, { stood }) =>
        toldOfT('replica', { role: 'leader' })(event, {}) && Number(event.logStart) > stood!,
      after: ['deleted'],
    },
    {
      kind: 'break',
      name: 'heal',
      label: () => 'mend all links',
      actions: () => [{ what: 'heal-all' }],
      is: (event, notes) => asked('heal-all')(event, notes) || asked('heal-link')(event, notes),
      after: ['behind'],
    },
    {
      kind: 'sight',
      name: 'jumped',
      label: 'its Fetch is answered OFFSET_OUT_OF_RANGE; auto.offset.reset=earliest sends it to the start',
      is: (event) => toldOfT('read', { consumer: 'c1' })(event, {}),
      keep: (_, { from }) => ({ begins: Number(from) }),
    },
    {
      kind: 'sight',
      name: 'on',
      label: 'p1 goes on at the end of the log: offsets are never used twice',
      is: toldOfT('acked'),
      keep: (_, { offset }) => ({ offset: Number(offset) }),
      after: ['heal'],
    },
  ],
};
