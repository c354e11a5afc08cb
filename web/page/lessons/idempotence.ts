/** The lesson `idempotence`: responses are lost, producers send again; sequence numbers tell a repetition. */
import { brokerHost } from '../../shared/run';
import { asked, leaderOf, nameOf, told, toldOfT } from './look';
import { LessonScript, Seeing } from './script';

/**
 * The broker may take request.timeout.ms (5 s) to answer, and the network gets as much again; then the
 * producer sends again.
 */
const TIMED_OUT_MS = 11_000;

const duplicatesOf =
  (producer: string) =>
  ({ state }: Seeing): string =>
    (state.verdict?.duplicatedOf[producer] ?? 0) === 0 ? 'none' : 'some';

export const IDEMPOTENCE: LessonScript = {
  name: 'idempotence',
  short: 'idempotence',
  hint: 'Both write with acks=all: p1 is idempotent, p2 is not. First:',
  setup: [
    {
      what: 'start-producer',
      producer: 'p2',
      topic: 't',
      acks: 'all',
      isIdempotent: false,
      everyMs: 500,
      bytes: 0,
      settings: {},
      atMs: 3000,
    },
  ],
  startMs: 5000,
  predictions: [
    { id: 'p1', label: 'p1: duplicates', choices: ['none', 'some'], truth: duplicatesOf('p1') },
    { id: 'p2', label: 'p2: duplicates', choices: ['none', 'some'], truth: duplicatesOf('p2') },
  ],
  steps: [
    {
      kind: 'break',
      name: 'cut',
      label: (state) => `lose the responses of the leader, broker ${nameOf(leaderOf(state))}`,
      actions: (state) => {
        const leader = leaderOf(state);
        if (leader === undefined) return undefined;
        return Object.values(state.producers).map(({ host }) => ({
          what: 'cut-link',
          from: brokerHost(leader),
          to: host,
          isOneWay: true,
        }));
      },
      is: asked('cut-link'),
    },
    {
      kind: 'sight',
      name: 'written',
      label: 'the requests arrive: their records are written and committed',
      is: (event, { cut, leader }) =>
        toldOfT('replica', { broker: leader })(event, {}) &&
        event.highWatermark === event.logEnd &&
        event.atMs > cut! + 50,
    },
    {
      kind: 'sight',
      name: 'waits',
      label: 'the responses do not: the producers wait',
      is: (event) => told('producer', { producer: 'p2' })(event, {}) && Number(event.waiting) >= 2,
      after: ['cut'],
    },
    {
      kind: 'sight',
      name: 'timed-out',
      label: 'after 10 s they give the requests up: nobody knows whether the records are in the log',
      is: ({ atMs }, { cut }) => atMs >= cut! + TIMED_OUT_MS,
      after: ['written', 'waits'],
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
      name: 'known',
      label: 'p1 sends again; the leader knows its sequence numbers, and answers with the first offset',
      is: toldOfT('duplicate-batch'),
      after: ['waits'],
    },
    {
      kind: 'sight',
      name: 'twice',
      label: 'p2 sends again; its records are in the log twice, and c1 reads them twice',
      is: ({ what, duplicatedOf }) =>
        what === 'verdict' && ((duplicatedOf as Record<string, number>).p2 ?? 0) > 0,
      after: ['waits'],
    },
  ],
};
