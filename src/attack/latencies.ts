/**
 * How long things took: the 99th percentile and the worst, over what has ended and what is still waiting.
 *
 * [p] Times in ms.
 */
export interface Figures {
  readonly count: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

/** The smallest of the values that at least `share` of them do not exceed; 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!;
}

export class Latencies {
  private values: number[] = [];

  add(ms: number): void {
    this.values.push(ms);
  }

  reset(): void {
    this.values = [];
  }

  /** `waitingMs`: the ages of what has not ended; a wait without an end must not look like none. */
  figures(waitingMs: readonly number[] = []): Figures {
    // What has only just begun says nothing yet.
    const longest = Math.max(0, ...this.values.slice(-1000));
    const all = [...this.values, ...waitingMs.filter((age) => age > longest)];
    return {
      count: this.values.length,
      p99Ms: percentile(all, 0.99),
      worstMs: all.reduce((worst, one) => Math.max(worst, one), 0),
    };
  }
}
