/**
 * Durations: the 99th percentile and the maximum, of operations that have ended and of those still in
 * progress.
 *
 * [p] Times in ms.
 */
export interface Figures {
  readonly count: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

/**
 * The smallest value that at least the given share (0 to 1) of the values do not exceed; 0 if there are none.
 */
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

  /** `waitingMs` are the ages of operations in progress: one that never ends must count, too. */
  figures(waitingMs: readonly number[] = []): Figures {
    // Operations that have just started are left out.
    const longest = Math.max(0, ...this.values.slice(-1000));
    const all = [...this.values, ...waitingMs.filter((age) => age > longest)];
    return {
      count: this.values.length,
      p99Ms: percentile(all, 0.99),
      worstMs: all.reduce((worst, one) => Math.max(worst, one), 0),
    };
  }
}
