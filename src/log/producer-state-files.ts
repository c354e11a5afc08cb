/**
 * Keeps a log's producer state across restarts and truncations, in snapshot files beside the segments.
 *
 * The file `N.snapshot` contains the state of all batches below offset N. It is written when a segment is
 * rolled and at a clean shutdown. On loading, the batches above the newest snapshot are read from the log. A
 * snapshot contains only the last batch of a producer, so the end of the log is read as well, for the four
 * batches before it. Kafka does not do the latter: after a restart it takes a repeated batch for a gap in the
 * sequence (docs/decisions/0006).
 *
 * Kafka: log/ProducerStateManager.scala, Log.scala#loadProducerState@2.8.2
 */
import { isDiskError } from '../common/errors';
import { Disk, Log as Logger } from '../common/host';
import { RecordBatch } from '../record/record-batch';
import { fileName, LogSegment } from './log-segment';
import { LogSegments } from './log-segments';
import { decodeSnapshot, encodeSnapshot, ProducerState } from './producer-state';

const SNAPSHOT_FILE = /^(\d{20})\.snapshot$/;
/** How much of the end of the log is read to find the batches that a snapshot does not contain. */
const WINDOW_BYTES = 1024 * 1024;

export class ProducerStateFiles {
  readonly state = new ProducerState();
  private newestSnapshot = -1;

  constructor(
    private readonly disk: Disk,
    private readonly directory: string,
    private readonly log: Logger,
  ) {}

  private path(offset: number): string {
    return `${this.directory}/${fileName(offset, '.snapshot')}`;
  }

  private offsets(): number[] {
    return this.disk
      .list(this.directory)
      .flatMap((entry) => SNAPSHOT_FILE.exec(entry.name)?.[1] ?? [])
      .map(Number)
      .filter(Number.isSafeInteger)
      .sort((a, b) => a - b);
  }

  /**
   * Builds the state of all batches below `end`. After a clean shutdown, no snapshot means that there are no
   * producers.
   */
  load(segments: LogSegments, end: number, cleanShutdown: boolean): void {
    this.state.clear();
    this.newestSnapshot = -1;
    this.removeStray(segments, end);
    const { offset: from, wasDamaged } = this.restoreNewest();
    // A clean shutdown writes a snapshot unless there are no producers. If it was damaged, the state is built
    // from the log.
    if (from === undefined && cleanShutdown && !wasDamaged) return;
    // Batches below the log start offset that are still on disk count as well, because their producers
    // continue after them. (Kafka forgets these producers.)
    let read: LogSegment | undefined;
    let writtenMs = 0;
    for (const { batch, segment } of segments.batchesInSegments(from ?? segments.first.baseOffset)) {
      // The time of the last write to the segment, as an upper bound for the time of each of its batches.
      if (segment !== read) writtenMs = segment.modifiedMs;
      read = segment;
      this.state.update(batch, writtenMs);
    }
    if (from === undefined || this.state.size === 0) return;
    this.state.remember(
      [...segments.lastBatches(WINDOW_BYTES)].map(
        ({ buffer, start: at }) => new RecordBatch(Buffer.from(buffer.subarray(at, at + 61))),
      ),
    );
  }

  /**
   * Removes snapshots above the end of the log, which contain batches that are gone. Of the others, removes
   * those that are not at the base offset of a segment, except the newest.
   */
  private removeStray(segments: LogSegments, end: number): void {
    const bases = new Set(segments.all.map((segment) => segment.baseOffset));
    const valid = this.offsets().filter((offset) => {
      if (offset <= end) return true;
      this.disk.remove(this.path(offset));
      return false;
    });
    for (const offset of valid.slice(0, -1)) if (!bases.has(offset)) this.disk.remove(this.path(offset));
  }

  /**
   * Restores the newest intact snapshot and removes newer ones, which are damaged. Returns its offset
   * (undefined if there is none), and whether any was damaged.
   */
  private restoreNewest(): { readonly offset: number | undefined; readonly wasDamaged: boolean } {
    let wasDamaged = false;
    for (const offset of this.offsets().reverse()) {
      try {
        this.state.restore(decodeSnapshot(this.read(this.path(offset))));
        this.newestSnapshot = offset;
        return { offset, wasDamaged };
      } catch (error) {
        if (isDiskError(error)) throw error;
        wasDamaged = true;
        this.log.warn(
          `${this.path(offset)}: ${(error as Error).message}; building the producer state from the log`,
        );
        this.disk.remove(this.path(offset));
      }
    }
    return { offset: undefined, wasDamaged };
  }

  private read(path: string): Buffer {
    const file = this.disk.open(path, 'read');
    try {
      const bytes = Buffer.alloc(file.size());
      return bytes.subarray(0, file.read(bytes, 0));
    } finally {
      file.close();
    }
  }

  /**
   * Writes the state as of `offset`, the log end offset. It is not made durable: a torn file is detected by
   * its CRC.
   */
  takeSnapshot(offset: number): void {
    if (offset <= this.newestSnapshot || (this.state.size === 0 && this.newestSnapshot < 0)) return;
    const file = this.disk.open(this.path(offset), 'create');
    try {
      file.truncate(0);
      file.write([encodeSnapshot(this.state.all)], 0);
    } finally {
      file.close();
    }
    this.newestSnapshot = offset;
  }

  /**
   * Makes the newest snapshot durable, for a clean shutdown: the next start relies on it and does not read
   * the log.
   */
  async syncSnapshot(): Promise<void> {
    if (this.newestSnapshot < 0) return;
    const file = this.disk.open(this.path(this.newestSnapshot), 'write');
    try {
      await file.sync();
    } finally {
      file.close();
    }
  }

  /** The log was truncated to `end`: rebuilds the state from what is left. */
  truncate(segments: LogSegments, end: number): void {
    if (this.state.size === 0 && this.newestSnapshot < 0) return;
    this.load(segments, end, false);
  }

  /** The log starts anew, without records: removes all snapshots. */
  reset(): void {
    for (const offset of this.offsets()) this.disk.remove(this.path(offset));
    this.state.clear();
    this.newestSnapshot = -1;
  }
}
