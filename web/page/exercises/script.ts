/**
 * An exercise: a run to begin with, a task, and goals. Whether a goal is reached is decided from the events
 * alone, as they come, and whoever judges says in words what is missing. Pure: page and `scripts/lab check`
 * judge the same run alike, however it was divided into portions.
 *
 * What a user did is in the run; the rest follows from it. So an exercise counts only in a run that begins as
 * the exercise does (`problemOf`), and a while after the last action nothing counts any more: who runs the
 * link again then knows when to stop.
 */
import { LabEvent } from '../../shared/events';
import { foldAll } from '../../shared/fold';
import { Action, Command, Run } from '../../shared/run';
import { EMPTY_STATE, State } from '../../shared/state';
import { FIRST_RUN } from '../first-run';
import type { AnyEvent } from '../lessons/script';

/** Numbers by name: moments, brokers, offsets, counts. */
export type Notes = Readonly<Record<string, number>>;

/** What is known when a question is asked. */
export interface Seen {
  /** With the event that is looked at; without happenings, messages and curves. */
  readonly state: State;
  /** The virtual ms at which goals were reached. */
  readonly done: Notes;
  readonly notes: Notes;
}

export interface Goal {
  readonly name: string;
  readonly label: string;
  /** Whether this event shows that the goal is reached, those before it being reached. */
  readonly is: (event: AnyEvent, seen: Seen) => boolean;
  /** What is noted when it is reached. */
  readonly keep?: (event: AnyEvent, seen: Seen) => Notes;
  /** What is missing, as one sentence or two. */
  readonly why: (seen: Seen) => string;
}

export interface Spoiled {
  /** Goals that are open again, in their order; those that were not reached may be named. */
  readonly goals: readonly string[];
  readonly why: string;
}

/** A button for what the picture has no button for. Not every one helps. */
export interface Tool {
  readonly label: string;
  readonly actions: (state: State) => readonly Action[];
}

export interface Exercise {
  readonly name: string;
  readonly title: string;
  /** Two sentences. */
  readonly task: string;
  readonly hints: readonly string[];
  /** The lesson that comes before it. */
  readonly lesson: string;
  /** For who knows the lesson. */
  readonly minutes: number;
  /** What of the first run is different. */
  readonly run?: Partial<Pick<Run, 'scene' | 'settings' | 'brokers'>>;
  /** What is done before it begins. */
  readonly setup?: readonly Command[];
  readonly tools?: readonly Tool[];
  /** To be reached in this order. */
  readonly goals: readonly Goal[];
  /** An event that brings goals to nothing. */
  readonly spoils?: (event: AnyEvent, seen: Seen) => Spoiled | undefined;
  /** What is noted of every event; the same object if there is nothing. */
  readonly watch?: (event: AnyEvent, seen: Seen) => Notes;
}

/** Every exercise begins at this virtual moment: the cluster works by then. */
export const START_MS = 6000;
/** So long after the last action something may still be reached. */
export const PATIENCE_MS = 60_000;
/** No exercise takes longer, from the start of its run to the last action. */
export const LAST_ACTION_MS = 15 * 60_000;

export function exerciseRun({ name, run, setup }: Exercise): Run {
  return { ...FIRST_RUN, ...run, exercise: name, actions: setup ?? [] };
}

/** Values as text, whatever the order of their fields. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

/** Why a run cannot count for the exercise, as one sentence; undefined: it can. The seed is free. */
export function problemOf(exercise: Exercise, run: Run): string | undefined {
  const wanted = exerciseRun(exercise);
  const { actions, ...head } = run;
  const differs = Object.entries(head).find(
    ([name, value]) => name !== 'seed' && textOf(value) !== textOf(wanted[name as keyof Run]),
  );
  if (differs) return `The run is not that of the exercise: ${differs[0]} was changed.`;
  const setup = wanted.actions.length;
  if (textOf(actions.slice(0, setup)) !== textOf(wanted.actions))
    return 'The run does not begin as the exercise does.';
  if (actions.some(({ atMs }, i) => i >= setup && atMs < START_MS))
    return `Something was done before the exercise begins, at ${START_MS / 1000} s.`;
  const lastMs = actions.at(-1)?.atMs ?? 0;
  if (lastMs > LAST_ACTION_MS)
    return `The run is too long: the last action comes after ${LAST_ACTION_MS / 60_000} minutes.`;
  return undefined;
}

