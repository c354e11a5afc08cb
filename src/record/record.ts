/**
 * The record inside a batch: encoding and decoding.
 *
 *   length varint | attributes i8 | timestampDelta varlong | offsetDelta varint | key | value | headers
 *
 * key and value: a varint length (-1: null) and the bytes. headers: a varint count, then a key and a value
 * for each.
 *
 * [p] Kafka: common/record/DefaultRecord.java@2.8.2
 */
import { KafkaError } from '../common/errors';
import { decompress } from './compression';
import { BATCH_HEADER_BYTES, RecordBatch, TIMESTAMP_TYPE_MASK } from './record-batch';
import { VarintReader, varintSize, writeVarint } from './varint';

export interface Header {
  readonly key: string;
  readonly value: Buffer | null;
}

/** A decoded record. `timestamp` in ms since 1970; key, value and header values are views on the batch. */
export interface Record {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

export const NO_HEADERS: readonly Header[] = [];

function fieldSize(length: number): number {
  return varintSize(length) + Math.max(0, length);
}

/** The size of the record in bytes, without its length field. */
export function recordBodySize(
  timestampDelta: number,
  offsetDelta: number,
  key: Buffer | null,
  value: Buffer | null,
  headers: readonly Header[],
): number {
  let size =
    1 +
    varintSize(timestampDelta) +
    varintSize(offsetDelta) +
    fieldSize(key?.length ?? -1) +
    fieldSize(value?.length ?? -1) +
    varintSize(headers.length);
  for (const header of headers)
    size += fieldSize(Buffer.byteLength(header.key)) + fieldSize(header.value?.length ?? -1);
  return size;
}

function writeBytes(target: Buffer, bytes: Buffer | null, at: number): number {
  if (bytes === null) return writeVarint(target, -1, at);
  const start = writeVarint(target, bytes.length, at);
  target.set(bytes, start);
  return start + bytes.length;
}

/**
 * Writes the record at `at` and returns the position after it. `bodySize`: the result of `recordBodySize`.
 */
export function writeRecord(
  target: Buffer,
  at: number,
  bodySize: number,
  timestampDelta: number,
  offsetDelta: number,
  key: Buffer | null,
  value: Buffer | null,
  headers: readonly Header[],
): number {
  let end = writeVarint(target, bodySize, at);
  target[end++] = 0;
  end = writeVarint(target, timestampDelta, end);
  end = writeVarint(target, offsetDelta, end);
  end = writeBytes(target, key, end);
  end = writeBytes(target, value, end);
  end = writeVarint(target, headers.length, end);
  for (const header of headers) {
    end = writeBytes(target, Buffer.from(header.key), end);
    end = writeBytes(target, header.value, end);
  }
  return end;
}

function readHeaders(reader: VarintReader): readonly Header[] {
  const count = reader.next();
  if (count === 0) return NO_HEADERS;
  if (count < 0 || count > reader.left)
    throw new KafkaError('CORRUPT_MESSAGE', `header count ${count} is not possible`);
  const headers: Header[] = [];
  for (let i = 0; i < count; i++) {
    const key = reader.bytes(reader.next());
    if (key === null) throw new KafkaError('CORRUPT_MESSAGE', 'a header has no key');
    headers.push({ key: key.toString('utf8'), value: reader.bytes(reader.next()) });
  }
  return headers;
}

/**
 * A reader for the records of a batch, which are decompressed if necessary, up to `maxBytes`. Throws as
 * `decompress` does.
 */
export function recordsSection(batch: RecordBatch, maxBytes?: number): VarintReader {
  const start = batch.start + BATCH_HEADER_BYTES;
  const end = batch.start + batch.sizeInBytes;
  if (batch.compression === 0) return new VarintReader(batch.buffer, start, end);
  const plain = decompress(batch.compression, batch.buffer.subarray(start, end), maxBytes);
  return new VarintReader(plain, 0, plain.length);
}

/** What the log cleaner needs of a record: positions in the reader's section instead of views. */
export class SkimmedRecord {
  offset = 0;
  timestamp = 0;
  /** [start, end) of the whole record, including its length field. */
  start = 0;
  end = 0;
  keyStart = 0;
  /** Negative if the record has no key. */
  keyLength = -1;
  hasValue = false;
}

/** Decodes the records of a batch one by one. Throws CORRUPT_MESSAGE. */
export class RecordReader {
  private readonly reader: VarintReader;
  private readonly baseOffset: number;
  private readonly firstTimestamp: number;
  /** With LogAppendTime: the timestamp of the batch, which all its records have. */
  private readonly logAppendTime: number | undefined;
  private readonly end: number;
  private left: number;
  private index = 0;

