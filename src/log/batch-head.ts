/**
 * Checks whether a batch begins at a position of a segment file: its header has to be consistent with the
 * size of the file and with the batch before it.
 *
 * The CRC does not cover the base offset; the only check for it is that offsets do not go back. A message set
 * of magic 0 or 1 is not damage but a format that is too old for this log. Recovery must never truncate it as
 * damaged.
 *
 * Kafka: record/{FileLogInputStream,LegacyRecord}.java, log/LogSegment.scala#recover@2.8.2
 */
import { KafkaError } from '../common/errors';
import { BATCH_HEADER_BYTES, headerProblem, MAGIC_V2, RecordBatch } from '../record/record-batch';

/**
 * The bytes on disk are not the bytes that were written: the disk returned other data, or the file was
 * modified.
 */
export class CorruptSegmentError extends KafkaError {
  constructor(path: string, position: number, problem: string) {
    super('CORRUPT_MESSAGE', `${path} is damaged at position ${position}: ${problem}`);
  }
}

const LEGACY_OVERHEAD = 12;
const LEGACY_SMALLEST = 14;
const CRC32_POLYNOMIAL = 0xedb88320;

/**
 * Returns why no batch begins at `start` of `block`; undefined if one does. `left`: bytes up to the end of
 * the file. `nextOffset`: the least base offset that the batch may have. `block` may contain only the header
 * of the batch.
 */
export function headProblem(
  block: Buffer,
  start: number,
  left: number,
  nextOffset: number,
): string | undefined {
  const available = block.length - start;
  const problem = headerProblem(block, start, available < BATCH_HEADER_BYTES ? available : left);
  if (problem !== undefined) return problem;
  const { baseOffset } = new RecordBatch(block, start);
  return baseOffset < nextOffset ? `offset ${baseOffset} goes back below ${nextOffset}` : undefined;
}

function crc32(bytes: Buffer): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? CRC32_POLYNOMIAL : 0);
  }
  return ~crc >>> 0;
}

/** Throws UNSUPPORTED_FOR_MESSAGE_FORMAT if an intact message set of magic 0 or 1 begins at `position`. */
export function refuseLegacy(
  segment: {
    readonly path: string;
    readonly size: number;
    readInto(buffer: Buffer, position: number): number;
  },
  position: number,
): void {
  const left = segment.size - position;
  if (left < LEGACY_OVERHEAD + LEGACY_SMALLEST) return;
  const head = Buffer.alloc(LEGACY_OVERHEAD + LEGACY_SMALLEST);
  segment.readInto(head, position);
  const size = LEGACY_OVERHEAD + head.readInt32BE(8);
  const magic = head.readInt8(16);
  if (magic < 0 || magic >= MAGIC_V2 || size < head.length || size > left) return;
  const set = Buffer.alloc(size);
  segment.readInto(set, position);
  if (crc32(set.subarray(16)) !== set.readUInt32BE(12)) return;
  throw new KafkaError(
    'UNSUPPORTED_FOR_MESSAGE_FORMAT',
    `${segment.path} holds message sets of magic ${magic}, from a Kafka with log.message.format.version ` +
      `below 0.11. ` +
      'Samsa reads magic 2 only: let Kafka delete or rewrite them first',
  );
}
