/**
 * Reads a segment batch by batch, cuts it behind the last sound one and rebuilds its indexes: for what lies above the
 * recovery point when a broker did not end cleanly.
 *
 * Invariants: what is left is a prefix of what was there; a message set that is too old to be read ends recovery with an
 * error and is not touched.
 *
 * Kafka: log/LogSegment.scala#recover@2.8.2
 */
import { BATCH_HEADER_BYTES, RecordBatch } from '../record/record-batch';
import { headProblem, refuseLegacy } from './batch-head';
import { LogSegment } from './log-segment';

export interface RecoveryResult {
  readonly truncatedBytes: number;
  /** Why bytes were cut; undefined if none were. */
  readonly problem: string | undefined;
  /** Whether offsets are missing between batches. */
  readonly hasGaps: boolean;
  /** The offset after the last batch. */
  readonly nextOffset: number;
}

const STEP_BYTES = 1024 * 1024;
/** A segment is rolled before its indexes could not name an offset any more. */
const MAX_RELATIVE_OFFSET = 2 ** 31 - 1;

export interface RecoveryOptions {
  readonly onBatch?: (batch: RecordBatch) => void;
  /** Where the next segment begins: no batch reaches beyond it. */
  readonly limitOffset?: number;
  /** Whether offsets may be missing rightly: the log is, or was, compacted. */
  readonly mayHaveGaps: boolean;
}

/** In one go. Throws UNSUPPORTED_FOR_MESSAGE_FORMAT. */
export function recoverSegment(segment: LogSegment, options: RecoveryOptions): RecoveryResult {
  const steps = segmentRecovery(segment, options);
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
}

/** In steps of a mebibyte or so: what it yields is the bytes of the step. A batch is valid until the next step. */
export function* segmentRecovery(segment: LogSegment, options: RecoveryOptions): Generator<number, RecoveryResult> {
  segment.beginIndexes();
  const { size } = segment;
  let good = 0;
  let nextOffset = segment.baseOffset;
  let hasGaps = false;
  let problem: string | undefined;
  let buffer: Buffer = Buffer.allocUnsafeSlow(Math.min(size, STEP_BYTES));
  while (problem === undefined && good < size) {
    const start = good;
    const block = buffer.subarray(0, segment.readInto(buffer.subarray(0, Math.min(buffer.length, size - start)), start));
    for (let at = 0; at + BATCH_HEADER_BYTES <= block.length; at = good - start) {
      const batch = new RecordBatch(block, at);
      problem = headProblem(block, at, size - good, nextOffset);
      if (problem !== undefined || batch.sizeInBytes > block.length - at) break;
      problem = batch.computeCrc() !== batch.crc ? 'the CRC does not match' : offsetProblem(segment, batch, good, nextOffset, options, hasGaps);
      if (problem !== undefined) break;
      hasGaps ||= batch.baseOffset > nextOffset;
      segment.indexBatch(batch, good);
      options.onBatch?.(batch);
      nextOffset = batch.nextOffset;
      good += batch.sizeInBytes;
    }
    if (good === start || problem !== undefined) refuseLegacy(segment, good);
    if (good === start && problem === undefined) {
      // Nothing whole in the step: the batch is larger, or there is less than a header.
      if (block.length < BATCH_HEADER_BYTES) break;
      buffer = Buffer.allocUnsafeSlow(new RecordBatch(block).sizeInBytes);
    }
    yield good - start;
  }
  const truncatedBytes = size - good;
  if (truncatedBytes > 0) segment.cut(good);
  segment.onBecomeInactive();
  return { truncatedBytes, problem: truncatedBytes > 0 ? problem ?? 'the last batch is not whole' : undefined, hasGaps, nextOffset };
}

/**
 * The CRC does not cover the base offset. One that leaves offsets out is damaged if the batch behind it, or the next segment,
 * begins lower; behind the last batch nothing can tell, so there a gap is damage unless the log has others.
 */
function offsetProblem(segment: LogSegment, batch: RecordBatch, position: number, nextOffset: number, options: RecoveryOptions, hasGaps: boolean): string | undefined {
  const { limitOffset = Infinity, mayHaveGaps } = options;
  const isFar = batch.lastOffset - segment.baseOffset > MAX_RELATIVE_OFFSET;
  if (isFar) return `offset ${batch.lastOffset} lies too far from the segment's first one`;
  if (batch.nextOffset > limitOffset) return `offset ${batch.lastOffset} lies in the next segment, which begins at ${limitOffset}`;
  if (batch.baseOffset === nextOffset) return undefined;
  const head = Buffer.alloc(BATCH_HEADER_BYTES);
  const behind = position + batch.sizeInBytes;
  const isLast = segment.readInto(head, behind) < head.length;
  const isDamaged = isLast ? limitOffset === Infinity && !mayHaveGaps && !hasGaps : new RecordBatch(head).baseOffset < batch.nextOffset;
  return isDamaged ? `offset ${batch.baseOffset} does not follow ${nextOffset - 1}` : undefined;
}
