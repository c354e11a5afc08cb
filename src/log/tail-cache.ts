/**
 * The most recently appended batches of every log, in memory: followers and consumers that keep up are served from here
 * and cost no disk read.
 *
 * The bound is one for the whole broker; the batch appended longest ago goes first, of whichever log it is.
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
}

export class TailCache {
  private queue: Entry[] = [];
  private head = 0;
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get sizeInBytes(): number { return this.bytes; }

  add(entry: Entry): void {
    this.queue.push(entry);
    this.bytes += entry.bytes.length;
    while (this.bytes > this.maxBytes && this.head < this.queue.length) {
      const oldest = this.queue[this.head++]!;
      this.bytes -= oldest.bytes.length;
      oldest.log.dropOldest(oldest);
    }
    if (this.head > 1024 && this.head * 2 > this.queue.length) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
  }
}

/** The tail of one log. */
export class LogTail {
  private entries: Entry[] = [];
  private first = 0;

  constructor(private readonly cache: TailCache) {}

  append(batch: RecordBatch): void {
    const entry = { log: this, baseOffset: batch.baseOffset, nextOffset: batch.nextOffset, bytes: batch.bytes() };
    this.entries.push(entry);
    this.cache.add(entry);
  }

  dropOldest(entry: Entry): void {
    if (this.entries[this.first] !== entry) return;
    this.first++;
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
    while (this.first < this.entries.length && this.entries[this.first]!.baseOffset < offset) this.first++;
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
