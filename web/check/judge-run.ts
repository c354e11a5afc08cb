/** A link is played again in the virtual cluster, as fast as it goes, and judged by the exercise it names. */
import { VirtualCluster } from '../engine/virtual-cluster';
import { exerciseNamed } from '../page/exercises/all-exercises';
import {
  endOf,
  Exercise,
  Judged,
  judgedAfter,
  NOT_JUDGED,
  problemOf,
  whyNot,
} from '../page/exercises/script';
import { decodeLink } from '../shared/link';
import { Run } from '../shared/run';

/** Virtual ms between two looks at what has happened. */
const LOOK_MS = 250;

export interface Outcome {
  /** Empty: the link names none, or cannot be read. */
  readonly exercise: string;
  /** null: it could not be judged. */
  readonly hasPassed: boolean | null;
  /** Empty if it is passed. */
  readonly why: string;
}

/** Ends when it is passed, or when nothing counts any more. */
export async function judgeRun(exercise: Exercise, run: Run): Promise<Judged> {
  const cluster = new VirtualCluster(run);
  const endMs = endOf(run);
  let judged = NOT_JUDGED;
  while (judged.passedMs === null && cluster.nowMs < endMs) {
    await cluster.advance(Math.min(cluster.nowMs + LOOK_MS, endMs));
    judged = judgedAfter(exercise, judged, cluster.drain());
  }
  return judged;
}

/** The exercise that a link names, as far as it can be read. */
export function exerciseOf(link: string): string {
  try {
    return decodeLink(link).exercise ?? '';
  } catch {
    return '';
  }
}

/** Throws RunError for a link that cannot be read, and whatever a run throws. */
export async function judgeLink(link: string): Promise<Outcome> {
  const run = decodeLink(link);
  const exercise = exerciseNamed(run.exercise);
  if (!exercise) {
    const why =
      run.exercise === null ? 'The link is of no exercise.' : `There is no exercise ${run.exercise}.`;
    return { exercise: run.exercise ?? '', hasPassed: null, why };
  }
  const problem = problemOf(exercise, run);
  if (problem !== undefined) return { exercise: exercise.name, hasPassed: null, why: problem };
  const judged = await judgeRun(exercise, run);
  const why = whyNot(exercise, judged, judged.state.nowMs);
  return { exercise: exercise.name, hasPassed: why === null, why: why ?? '' };
}