/** The moment after which nothing of a run counts. */
export const endOf = ({ actions }: Run): number =>
  Math.max(START_MS, actions.at(-1)?.atMs ?? 0) + PATIENCE_MS;

export interface Judged extends Seen {
  /** When the last goal was reached; null: not yet. What comes later changes nothing. */
  readonly passedMs: number | null;
  /** Which goals were lost again, and why, until the last of them is reached. */
  readonly spoiled: Spoiled | null;
  /** When the user did something last; the beginning, if nothing was done. */
  readonly actedMs: number;
  readonly hasActed: boolean;
}

export const NOT_JUDGED: Judged = {
  state: EMPTY_STATE,
  done: {},
  notes: {},
  passedMs: null,
  spoiled: null,
  actedMs: START_MS,
  hasActed: false,
};

const without = (notes: Notes, names: readonly string[]): Notes =>
  Object.fromEntries(Object.entries(notes).filter(([name]) => !names.includes(name)));

function afterSpoiling(exercise: Exercise, judged: Judged, event: AnyEvent): Judged {
  const spoiled = exercise.spoils?.(event, judged);
  if (!spoiled?.goals.some((name) => name in judged.done)) return judged;
  return { ...judged, done: without(judged.done, spoiled.goals), spoiled };
}

/** An event reaches the next goal, or none. */
function reached({ goals }: Exercise, judged: Judged, event: AnyEvent): Judged {
  const goal = goals.find(({ name }) => !(name in judged.done))!;
  if (!goal.is(event, judged)) return judged;
  const done = { ...judged.done, [goal.name]: event.atMs };
  const notes = goal.keep ? { ...judged.notes, ...goal.keep(event, judged) } : judged.notes;
  const passedMs = goal === goals.at(-1) ? event.atMs : null;
  const spoiled = judged.spoiled?.goals.at(-1) === goal.name ? null : judged.spoiled;
  return { ...judged, done, notes, passedMs, spoiled };
}

function judgeOne(exercise: Exercise, before: Judged, event: AnyEvent): Judged {
  let judged = before;
  if (event.atMs < START_MS) return judged;
  if (event.what === 'command') judged = { ...judged, actedMs: event.atMs, hasActed: true };
  if (judged.hasActed && event.atMs <= judged.actedMs + PATIENCE_MS)
    judged = reached(exercise, afterSpoiling(exercise, judged, event), event);
  const notes = exercise.watch?.(event, judged) ?? judged.notes;
  return notes === judged.notes ? judged : { ...judged, notes };
}

/** What is judged after some events; the same object if there are none that matter. */
export function judgedAfter(exercise: Exercise, before: Judged, events: readonly LabEvent[]): Judged {
  let judged = before;
  for (const event of events) {
    if (judged.passedMs !== null) return judged;
    if (event.what === 'message') continue;
    const state = { ...foldAll(judged.state, [event]), happenings: [], rates: [] };
    judged = judgeOne(exercise, { ...judged, state }, event as AnyEvent);
  }
  return judged;
}

/** Why it is not passed; null: it is. */
export function whyNot(exercise: Exercise, judged: Judged, nowMs: number): string | null {
  if (judged.passedMs !== null) return null;
  if (!judged.hasActed) return 'Nothing was done yet.';
  const open = exercise.goals.find(({ name }) => !(name in judged.done))!;
  const last = judged.spoiled ? ` Last time: ${judged.spoiled.why}` : '';
  const why = `${open.why(judged)}${last}`;
  if (nowMs <= judged.actedMs + PATIENCE_MS) return why;
  return `${PATIENCE_MS / 1000} s after the last action nothing more counts. ${why}`;
}
