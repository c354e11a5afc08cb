/**
 * The record batch with magic 2: the format of records in segment files, in Produce and in Fetch.
 *
 *   0 baseOffset i64 | 8 length i32 | 12 partitionLeaderEpoch i32 | 16 magic i8 | 17 crc u32
 *   21 attributes i16 | 23 lastOffsetDelta i32 | 27 firstTimestamp i64 | 35 maxTimestamp i64
 *   43 producerId i64 | 51 producerEpoch i16 | 53 baseSequence i32 | 57 recordCount i32 | 61 records
 *
 * The CRC covers the bytes from 21 to the end. So the broker can set base offset and leader epoch without
 * computing it again. A broker reads headers and, when it validates a produced batch, walks the records
 * (record-walk.ts) without making objects of them; clients decode them (record.ts).
 *
 * [p] Kafka: common/record/DefaultRecordBatch.java@2.8.2
 */
import { crc32c } from './crc32c';

export const LENGTH_OFFSET = 8;
export const MAGIC_OFFSET = 16;
export const CRC_OFFSET = 17;
export const ATTRIBUTES_OFFSET = 21;
export const BATCH_HEADER_BYTES = 61;
/** Bytes of base offset and length; `length` counts the bytes after them. */
export const LOG_OVERHEAD = 12;
export const MAGIC_V2 = 2;
export const NO_TIMESTAMP = -1;
export const NO_PRODUCER_ID = -1;

export const COMPRESSION_MASK = 0x07;
export const TIMESTAMP_TYPE_MASK = 0x08;
export const TRANSACTIONAL_MASK = 0x10;
export const CONTROL_MASK = 0x20;

const INT64_HIGH_MAX = 0x7fff_ffff;
const INT64_HIGH_MIN = -0x8000_0000;

/**
 * A 64-bit integer as a double: exact up to 2^53, rounded beyond. Callers refuse values beyond 2^53 in input
 * from outside.
 */
export function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
}

/**
 * Never throws, because a file may contain any value. For example 2^63 - 1 is read as 2^63 (rounded); such a
 * value must be written to an index and be read back as the same number. So a value out of range is clamped
 * to the int64 range.
 */
export function writeInt64(buffer: Buffer, value: number, at: number): void {
  const low = value >>> 0;
  const high = (value - low) / 0x1_0000_0000;
  if (high > INT64_HIGH_MAX) return writeHalves(buffer, INT64_HIGH_MAX, 0xffff_ffff, at);
  if (high < INT64_HIGH_MIN) return writeHalves(buffer, INT64_HIGH_MIN, 0, at);
  writeHalves(buffer, high, low, at);
}

function writeHalves(buffer: Buffer, high: number, low: number, at: number): void {
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(low, at + 4);
}

/** A view on one batch inside a buffer. It reads header fields in place and copies nothing. */
export class RecordBatch {
  constructor(
    readonly buffer: Buffer,
    readonly start = 0,
  ) {}

  get baseOffset(): number {
    return readInt64(this.buffer, this.start);
  }
  /** The size of the whole batch in bytes. */
  get sizeInBytes(): number {
    return this.buffer.readInt32BE(this.start + LENGTH_OFFSET) + LOG_OVERHEAD;
  }
  get partitionLeaderEpoch(): number {
    return this.buffer.readInt32BE(this.start + 12);
  }
  get magic(): number {
    return this.buffer.readInt8(this.start + MAGIC_OFFSET);
  }
  get crc(): number {
    return this.buffer.readUInt32BE(this.start + CRC_OFFSET);
  }
  get attributes(): number {
    return this.buffer.readInt16BE(this.start + ATTRIBUTES_OFFSET);
  }
  get lastOffsetDelta(): number {
    return this.buffer.readInt32BE(this.start + 23);
  }
  get firstTimestamp(): number {
    return readInt64(this.buffer, this.start + 27);
  }
  get maxTimestamp(): number {
    return readInt64(this.buffer, this.start + 35);
  }
  get producerId(): number {
    return readInt64(this.buffer, this.start + 43);
  }
  get producerEpoch(): number {
    return this.buffer.readInt16BE(this.start + 51);
  }
  get baseSequence(): number {
    return this.buffer.readInt32BE(this.start + 53);
  }
  get recordCount(): number {
    return this.buffer.readInt32BE(this.start + 57);
  }

