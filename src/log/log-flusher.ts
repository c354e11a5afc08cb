/**
 * Makes a log durable, and says up to where it is: the recovery point.
 *
 * Invariant: whatever lies below the recovery point is found again after a power cut: the bytes of the segments, the
 * names of their files in the directory, and the epochs in the checkpoint. So the recovery point moves last, after
 * the device has answered for all three, and it does not move if the log was truncated in the meantime.
 *
 * Kafka: log/Log.scala#flush@2.8.2; that the directory is synced comes with KAFKA-3968 (3.0), that the epoch
 * checkpoint is synced here and not at each change with KAFKA-15046 (3.7).
 */
import { LeaderEpochCheckpoint } from './checkpoint-file';
import { LogContext } from './log-context';
import { LogSegment } from './log-segment';
import { LogSegments } from './log-segments';
import { ProducerStateFiles } from './producer-state-files';

export class LogFlusher {
  /** Counts truncations: who works on the log beside it sees that it changed. */
  truncations = 0;
  private flushing: Promise<void> = Promise.resolve();
  /** The newest segment whose name is known to be durable. */
  private named: LogSegment | undefined;
  /** The files are closed, and may be gone: nothing more is flushed, and nobody is told of a file that is missing. */
  private isClosed = false;

  constructor(
    private readonly context: LogContext, private readonly segments: LogSegments,
    private readonly epochCheckpoint: LeaderEpochCheckpoint, public recoveryPoint: number,
  ) {}

  /** The log ends at `offset` now, and others may write there. */
  truncated(offset: number): void {
    this.truncations++;
    this.recoveryPoint = Math.min(this.recoveryPoint, offset);
    this.named = undefined;
  }

  /**
   * Flushes everything below `offset`, not beyond the end of the log; one flush after the other. The segment that was
   * just `rolled` is flushed in any case: it got a last index entry, though its batches may be durable.
   */
  flushBehind(offset: number, rolled?: LogSegment): Promise<void> {
    const unflushed = this.segments.all.filter((segment) => segment.baseOffset < offset);
    const { truncations } = this;
    this.flushing = this.flushing.then(async () => {
      if (offset <= this.recoveryPoint) {
        if (rolled) await this.flushSegment(rolled);
        return;
      }
      for (const segment of unflushed) {
        const isFlushed = this.segments.endOf(segment, Infinity) <= this.recoveryPoint;
        if (!isFlushed) await this.flushSegment(segment);
      }
      if (this.isClosed) return;
      await this.flushNames();
      // After a truncation there may be other records at these offsets, which nobody flushed.
      if (this.truncations === truncations) this.recoveryPoint = Math.max(this.recoveryPoint, offset);
    }).catch((error) => this.failed(error));
    return this.flushing;
  }

  private failed(error: unknown): void {
    if (!this.isClosed) this.context.onStorageError(this.epochCheckpoint.directory, error);
  }

  /** No flush begins after this. */
  close(): void {
    this.isClosed = true;
  }

  /** One that is removed in the meantime needs no flush. */
  private async flushSegment(segment: LogSegment): Promise<void> {
    const isGone = () => this.isClosed || !this.segments.includes(segment);
    if (isGone()) return;
    try {
      await segment.flush();
    } catch (error) {
      if (!isGone()) throw error;
    }
  }

  private async flushNames(): Promise<void> {
    await this.epochCheckpoint.sync();
    await this.context.disk.syncDirectory(this.epochCheckpoint.directory);
  }

  /** All bytes before the caller goes on, and the names of the files, if nobody has made those durable. */
  flushBytesNow(): void {
    const { active, all } = this.segments;
    for (const segment of all) {
      if (this.segments.endOf(segment, Infinity) > this.recoveryPoint) this.context.files.get(segment.path).syncNow();
    }
    if (this.named === active) return;
    this.context.disk.syncDirectoryNow(this.epochCheckpoint.directory);
    this.named = active;
  }

  /** At the end: also what has been flushed before, as its indexes and its length may have changed since. */
  flushAll(endOffset: number, producers: ProducerStateFiles): Promise<void> {
    const flushed = this.flushBehind(endOffset);
    return this.flushing = flushed.then(async () => {
      await this.segments.active.flush();
      await producers.syncSnapshot();
      await this.flushNames();
    }).catch((error) => this.failed(error));
  }
}
