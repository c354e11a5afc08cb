/**
 * One segment: a `.log` file with its offset index and time index. It contains the batches from `baseOffset`
 * up to the base offset of the next segment.
 *
 * Invariant: the file contains complete batches with increasing offsets from position 0 to `size`; `size` is
 * raised after the write has returned. An entry of the offset index has the last offset of a batch and the
 * position at which this batch begins.
 *
 * Kafka: log/LogSegment.scala@2.8.2
 */
import { Disk, Log as Logger } from '../common/host';
import { BATCH_HEADER_BYTES, NO_TIMESTAMP, RecordBatch } from '../record/record-batch';
import { CorruptSegmentError, headProblem } from './batch-head';
import { OffsetIndex, OffsetPosition } from './offset-index';
import { OpenFiles } from './open-files';
import { TimeIndex, TimestampOffset } from './time-index';

export interface SegmentSettings {
  readonly indexIntervalBytes: number;
  readonly maxIndexBytes: number;
}

const SCAN_BYTES = 64 * 1024;

export function fileName(baseOffset: number, suffix: string): string {
  return `${String(baseOffset).padStart(20, '0')}${suffix}`;
}

export class LogSegment {
  readonly path: string;
  readonly index: OffsetIndex;
  readonly timeIndex: TimeIndex;
  size: number;
  private bytesSinceLastEntry = 0;
  /** Timestamp of the first batch, from which time-based rolling counts. */
  firstBatchTimestamp = NO_TIMESTAMP;
  private largest: TimestampOffset | undefined;
  readonly createdMs: number;

  constructor(
    private readonly disk: Disk,
    private readonly files: OpenFiles,
    private directory: string,
    readonly baseOffset: number,
    private readonly settings: SegmentSettings,
    private readonly log: Logger,
    nowMs: number,
  ) {
    this.path = `${directory}/${fileName(baseOffset, '.log')}`;
    this.index = new OffsetIndex(
      files,
      disk,
      `${directory}/${fileName(baseOffset, '.index')}`,
      baseOffset,
      settings.maxIndexBytes,
    );
    this.timeIndex = new TimeIndex(
      files,
      disk,
      `${directory}/${fileName(baseOffset, '.timeindex')}`,
      baseOffset,
      settings.maxIndexBytes,
    );
    const isNew = !disk.exists(this.path);
    this.size = isNew ? (files.get(this.path, true), 0) : disk.stat(this.path).size;
    this.createdMs = isNew ? nowMs : disk.stat(this.path).modifiedMs;
  }

  private get file() {
    return this.files.get(this.path);
  }

  /** Latest timestamp of the segment and the offset of its batch; after a restart from the time index. */
  get largestTimestamp(): TimestampOffset {
    if (this.largest === undefined && !this.vouchesForTime(this.timeIndex.last))
      this.rebuildIndexes(`${this.timeIndex.path}: its last entry is not the time of its batch`);
    return (this.largest ??= this.latestOf(this.timeIndex.last));
  }

  /** Time of the last write, ms. A cleaned segment keeps the time of the segments it was made from. */
  get modifiedMs(): number {
    return this.disk.stat(this.path).modifiedMs;
  }

  /** The timestamp for retention: the latest timestamp, or the file's time if no record has a timestamp. */
  get retentionTimestamp(): number {
    const { timestamp } = this.largestTimestamp;
    return timestamp >= 0 ? timestamp : this.modifiedMs;
  }

  /** Writes all batches with one call, then adds them to the indexes one by one. */
  append(batches: readonly RecordBatch[]): void {
    let position = this.size;
    this.file.write(
      batches.map((batch) => batch.bytes()),
      position,
    );
    for (const batch of batches) {
      this.indexBatch(batch, position);
      position += batch.sizeInBytes;
    }
    this.size = position;
  }

