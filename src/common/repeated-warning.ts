/**
 * A warning that may come again and again: written the first time, then at intervals that double, each time
 * with how often it came since. Nobody fills the log by repeating what is refused.
 *
 * Bound: what is kept is one interval for each of at most `MAX_KINDS` kinds; the oldest is forgotten first.
 */
import { Clock, Log } from './host';

const FIRST_INTERVAL_MS = 1000;
const MAX_INTERVAL_MS = 600_000;
const MAX_KINDS = 256;

interface Kind {
  nextMs: number;
  intervalMs: number;
  skipped: number;
}

export class RepeatedWarning {
  private readonly kinds = new Map<string, Kind>();

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Writes `text`, or counts it; whether it was written. `kind` is what makes two warnings the same. */
  warn(kind: string, text: string): boolean {
    const now = this.clock.monotonicMs();
    const known = this.kinds.get(kind);
    if (known === undefined) return this.first(kind, text, now);
    if (now < known.nextMs) {
      known.skipped++;
      return false;
    }
    const isQuietSince = now - known.nextMs > known.intervalMs;
    known.intervalMs = isQuietSince ? FIRST_INTERVAL_MS : Math.min(2 * known.intervalMs, MAX_INTERVAL_MS);
    known.nextMs = now + known.intervalMs;
    this.log.warn(
      known.skipped === 0 ? text : `${text} (and ${known.skipped} times since this was last said)`,
    );
    known.skipped = 0;
    return true;
  }

  private first(kind: string, text: string, now: number): boolean {
    if (this.kinds.size >= MAX_KINDS) this.kinds.delete(this.kinds.keys().next().value!);
    this.kinds.set(kind, { nextMs: now + FIRST_INTERVAL_MS, intervalMs: FIRST_INTERVAL_MS, skipped: 0 });
    this.log.warn(text);
    return true;
  }
}
