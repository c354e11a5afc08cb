/**
 * An alphabet of walks, as the search sees it: how a setup is drawn, how a walk is run, and how both are
 * written. The search (`explore.ts`), replaying and shrinking are the same for all.
 */
import { RawConfig } from '../../common/config-def';
import { Prng } from '../prng';
import { formatStep, WalkStep } from './step-rules';

export interface SeededSetup {
  readonly seed: string;
  /** Of brokers. */
  readonly settings: RawConfig;
}

/** Where a walk was after one of its steps. */
export interface Visit {
  readonly state: string;
  /** One character a waypoint. */
  readonly waypoints: string;
}

export interface Plan<S, T> {
  readonly setup: S;
  /** Done first; a step that is not possible where it stands is passed over. */
  readonly prefix: readonly T[];
  /** So many drawn steps follow. */
  readonly drawn: number;
  /** How probable it is that a drawn step is not waited for. */
  readonly haste: number;
  readonly random: Prng;
}

export interface Outcome<S, T> {
  readonly setup: S;
  readonly steps: readonly T[];
  /** One a step: what was there when it had settled. */
  readonly visits: readonly Visit[];
  readonly violations: readonly string[];
  readonly acked: number;
  readonly actions: number;
  readonly traceHash: number;
  readonly timeline: readonly Readonly<Record<string, unknown>>[];
  readonly log: readonly string[];
}

/** A staged beginning, which leads near what single draws seldom meet; random steps go on from it. */
export interface Opening<S, T> {
  readonly setup: Omit<S, keyof SeededSetup>;
  readonly steps: readonly T[];
}

export interface Alphabet<S extends SeededSetup, T extends WalkStep> {
  /** Names of predicates: a prefix that reaches a new combination of them is gone on from. */
  readonly waypoints: readonly string[];
  /** Some walks begin with one of them. */
  readonly openings: readonly Opening<S, T>[];
  drawSetup(random: Prng): Omit<S, keyof SeededSetup>;
  /** Never rejects: what goes wrong is a violation. */
  run(plan: Plan<S, T>): Promise<Outcome<S, T>>;
  /** The setup as text, without seed and settings, such as `brokers=3 min.isr=2`. */
  formatSetup(setup: S): string;
  /** Throws an Error that says how a setup is written. */
  parseSetup(text: string): Omit<S, keyof SeededSetup>;
  /** Throws an Error that names the text if it is no step. */
  parseStep(text: string): T;
}

/** The same walk again, from its text. */
export function replayWalk<S extends SeededSetup, T extends WalkStep>(
  alphabet: Alphabet<S, T>, setup: S, steps: readonly T[],
): Promise<Outcome<S, T>> {
  return alphabet.run({ setup, prefix: steps, drawn: 0, haste: 0, random: new Prng('unused') });
}

/** Leaves steps out while the walk still fails: the shortest that was found. */
export async function shrink<S extends SeededSetup, T extends WalkStep>(
  alphabet: Alphabet<S, T>, outcome: Outcome<S, T>,
): Promise<Outcome<S, T>> {
  let smallest = outcome;
  for (let i = 0; i < smallest.steps.length;) {
    const shorter = await replayWalk(alphabet, smallest.setup, smallest.steps.filter((_, n) => n !== i));
    if (shorter.violations.length > 0) smallest = shorter;
    else i++;
  }
  return smallest;
}

/** `seed=S brokers=3 …: step; step`: one line, which can be replayed. */
export function formatOutcome<S extends SeededSetup, T extends WalkStep>(
  alphabet: Alphabet<S, T>, { setup, steps }: Pick<Outcome<S, T>, 'setup' | 'steps'>,
): string {
  return `seed=${setup.seed} ${alphabet.formatSetup(setup)}: ${steps.map(formatStep).join('; ')}`;
}
