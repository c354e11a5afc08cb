/**
 * The search: new inputs are changed copies of inputs that were kept. An input is kept if the decoder reacted
 * in a new way (another error, another shape of the value). This guides the search as code coverage would,
 * without its cost.
 *
 * [p] Time is a parameter; without it no input counts as too slow.
 */
import { Prng } from '../simulation/prng';
import { FuzzTarget, Outcome, tryInput } from './fuzz-target';
import { mutate } from './mutator';

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: string;
  /** Inputs that earlier runs have kept. */
  readonly corpus?: readonly Buffer[];
  readonly nowMs?: () => number;
  /** The limit for one input; a slower one is a finding. */
  readonly maxMs?: number;
}

export interface Finding {
  readonly problem: string;
  /** Shrunk as far as possible. */
  readonly input: Buffer;
}

export interface FuzzResult {
  readonly inputs: number;
  readonly findings: readonly Finding[];
  /** Inputs with a new reaction, beyond the seeds and the corpus. */
  readonly kept: readonly Buffer[];
  readonly features: number;
  readonly slowestMs: number;
}

const MAX_FINDINGS = 20;
const MAX_SHRINK_TRIES = 2000;

/** Removes the parts of the input that the problem does not need. */
export function shrinkInput(target: FuzzTarget, input: Buffer, problem: string): Buffer {
  const isBad = (candidate: Buffer) =>
    (tryInput(target, candidate) as { problem?: string }).problem === problem;
  let best = input;
  let tries = 0;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length && tries < MAX_SHRINK_TRIES; tries++) {
      const candidate = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (isBad(candidate)) best = candidate;
      else at += size;
    }
  }
  return best;
}

export function fuzz(
  target: FuzzTarget,
  { inputs, seed, corpus = [], nowMs = () => 0, maxMs = Infinity }: FuzzOptions,
): FuzzResult {
  const random = new Prng(`${seed}/${target.name}`);
  const pool: Buffer[] = [];
  const kept: Buffer[] = [];
  const features = new Set<string>();
  const findings = new Map<string, Finding>();
  let slowestMs = 0;
  const attempt = (input: Buffer): Outcome => {
    const startMs = nowMs();
    const outcome = tryInput(target, input);
    const tookMs = nowMs() - startMs;
    slowestMs = Math.max(slowestMs, tookMs);
    return tookMs > maxMs ? { problem: `takes longer than ${maxMs} ms` } : outcome;
  };
  const take = (input: Buffer, into: Buffer[] | undefined): void => {
    const outcome = attempt(input);
    if ('problem' in outcome) {
      const { problem } = outcome;
      if (!findings.has(problem) && findings.size < MAX_FINDINGS)
        findings.set(problem, { problem, input: shrinkInput(target, input, problem) });
    } else if (!features.has(outcome.feature)) {
      features.add(outcome.feature);
      pool.push(input);
      into?.push(input);
    }
  };
  for (const input of [...target.seeds(), ...corpus]) take(input, undefined);
  if (pool.length === 0) pool.push(Buffer.alloc(0));
  for (let i = 0; i < inputs; i++) {
    const changed = mutate(random.pick(pool), random, random.pick(pool));
    take(target.repair !== undefined && random.chance(0.8) ? target.repair(changed) : changed, kept);
  }
  return { inputs, findings: [...findings.values()], kept, features: features.size, slowestMs };
}
