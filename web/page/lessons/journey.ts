/** The lesson `journey`: one record, from the producer to the consumer. */
import { asked, told, toldOfT } from './look';
import { LessonScript } from './script';

/** So seldom that the producer sends by hand alone. */
const NEVER_MS = 3_600_000;

export const JOURNEY: LessonScript = {
  name: 'journey',
  short: 'journey of a record',
  hint: 'Nobody writes. Time is slow while something travels: follow the dots, stop with space, click one.',
  run: { scene: 'empty' },
  setup: [
    {
      what: 'create-topic',
      topic: 't',
      assignment: [[1, 2, 3]],
      settings: { 'min.insync.replicas': '2' },
      atMs: 2000,
    },
    {
      what: 'start-producer',
      producer: 'p1',
      topic: 't',
      acks: 'all',
      isIdempotent: true,
      everyMs: NEVER_MS,
      bytes: 0,
      settings: {},
      atMs: 3500,
    },
    { what: 'start-consumer', consumer: 'c1', topic: 't', group: 'g1', settings: {}, atMs: 3500 },
  ],
  startMs: 7000,
  predictions: [
    {
      id: 'ack',
      label: 'Acknowledged',
      choices: ['when the leader has it', 'when all in sync have it'],
      truth: ({ notes }) =>
        notes.acked! >= notes['copy-2']! ? 'when all in sync have it' : 'when the leader has it',
    },
    {
      id: 'read',
      label: 'Read',
      choices: ['when the leader has it', 'when all in sync have it'],
      truth: ({ notes }) =>
        notes.read! >= notes.committed! ? 'when all in sync have it' : 'when the leader has it',
    },
  ],
  steps: [
    {
      kind: 'break',
      name: 'send',
      label: () => 'send one record',
      actions: () => [
        { what: 'produce', producer: 'p1', partition: null, key: null, value: 'hello', count: 1 },
      ],
      is: asked('produce'),
    },
    {
      kind: 'sight',
      name: 'written',
      label: 'Produce: the leader gives it an offset and writes it to its log',
      is: (event) => toldOfT('replica', { role: 'leader' })(event, {}) && Number(event.logEnd) > 0,
    },
    {
      kind: 'sight',
      name: 'copy-1',
      label: 'a follower was waiting in its Fetch: it gets the record and writes it',
      is: (event) => toldOfT('replica', { role: 'follower' })(event, {}) && Number(event.logEnd) > 0,
      keep: (_, { broker }) => ({ first: Number(broker) }),
    },
    {
      kind: 'sight',
      name: 'copy-2',
      label: 'and the other follower',
      is: (event, { first }) =>
        toldOfT('replica', { role: 'follower' })(event, {}) &&
        Number(event.logEnd) > 0 &&
        event.broker !== first,
    },
    {
      kind: 'sight',
      name: 'committed',
      label: 'their next Fetch asks for the next offset: so they have it, and the high watermark moves',
      is: (event) => toldOfT('replica', { role: 'leader' })(event, {}) && Number(event.highWatermark) > 0,
    },
    {
      kind: 'sight',
      name: 'acked',
      label: 'the Produce that waited in the purgatory is answered: acknowledged',
      is: told('acked', { producer: 'p1' }),
    },
    {
      kind: 'sight',
      name: 'read',
      label: "the consumer's Fetch is answered up to the high watermark: read",
      is: told('read', { consumer: 'c1' }),
      after: ['committed'],
    },
  ],
};
