/**
 * What the alphabets of walks share. A step is drawn by weight among those that are possible now. Its text is
 * such as `kill 1`, `cut 1>2` or, if the next step does not wait for it, `kill 1!`.
 */
import { Prng } from '../prng';

export interface WalkStep<K extends string = string> {
  readonly kind: K;
  /** The targets of the step; an unused one is 0. */
  readonly a: number;
  readonly b: number;
  /** The next step does not wait until the cluster has settled. */
  readonly isHasty: boolean;
}

export type Targets = readonly [number, number];

export interface StepRule<W> {
  /** How often the step is drawn, relative to the others. */
  readonly weight: number;
  /** The targets that are possible now. */
  targets(walk: W): readonly Targets[];
  run(walk: W, a: number, b: number): Promise<void> | void;
}

/** By kind of step: a factor for how often a walk draws it. */
export type StepWeights<K extends string = string> = ReadonlyMap<K, number>;

const SWARM_FACTORS = [0, 1, 1, 1, 5];
const NOWHERE: Targets = [0, 0];

export const anywhere = (): Targets[] => [NOWHERE];
export const when = (isPossible: boolean): Targets[] => (isPossible ? [NOWHERE] : []);
export const one = (ids: readonly number[]): Targets[] => ids.map((id) => [id, 0]);

export class StepRules<W, K extends string> {
  readonly kinds: readonly K[];

  constructor(private readonly rules: Readonly<Record<K, StepRule<W>>>) {
    this.kinds = Object.keys(rules) as K[];
  }

  /**
   * Swarm testing: each walk leaves out some kinds of steps and repeats others often. Walks with all kinds in
   * their usual proportion seldom do the same rare thing twice.
   */
  drawWeights(random: Prng): StepWeights<K> {
    const factor = () => random.pick(SWARM_FACTORS);
    return new Map(this.kinds.map((kind) => [kind, this.rules[kind].weight * factor()]));
  }

  /**
   * Draws a step that is possible now. `haste` is the probability that the next step does not wait for it.
   */
  draw(walk: W, random: Prng, haste: number, weights: StepWeights<K>): WalkStep<K> {
    const possible = this.kinds
      .map((kind) => ({ kind, targets: this.rules[kind].targets(walk) }))
      .filter(({ targets }) => targets.length > 0);
    const usual = (kind: K) => this.rules[kind].weight;
    const swarm = (kind: K) => weights.get(kind)!;
    const weightOf = possible.some(({ kind }) => swarm(kind) > 0) ? swarm : usual;
    let ticket = (random.below(1e6) / 1e6) * possible.reduce((sum, { kind }) => sum + weightOf(kind), 0);
    const drawn = possible.find(({ kind }) => (ticket -= weightOf(kind)) < 0) ?? possible[0]!;
    const [a, b] = random.pick(drawn.targets);
    return { kind: drawn.kind, a, b, isHasty: random.chance(haste) };
  }

  /** Whether the step is possible now. When a walk is replayed, steps that are not are skipped. */
  isPossible(walk: W, { kind, a, b }: WalkStep<K>): boolean {
    return this.rules[kind].targets(walk).some((targets) => targets[0] === a && targets[1] === b);
  }

  run(walk: W, { kind, a, b }: WalkStep<K>): Promise<void> | void {
    return this.rules[kind].run(walk, a, b);
  }

  /** Throws an Error that names the text if it is not a step. */
  parse(text: string): WalkStep<K> {
    const match = /^([a-z-]+)(?: (\d+)(?:>(\d+))?)?(!?)$/.exec(text.trim());
    const kind = match?.[1] as K | undefined;
    if (!match || !kind || !this.kinds.includes(kind)) throw new Error(`'${text}' is no step of a walk`);
    return { kind, a: Number(match[2] ?? 0), b: Number(match[3] ?? 0), isHasty: match[4] === '!' };
  }
}

export function formatStep({ kind, a, b, isHasty }: WalkStep): string {
  const target = b !== 0 ? ` ${a}>${b}` : a !== 0 ? ` ${a}` : '';
  return `${kind}${target}${isHasty ? '!' : ''}`;
}