  constructor(batch: RecordBatch, maxBytes?: number) {
    this.reader = recordsSection(batch, maxBytes);
    this.end = this.reader.at + this.reader.left;
    this.baseOffset = batch.baseOffset;
    this.firstTimestamp = batch.firstTimestamp;
    this.logAppendTime = (batch.attributes & TIMESTAMP_TYPE_MASK) !== 0 ? batch.maxTimestamp : undefined;
    this.left = batch.recordCount;
  }

  /** The next record, as `make` builds it; undefined after the last one. */
  next<T>(
    make: (
      offset: number,
      timestamp: number,
      key: Buffer | null,
      value: Buffer | null,
      headers: readonly Header[],
    ) => T,
  ): T | undefined {
    if (this.left-- <= 0) return undefined;
    const { reader } = this;
    const length = reader.next();
    const end = reader.at + length;
    if (length < 0 || end > this.end)
      throw new KafkaError('CORRUPT_MESSAGE', `record length ${length} lies outside the batch`);
    reader.byte();
    const timestamp = this.firstTimestamp + reader.next();
    const offset = this.baseOffset + reader.next();
    const key = reader.bytes(reader.next());
    const value = reader.bytes(reader.next());
    const headers = readHeaders(reader);
    if (reader.at !== end)
      throw new KafkaError('CORRUPT_MESSAGE', `record ${this.index} has ${end - reader.at} stray bytes`);
    this.index++;
    return make(offset, this.logAppendTime ?? timestamp, key, value, headers);
  }

  /** The decompressed bytes in which `start` and `end` of a skimmed record are positions. */
  get section(): Buffer {
    return this.reader.buffer;
  }

  /** Reads the next record, without its value, into the given object. Returns false after the last one. */
  skim(into: SkimmedRecord): boolean {
    if (this.left-- <= 0) return false;
    const { reader } = this;
    into.start = reader.at;
    const length = reader.next();
    into.end = reader.at + length;
    if (length < 0 || into.end > this.end)
      throw new KafkaError('CORRUPT_MESSAGE', `record length ${length} lies outside the batch`);
    reader.byte();
    into.timestamp = this.logAppendTime ?? this.firstTimestamp + reader.next();
    if (this.logAppendTime !== undefined) reader.next();
    into.offset = this.baseOffset + reader.next();
    into.keyLength = reader.next();
    into.keyStart = reader.at;
    reader.at += Math.max(0, into.keyLength);
    if (reader.at > into.end)
      throw new KafkaError('CORRUPT_MESSAGE', `the key of record ${this.index} lies outside the record`);
    into.hasValue = reader.next() >= 0;
    reader.at = into.end;
    this.index++;
    return true;
  }
}

const asRecord = (
  offset: number,
  timestamp: number,
  key: Buffer | null,
  value: Buffer | null,
  headers: readonly Header[],
): Record => ({ offset, timestamp, key, value, headers });

/** The records of a batch, for tools and tests. */
export function* recordsOf(batch: RecordBatch): Generator<Record> {
  const reader = new RecordReader(batch);
  for (let record = reader.next(asRecord); record !== undefined; record = reader.next(asRecord)) yield record;
}
