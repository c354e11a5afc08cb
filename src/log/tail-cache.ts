/**
 * The most recently appended batches of every log, in memory: followers and consumers that keep up are served from here
 * and cost no disk read.
 *
 * The bound is one for the whole broker; the batch appended longest ago goes first, of whichever log it is. What
 * counts is the memory that batches keep alive: they are views on the frames that they came in, and a frame may
 * hold little else that is kept. What is remembered of each batch counts too: of a small one it is more than the
 * batch.
 * Invariant: per log, what is kept is a contiguous run of batches ending at the log end offset.
 *
 * Kafka has none: it relies on the page cache and sendfile, which Node does not offer.
 */
import { RecordBatch } from '../record/record-batch';

interface Entry {
  readonly log: LogTail;
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly bytes: Buffer;
  /** Bytes appended to the log before it, since the log was opened. */
  readonly position: number;
}

/** Buffers up to this size may be slices of Node's pool, which others share. */
const POOL_BYTES = 8192;

/** What an entry takes beside the bytes of its batch, about: the entry, its views and its places in lists. */
const ENTRY_BYTES = 500;

/** The bytes, in memory of their own if they would keep a pool alive. */
function unpooled(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength > POOL_BYTES || bytes.buffer.byteLength === bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}

/** The memory an entry keeps alive, and which those before it do not. */
interface Held {
  readonly entry: Entry;
  readonly bytes: number;
  /** The batch is a view on the same memory as the one before it. */
  readonly isShared: boolean;
}

export class TailCache {
  /** What lies before the head has been dropped and holds no memory. */
  private queue: (Held | undefined)[] = [];
  /** What the last entry is a view on. */
  private latest: ArrayBufferLike | undefined;
  private head = 0;
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get sizeInBytes(): number { return this.bytes; }

  add(entry: Entry): void {
    const { buffer } = entry.bytes;
    const isShared = buffer === this.latest;
    const bytes = ENTRY_BYTES + (isShared ? 0 : buffer.byteLength);
    this.latest = buffer;
    this.queue.push({ entry, bytes, isShared });
    this.bytes += bytes;
    while (this.bytes > this.maxBytes && this.head < this.queue.length) this.dropOldest();
    // Views on the same memory go with the first of them: without it they would not be counted.
    while (this.head > 0 && this.queue[this.head]?.isShared) this.dropOldest();
    if (this.head === this.queue.length) this.latest = undefined;
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

/** The tail of one log. */
export class LogTail {
  /** What lies before the first has been dropped and holds no memory. */
  private entries: (Entry | undefined)[] = [];
  private first = 0;
  /** Bytes appended so far; truncation does not take them off. */
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

  /** Forgets everything; for truncation. The cache's queue drops the stale entries as it turns over. */
  clear(): void {
    this.entries = [];
    this.first = 0;
  }

  /** Forgets what lies below `offset`: it was compacted, and the disk has fewer records than we. */
  dropBelow(offset: number): void {
    while (this.first < this.entries.length && this.entries[this.first]!.baseOffset < offset)
      this.entries[this.first++] = undefined;
  }

  /**
   * Whole batches from the one that holds `offset`, below `limitOffset`, up to `maxBytes` (the first one even if it is
   * larger, with `atLeastOne`). Undefined when `offset` lies before what is kept.
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

  /** Where the batch begins that holds `offset`, as a count of bytes; undefined if it is not here. */
  positionOf(offset: number): number | undefined {
    const oldest = this.entries[this.first];
    return oldest === undefined || offset < oldest.baseOffset ? undefined : this.entries[this.find(offset)]?.position;
  }

  /** Index of the first entry whose next offset is beyond `offset`. */
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
