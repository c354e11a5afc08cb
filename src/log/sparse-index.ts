/**
 * The common part of the two index files: sorted entries of fixed size. They are in memory while the segment
 * is in use, and are written when the segment is flushed, rolled or closed.
 *
 * Kafka maps a preallocated file into memory. Here the file contains only complete entries, so that after a
 * crash it is short and never padded. That is safe: after a crash the indexes of every segment from the
 * recovery point on are rebuilt, and the recovery point is never raised above a segment whose indexes were
 * not written.
 *
 * Kafka: log/AbstractIndex.scala@2.8.2
 */
import { invariant } from '../common/errors';
import { Disk } from '../common/host';
import { OpenFiles } from './open-files';

/**
 * Whether the value fits into an entry. A damaged file may contain offsets that its segment could never have.
 */
export function fitsInt32(value: number): boolean {
  return value >= -(2 ** 31) && value < 2 ** 31;
}

export abstract class SparseIndex {
  protected entries: Buffer = Buffer.alloc(0);
  protected count = 0;
  private loaded = false;
  private savedCount = 0;

  constructor(
    protected readonly files: OpenFiles,
    private readonly disk: Disk,
    readonly path: string,
    protected readonly baseOffset: number,
    protected readonly entryBytes: number,
    private readonly maxBytes: number,
  ) {}

  get length(): number {
    this.load();
    return this.count;
  }

  get maxEntries(): number {
    return Math.floor(this.maxBytes / this.entryBytes);
  }
  get isFull(): boolean {
    return this.length >= this.maxEntries;
  }

  /**
   * Reads the file once. Throws CorruptIndexError if its size is not a multiple of the entry size, or if its
   * entries are not sorted.
   */
  protected load(): void {
    if (this.loaded) return;
    this.loaded = true;
    if (!this.disk.exists(this.path)) return;
    const file = this.files.get(this.path);
    const size = file.size();
    if (size % this.entryBytes !== 0)
      throw new CorruptIndexError(`${this.path} has ${size} bytes, no multiple of ${this.entryBytes}`);
    this.entries = Buffer.alloc(size);
    file.read(this.entries, 0);
    this.count = this.trimmedCount(size / this.entryBytes);
    this.savedCount = this.count;
    this.check();
  }

  /** Leaves out zeros at the end: a Kafka broker that crashed leaves a preallocated file. */
  private trimmedCount(count: number): number {
    let n = count;
    while (
      n > 0 &&
      this.entries.subarray((n - 1) * this.entryBytes, n * this.entryBytes).every((byte) => byte === 0)
    )
      n--;
    return n;
  }

  /** Throws CorruptIndexError if the entries do not increase. */
  protected abstract check(): void;

  protected reserve(): number {
    const at = this.count * this.entryBytes;
    if (at + this.entryBytes > this.entries.length) {
      const grown = Buffer.alloc(Math.max(64 * this.entryBytes, this.entries.length * 2));
      this.entries.copy(grown);
      this.entries = grown;
    }
    this.count++;
    return at;
  }

  /** The last index in [0, count) whose key is at most `target`; -1 if there is none. */
  protected floor(target: number, keyAt: (i: number) => number): number {
    this.load();
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (keyAt(middle) <= target) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }

  protected truncateToCount(count: number): void {
    invariant(count <= this.count, 'an index cannot grow by truncation');
    this.count = count;
    this.savedCount = Math.min(this.savedCount, count);
  }

  reset(): void {
    this.loaded = true;
    this.count = 0;
    this.savedCount = 0;
  }

  /** Writes the entries that the file does not contain yet, and truncates the file if it has more. */
  save(): void {
    if (!this.loaded && this.disk.exists(this.path)) return;
    // A segment that is too small for an entry has an index file as well: Kafka takes a missing one for
    // damage.
    this.load();
    const file = this.files.get(this.path, true);
    if (this.count > this.savedCount) {
      const from = this.savedCount * this.entryBytes;
      file.write([this.entries.subarray(from, this.count * this.entryBytes)], from);
    }
    if (file.size() !== this.count * this.entryBytes) file.truncate(this.count * this.entryBytes);
    this.savedCount = this.count;
  }

  async sync(): Promise<void> {
    if (this.disk.exists(this.path)) await this.files.sync(this.path);
  }

  /** Releases the memory; the next use reads the file again. */
  unload(): void {
    if (!this.loaded || this.savedCount !== this.count) return;
    this.loaded = false;
    this.entries = Buffer.alloc(0);
    this.count = 0;
  }

  exists(): boolean {
    return this.disk.exists(this.path);
  }

  /** Checks that the file can be read; called when a log is opened. Throws CorruptIndexError. */
  sanityCheck(): void {
    this.load();
  }
}

/** The file is not a valid index of its segment; it has to be rebuilt from the log. */
export class CorruptIndexError extends Error {
  override readonly name = 'CorruptIndexError';
}