  indexBatch(batch: RecordBatch, position: number): void {
    const { maxTimestamp, lastOffset } = batch;
    if (position === 0) this.firstBatchTimestamp = maxTimestamp;
    if (maxTimestamp > this.largestTimestamp.timestamp)
      this.largest = { timestamp: maxTimestamp, offset: lastOffset };
    if (this.bytesSinceLastEntry > this.settings.indexIntervalBytes) {
      this.index.append(lastOffset, position);
      this.timeIndex.append(this.largestTimestamp.timestamp, this.largestTimestamp.offset);
      this.bytesSinceLastEntry = 0;
    }
    this.bytesSinceLastEntry += batch.sizeInBytes;
  }

  /** Reads `bytes` bytes from `position`; fewer at the end of the file. */
  private block(position: number, bytes: number): Buffer {
    const block = Buffer.allocUnsafeSlow(Math.max(0, Math.min(bytes, this.size - position)));
    return block.subarray(0, this.file.read(block, position));
  }

  /**
   * The batches from `position` on: header and position of each, with as few reads as the headers need.
   * Throws CorruptSegmentError where the next batch should begin and no valid header is found.
   */
  *batchesFrom(position: number): Generator<{ batch: RecordBatch; position: number }> {
    let nextOffset = this.baseOffset;
    let block: Buffer = Buffer.alloc(0);
    let blockStart = position;
    for (let at = position; at < this.size;) {
      if (block.length - (at - blockStart) < BATCH_HEADER_BYTES) {
        block = this.block(at, SCAN_BYTES);
        blockStart = at;
      }
      const problem = headProblem(block, at - blockStart, this.size - at, nextOffset);
      if (problem !== undefined) throw new CorruptSegmentError(this.path, at, problem);
      const batch = new RecordBatch(block, at - blockStart);
      nextOffset = batch.nextOffset;
      const found = { batch, position: at };
      at += batch.sizeInBytes;
      yield found;
    }
  }

  /** Whether offsets are missing between batches, up to the first damaged header. */
  hasGaps(): boolean {
    let next = this.baseOffset;
    try {
      for (const { batch } of this.batchesFrom(0)) {
        if (batch.baseOffset > next) return true;
        next = batch.nextOffset;
      }
    } catch (error) {
      if (!(error instanceof CorruptSegmentError)) throw error;
    }
    return false;
  }

  /** Where to begin the search for `offset`, by the index, which is rebuilt if its entry is wrong. */
  positionOf(offset: number): number {
    const entry = this.index.lookup(offset);
    if (entry.position === 0 || this.vouchesFor(entry)) return entry.position;
    this.rebuildIndexes(`${this.index.path}: the entry for offset ${entry.offset} points at no such batch`);
    return this.index.lookup(offset).position;
  }

  /** The position of a batch, at most `position`, by the index, which is rebuilt if its entry is wrong. */
  positionNear(position: number): number {
    const entry = this.index.entryAtPosition(position);
    if (entry === undefined || this.vouchesFor(entry)) return entry?.position ?? 0;
    this.rebuildIndexes(`${this.index.path}: the entry for offset ${entry.offset} points at no such batch`);
    return this.index.entryAtPosition(position)?.position ?? 0;
  }

  /**
   * Whether the entry is right: at its position a batch begins whose base offset is above the offset of the
   * entry before and at most the offset of this entry. Then a scan from there skips nothing.
   */
  private vouchesFor({ offset, position }: OffsetPosition): boolean {
    if (position < 0 || position >= this.size) return false;
    const head = this.block(position, BATCH_HEADER_BYTES);
    const before = this.index.lookup(offset - 1);
    const from = before.position === 0 ? this.baseOffset + 1 : before.offset + 1;
    return (
      headProblem(head, 0, this.size - position, from) === undefined &&
      new RecordBatch(head).baseOffset <= offset
    );
  }

