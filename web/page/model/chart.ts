/**
 * Throughput and latency over time, as lines below the lanes: records acknowledged and read a second, and how
 * long an acknowledgement took. Counted in steps of virtual time, so that it says the same at any speed.
 */
import { Rate, RATE_STEP_MS } from '../../shared/state';
import { TimeWindow } from './timeline-view';

export interface Sample {
  /** The middle of its step. */
  readonly atMs: number;
  readonly ackedPerS: number;
  readonly readPerS: number;
  /** The mean of the records acknowledged in the step; null: there were none. */
  readonly latencyMs: number | null;
}

export interface Chart {
  readonly samples: readonly Sample[];
  readonly maxPerS: number;
  readonly maxLatencyMs: number;
}

const STEPS = [500, 1000, 2000, 5000, 10_000, 20_000];
const MAX_SAMPLES = 90;

/** As many steps as can be told apart by eye. */
export function stepFor({ fromMs, toMs }: TimeWindow): number {
  return STEPS.find((step) => (toMs - fromMs) / step <= MAX_SAMPLES) ?? STEPS.at(-1)!;
}

/** A round number at or above: 1, 2, 5, 10, 20, 50 … */
export function roundUp(value: number): number {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= value)!;
}

/** From `fromMs` up to now; steps without any record are there, with zero. */
export function chartOf(rates: readonly Rate[], window: TimeWindow, nowMs: number): Chart {
  const step = stepFor(window);
  const first = Math.floor(window.fromMs / step);
  const count = Math.max(0, Math.floor(Math.min(nowMs, window.toMs) / step) - first);
  const sums = Array.from({ length: count }, () => ({ acked: 0, read: 0, latencySumMs: 0 }));
  for (const { atMs, acked, read, latencySumMs } of rates) {
    const sum = sums[Math.floor((atMs + RATE_STEP_MS / 2) / step) - first];
    if (!sum) continue;
    sum.acked += acked;
    sum.read += read;
    sum.latencySumMs += latencySumMs;
  }
  const samples = sums.map(({ acked, read, latencySumMs }, i) => ({
    atMs: (first + i + 0.5) * step,
    ackedPerS: (acked * 1000) / step,
    readPerS: (read * 1000) / step,
    latencyMs: acked === 0 ? null : latencySumMs / acked,
  }));
  const highest = (of: (one: Sample) => number) => Math.max(0, ...samples.map(of));
  return {
    samples,
    maxPerS: roundUp(highest(({ ackedPerS, readPerS }) => Math.max(ackedPerS, readPerS))),
    maxLatencyMs: roundUp(highest(({ latencyMs }) => latencyMs ?? 0)),
  };
}

/** The data of an SVG path through the points that are there; a gap where one is null. */
export function lineThrough(points: readonly (readonly [x: number, y: number] | null)[]): string {
  let isOpen = false;
  let path = '';
  for (const point of points) {
    if (point) path += `${isOpen ? 'L' : 'M'}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    isOpen = point !== null;
  }
  return path;
}
