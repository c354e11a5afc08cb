/**
 * Reads a segment batch by batch, cuts it behind the last sound one and rebuilds its indexes: for what lies above the
 * recovery point when a broker did not end cleanly.
 *
 * Invariants: what is left is a prefix of what was there; only compaction leaves gaps between offsets; a message set that
 * is too old to be read ends recovery with an error and is not touched.
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
}

const STEP_BYTES = 1024 * 1024;

/** In one go. Throws UNSUPPORTED_FOR_MESSAGE_FORMAT. */
export function recoverSegment(segment: LogSegment, onBatch: (batch: RecordBatch) => void, mayHaveGaps: boolean): RecoveryResult {
  const steps = segmentRecovery(segment, onBatch, mayHaveGaps);
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
}

/** In steps of a mebibyte or so: what it yields is the bytes of the step. A batch is valid until the next step. */
export function* segmentRecovery(segment: LogSegment, onBatch: (batch: RecordBatch) => void, mayHaveGaps: boolean): Generator<number, RecoveryResult> {
  segment.beginIndexes();
  const { size } = segment;
  let good = 0;
  let nextOffset = segment.baseOffset;
  let problem: string | undefined;
  let buffer: Buffer = Buffer.allocUnsafeSlow(Math.min(size, STEP_BYTES));
  while (problem === undefined && good < size) {
    const start = good;
    const block = buffer.subarray(0, segment.readInto(buffer.subarray(0, Math.min(buffer.length, size - start)), start));
    for (let at = 0; at + BATCH_HEADER_BYTES <= block.length; at = good - start) {
      const batch = new RecordBatch(block, at);
      problem = headProblem(block, at, size - good, nextOffset) ?? gapProblem(batch, nextOffset, mayHaveGaps);
      if (problem !== undefined || batch.sizeInBytes > block.length - at) break;
      if (batch.computeCrc() !== batch.crc) problem = 'the CRC does not match';
      if (problem !== undefined) break;
      segment.indexBatch(batch, good);
      onBatch(batch);
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
  return { truncatedBytes, problem: truncatedBytes > 0 ? problem ?? 'the last batch is not whole' : undefined };
}

function gapProblem(batch: RecordBatch, nextOffset: number, mayHaveGaps: boolean): string | undefined {
  return batch.baseOffset > nextOffset && !mayHaveGaps ? `offset ${batch.baseOffset} does not follow ${nextOffset - 1}` : undefined;
}