  /**
   * Whether the entry is right: the batch that contains its offset has its timestamp as the maximum. True
   * also if the log itself is damaged there, because then nothing shows that the index is wrong.
   */
  private vouchesForTime({ timestamp, offset }: TimestampOffset): boolean {
    if (timestamp === NO_TIMESTAMP) return true;
    try {
      for (const { batch } of this.batchesFrom(this.positionOf(offset)))
        if (batch.lastOffset >= offset) return batch.maxTimestamp === timestamp;
      return false;
    } catch (error) {
      if (!(error instanceof CorruptSegmentError)) throw error;
      return true;
    }
  }

  /** No record below the result is at or after the timestamp. By the time index, as in `positionOf`. */
  private offsetOfTimestamp(timestamp: number): number {
    const entry = this.timeIndex.lookup(timestamp);
    if (this.vouchesForTime(entry)) return entry.offset;
    this.rebuildIndexes(
      `${this.timeIndex.path}: the entry for offset ${entry.offset} is not the time of its batch`,
    );
    return this.timeIndex.lookup(timestamp).offset;
  }

  /** Rebuilds both indexes from the batch headers; the log file stays. Throws CorruptSegmentError. */
  rebuildIndexes(reason: string): void {
    this.log.warn(`${reason}; rebuilding the indexes of ${this.path}`);
    this.buildIndexes();
  }

  /** Builds both indexes from the headers of the batches. Throws CorruptSegmentError. */
  buildIndexes(): void {
    this.beginIndexes();
    for (const { batch, position } of this.batchesFrom(0)) this.indexBatch(batch, position);
    this.onBecomeInactive();
  }

  /**
   * Position and size of the first batch whose last offset is at least `offset`. If this batch begins above
   * `offset`, then either the offset was compacted away, or the batch before contains it and has a damaged
   * header. To tell the two apart, the CRC of the batch before is checked. Throws CorruptSegmentError.
   */
  private locate(offset: number): { position: number; size: number } | undefined {
    let before: { position: number; size: number } | undefined;
    for (const { batch, position } of this.batchesFrom(this.positionOf(offset))) {
      if (batch.lastOffset >= offset) {
        if (batch.baseOffset > offset && before) this.wholeBatch(before.position, before.size);
        return { position, size: batch.sizeInBytes };
      }
      before = { position, size: batch.sizeInBytes };
    }
    return undefined;
  }

  /**
   * Complete batches, from the batch that contains `offset` on: with base offsets below `limitOffset`, at
   * most `maxBytes` in total (with `atLeastOne` the first batch even if it is larger). Undefined if the
   * segment ends before `offset`. Throws CorruptSegmentError for a damaged header.
   */
  read(offset: number, limitOffset: number, maxBytes: number, atLeastOne: boolean): Buffer | undefined {
    const first = this.locate(offset);
    if (first === undefined) return undefined;
    if (first.size > maxBytes && !atLeastOne) return Buffer.alloc(0);
    const block = this.block(first.position, Math.max(maxBytes, first.size));
    let end = 0;
    for (let nextOffset = this.baseOffset; end + BATCH_HEADER_BYTES <= block.length;) {
      const problem = headProblem(block, end, this.size - first.position - end, nextOffset);
      if (problem !== undefined) throw new CorruptSegmentError(this.path, first.position + end, problem);
      const batch = new RecordBatch(block, end);
      if (batch.sizeInBytes > block.length - end || batch.baseOffset >= limitOffset) break;
      nextOffset = batch.nextOffset;
      end += batch.sizeInBytes;
    }
    return block.subarray(0, end);
  }

  /** The first batch at or above `startOffset` with a record at or after the timestamp (ms), complete. */
  findBatchByTimestamp(timestamp: number, startOffset: number): RecordBatch | undefined {
    const from = Math.max(this.offsetOfTimestamp(timestamp), startOffset);
    for (const { batch, position } of this.batchesFrom(this.positionOf(from))) {
      if (batch.maxTimestamp >= timestamp && batch.lastOffset >= startOffset)
        return this.wholeBatch(position, batch.sizeInBytes);
    }
    return undefined;
  }

