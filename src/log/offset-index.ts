/**
 * The offset index of a segment, in the `.index` file: entries of 8 bytes, with an i32 offset relative to the
 * segment's base offset and an i32 position in the `.log` file.
 *
 * The index is sparse: one entry per `index.interval.bytes`. Both columns increase. So a binary search finds
 * the largest entry that is at most the wanted offset, and a short scan from its position finds the batch.
 *
 * Kafka: log/OffsetIndex.scala@2.8.2
 */
import { Disk } from '../common/host';
import { OpenFiles } from './open-files';
import { CorruptIndexError, fitsInt32, SparseIndex } from './sparse-index';

export interface OffsetPosition {
  readonly offset: number;
  readonly position: number;
}

export class OffsetIndex extends SparseIndex {
  constructor(files: OpenFiles, disk: Disk, path: string, baseOffset: number, maxBytes: number) {
    super(files, disk, path, baseOffset, 8, maxBytes);
  }

  private relativeAt(i: number): number {
    return this.entries.readInt32BE(i * 8);
  }

  entry(i: number): OffsetPosition {
    this.load();
    return { offset: this.baseOffset + this.relativeAt(i), position: this.entries.readInt32BE(i * 8 + 4) };
  }

  /** The largest entry with at most `offset`; the start of the segment if there is none. */
  lookup(offset: number): OffsetPosition {
    const i = this.floor(offset - this.baseOffset, (n) => this.relativeAt(n));
    return i < 0 ? { offset: this.baseOffset, position: 0 } : this.entry(i);
  }

  /** The entry with the largest position that is at most `position`, or undefined. */
  entryAtPosition(position: number): OffsetPosition | undefined {
    const i = this.floor(position, (n) => this.entries.readInt32BE(n * 8 + 4));
    return i < 0 ? undefined : this.entry(i);
  }

  /** A value that does not fit into an entry is left out; a scan from the entry before finds the batch. */
  append(offset: number, position: number): void {
    this.load();
    const relative = offset - this.baseOffset;
    if (this.isFull || !fitsInt32(relative) || !fitsInt32(position)) return;
    if (this.count > 0 && relative <= this.relativeAt(this.count - 1)) return;
    const at = this.reserve();
    this.entries.writeInt32BE(relative, at);
    this.entries.writeInt32BE(position, at + 4);
  }

  /** Drops the entries at or above the offset. */
  truncateTo(offset: number): void {
    this.truncateToCount(this.floor(offset - this.baseOffset - 1, (n) => this.relativeAt(n)) + 1);
  }

  protected check(): void {
    for (let i = 0; i < this.count; i++) {
      const before = i === 0 ? -1 : this.relativeAt(i - 1);
      if (this.relativeAt(i) <= before)
        throw new CorruptIndexError(`${this.path}: entry ${i} does not increase`);
    }
  }
}
