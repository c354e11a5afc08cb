/**
 * Detects a blocked event loop: a timer that fires late by more than the limit logs a warning, which can then
 * explain the loss of a ZooKeeper session.
 */
import { Host, Timer } from '../common/host';

const TICK_MS = 250;

export class StallWatch {
  private timer: Timer | undefined;
  private last: { atMs: number; lengthMs: number } | undefined;

  constructor(
    private readonly host: Host,
    private readonly warnMs: number,
  ) {}

  start(): void {
    const startedMs = this.host.clock.monotonicMs();
    this.timer = this.host.clock.schedule(TICK_MS, () => {
      const now = this.host.clock.monotonicMs();
      const lateMs = now - startedMs - TICK_MS;
      if (lateMs >= this.warnMs) {
        this.last = { atMs: now, lengthMs: lateMs };
        this.host.log.warn(
          `The event loop was blocked for ${Math.round(lateMs)} ms (paused process, slow disk, or a long ` +
            `computation)`,
        );
        this.host.event({ what: 'event-loop-stalled', ms: Math.round(lateMs) });
      }
      this.start();
    });
  }

  stop(): void {
    this.timer?.cancel();
  }

  /**
   * A text for the log if a stall probably caused the loss of a session with this timeout; otherwise empty.
   */
  explain(sessionTimeoutMs: number): string {
    const recent = this.last && this.host.clock.monotonicMs() - this.last.atMs < 2 * sessionTimeoutMs;
    return recent && this.last!.lengthMs > sessionTimeoutMs / 3
      ? ` The event loop had been blocked for ${Math.round(this.last!.lengthMs)} ms, which is the likely ` +
          `cause.`
      : '';
  }
}
