/**
 * What a lesson does beside its text: its run, what can be predicted, what is broken, what is to be seen. The
 * text itself is the page in docs/lessons.
 *
 * Its breaks and sights stand in one order. Whether a step is done is decided from the events, as they come:
 * what was noted stays noted, with its time, however fast the run was played. Pure, so that a lesson is
 * played in tests without a browser.
 */
import { LabEvent } from '../../shared/events';
import { Action, Command, Run } from '../../shared/run';
import { State } from '../../shared/state';
import { FIRST_RUN } from '../first-run';
import { factsAfter } from './facts';

/**
 * What was noted of a run: the virtual ms at which each step was done, by the step's name; who leads and who
 * controls (facts.ts); and what steps keep beside their time.
 */
export type Notes = Readonly<Record<string, number>>;

/** Any event, looked at by the names of its fields. */
export interface AnyEvent {
  readonly what: string;
  readonly atMs: number;
  readonly [field: string]: unknown;
}

export interface Seeing {
  readonly state: State;
  readonly notes: Notes;
}

export interface Prediction {
  readonly id: string;
  readonly label: string;
  readonly choices: readonly string[];
  /** The choice that came true, asked for when all was seen. */
  readonly truth: (seeing: Seeing) => string;
}

interface Noted {
  /** Unlike those of the other steps and facts. */
  readonly name: string;
  /** The steps that must be done before; by default the one before it. */
  readonly after?: readonly string[];
  /** Whether this event shows that the step is done. */
  readonly is: (event: AnyEvent, notes: Notes) => boolean;
  /** What else is noted at that moment. */
  readonly keep?: (notes: Notes, event: AnyEvent) => Notes;
}

export interface Break extends Noted {
  readonly kind: 'break';
  /** As it stands on the button. */
  readonly label: (state: State) => string;
  /** Done at one moment, in their order. Undefined: not possible now. */
  readonly actions: (state: State) => readonly Action[] | undefined;
}

export interface Sight extends Noted {
  readonly kind: 'sight';
  readonly label: string;
}

export type LessonStep = Break | Sight;

export interface LessonScript {
  readonly name: string;
  /** As it stands in the heading of the page. */
  readonly short: string;
  /** One line before the first break: what runs, and what to look at. */
  readonly hint: string;
  /** What of the first run is different in this lesson. */
  readonly run?: Partial<Pick<Run, 'scene' | 'settings'>>;
  /** What is done before the lesson begins. */
  readonly setup?: readonly Command[];
  /** When it begins, in virtual ms; without it when the scene is ready. */
  readonly startMs?: number;
  readonly predictions: readonly Prediction[];
  /** At the end: the same faults at the same moments, with other settings. */
  readonly compare?: { readonly label: string; readonly settings: Run['settings'] };
  /** The first is a break. A break after the last sight may be done, or not. */
  readonly steps: readonly LessonStep[];
}

export const STEPS = ['Predict', 'Break', 'See', 'Read'] as const;
export type Step = (typeof STEPS)[number];

/** The run that a lesson begins with: the same for everybody. */
export function lessonRun({ name, run, setup }: LessonScript): Run {
  return { ...FIRST_RUN, ...run, lesson: name, actions: setup ?? [] };
}

/** What was done in a run of the lesson, done again under the settings to compare with. */
export function comparedRun({ compare }: LessonScript, run: Run): Run {
  return { ...run, lesson: null, settings: { ...run.settings, ...compare?.settings } };
}

export const isBreak = (step: LessonStep): step is Break => step.kind === 'break';
export const isSight = (step: LessonStep): step is Sight => step.kind === 'sight';

/** Whether everything that must come before a step is done. */
export function isNext({ steps }: LessonScript, step: LessonStep, notes: Notes): boolean {
  const before = steps[steps.indexOf(step) - 1];
  const after = step.after ?? (before ? [before.name] : []);
  return !(step.name in notes) && after.every((name) => name in notes);
}

export const EMPTY_NOTES: Notes = {};

/** The notes after some events; the same object if there was nothing to note. */
export function notesAfter(lesson: LessonScript, before: Notes, events: readonly LabEvent[]): Notes {
  let notes = before;
  for (const each of events) {
    if (each.what === 'message') continue;
    const event = each as AnyEvent;
    notes = factsAfter(notes, event);
    for (const step of lesson.steps) {
      if (!isNext(lesson, step, notes) || !step.is(event, notes)) continue;
      notes = { ...notes, ...step.keep?.(notes, event), [step.name]: event.atMs };
    }
  }
  return notes;
}

/** When the lesson's first fault happened; null: not yet. */
export const brokenMs = ({ steps }: LessonScript, notes: Notes): number | null =>
  notes[steps[0]!.name] ?? null;

/** Everything was seen that is to be seen. */
export const isOver = ({ steps }: LessonScript, notes: Notes): boolean =>
  steps.every((step) => step.kind === 'break' || step.name in notes);
