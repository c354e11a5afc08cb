/**
 * Walks the records of a batch from a client and looks at everything a reader will look at: lengths, counts,
 * offset deltas, headers, timestamps, what is left over. Makes no object a record and copies nothing.
 *
 * Invariant: a batch that passes can be read record by record, by our consumer and by Kafka's: no number in it
 * is longer than Java reads, and no timestamp beyond 2^53.
 *
 * [p] Kafka: record/{DefaultRecord.java#readFrom,DefaultRecordBatch.java#RecordIterator}@2.8.2
 */
import { KafkaError } from '../common/errors';
import { NO_TIMESTAMP, RecordBatch } from './record-batch';
import { VarintReader } from './varint';

/** The times of the records that have one, in ms; both -1 if none has. */
export interface TimeSpan {
  readonly earliest: number;
  readonly latest: number;
}

/** A delta from here on may have been rounded while it was read: a varlong is twice the number. */
const EXACT_DELTA = 2 ** 52;

function invalid(reason: string): never {
  throw new KafkaError('INVALID_RECORD', reason);
}

/**
 * `reader` is on the batch's records, decompressed. Offset deltas go from 0 to the last one's; with `needKeys`
 * every record has a key. Throws INVALID_RECORD, INVALID_TIMESTAMP for a time that does not fit 53 bits.
 */
export function walkRecords(batch: RecordBatch, reader: VarintReader, needKeys: boolean): TimeSpan {
  try {
    return walk(reader, batch, needKeys);
  } catch (error) {
    // The CRC vouches for the bytes: they are what the client wrote, and were never a record.
    if (error instanceof KafkaError && error.errorName === 'CORRUPT_MESSAGE') invalid(error.message);
    throw error;
  }
}

function walk(reader: VarintReader, batch: RecordBatch, needKeys: boolean): TimeSpan {
  const { recordCount, firstTimestamp } = batch;
  const sectionEnd = reader.at + reader.left;
  /** The delta of a record without a time. */
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
    // Nearly every record ends here, with a zero for its headers.
    if (reader.at === end - 1 && reader.buffer[reader.at] === 0) reader.at = end;
    else skipHeaders(reader, end, i);
  }
  if (reader.left !== 0) invalid(`${reader.left} stray bytes after the last of ${recordCount} records`);
  return timeSpan(firstTimestamp, smallest, largest);
}

/** Of the deltas that were found, `smallest` is Infinity if no record has a time. */
function timeSpan(firstTimestamp: number, smallest: number, largest: number): TimeSpan {
  if (smallest === Infinity) return { earliest: NO_TIMESTAMP, latest: NO_TIMESTAMP };
  const earliest = firstTimestamp + smallest;
  const latest = Math.max(NO_TIMESTAMP, firstTimestamp + largest);
  const isExact = Math.max(-smallest, largest) < EXACT_DELTA;
  if (isExact && Number.isSafeInteger(earliest) && Number.isSafeInteger(latest)) return { earliest, latest };
  throw new KafkaError('INVALID_TIMESTAMP', `Timestamps ${earliest} to ${latest} do not fit 53 bits`);
}

/** Passes a length and as many bytes; returns the length, -1 for null. */
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
