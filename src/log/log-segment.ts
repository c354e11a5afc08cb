/**
 * One `.log` file with its two indexes: the batches from `baseOffset` up to the next segment's base.
 *
 * Invariant: the file holds whole batches with increasing offsets from 0 to `size`; `size` moves after the write
 * returned. An index entry names the last offset of a batch and the position where that batch begins.
 *
 * Kafka: log/LogSegment.scala@2.8.2
 */
import { KafkaError } from '../common/errors';
import { Disk } from '../common/host';
import { BATCH_HEADER_BYTES, headerProblem, LOG_OVERHEAD, NO_TIMESTAMP, RecordBatch } from '../record/record-batch';
import { OffsetIndex } from './offset-index';
import { OpenFiles } from './open-files';
import { TimeIndex, TimestampOffset } from './time-index';

export interface SegmentSettings {
  readonly indexIntervalBytes: number;
  readonly maxIndexBytes: number;
}

export interface RecoveryResult {
  readonly truncatedBytes: number;
  /** Why bytes were cut; undefined if none were. */
  readonly problem: string | undefined;
}

const SCAN_BYTES = 64 * 1024;
const RECOVERY_STEP_BYTES = 1024 * 1024;

export function fileName(baseOffset: number, suffix: string): string {
  return `${String(baseOffset).padStart(20, '0')}${suffix}`;
}

export class LogSegment {
  readonly path: string;
  readonly index: OffsetIndex;
  readonly timeIndex: TimeIndex;
  size: number;
  private bytesSinceLastEntry = 0;
  /** Timestamp of the first batch: time-based rolling counts from it. */
  firstBatchTimestamp = NO_TIMESTAMP;
  private largest: TimestampOffset | undefined;
  readonly createdMs: number;

  constructor(
    private readonly disk: Disk, private readonly files: OpenFiles, private directory: string, readonly baseOffset: number,
    private readonly settings: SegmentSettings, nowMs: number,
  ) {
    this.path = `${directory}/${fileName(baseOffset, '.log')}`;
    this.index = new OffsetIndex(files, disk, `${directory}/${fileName(baseOffset, '.index')}`, baseOffset, settings.maxIndexBytes);
    this.timeIndex = new TimeIndex(files, disk, `${directory}/${fileName(baseOffset, '.timeindex')}`, baseOffset, settings.maxIndexBytes);
    const isNew = !disk.exists(this.path);
    this.size = isNew ? (files.get(this.path, true), 0) : disk.stat(this.path).size;
    this.createdMs = isNew ? nowMs : disk.stat(this.path).modifiedMs;
  }

  private get file() { return this.files.get(this.path); }

  /** The latest timestamp of the segment and the offset that has it; from the time index after a restart. */
  get largestTimestamp(): TimestampOffset {
    return (this.largest ??= this.timeIndex.last);
  }

  /** When the file was last written; a cleaned segment keeps the time of what it was made from. */
  get modifiedMs(): number { return this.disk.stat(this.path).modifiedMs; }

  /** Latest timestamp, or the file's own time where no record has one: what retention goes by. */
  get retentionTimestamp(): number {
    const { timestamp } = this.largestTimestamp;
    return timestamp >= 0 ? timestamp : this.modifiedMs;
  }

  /** Writes the batches in one call, then indexes them one by one. */
  append(batches: readonly RecordBatch[]): void {
    let position = this.size;
    this.file.write(batches.map((batch) => batch.bytes()), position);
    for (const batch of batches) {
      this.indexBatch(batch, position);
      position += batch.sizeInBytes;
    }
    this.size = position;
  }

  private indexBatch(batch: RecordBatch, position: number): void {
    const { maxTimestamp, lastOffset } = batch;
    if (position === 0) this.firstBatchTimestamp = maxTimestamp;
    if (maxTimestamp > this.largestTimestamp.timestamp) this.largest = { timestamp: maxTimestamp, offset: lastOffset };
    if (this.bytesSinceLastEntry > this.settings.indexIntervalBytes) {
      this.index.append(lastOffset, position);
      this.timeIndex.append(this.largestTimestamp.timestamp, this.largestTimestamp.offset);
      this.bytesSinceLastEntry = 0;
    }
    this.bytesSinceLastEntry += batch.sizeInBytes;
  }

