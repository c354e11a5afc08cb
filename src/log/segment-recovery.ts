/**
 * Recovers a segment after an unclean shutdown: reads it batch by batch, truncates it after the last intact
 * batch, and rebuilds its indexes.
 *
 * Invariants: what is left is a prefix of what was there. A message set of a format that is too old ends
 * recovery with an error, and is not removed.
 *
 * Kafka: log/LogSegment.scala#recover@2.8.2
 */
import { BATCH_HEADER_BYTES, MAGIC_V2, RecordBatch } from '../record/record-batch';
import { headProblem, refuseLegacy } from './batch-head';
import { LogSegment } from './log-segment';

export interface RecoveryResult {
  readonly truncatedBytes: number;
  /** Why the segment was truncated; undefined if it was not. */
  readonly problem: string | undefined;
  /** Whether what was removed is the beginning of a batch: a process was killed as it wrote. */
  readonly isTorn: boolean;
  /** Whether offsets are missing between batches. */
  readonly hasGaps: boolean;
  /** The offset after the last batch. */
  readonly nextOffset: number;
}

const STEP_BYTES = 1024 * 1024;
/** The largest offset relative to the base offset that fits into an index entry; rolling never exceeds it. */
const MAX_RELATIVE_OFFSET = 2 ** 31 - 1;

export interface RecoveryOptions {
  readonly onBatch?: (batch: RecordBatch) => void;
  /** The base offset of the next segment: no batch may reach it. */
  readonly limitOffset?: number;
  /** Whether offsets may be missing legitimately, because the log is or was compacted. */
  readonly mayHaveGaps: boolean;
}

/** Runs `segmentRecovery` without interruptions. Throws UNSUPPORTED_FOR_MESSAGE_FORMAT. */
export function recoverSegment(segment: LogSegment, options: RecoveryOptions): RecoveryResult {
  const steps = segmentRecovery(segment, options);
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
}

/**
 * Recovers the segment in steps of about a mebibyte; yields the number of bytes of each step. `onBatch` gets
 * batches that are valid until the next step. Throws UNSUPPORTED_FOR_MESSAGE_FORMAT.
 */
export function* segmentRecovery(
  segment: LogSegment,
  options: RecoveryOptions,
): Generator<number, RecoveryResult> {
  segment.beginIndexes();
  const { size } = segment;
  let good = 0;
  let nextOffset = segment.baseOffset;
  let hasGaps = false;
  let problem: string | undefined;
  let buffer: Buffer = Buffer.allocUnsafeSlow(Math.min(size, STEP_BYTES));
  while (problem === undefined && good < size) {
    const start = good;
    const block = buffer.subarray(
      0,
      segment.readInto(buffer.subarray(0, Math.min(buffer.length, size - start)), start),
    );
    for (let at = 0; at + BATCH_HEADER_BYTES <= block.length; at = good - start) {
      const batch = new RecordBatch(block, at);
      problem = headProblem(block, at, size - good, nextOffset);
      if (problem !== undefined || batch.sizeInBytes > block.length - at) break;
      problem =
        batch.computeCrc() !== batch.crc
          ? 'the CRC does not match'
          : offsetProblem(segment, batch, good, nextOffset, options, hasGaps);
      if (problem !== undefined) break;
      hasGaps ||= batch.baseOffset > nextOffset;
      segment.indexBatch(batch, good);
      options.onBatch?.(batch);
      nextOffset = batch.nextOffset;
      good += batch.sizeInBytes;
    }
    if (good === start || problem !== undefined) refuseLegacy(segment, good);
    if (good === start && problem === undefined) {
      // No complete batch in the buffer: either the batch is larger, or less than a header is left of the
      // file.
      if (block.length < BATCH_HEADER_BYTES) break;
      buffer = Buffer.allocUnsafeSlow(new RecordBatch(block).sizeInBytes);
    }
    yield good - start;
  }
  const truncatedBytes = size - good;
  const isTorn = truncatedBytes > 0 && isBeginning(segment, good, truncatedBytes);
  if (truncatedBytes > 0) segment.cut(good);
  segment.onBecomeInactive();
  return {
    truncatedBytes,
    problem: truncatedBytes > 0 ? (problem ?? 'the last batch is not whole') : undefined,
    isTorn,
    hasGaps,
    nextOffset,
  };
}

/** Whether the last `left` bytes of the file, at `position`, are not all of the batch that begins there. */
function isBeginning(segment: LogSegment, position: number, left: number): boolean {
  if (left < BATCH_HEADER_BYTES) return true;
  const head = Buffer.alloc(BATCH_HEADER_BYTES);
  segment.readInto(head, position);
  const { magic, sizeInBytes } = new RecordBatch(head);
  return magic === MAGIC_V2 && sizeInBytes > left;
}

/**
 * Checks the base offset, which the CRC does not cover. If it leaves a gap to the batch before, it is damaged
 * if the next batch, or the next segment, begins too low. After the last batch of the log there is nothing to
 * compare with, so a gap counts as damage there, unless the log has other gaps.
 */
function offsetProblem(
  segment: LogSegment,
  batch: RecordBatch,
  position: number,
  nextOffset: number,
  options: RecoveryOptions,
  hasGaps: boolean,
): string | undefined {
  const { limitOffset = Infinity, mayHaveGaps } = options;
  const isFar = batch.lastOffset - segment.baseOffset > MAX_RELATIVE_OFFSET;
  if (isFar) return `offset ${batch.lastOffset} lies too far from the segment's first one`;
  if (batch.nextOffset > limitOffset)
    return `offset ${batch.lastOffset} lies in the next segment, which begins at ${limitOffset}`;
  if (batch.baseOffset === nextOffset) return undefined;
  const head = Buffer.alloc(BATCH_HEADER_BYTES);
  const behind = position + batch.sizeInBytes;
  const isLast = segment.readInto(head, behind) < head.length;
  const isDamaged = isLast
    ? limitOffset === Infinity && !mayHaveGaps && !hasGaps
    : new RecordBatch(head).baseOffset < batch.nextOffset;
  return isDamaged ? `offset ${batch.baseOffset} does not follow ${nextOffset - 1}` : undefined;
}
