/**
 * A warning that may occur thousands of times a second. The first one is logged at once, later ones at
 * growing intervals with the number of suppressed ones, so that the warning is seen and does not fill the
 * disk.
 */
import { Clock, Log } from './host';

const FIRST_INTERVAL_MS = 1000;
const LONGEST_INTERVAL_MS = 600_000;

export class RepeatedWarning {
  private intervalMs = 0;
  private lastMs = 0;
  private leftOut = 0;

  constructor(
    private readonly clock: Clock,
    private readonly log: Pick<Log, 'warn'>,
  ) {}

  /** Logs or counts the warning. `message` is called only if a line is logged. */
  warn(message: () => string): void {
    const nowMs = this.clock.monotonicMs();
    const sinceMs = nowMs - this.lastMs;
    if (sinceMs < this.intervalMs) {
      this.leftOut++;
      return;
    }
    const isQuietAgain = this.intervalMs > 0 && sinceMs > 4 * this.intervalMs;
    const grown = Math.min(LONGEST_INTERVAL_MS, 2 * this.intervalMs);
    const before =
      this.leftOut > 0 ? ` (and ${this.leftOut} times more in the ${Math.round(sinceMs)} ms before)` : '';
    this.intervalMs = isQuietAgain ? FIRST_INTERVAL_MS : Math.max(FIRST_INTERVAL_MS, grown);
    this.lastMs = nowMs;
    this.leftOut = 0;
    this.log.warn(message() + before);
  }
}
