/** The lesson `exactly-once-in-effect`: a program dies between processing and committing. */
import { Action, Command } from '../../shared/run';
import { State } from '../../shared/state';
import { asked, told } from './look';
import { LessonScript } from './script';

type Commits = 'before' | 'after';

const consumer = (name: string, commits: Commits) =>
  ({
    what: 'start-consumer',
    consumer: name,
    topic: 't',
    group: `g-${commits}`,
    commits,
    processMs: 250,
    settings: { 'max.poll.records': '5' },
  }) as const satisfies Action;

const SETUP: readonly Command[] = [
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
    everyMs: 200,
    bytes: 0,
    settings: {},
    atMs: 2500,
  },
  { ...consumer('c1', 'before'), atMs: 3500 },
  { ...consumer('c2', 'after'), atMs: 3500 },
];

const RESULTS = ['each once', 'some never', 'some twice'] as const;

/** From the last offset that the dead one processed, and the first of who came after it. */
const resultOf = (last: number | undefined, first: number | undefined): string => {
  const step = (first ?? NaN) - (last ?? NaN);
  return step > 1 ? RESULTS[1] : step < 1 ? RESULTS[2] : RESULTS[0];
};

const areRunning = ({ consumers }: State, ...names: readonly string[]): boolean =>
  names.every((name) => consumers[name]?.status === 'running');

export const COMMITS: LessonScript = {
  name: 'exactly-once-in-effect',
  short: 'commits, before or after',
  hint: 'A poll returns five records; each takes 250 ms to process. c1 commits first, c2 processes first:',
  run: { scene: 'empty' },
  setup: SETUP,
  startMs: 8000,
  predictions: [
    {
      id: 'before',
      label: 'Commit, process',
      choices: RESULTS,
      truth: ({ notes }) => resultOf(notes.lastBefore, notes.firstBefore),
    },
    {
      id: 'after',
      label: 'Process, commit',
      choices: RESULTS,
      truth: ({ notes }) => resultOf(notes.lastAfter, notes.firstAfter),
    },
  ],
  steps: [
    {
      kind: 'break',
      name: 'kill',
      label: () => 'kill -9 both programs, c1 and c2, in the middle of their five',
      actions: (state) =>
        areRunning(state, 'c1', 'c2')
          ? ['c1', 'c2'].map((name) => ({ what: 'kill-consumer', consumer: name }) as const)
          : undefined,
      is: asked('kill-consumer'),
    },
    {
      kind: 'sight',
      name: 'first',
      label: 'c1 dies: all five are committed, and it has processed some of them',
      is: told('consumer-died', { consumer: 'c1' }),
      keep: (_, { processed }) => ({ lastBefore: Number(processed) }),
    },
    {
      kind: 'sight',
      name: 'second',
      label: 'c2 dies: it has processed some, and none of the five is committed',
      is: told('consumer-died', { consumer: 'c2' }),
      keep: (_, { processed }) => ({ lastAfter: Number(processed) }),
      after: ['kill'],
    },
    {
      kind: 'break',
      name: 'again',
      label: () => 'start both programs again: c3 commits first, c4 processes first',
      actions: (state) =>
        'c3' in state.consumers ? undefined : [consumer('c3', 'before'), consumer('c4', 'after')],
      is: asked('start-consumer', { consumer: 'c4' }),
      after: ['first', 'second'],
    },
    {
      kind: 'sight',
      name: 'expired',
      label: 'the dead said nothing: each group waits until the session of its dead member is over',
      is: told('generation-changed'),
    },
    {
      kind: 'sight',
      name: 'skips',
      label: 'c3 begins at the committed offset: what c1 had not processed, nobody ever does',
      is: told('processed', { consumer: 'c3' }),
      keep: (_, { offset }) => ({ firstBefore: Number(offset) }),
      after: ['again'],
    },
    {
      kind: 'sight',
      name: 'repeats',
      label: 'c4 begins at the committed offset: what c2 had processed is processed again',
      is: told('processed', { consumer: 'c4' }),
      keep: (_, { offset }) => ({ firstAfter: Number(offset) }),
      after: ['again'],
    },
  ],
};
