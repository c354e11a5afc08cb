/**
 * One record inside a batch: how clients read and write it.
 *
 *   length varint | attributes i8 | timestampDelta varlong | offsetDelta varint | key | value | headers
 *
 * key and value are a varint length (-1: null) and bytes; headers a varint count, then key and value each.
 *
 * [p] Kafka: common/record/DefaultRecord.java@2.8.2
 */
import { KafkaError } from '../common/errors';
import { BATCH_HEADER_BYTES, RecordBatch, TIMESTAMP_TYPE_MASK } from './record-batch';
import { VarintReader, varintSize, writeVarint } from './varint';

export interface Header {
  readonly key: string;
  readonly value: Buffer | null;
}

/** A decoded record. `timestamp` in milliseconds since 1970; key, value and header values are views on the batch. */
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

/** Bytes of the record after its length field. */
export function recordBodySize(timestampDelta: number, offsetDelta: number, key: Buffer | null, value: Buffer | null, headers: readonly Header[]): number {
  let size = 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + fieldSize(key?.length ?? -1)
    + fieldSize(value?.length ?? -1) + varintSize(headers.length);
  for (const header of headers) size += fieldSize(Buffer.byteLength(header.key)) + fieldSize(header.value?.length ?? -1);
  return size;
}

function writeBytes(target: Buffer, bytes: Buffer | null, at: number): number {
  if (bytes === null) return writeVarint(target, -1, at);
  const start = writeVarint(target, bytes.length, at);
  bytes.copy(target, start);
  return start + bytes.length;
}

/** Writes the record at `at` and returns the position after it; `bodySize` from `recordBodySize`. */
export function writeRecord(
  target: Buffer, at: number, bodySize: number, timestampDelta: number, offsetDelta: number,
  key: Buffer | null, value: Buffer | null, headers: readonly Header[],
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
  if (count < 0 || count > reader.left) throw new KafkaError('CORRUPT_MESSAGE', `header count ${count} is not possible`);
  const headers: Header[] = [];
  for (let i = 0; i < count; i++) {
    const key = reader.bytes(reader.next());
    if (key === null) throw new KafkaError('CORRUPT_MESSAGE', 'a header has no key');
    headers.push({ key: key.toString('utf8'), value: reader.bytes(reader.next()) });
  }
  return headers;
}

/** The records of a batch, decoded one by one as they are asked for. */
export function* recordsOf(batch: RecordBatch): Generator<Record> {
  if (batch.compression !== 0) throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', `compression type ${batch.compression} is not supported`);
  const { baseOffset, firstTimestamp, maxTimestamp, recordCount, start } = batch;
  const logAppendTime = (batch.attributes & TIMESTAMP_TYPE_MASK) !== 0;
  const end = start + batch.sizeInBytes;
  const reader = new VarintReader(batch.buffer, start + BATCH_HEADER_BYTES, end);
  for (let i = 0; i < recordCount; i++) {
    const length = reader.next();
    const next = reader.at + length;
    if (length < 0 || next > end) throw new KafkaError('CORRUPT_MESSAGE', `record length ${length} lies outside the batch`);
    reader.byte();
    const timestampDelta = reader.next();
    const offsetDelta = reader.next();
    const key = reader.bytes(reader.next());
    const value = reader.bytes(reader.next());
    const headers = readHeaders(reader);
    if (reader.at !== next) throw new KafkaError('CORRUPT_MESSAGE', `record ${i} has ${next - reader.at} stray bytes`);
    yield { offset: baseOffset + offsetDelta, timestamp: logAppendTime ? maxTimestamp : firstTimestamp + timestampDelta, key, value, headers };
  }
}
