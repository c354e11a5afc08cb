/**
 * `.timeindex`: 12-byte entries, i64 timestamp and i32 relative offset: no record up to that offset is later than that
 * timestamp. Written together with an offset-index entry, and once more when the segment is rolled or closed.
 *
 * Kafka: log/TimeIndex.scala@2.8.2
 */
import { Disk } from '../common/host';
import { NO_TIMESTAMP, readInt64, writeInt64 } from '../record/record-batch';
import { OpenFiles } from './open-files';
import { CorruptIndexError, fitsInt32, SparseIndex } from './sparse-index';

export interface TimestampOffset {
  readonly timestamp: number;
  readonly offset: number;
}

export class TimeIndex extends SparseIndex {
  constructor(files: OpenFiles, disk: Disk, path: string, baseOffset: number, maxBytes: number) {
    super(files, disk, path, baseOffset, 12, maxBytes);
  }

  private timestampAt(i: number): number { return readInt64(this.entries, i * 12); }

  entry(i: number): TimestampOffset {
    this.load();
    return { timestamp: this.timestampAt(i), offset: this.baseOffset + this.entries.readInt32BE(i * 12 + 8) };
  }

  get last(): TimestampOffset {
    const count = this.length;
    return count === 0 ? { timestamp: NO_TIMESTAMP, offset: this.baseOffset } : this.entry(count - 1);
  }

  /** The largest entry whose timestamp is at most `timestamp`, or the start of the segment. */
  lookup(timestamp: number): TimestampOffset {
    const i = this.floor(timestamp, (n) => this.timestampAt(n));
    return i < 0 ? { timestamp: NO_TIMESTAMP, offset: this.baseOffset } : this.entry(i);
  }

  /** Only timestamps later than the last entry's are kept. */
  append(timestamp: number, offset: number): void {
    const last = this.last;
    const relative = offset - this.baseOffset;
    if (this.isFull || timestamp <= last.timestamp || offset < last.offset || !fitsInt32(relative)) return;
    const at = this.reserve();
    writeInt64(this.entries, timestamp, at);
    this.entries.writeInt32BE(relative, at + 8);
  }

  /** Drops entries at or above the offset. */
  truncateTo(offset: number): void {
    let keep = this.length;
    while (keep > 0 && this.entry(keep - 1).offset >= offset) keep--;
    this.truncateToCount(keep);
  }

  protected check(): void {
    for (let i = 1; i < this.count; i++) {
      if (this.timestampAt(i) < this.timestampAt(i - 1)) throw new CorruptIndexError(`${this.path}: entry ${i} goes back in time`);
    }
  }
}
