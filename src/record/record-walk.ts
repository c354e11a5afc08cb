/**
 * Validates the records of a batch from a client: lengths, counts, offset deltas, headers, timestamps, stray
 * bytes. Makes no object for a record and copies nothing.
 *
 * Invariant: our consumer and Kafka's can read every record of a batch that passes: no integer in it is
 * longer than Java's client accepts, and no timestamp is beyond 2^53.
 *
 * [p] Kafka: record/{DefaultRecord.java#readFrom,DefaultRecordBatch.java#RecordIterator}@2.8.2
 */
import { KafkaError } from '../common/errors';
import { NO_TIMESTAMP, RecordBatch } from './record-batch';
import { VarintReader } from './varint';

/** Earliest and latest timestamp of the records that have one, in ms; both -1 if none has one. */
export interface TimeSpan {
  readonly earliest: number;
  readonly latest: number;
}

/**
 * A timestamp delta of this size or more may have been rounded: the zig-zag encoding in a varlong doubles the
 * number.
 */
const EXACT_DELTA = 2 ** 52;

function invalid(reason: string): never {
  throw new KafkaError('INVALID_RECORD', reason);
}

/**
 * Validates the records. `reader` is at the beginning of the decompressed records. Offset deltas must be 0,
 * 1, 2 and so on; with `needKeys` every record must have a key. Throws INVALID_RECORD, or INVALID_TIMESTAMP
 * if a timestamp does not fit into 53 bits.
 */
export function walkRecords(batch: RecordBatch, reader: VarintReader, needKeys: boolean): TimeSpan {
  try {
    return walk(reader, batch, needKeys);
  } catch (error) {
    // The CRC is valid, so the bytes are what the client wrote: the client encoded them wrongly.
    if (error instanceof KafkaError && error.errorName === 'CORRUPT_MESSAGE') invalid(error.message);
    throw error;
  }
}

function walk(reader: VarintReader, batch: RecordBatch, needKeys: boolean): TimeSpan {
  const { recordCount, firstTimestamp } = batch;
  const sectionEnd = reader.at + reader.left;
  /** The delta of a record without a timestamp (-1). */
  const none = NO_TIMESTAMP - firstTimestamp;
  let smallest = Infinity;
  let largest = -Infinity;
  for (let i = 0; i < recordCount; i++) {
    const length = reader.nextInt();
    const end = reader.at + length;
    if (length < 0 || end > sectionEnd) invalid(`record ${i} claims ${length} bytes`);
    reader.byte();
    const delta = reader.next();
    if (delta > largest) largest = delta;
    if (delta < smallest && delta !== none) smallest = delta;
    const offsetDelta = reader.nextInt();
    if (offsetDelta !== i) invalid(`record ${i} has offset delta ${offsetDelta}`);
    const keyLength = skipField(reader, end, i);
    if (needKeys && keyLength < 0) invalid('Compacted topic cannot accept message without key');
    skipField(reader, end, i);
    // Fast path: nearly every record ends here, with a zero as the number of its headers.
    if (reader.at === end - 1 && reader.buffer[reader.at] === 0) reader.at = end;
    else skipHeaders(reader, end, i);
  }
  if (reader.left !== 0) invalid(`${reader.left} stray bytes after the last of ${recordCount} records`);
  return timeSpan(firstTimestamp, smallest, largest);
}

/** The earliest and latest timestamp from the deltas. `smallest` is Infinity if no record has a timestamp. */
function timeSpan(firstTimestamp: number, smallest: number, largest: number): TimeSpan {
  if (smallest === Infinity) return { earliest: NO_TIMESTAMP, latest: NO_TIMESTAMP };
  const earliest = firstTimestamp + smallest;
  const latest = Math.max(NO_TIMESTAMP, firstTimestamp + largest);
  const isExact = Math.max(-smallest, largest) < EXACT_DELTA;
  if (isExact && Number.isSafeInteger(earliest) && Number.isSafeInteger(latest)) return { earliest, latest };
  throw new KafkaError('INVALID_TIMESTAMP', `Timestamps ${earliest} to ${latest} do not fit 53 bits`);
}

/** Skips a length and as many bytes. Returns the length, -1 for null. */
function skipField(reader: VarintReader, end: number, record: number): number {
  const length = reader.nextInt();
  if (length < -1 || length > end - reader.at) invalid(`a field of record ${record} claims ${length} bytes`);
  if (length > 0) reader.at += length;
  return length;
}

function skipHeaders(reader: VarintReader, end: number, record: number): void {
  const count = reader.nextInt();
  if (count < 0 || count > end - reader.at) invalid(`record ${record} claims ${count} headers`);
  for (let i = 0; i < count; i++) {
    if (skipField(reader, end, record) < 0) invalid(`header ${i} of record ${record} has no key`);
    skipField(reader, end, record);
  }
  if (reader.at !== end) invalid(`record ${record} ends ${end - reader.at} bytes after its last field`);
}
