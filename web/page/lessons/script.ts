/**
 * What a lesson does beside its text: what can be predicted, what breaks, what is to be seen. The text
 * itself is the page in docs/lessons. Pure: a step is decided from the state of the picture and what is
 * told of the run.
 */
import { Action } from '../../shared/run';
import { State } from '../../shared/state';
import { Chronicle } from '../model/chronicle';

export interface Seeing {
  readonly state: State;
  readonly chronicle: Chronicle;
}

export interface Prediction {
  readonly id: string;
  readonly label: string;
  readonly choices: readonly string[];
  /** The choice that came true, from what was seen. */
  readonly truth: (seeing: Seeing) => string;
}

export interface Break {
  readonly label: (state: State) => string;
  /** Undefined: not possible now. */
  readonly action: (state: State) => Action | undefined;
}

export interface Sight {
  readonly label: string;
  /** When it was seen, in virtual ms; null: not yet. */
  readonly seenMs: (seeing: Seeing) => number | null;
}

export interface LessonScript {
  readonly name: string;
  /** As it stands in the heading of the page. */
  readonly short: string;
  readonly predictions: readonly Prediction[];
  readonly breaks: readonly Break[];
  readonly sights: readonly Sight[];
}

export const STEPS = ['Predict', 'Break', 'See', 'Read'] as const;
export type Step = (typeof STEPS)[number];

/** How far a lesson is: what was seen and since when the last fault counts. */
export function sightsSeen({ sights }: LessonScript, seeing: Seeing): readonly (number | null)[] {
  return sights.map((sight) => sight.seenMs(seeing));
}

export const isOver = (seen: readonly (number | null)[]): boolean => seen.every((one) => one !== null);
