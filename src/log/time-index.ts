/**
 * The time index of a segment, in the `.timeindex` file: entries of 12 bytes, with an i64 timestamp and an
 * i32 offset relative to the segment's base offset. No record up to that offset has a later timestamp. An
 * entry is written together with an entry of the offset index, and once more when the segment is rolled or
 * closed.
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

  private timestampAt(i: number): number {
    return readInt64(this.entries, i * 12);
  }

  entry(i: number): TimestampOffset {
    this.load();
    return { timestamp: this.timestampAt(i), offset: this.baseOffset + this.entries.readInt32BE(i * 12 + 8) };
  }

  get last(): TimestampOffset {
    const count = this.length;
    return count === 0 ? { timestamp: NO_TIMESTAMP, offset: this.baseOffset } : this.entry(count - 1);
  }

  /** The largest entry whose timestamp is at most `timestamp`; the start of the segment if there is none. */
  lookup(timestamp: number): TimestampOffset {
    const i = this.floor(timestamp, (n) => this.timestampAt(n));
    return i < 0 ? { timestamp: NO_TIMESTAMP, offset: this.baseOffset } : this.entry(i);
  }

  /** Ignores a timestamp that is not later than that of the last entry. */
  append(timestamp: number, offset: number): void {
    const last = this.last;
    const relative = offset - this.baseOffset;
    if (this.isFull || timestamp <= last.timestamp || offset < last.offset || !fitsInt32(relative)) return;
    const at = this.reserve();
    writeInt64(this.entries, timestamp, at);
    this.entries.writeInt32BE(relative, at + 8);
  }

  /** Drops the entries at or above the offset. */
  truncateTo(offset: number): void {
    let keep = this.length;
    while (keep > 0 && this.entry(keep - 1).offset >= offset) keep--;
    this.truncateToCount(keep);
  }

  protected check(): void {
    for (let i = 1; i < this.count; i++) {
      if (this.timestampAt(i) < this.timestampAt(i - 1))
        throw new CorruptIndexError(`${this.path}: entry ${i} goes back in time`);
    }
  }
}
