/**
 * Keeps a log's producer state across restarts and truncations: snapshots beside the segments, and the batches behind
 * the newest one.
 *
 * A snapshot `N.snapshot` is the state of all batches below offset N. It is written when a segment is rolled and at a
 * clean end. It holds only the last batch of a producer, so after loading one the end of the log is read for the four
 * before it; Kafka does not, and after a restart takes a repeated batch for a gap (docs/decisions/0006).
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
/** How much of the end of the log is read to find the batches that a snapshot leaves out. */
const WINDOW_BYTES = 1024 * 1024;

export class ProducerStateFiles {
  readonly state = new ProducerState();
  private newestSnapshot = -1;

  constructor(private readonly disk: Disk, private readonly directory: string, private readonly log: Logger) {}

  private path(offset: number): string {
    return `${this.directory}/${fileName(offset, '.snapshot')}`;
  }

  private offsets(): number[] {
    return this.disk.list(this.directory).flatMap((entry) => SNAPSHOT_FILE.exec(entry.name)?.[1] ?? [])
      .map(Number).filter(Number.isSafeInteger).sort((a, b) => a - b);
  }

  /** Builds the state of everything below `end`. With a clean shutdown, no snapshot means no producers. */
  load(segments: LogSegments, end: number, cleanShutdown: boolean): void {
    this.state.clear();
    this.newestSnapshot = -1;
    this.removeStray(segments, end);
    const { offset: from, wasDamaged } = this.restoreNewest();
    // Each clean end writes one, unless there are no producers; one that cannot be read is made up for by the log.
    if (from === undefined && cleanShutdown && !wasDamaged) return;
    // Also what lies below the log start and is still there: its producers go on behind it (Kafka forgets them).
    let read: LogSegment | undefined;
    let writtenMs = 0;
    for (const { batch, segment } of segments.batchesInSegments(from ?? segments.first.baseOffset)) {
      // No batch was written later than the last one of its segment.
      if (segment !== read) writtenMs = segment.modifiedMs;
      read = segment;
      this.state.update(batch, writtenMs);
    }
    if (from === undefined || this.state.size === 0) return;
    this.state.remember([...segments.lastBatches(WINDOW_BYTES)].map(({ buffer, start: at }) => new RecordBatch(Buffer.from(buffer.subarray(at, at + 61)))));
  }

  /** Snapshots beyond the end speak of batches that are gone; of the others, those between segments but the newest go. */
  private removeStray(segments: LogSegments, end: number): void {
    const bases = new Set(segments.all.map((segment) => segment.baseOffset));
    const valid = this.offsets().filter((offset) => {
      if (offset <= end) return true;
      this.disk.remove(this.path(offset));
      return false;
    });
    for (const offset of valid.slice(0, -1)) if (!bases.has(offset)) this.disk.remove(this.path(offset));
  }

  /** Restores the newest sound snapshot; its offset, and whether newer ones were damaged, which are removed. */
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
        this.log.warn(`${this.path(offset)}: ${(error as Error).message}; building the producer state from the log`);
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

  /** Writes the state as of `offset`, the end of the log. A torn file is found out by its CRC. */
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

  /** Makes the newest snapshot durable, for a clean end: the next start does not look at the log. */
  async syncSnapshot(): Promise<void> {
    if (this.newestSnapshot < 0) return;
    const file = this.disk.open(this.path(this.newestSnapshot), 'write');
    try {
      await file.sync();
    } finally {
      file.close();
    }
  }

  /** The log was cut to `end`: what is left decides. */
  truncate(segments: LogSegments, end: number): void {
    if (this.state.size === 0 && this.newestSnapshot < 0) return;
    this.load(segments, end, false);
  }

  /** The log starts anew: nothing is left. */
  reset(): void {
    for (const offset of this.offsets()) this.disk.remove(this.path(offset));
    this.state.clear();
    this.newestSnapshot = -1;
  }
}
