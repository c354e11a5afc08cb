/**
 * Encodes records into a batch, one by one, directly into a buffer. The header is written last.
 *
 * Invariant: after `append` returned true, the record's bytes are in the buffer; after `build` nothing
 * changes any more.
 *
 * [p] Kafka: common/record/MemoryRecordsBuilder.java@2.8.2
 */
import { invariant } from '../common/errors';
import { compress, compressionId, CompressionType } from './compression';
import {
  BATCH_HEADER_BYTES,
  COMPRESSION_MASK,
  CRC_OFFSET,
  LOG_OVERHEAD,
  MAGIC_V2,
  NO_PRODUCER_ID,
  RecordBatch,
  writeInt64,
} from './record-batch';
import { Header, NO_HEADERS, recordBodySize, recordsSection, writeRecord } from './record';
import { varintSize } from './varint';

export interface BatchFields {
  readonly baseOffset?: number;
  readonly partitionLeaderEpoch?: number;
  readonly attributes?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
}

/**
 * An upper bound for the size of a batch with this record alone, in bytes.
 * Kafka: AbstractRecords.estimateSizeInBytesUpperBound
 */
export function batchSizeUpperBound(
  key: Buffer | null,
  value: Buffer | null,
  headers: readonly Header[] = NO_HEADERS,
): number {
  return BATCH_HEADER_BYTES + 25 + recordBodySize(0, 0, key, value, headers);
}

export class BatchBuilder {
  private end = BATCH_HEADER_BYTES;
  private firstTimestamp = -1;
  private maxTimestamp = -1;
  recordCount = 0;

  constructor(
    private readonly buffer: Buffer,
    private readonly fields: BatchFields = {},
  ) {}

  get sizeInBytes(): number {
    return this.end;
  }

  /**
   * Appends the record, or returns false if the buffer has no room for it. Its offset delta is its index in
   * the batch.
   */
  append(
    timestampMs: number,
    key: Buffer | null,
    value: Buffer | null,
    headers: readonly Header[] = NO_HEADERS,
  ): boolean {
    const timestampDelta = this.recordCount === 0 ? 0 : timestampMs - this.firstTimestamp;
    const bodySize = recordBodySize(timestampDelta, this.recordCount, key, value, headers);
    if (this.end + varintSize(bodySize) + bodySize > this.buffer.length) return false;
    this.end = writeRecord(
      this.buffer,
      this.end,
      bodySize,
      timestampDelta,
      this.recordCount,
      key,
      value,
      headers,
    );
    if (this.recordCount === 0) this.firstTimestamp = timestampMs;
    this.maxTimestamp = Math.max(this.maxTimestamp, timestampMs);
    this.recordCount++;
    return true;
  }

  /** Writes the header and returns the bytes of the batch, a view on the builder's buffer. */
  build(): Buffer {
    invariant(this.recordCount > 0, 'a batch without records');
    const b = this.buffer;
    const {
      baseOffset = 0,
      partitionLeaderEpoch = -1,
      attributes = 0,
      producerId = NO_PRODUCER_ID,
      producerEpoch = -1,
      baseSequence = -1,
    } = this.fields;
    writeInt64(b, baseOffset, 0);
    b.writeInt32BE(this.end - LOG_OVERHEAD, 8);
    b.writeInt32BE(partitionLeaderEpoch, 12);
    b.writeInt8(MAGIC_V2, 16);
    b.writeInt16BE(attributes, 21);
    b.writeInt32BE(this.recordCount - 1, 23);
    writeInt64(b, this.firstTimestamp, 27);
    writeInt64(b, this.maxTimestamp, 35);
    writeInt64(b, producerId, 43);
    b.writeInt16BE(producerEpoch, 51);
    b.writeInt32BE(baseSequence, 53);
    b.writeInt32BE(this.recordCount, 57);
    const bytes = b.subarray(0, this.end);
    bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), CRC_OFFSET);
    return bytes;
  }
}

/**
 * A copy of the batch with its records in another codec; offsets, timestamps and producer fields do not
 * change.
 */
export function recompress(batch: RecordBatch, type: CompressionType): Buffer {
  const { buffer } = recordsSection(batch);
  const plain = batch.compression === 0 ? batch.bytes().subarray(BATCH_HEADER_BYTES) : buffer;
  const section = type === 'none' ? plain : compress(type, plain);
  const bytes = Buffer.concat([batch.bytes().subarray(0, BATCH_HEADER_BYTES), section]);
  bytes.writeInt32BE(bytes.length - LOG_OVERHEAD, 8);
  bytes.writeInt16BE((batch.attributes & ~COMPRESSION_MASK) | compressionId(type), 21);
  bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), CRC_OFFSET);
  return bytes;
}

/** A batch of the given records, for tests and tools. */
export function buildBatch(
  records: readonly {
    timestamp: number;
    key?: Buffer | null;
    value?: Buffer | null;
    headers?: readonly Header[];
  }[],
  fields: BatchFields = {},
): Buffer {
  const bound = records.reduce(
    (sum, r) => sum + batchSizeUpperBound(r.key ?? null, r.value ?? null, r.headers),
    BATCH_HEADER_BYTES,
  );
  const builder = new BatchBuilder(Buffer.allocUnsafe(bound), fields);
  for (const r of records)
    invariant(
      builder.append(r.timestamp, r.key ?? null, r.value ?? null, r.headers),
      'the bound was too small',
    );
  return builder.build();
}
