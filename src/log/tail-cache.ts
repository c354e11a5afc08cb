/**
 * The most recently appended batches of all logs, in memory. Followers and consumers that keep up read from
 * it, without reading from the disk.
 *
 * There is one limit for the whole broker, and the batch that was appended first is dropped first, whatever
 * log it belongs to. The limit counts the memory that the batches keep alive: a batch is a view on the frame
 * in which it arrived, and a frame may contain little else that is kept. It also counts the entry for each
 * batch, which for a small batch is larger than the batch.
 *
 * Invariant: for each log, the cached batches are contiguous and end at the log end offset.
 *
 * Kafka has none: it relies on the page cache and sendfile, which Node does not offer.
 */
import { RecordBatch } from '../record/record-batch';

interface Entry {
  readonly log: LogTail;
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly bytes: Buffer;
  /** Bytes that had been appended to the log before this batch, since the log was opened. */
  readonly position: number;
}

/** A buffer up to this size may be a slice of Node's shared pool. */
const POOL_BYTES = 8192;

/**
 * The approximate memory of an entry besides the bytes of its batch: the entry, its views and its places in
 * lists.
 */
const ENTRY_BYTES = 500;

/** The bytes, copied if they lie in a pool that they would keep alive. */
function unpooled(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength > POOL_BYTES || bytes.buffer.byteLength === bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}

/** An entry, with the memory that it keeps alive and that earlier entries do not. */
interface Held {
  readonly entry: Entry;
  readonly bytes: number;
  /** Whether the batch is a view on the same memory as the batch before it. */
  readonly isShared: boolean;
}

export class TailCache {
  /** Slots before `head` are dropped entries. */
  private queue: (Held | undefined)[] = [];
  /** The memory on which the last entry is a view. */
  private latest: ArrayBufferLike | undefined;
  private head = 0;
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get sizeInBytes(): number {
    return this.bytes;
  }

  add(entry: Entry): void {
    const { buffer } = entry.bytes;
    const isShared = buffer === this.latest;
    const bytes = ENTRY_BYTES + (isShared ? 0 : buffer.byteLength);
    this.latest = buffer;
    this.queue.push({ entry, bytes, isShared });
    this.bytes += bytes;
    while (this.bytes > this.maxBytes && this.head < this.queue.length) this.dropOldest();
    // Views on the same memory are dropped together with the first one, which alone was counted.
    while (this.head > 0 && this.queue[this.head]?.isShared) this.dropOldest();
    if (this.head === this.queue.length) this.latest = undefined;
    // The array is shortened only now and then, because shift() of a long array is slow.
    if (this.head > 1024 && this.head * 2 > this.queue.length) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
  }

  private dropOldest(): void {
    const { entry, bytes } = this.queue[this.head]!;
    this.queue[this.head++] = undefined;
    this.bytes -= bytes;
    entry.log.dropOldest(entry);
  }
}

/** The cached batches of one log. */
export class LogTail {
  /** Slots before `first` are dropped entries. */
  private entries: (Entry | undefined)[] = [];
  private first = 0;
  /** Bytes appended so far; truncation does not reduce it. */
  endPosition = 0;

  constructor(private readonly cache: TailCache) {}

  append(batch: RecordBatch): void {
    const { baseOffset, nextOffset } = batch;
    const bytes = unpooled(batch.bytes());
    const entry = { log: this, baseOffset, nextOffset, bytes, position: this.endPosition };
    this.endPosition += bytes.length;
    this.entries.push(entry);
    this.cache.add(entry);
  }

  dropOldest(entry: Entry): void {
    if (this.entries[this.first] !== entry) return;
    this.entries[this.first++] = undefined;
    if (this.first > 64 && this.first * 2 > this.entries.length) {
      this.entries = this.entries.slice(this.first);
      this.first = 0;
    }
  }

  /**
   * Drops all entries, for truncation. The cache's queue still contains them until they are dropped there in
   * turn.
   */
  clear(): void {
    this.entries = [];
    this.first = 0;
  }

  /** Drops the entries below `offset` after compaction, because the segments contain fewer records now. */
  dropBelow(offset: number): void {
    while (this.first < this.entries.length && this.entries[this.first]!.baseOffset < offset)
      this.entries[this.first++] = undefined;
  }

  /**
   * Complete batches, from the batch that contains `offset` on: with base offsets below `limitOffset`, at
   * most `maxBytes` in total (with `atLeastOne` the first batch even if it is larger). Undefined if `offset`
   * is below the cached batches.
   */
  read(offset: number, limitOffset: number, maxBytes: number, atLeastOne: boolean): Buffer[] | undefined {
    const oldest = this.entries[this.first];
    if (oldest === undefined || offset < oldest.baseOffset) return undefined;
    const found: Buffer[] = [];
    let bytes = 0;
    for (let i = this.find(offset); i < this.entries.length; i++) {
      const entry = this.entries[i]!;
      if (entry.baseOffset >= limitOffset) break;
      if (bytes + entry.bytes.length > maxBytes && !(atLeastOne && found.length === 0)) break;
      found.push(entry.bytes);
      bytes += entry.bytes.length;
    }
    return found;
  }

  /** The `position` of the batch that contains `offset`; undefined if it is not cached. */
  positionOf(offset: number): number | undefined {
    const oldest = this.entries[this.first];
    return oldest === undefined || offset < oldest.baseOffset
      ? undefined
      : this.entries[this.find(offset)]?.position;
  }

  /** The index of the first entry whose next offset is above `offset`. */
  private find(offset: number): number {
    let low = this.first;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.entries[middle]!.nextOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