  /** Reads up to `bytes` from `position`; fewer at the end. */
  private block(position: number, bytes: number): Buffer {
    const block = Buffer.allocUnsafeSlow(Math.max(0, Math.min(bytes, this.size - position)));
    return block.subarray(0, this.file.read(block, position));
  }

  /** Walks the batches from `position`: header fields and position of each, without reading more than headers need. */
  *batchesFrom(position: number): Generator<{ batch: RecordBatch; position: number }> {
    let at = position;
    let block = this.block(at, SCAN_BYTES);
    let blockStart = at;
    while (at < this.size) {
      if (block.length - (at - blockStart) < BATCH_HEADER_BYTES) {
        block = this.block(at, SCAN_BYTES);
        blockStart = at;
        if (block.length < BATCH_HEADER_BYTES) return;
      }
      const batch = new RecordBatch(block, at - blockStart);
      if (batch.sizeInBytes < BATCH_HEADER_BYTES) return;
      yield { batch, position: at };
      at += batch.sizeInBytes;
    }
  }

  /** Position and size of the first batch whose last offset is at least `offset`. */
  private locate(offset: number): { position: number; size: number } | undefined {
    for (const { batch, position } of this.batchesFrom(this.index.lookup(offset).position)) {
      if (batch.lastOffset >= offset) return { position, size: batch.sizeInBytes };
    }
    return undefined;
  }

  /**
   * Whole batches from the one holding `offset`, with base offsets below `limitOffset`, up to `maxBytes` (with
   * `atLeastOne` the first even if larger). Empty when there are none. Throws CORRUPT_MESSAGE on a broken header.
   */
  read(offset: number, limitOffset: number, maxBytes: number, atLeastOne: boolean): Buffer | undefined {
    const first = this.locate(offset);
    if (first === undefined) return undefined;
    if (first.size > maxBytes && !atLeastOne) return Buffer.alloc(0);
    const block = this.block(first.position, Math.max(maxBytes, first.size));
    let end = 0;
    while (end + LOG_OVERHEAD < block.length) {
      const problem = headerProblem(block, end);
      if (problem !== undefined) {
        const cut = block.length - end < BATCH_HEADER_BYTES || new RecordBatch(block, end).sizeInBytes > block.length - end;
        if (cut) break;
        throw new KafkaError('CORRUPT_MESSAGE', `${this.path} at ${first.position + end}: ${problem}`);
      }
      const batch = new RecordBatch(block, end);
      if (batch.baseOffset >= limitOffset) break;
      end += batch.sizeInBytes;
    }
    return block.subarray(0, end);
  }

  /** The first batch with a record at or after the timestamp, from `startOffset` on; whole, so it can be decoded. */
  findBatchByTimestamp(timestamp: number, startOffset: number): RecordBatch | undefined {
    const from = Math.max(this.timeIndex.lookup(timestamp).offset, startOffset);
    for (const { batch, position } of this.batchesFrom(this.index.lookup(from).position)) {
      if (batch.maxTimestamp >= timestamp && batch.lastOffset >= startOffset) return new RecordBatch(this.block(position, batch.sizeInBytes));
    }
    return undefined;
  }

  /** The offset after the last batch, by scanning from the last index entry. */
  readNextOffset(): number {
    let next = this.baseOffset;
    const last = this.index.length > 0 ? this.index.entry(this.index.length - 1).position : 0;
    for (const { batch } of this.batchesFrom(last)) next = batch.nextOffset;
    return next;
  }

  /** Cuts every batch that reaches `offset` or beyond; returns the bytes removed. */
  truncateTo(offset: number): number {
    const first = this.locate(offset);
    this.index.truncateTo(offset);
    this.timeIndex.truncateTo(offset);
    this.largest = undefined;
    this.bytesSinceLastEntry = 0;
    if (first === undefined) return 0;
    const removed = this.size - first.position;
    this.file.truncate(first.position);
    this.size = first.position;
    return removed;
  }

