/**
 * The segments of one log, in the order of their base offsets, and reading across them.
 *
 * Invariant: the last segment is the active one, and there always is one. A segment ends where the next one
 * begins.
 *
 * Kafka: log/Log.scala#segments@2.8.2 (later log/LogSegments.scala)
 */
import { batchesOf, RecordBatch } from '../record/record-batch';
import { recordsOf } from '../record/record';
import { CorruptSegmentError } from './batch-head';
import { LogSegment } from './log-segment';

export interface OffsetAndTimestamp {
  readonly offset: number;
  readonly timestamp: number;
}

export class LogSegments {
  /** `mayHaveGaps`: offsets may be missing legitimately, because the log is or was compacted. */
  constructor(
    private readonly list: LogSegment[],
    private mayHaveGaps: boolean,
  ) {}

  get active(): LogSegment {
    return this.list[this.list.length - 1]!;
  }
  get first(): LogSegment {
    return this.list[0]!;
  }
  get all(): readonly LogSegment[] {
    return this.list;
  }
  get sizeInBytes(): number {
    return this.list.reduce((sum, segment) => sum + segment.size, 0);
  }

  add(segment: LogSegment): void {
    this.list.push(segment);
  }

  includes(segment: LogSegment): boolean {
    return this.list.includes(segment);
  }

  remove(segment: LogSegment): void {
    const at = this.list.indexOf(segment);
    if (at >= 0) this.list.splice(at, 1);
  }

  /** Replaces adjacent segments by one. */
  replace(old: readonly LogSegment[], fresh: LogSegment): void {
    this.mayHaveGaps = true;
    this.list.splice(this.list.indexOf(old[0]!), old.length, fresh);
  }

  removeAll(): LogSegment[] {
    return this.list.splice(0);
  }

  /**
   * The offset at which the segment ends: the base offset of the next one, or `logEndOffset` for the last
   * one.
   */
  endOf(segment: LogSegment, logEndOffset: number): number {
    return this.list[this.list.indexOf(segment) + 1]?.baseOffset ?? logEndOffset;
  }

