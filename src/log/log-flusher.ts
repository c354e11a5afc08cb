/**
 * Makes a log durable, and maintains the recovery point, up to which it is.
 *
 * Invariant: everything below the recovery point survives a power failure: the bytes of the segments, the
 * names of their files in the directory, and the leader epochs in the checkpoint. So the recovery point is
 * raised last, after the device has confirmed all three, and not if the log was truncated in the meantime.
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
  /** Counts truncations. Asynchronous work on the log compares it to notice a change. */
  truncations = 0;
  private flushing: Promise<void> = Promise.resolve();
  /** The newest segment whose name is known to be durable. */
  private named: LogSegment | undefined;
  /**
   * Whether the files are closed, and may have been removed. Then nothing is flushed, and a missing file is
   * no error.
   */
  private isClosed = false;

  constructor(
    private readonly context: LogContext,
    private readonly segments: LogSegments,
    private readonly epochCheckpoint: LeaderEpochCheckpoint,
    public recoveryPoint: number,
  ) {}

  /** The log was truncated to `offset`, where other records may be appended. */
  truncated(offset: number): void {
    this.truncations++;
    this.recoveryPoint = Math.min(this.recoveryPoint, offset);
    this.named = undefined;
  }

  /**
   * Flushes everything below `offset`, which is at most the log end offset, then raises the recovery point.
   * Flushes run one after the other. The segment that was just `rolled` is flushed in any case, because it
   * got a last index entry, even if its batches are durable already.
   */
  flushBehind(offset: number, rolled?: LogSegment): Promise<void> {
    const unflushed = this.segments.all.filter((segment) => segment.baseOffset < offset);
    const { truncations } = this;
    this.flushing = this.flushing
      .then(async () => {
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
        // After a truncation these offsets may have other records, which this flush did not cover.
        if (this.truncations === truncations) this.recoveryPoint = Math.max(this.recoveryPoint, offset);
      })
      .catch((error) => this.failed(error));
    return this.flushing;
  }

  private failed(error: unknown): void {
    if (!this.isClosed) this.context.onStorageError(this.epochCheckpoint.directory, error);
  }

  /** No flush begins after this. */
  close(): void {
    this.isClosed = true;
  }

  /** A segment that is removed meanwhile needs no flush. */
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

  /**
   * Flushes synchronously all bytes above the recovery point, and the names of the files unless they are
   * durable.
   */
  flushBytesNow(): void {
    const { active, all } = this.segments;
    for (const segment of all) {
      if (this.segments.endOf(segment, Infinity) > this.recoveryPoint)
        this.context.files.get(segment.path).syncNow();
    }
    if (this.named === active) return;
    this.context.disk.syncDirectoryNow(this.epochCheckpoint.directory);
    this.named = active;
  }

  /**
   * For a clean shutdown: also flushes what was flushed before, because indexes and file lengths may have
   * changed since.
   */
  flushAll(endOffset: number, producers: ProducerStateFiles): Promise<void> {
    const flushed = this.flushBehind(endOffset);
    return (this.flushing = flushed
      .then(async () => {
        await this.segments.active.flush();
        await producers.syncSnapshot();
        await this.flushNames();
      })
      .catch((error) => this.failed(error)));
  }
}
