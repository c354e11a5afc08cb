/**
 * Each exercise is solved as a user would, and what comes near is told why it does not count. Whoever judges
 * the link judges as the page did.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { judgeLink, judgeRun } from '../../web/check/judge-run';
import { EXERCISES, exerciseNamed } from '../../web/page/exercises/all-exercises';
import {
  endOf,
  Exercise,
  exerciseRun,
  Judged,
  judgedAfter,
  LAST_ACTION_MS,
  NOT_JUDGED,
  PATIENCE_MS,
  problemOf,
  START_MS,
  whyNot,
} from '../../web/page/exercises/script';
import { LESSON_NAMES } from '../../web/page/lessons/names';
import { checkRun } from '../../web/shared/check-run';
import { encodeLink } from '../../web/shared/link';
import { Run } from '../../web/shared/run';
import { ExercisePlayer } from './support/exercise-player';
import { SOLUTIONS } from './support/exercise-solutions';

const NAMES = EXERCISES.map(({ name }) => name);
const MISSES = NAMES.flatMap((name) =>
  SOLUTIONS[name]!.misses.map((miss) => [name, miss.title, miss] as const),
);

async function begun(name: string): Promise<ExercisePlayer> {
  const player = new ExercisePlayer(name);
  await player.begin();
  return player;
}

const solved = new Map<string, Promise<ExercisePlayer>>();
function solution(name: string): Promise<ExercisePlayer> {
  const known =
    solved.get(name) ?? begun(name).then((player) => SOLUTIONS[name]!.solve(player).then(() => player));
  solved.set(name, known);
  return known;
}

test.each(NAMES)('the exercise %s is passed by what solves it, and its link as well', async (name) => {
  const player = await solution(name);
  const { exercise, judged } = player;
  expect(player.why).toBeNull();
  expect(Object.keys(judged.done).sort()).toEqual(exercise.goals.map((goal) => goal.name).sort());
  expect(player.events.filter(({ what }) => what === 'refused' || what === 'command-failed')).toEqual([]);
  expect(await judgeLink(encodeLink(player.run))).toEqual({ exercise: name, hasPassed: true, why: '' });
  // What is told in portions is judged as what is told at once.
  expect(judgedAfter(exercise, NOT_JUDGED, player.events).passedMs).toBe(judged.passedMs);
});

test.each(MISSES)('the exercise %s is not passed: %s', async (name, _, { play, why }) => {
  const player = await begun(name);
  await play(player);
  expect(player.hasPassed).toBe(false);
  expect(player.why).toMatch(why);
});

test.each(NAMES)(
  'the exercise %s is not passed by waiting, nor by an action that does nothing',
  async (name) => {
    const player = await begun(name);
    expect([player.judged.done, player.why]).toEqual([{}, 'Nothing was done yet.']);
    await player.wait(20_000);
    expect(player.judged.done).toEqual({});
    await player.act({ what: 'resume', broker: 1 });
    await player.wait(PATIENCE_MS + 5000);
    expect(player.judged.done).toEqual({});
    expect(player.why).toMatch(/^60 s after the last action nothing more counts\. [^]+\.$/);
  },
);

test('what comes too late after the last action does not count, nor for who judges the link', async () => {
  const player = await begun('isr-to-one');
  await player.to('pause', ...player.followers);
  await player.wait(PATIENCE_MS + 100);
  const { exercise, run } = player;
  expect((await judgeRun(exercise, run)).done).toEqual(player.judged.done);
  expect(endOf(run)).toBe(START_MS + PATIENCE_MS);
});

const ISR = exerciseNamed('isr-to-one')!;
const changed = (run: Partial<Run>): string | undefined => problemOf(ISR, { ...exerciseRun(ISR), ...run });

test('a run counts only if it begins as the exercise does', () => {
  expect(changed({})).toBeUndefined();
  expect(changed({ seed: 'my own' })).toBeUndefined();
  expect(changed({ actions: [{ what: 'kill', broker: 1, atMs: START_MS }] })).toBeUndefined();
  expect(changed({ brokers: 5 })).toContain('brokers was changed');
  expect(changed({ profile: 'kafka' })).toContain('profile was changed');
  expect(changed({ scene: 'empty' })).toContain('scene was changed');
  expect(changed({ settings: { 'replica.lag.time.max.ms': '1' } })).toContain('settings was changed');
  expect(changed({ actions: [{ what: 'kill', broker: 1, atMs: START_MS - 1 }] })).toContain(
    'before the exercise',
  );
  expect(changed({ actions: [{ what: 'kill', broker: 1, atMs: LAST_ACTION_MS + 1 }] })).toContain('too long');
});

test('a run whose setup was altered or dropped does not count', () => {
  const exercise = exerciseNamed('lost-then-harmless')!;
  const run = exerciseRun(exercise);
  expect(problemOf(exercise, run)).toBeUndefined();
  const dropped = { ...run, actions: run.actions.slice(1) };
  expect(problemOf(exercise, dropped)).toBe('The run does not begin as the exercise does.');
  const [first, ...others] = run.actions;
  const altered = { ...run, actions: [{ ...first!, settings: {} } as typeof first & object, ...others] };
  expect(problemOf(exercise, altered)).toBe('The run does not begin as the exercise does.');
});

test('the order of the fields in a link changes nothing', () => {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, one]) => [name, reversed(one)]),
    );
  };
  const exercise = exerciseNamed('expelled')!;
  expect(problemOf(exercise, reversed(exerciseRun(exercise)) as Run)).toBeUndefined();
});

test('a link of another exercise, of none, or of an unknown one is judged as what it is', async () => {
  const { run } = await solution('isr-to-one');
  expect(await judgeLink(encodeLink({ ...run, exercise: 'power-cut' }))).toMatchObject({
    exercise: 'power-cut',
    hasPassed: false,
  });
  expect(await judgeLink(encodeLink({ ...run, exercise: null }))).toEqual({
    exercise: '',
    hasPassed: null,
    why: 'The link is of no exercise.',
  });
  expect(await judgeLink(encodeLink({ ...run, exercise: 'nonsense' }))).toMatchObject({
    hasPassed: null,
    why: 'There is no exercise nonsense.',
  });
});

test('what others did after an exercise was passed changes nothing', async () => {
  const player = await solution('no-one-waits');
  const before: Judged = player.judged;
  await player.to('kill', 1, 2, 3);
  await player.wait(10_000);
  expect(player.judged.passedMs).toBe(before.passedMs);
  expect(whyNot(player.exercise, player.judged, player.nowMs)).toBeNull();
});

test.each(EXERCISES.map((one) => [one.name, one] as const))(
  'the exercise %s has all it needs',
  (_, one: Exercise) => {
    expect(one.task.split(/\.(?= |$)/).filter((part) => part !== '')).toHaveLength(2);
    expect(one.hints).toHaveLength(3);
    expect(LESSON_NAMES).toContain(one.lesson);
    expect(new Set(one.goals.map(({ name }) => name)).size).toBe(one.goals.length);
    const run = exerciseRun(one);
    expect(checkRun(run)).toEqual(run);
    expect(problemOf(one, run)).toBeUndefined();
  },
);

test('an exercise begins when its cluster works', async () => {
  for (const { name } of EXERCISES) {
    const player = await begun(name);
    expect(player.state.verdict?.acked).toBeGreaterThan(0);
    expect(player.leader).toBe(1);
  }
});

test('the page for teachers names every exercise and how long it takes', () => {
  const page = fs.readFileSync(path.join(__dirname, '../../..', 'docs/lab/teaching.md'), 'utf8');
  for (const { title, name, minutes } of EXERCISES) {
    expect(page).toContain(`| ${title} | \`${name}\` | ${minutes} min |`);
  }
});