  private indexOf(offset: number): number {
    let low = 0;
    let high = this.list.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.list[middle]!.baseOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /**
   * As `LogSegment.read`; continues with the next segment if a segment has no batch at or above the offset.
   * Throws CorruptSegmentError.
   */
  read(offset: number, limitOffset: number, maxBytes: number, atLeastOne: boolean): Buffer[] {
    for (let i = this.indexOf(offset); i < this.list.length; i++) {
      const segment = this.list[i]!;
      const found = segment.read(offset, limitOffset, maxBytes, atLeastOne);
      if (found !== undefined) return found.length > 0 ? [this.checked(segment, found)] : [];
      this.requireEnd(i, offset);
    }
    return [];
  }

  /**
   * Called if segment `i` has no batch at or above `offset`, although the next segment begins above it.
   * Either these offsets were compacted away, then there are other gaps nearby; or the end of the file is
   * lost, then this throws CorruptSegmentError.
   */
  private requireEnd(i: number, offset: number): void {
    const [segment, next] = [this.list[i]!, this.list[i + 1]];
    if (this.mayHaveGaps || next === undefined || offset >= next.baseOffset || offset < segment.baseOffset)
      return;
    this.mayHaveGaps = segment.hasGaps() || next.hasGaps();
    if (!this.mayHaveGaps)
      throw new CorruptSegmentError(
        segment.path,
        segment.size,
        `it ends before offset ${offset}, and the next segment begins at ${next.baseOffset}`,
      );
  }

  /**
   * Checks the CRC of every batch that was read from disk. Returns the batches before the first damaged one.
   * Throws CorruptSegmentError if the first one is damaged.
   */
  private checked(segment: LogSegment, bytes: Buffer): Buffer {
    for (const batch of batchesOf(bytes)) {
      if (batch.computeCrc() === batch.crc) continue;
      if (batch.start > 0) return bytes.subarray(0, batch.start);
      throw new CorruptSegmentError(
        segment.path,
        segment.positionOf(batch.baseOffset),
        `the CRC of the batch at offset ${batch.baseOffset} does not match`,
      );
    }
    return bytes;
  }

  /**
   * The first record at or after the timestamp (ms) and at or above `startOffset`; undefined if there is
   * none. Throws CorruptSegmentError.
   */
  offsetForTimestamp(timestamp: number, startOffset: number): OffsetAndTimestamp | undefined {
    for (const segment of this.list) {
      let batch = this.batchByTimestamp(segment, timestamp, startOffset);
      while (batch !== undefined) {
        for (const record of recordsOf(batch)) {
          if (record.timestamp >= timestamp && record.offset >= startOffset)
            return { offset: record.offset, timestamp: record.timestamp };
        }
        // The record with the batch's maximum timestamp may have been deleted or compacted away; a later
        // batch may have one.
        batch = this.batchByTimestamp(segment, timestamp, batch.nextOffset);
      }
    }
    return undefined;
  }

  /**
   * The first such batch of the segment. If the time index promises a batch that the segment does not have,
   * the indexes are rebuilt and the search is repeated. Throws CorruptSegmentError if a header is damaged.
   */
  private batchByTimestamp(
    segment: LogSegment,
    timestamp: number,
    startOffset: number,
  ): RecordBatch | undefined {
    if (segment.largestTimestamp.timestamp < timestamp) return undefined;
    const batch = segment.findBatchByTimestamp(timestamp, startOffset);
    if (batch !== undefined || startOffset > segment.baseOffset) return batch;
    segment.rebuildIndexes(
      `${segment.path} has no record of ${timestamp} or later, though its time index knows one`,
    );
    return segment.largestTimestamp.timestamp < timestamp
      ? undefined
      : segment.findBatchByTimestamp(timestamp, startOffset);
  }

  /** The base offset of the batch that contains `offset`; `offset` itself if no batch does. */
  startOfBatchAround(offset: number): number {
    for (const { baseOffset } of this.batchesFrom(offset)) return Math.min(baseOffset, offset);
    return offset;
  }

  /** The header of the last batch; undefined if there is none. */
  lastBatch(): RecordBatch | undefined {
    for (let i = this.list.length - 1; i >= 0; i--) {
      let last: RecordBatch | undefined;
      const segment = this.list[i]!;
      for (const { batch } of segment.batchesFrom(segment.positionOf(Infinity))) last = batch;
      if (last !== undefined) return last;
    }
    return undefined;
  }

  /** The headers of all batches that contain or follow `offset`, in order. */
  *batchesFrom(offset: number): Generator<RecordBatch> {
    for (const { batch } of this.batchesInSegments(offset)) yield batch;
  }

  /** As `batchesFrom`, each batch with its segment. */
  *batchesInSegments(
    offset: number,
  ): Generator<{ readonly batch: RecordBatch; readonly segment: LogSegment }> {
    for (let i = this.indexOf(offset); i < this.list.length; i++) {
      const segment = this.list[i]!;
      for (const { batch } of segment.batchesFrom(segment.positionOf(offset))) {
        if (batch.lastOffset >= offset) yield { batch, segment };
      }
    }
  }

  /** The headers of the batches in about the last `bytes` bytes of the log, in order. */
  *lastBatches(bytes: number): Generator<RecordBatch> {
    let from = this.list.length - 1;
    let sum = this.active.size;
    while (from > 0 && sum < bytes) sum += this.list[--from]!.size;
    for (let i = from; i < this.list.length; i++) {
      const segment = this.list[i]!;
      const skip = i === from ? Math.max(0, sum - bytes) : 0;
      for (const { batch } of segment.batchesFrom(segment.positionNear(skip))) yield batch;
    }
  }
}