  get lastOffset(): number {
    return this.baseOffset + this.lastOffsetDelta;
  }
  get nextOffset(): number {
    return this.lastOffset + 1;
  }
  get compression(): number {
    return this.attributes & COMPRESSION_MASK;
  }
  get isControl(): boolean {
    return (this.attributes & CONTROL_MASK) !== 0;
  }
  get isTransactional(): boolean {
    return (this.attributes & TRANSACTIONAL_MASK) !== 0;
  }

  /** The bytes of the batch, a view. */
  bytes(): Buffer {
    return this.buffer.subarray(this.start, this.start + this.sizeInBytes);
  }

  computeCrc(): number {
    return crc32c(this.buffer.subarray(this.start + ATTRIBUTES_OFFSET, this.start + this.sizeInBytes));
  }

  setBaseOffset(offset: number): void {
    writeInt64(this.buffer, offset, this.start);
  }
  setPartitionLeaderEpoch(epoch: number): void {
    this.buffer.writeInt32BE(epoch, this.start + 12);
  }

  /** Sets producer id, producer epoch and base sequence, and the CRC, which covers them. */
  setProducerState(producerId: number, producerEpoch: number, baseSequence: number): void {
    writeInt64(this.buffer, producerId, this.start + 43);
    this.buffer.writeInt16BE(producerEpoch, this.start + 51);
    this.buffer.writeInt32BE(baseSequence, this.start + 53);
    this.buffer.writeUInt32BE(this.computeCrc(), this.start + CRC_OFFSET);
  }

  /** Sets the timestamp of appending (LogAppendTime), and the CRC, which covers it. */
  setLogAppendTime(timestampMs: number): void {
    this.buffer.writeInt16BE(this.attributes | TIMESTAMP_TYPE_MASK, this.start + ATTRIBUTES_OFFSET);
    writeInt64(this.buffer, timestampMs, this.start + 35);
    this.buffer.writeUInt32BE(this.computeCrc(), this.start + CRC_OFFSET);
  }
}

/**
 * Returns why the bytes at `start` are not a complete batch with a valid header; undefined if they are. Does
 * not check the CRC.
 */
export function headerProblem(
  buffer: Buffer,
  start: number,
  left = buffer.length - start,
): string | undefined {
  if (left < BATCH_HEADER_BYTES) return `only ${left} bytes, less than a batch header`;
  const batch = new RecordBatch(buffer, start);
  if (batch.magic !== MAGIC_V2) return `magic ${batch.magic} is not supported`;
  const size = batch.sizeInBytes;
  if (size < BATCH_HEADER_BYTES) return `declared size ${size} is less than a batch header`;
  if (size > left) return `declared size ${size} exceeds the ${left} bytes that are there`;
  if (batch.lastOffsetDelta < 0) return `last offset delta ${batch.lastOffsetDelta} is negative`;
  // Beyond 2^53 an offset plus one may be the same double, so the next offset could not be computed.
  if (!Number.isSafeInteger(batch.nextOffset)) return `base offset ${batch.baseOffset} does not fit 53 bits`;
  return undefined;
}

/**
 * The complete batches of `buffer`, in order, up to the first one that is incomplete or has an invalid
 * header.
 */
export function* batchesOf(buffer: Buffer): Generator<RecordBatch> {
  for (let at = 0; headerProblem(buffer, at) === undefined;) {
    const batch = new RecordBatch(buffer, at);
    yield batch;
    at += batch.sizeInBytes;
  }
}