  /** Cuts the file behind the last sound batch and rebuilds both indexes. Only compaction leaves gaps between offsets. */
  recover(onBatch: (batch: RecordBatch) => void, mayHaveGaps: boolean): RecoveryResult {
    const steps = this.recovery(onBatch, mayHaveGaps);
    for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
  }

  /** As `recover`, in steps of a mebibyte or so: what it yields is the bytes of the step. A batch is valid until the next. */
  *recovery(onBatch: (batch: RecordBatch) => void, mayHaveGaps: boolean): Generator<number, RecoveryResult> {
    this.index.reset();
    this.timeIndex.reset();
    this.largest = { timestamp: NO_TIMESTAMP, offset: this.baseOffset };
    this.bytesSinceLastEntry = 0;
    let good = 0;
    let nextOffset = this.baseOffset;
    let problem: string | undefined;
    let buffer: Buffer = Buffer.allocUnsafeSlow(Math.min(this.size, RECOVERY_STEP_BYTES));
    while (problem === undefined && good < this.size) {
      const start = good;
      const block = buffer.subarray(0, this.file.read(buffer.subarray(0, Math.min(buffer.length, this.size - start)), start));
      for (let at = 0; at + BATCH_HEADER_BYTES <= block.length; at = good - start) {
        const batch = new RecordBatch(block, at);
        problem = this.headProblem(batch, this.size - good, nextOffset, mayHaveGaps);
        if (problem !== undefined || batch.sizeInBytes > block.length - at) break;
        if (batch.computeCrc() !== batch.crc) problem = 'the CRC does not match';
        if (problem !== undefined) break;
        this.indexBatch(batch, good);
        onBatch(batch);
        nextOffset = batch.nextOffset;
        good += batch.sizeInBytes;
      }
      if (good === start && problem === undefined) {
        // Nothing whole in the step: the batch is larger, or there is less than a header.
        if (block.length < BATCH_HEADER_BYTES) break;
        buffer = Buffer.allocUnsafeSlow(new RecordBatch(block).sizeInBytes);
      }
      yield good - start;
    }
    return this.cutAfterRecovery(good, problem);
  }

  private cutAfterRecovery(good: number, problem: string | undefined): RecoveryResult {
    const truncatedBytes = this.size - good;
    if (truncatedBytes > 0) {
      this.file.truncate(good);
      this.size = good;
    }
    this.timeIndex.append(this.largestTimestamp.timestamp, this.largestTimestamp.offset);
    this.saveIndexes();
    return { truncatedBytes, problem: truncatedBytes > 0 ? problem ?? 'the last batch is not whole' : undefined };
  }

  /** The CRC does not cover the base offset; that it goes on where the last batch ended is what vouches for it. */
  private headProblem(batch: RecordBatch, left: number, nextOffset: number, mayHaveGaps: boolean): string | undefined {
    if (batch.sizeInBytes > left) return 'the last batch is not whole';
    return headerProblem(batch.buffer, batch.start, left)
      ?? (batch.baseOffset < nextOffset ? `offset ${batch.baseOffset} goes back below ${nextOffset}` : undefined)
      ?? (batch.baseOffset > nextOffset && !mayHaveGaps ? `offset ${batch.baseOffset} does not follow ${nextOffset - 1}` : undefined);
  }

  saveIndexes(): void {
    this.index.save();
    this.timeIndex.save();
  }

  /** Before the segment stops being the active one: the last word of the time index. */
  onBecomeInactive(): void {
    this.timeIndex.append(this.largestTimestamp.timestamp, this.largestTimestamp.offset);
    this.saveIndexes();
  }

  /** Makes data and indexes durable. */
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
    return ['.log', '.index', '.timeindex', '.txnindex', '.snapshot'].map((suffix) => `${this.directory}/${fileName(this.baseOffset, suffix)}`);
  }

  /** Renames the files to `.deleted`; returns what is to be removed later. */
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