  private wholeBatch(position: number, size: number): RecordBatch {
    const batch = new RecordBatch(this.block(position, size));
    if (batch.computeCrc() !== batch.crc)
      throw new CorruptSegmentError(
        this.path,
        position,
        `the CRC of the batch at offset ${batch.baseOffset} does not match`,
      );
    return batch;
  }

  /** The offset after the last batch, whose CRC is checked, because the log continues after it. */
  readNextOffset(): number {
    let last: { position: number; size: number } | undefined;
    for (const { batch, position } of this.batchesFrom(this.positionOf(Infinity)))
      last = { position, size: batch.sizeInBytes };
    return last === undefined ? this.baseOffset : this.wholeBatch(last.position, last.size).nextOffset;
  }

  /** Removes every batch that contains or follows `offset`; returns the number of removed bytes. */
  truncateTo(offset: number): number {
    const first = this.locate(offset);
    this.index.truncateTo(offset);
    this.timeIndex.truncateTo(offset);
    this.largest = undefined;
    this.bytesSinceLastEntry = 0;
    if (first === undefined) return 0;
    const removed = this.size - first.position;
    this.cut(first.position);
    return removed;
  }

  /**
   * The latest timestamp, beginning with the last entry of the time index. Batches after it may have a later
   * one: after a truncation, or if a power failure lost the last entry. Damaged batches are ignored here;
   * reading them reports the damage.
   */
  private latestOf(indexed: TimestampOffset): TimestampOffset {
    let latest = indexed;
    try {
      for (const {
        batch: { maxTimestamp, lastOffset },
      } of this.batchesFrom(this.positionOf(indexed.offset))) {
        if (maxTimestamp > latest.timestamp) latest = { timestamp: maxTimestamp, offset: lastOffset };
      }
    } catch (error) {
      if (!(error instanceof CorruptSegmentError)) throw error;
    }
    return latest;
  }

  /** For recovery: reads from `position` on; returns the number of bytes, fewer at the end of the file. */
  readInto(buffer: Buffer, position: number): number {
    return this.file.read(buffer, position);
  }

  /** For recovery: truncates the file to `size` bytes; the caller rebuilds the indexes. */
  cut(size: number): void {
    this.file.truncate(size);
    this.size = size;
  }

  /** Empties the indexes. `indexBatch` has to be called for every batch in order. */
  beginIndexes(): void {
    this.index.reset();
    this.timeIndex.reset();
    this.largest = { timestamp: NO_TIMESTAMP, offset: this.baseOffset };
    this.bytesSinceLastEntry = 0;
  }

  saveIndexes(): void {
    this.index.save();
    this.timeIndex.save();
  }

  /** Before another segment becomes active: adds the last entry to the time index, saves both indexes. */
  onBecomeInactive(): void {
    this.timeIndex.append(this.largestTimestamp.timestamp, this.largestTimestamp.offset);
    this.saveIndexes();
  }

  /** Makes the log file and the indexes durable. */
  async flush(): Promise<void> {
    this.saveIndexes();
    await this.files.sync(this.path);
    await this.index.sync();
    await this.timeIndex.sync();
  }

  closeFiles(): void {
    for (const path of this.paths()) this.files.close(path);
    this.index.unload();
    this.timeIndex.unload();
  }

  private paths(): string[] {
    return ['.log', '.index', '.timeindex', '.txnindex', '.snapshot'].map(
      (suffix) => `${this.directory}/${fileName(this.baseOffset, suffix)}`,
    );
  }

  /** Renames the files to `.deleted`; returns the new paths, which the caller removes later. */
  markDeleted(): string[] {
    this.closeFiles();
    const marked: string[] = [];
    for (const path of this.paths()) {
      if (!this.disk.exists(path)) continue;
      this.disk.rename(path, `${path}.deleted`);
      marked.push(`${path}.deleted`);
    }
    return marked;
  }
}
