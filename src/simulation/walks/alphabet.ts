/**
 * An alphabet of walks, as the search uses it: draws a setup, runs a walk, and formats both as text. The
 * search (`explore.ts`), replaying and shrinking are the same for all alphabets.
 */
import { RawConfig } from '../../common/config-def';
import { Prng } from '../prng';
import { formatStep, WalkStep } from './step-rules';

export interface SeededSetup {
  readonly seed: string;
  /** Settings of the brokers. */
  readonly settings: RawConfig;
}

/** The state of a walk after one of its steps. */
export interface Visit {
  readonly state: string;
  /** One character for each waypoint. */
  readonly waypoints: string;
}

export interface Plan<S, T> {
  readonly setup: S;
  /** These steps run first; a step that is not possible in the current state is skipped. */
  readonly prefix: readonly T[];
  /** The number of drawn steps that follow. */
  readonly drawn: number;
  /** The probability that the walk does not wait for a drawn step. */
  readonly haste: number;
  readonly random: Prng;
}

export interface Outcome<S, T> {
  readonly setup: S;
  readonly steps: readonly T[];
  /** For each step the state after it has settled. */
  readonly visits: readonly Visit[];
  readonly violations: readonly string[];
  readonly acked: number;
  readonly actions: number;
  readonly traceHash: number;
  readonly timeline: readonly Readonly<Record<string, unknown>>[];
  readonly log: readonly string[];
}

/** A prepared start that leads to situations which random steps seldom reach. Random steps follow. */
export interface Opening<S, T> {
  readonly setup: Omit<S, keyof SeededSetup>;
  readonly steps: readonly T[];
}

export interface Alphabet<S extends SeededSetup, T extends WalkStep> {
  /** Names of conditions. A prefix that reaches a new combination of them is extended. */
  readonly waypoints: readonly string[];
  /** Some walks start with one of these. */
  readonly openings: readonly Opening<S, T>[];
  drawSetup(random: Prng): Omit<S, keyof SeededSetup>;
  /** Never rejects: an error is a violation. */
  run(plan: Plan<S, T>): Promise<Outcome<S, T>>;
  /** The setup as text, without seed and settings, such as `brokers=3 min.isr=2`. */
  formatSetup(setup: S): string;
  /** Throws an Error that explains the format of a setup. */
  parseSetup(text: string): Omit<S, keyof SeededSetup>;
  /** Throws an Error that names the text if it is not a step. */
  parseStep(text: string): T;
}

/** Runs the same walk again, from its steps. */
export function replayWalk<S extends SeededSetup, T extends WalkStep>(
  alphabet: Alphabet<S, T>,
  setup: S,
  steps: readonly T[],
): Promise<Outcome<S, T>> {
  return alphabet.run({ setup, prefix: steps, drawn: 0, haste: 0, random: new Prng('unused') });
}

/** Leaves steps out while the walk still fails. Returns the shortest walk found. */
export async function shrink<S extends SeededSetup, T extends WalkStep>(
  alphabet: Alphabet<S, T>,
  outcome: Outcome<S, T>,
): Promise<Outcome<S, T>> {
  let smallest = outcome;
  for (let i = 0; i < smallest.steps.length;) {
    const shorter = await replayWalk(
      alphabet,
      smallest.setup,
      smallest.steps.filter((_, n) => n !== i),
    );
    if (shorter.violations.length > 0) smallest = shorter;
    else i++;
  }
  return smallest;
}

/** `seed=S brokers=3 …: step; step`: one line, which can be replayed. */
export function formatOutcome<S extends SeededSetup, T extends WalkStep>(
  alphabet: Alphabet<S, T>,
  { setup, steps }: Pick<Outcome<S, T>, 'setup' | 'steps'>,
): string {
  return `seed=${setup.seed} ${alphabet.formatSetup(setup)}: ${steps.map(formatStep).join('; ')}`;
}
