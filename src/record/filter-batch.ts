/**
 * A batch without some of its records: offsets, times, producer and codec stay, the gap stays visible.
 *
 * Invariant: base and last offset do not change, so readers and followers step over the gap; a batch may stay without
 * records, where its header alone is still needed.
 *
 * [p] Kafka: common/record/MemoryRecords.java#filterTo@2.8.2
 */
import { invariant } from '../common/errors';
import { compress, compressionTypes, CompressionType } from './compression';
import { BATCH_HEADER_BYTES, CRC_OFFSET, LOG_OVERHEAD, RecordBatch, TIMESTAMP_TYPE_MASK, writeInt64 } from './record-batch';
import { Record, recordBodySize, recordsOf, writeRecord } from './record';
import { varintSize } from './varint';

/** The batch itself if all records are kept, a smaller one, one without records (`keepEmpty`), or undefined for nothing. */
export function filterBatch(batch: RecordBatch, keep: (record: Record) => boolean, keepEmpty: boolean): Buffer | undefined {
  const kept: Record[] = [];
  for (const record of recordsOf(batch)) if (keep(record)) kept.push(record);
  if (kept.length === batch.recordCount) return batch.recordCount > 0 || keepEmpty ? batch.bytes() : undefined;
  if (kept.length === 0) return keepEmpty ? withSection(batch, Buffer.alloc(0), 0, batch.maxTimestamp) : undefined;
  const section = encodeRecords(batch, kept);
  const type = compressionTypes[batch.compression] as CompressionType;
  const isLogAppendTime = (batch.attributes & TIMESTAMP_TYPE_MASK) !== 0;
  const maxTimestamp = isLogAppendTime ? batch.maxTimestamp : kept.reduce((max, record) => Math.max(max, record.timestamp), -1);
  return withSection(batch, type === 'none' ? section : compress(type, section), kept.length, maxTimestamp);
}

function encodeRecords(batch: RecordBatch, kept: readonly Record[]): Buffer {
  const { firstTimestamp, baseOffset } = batch;
  const isLogAppendTime = (batch.attributes & TIMESTAMP_TYPE_MASK) !== 0;
  const sizes = kept.map(({ offset, timestamp, key, value, headers }) => recordBodySize(isLogAppendTime ? 0 : timestamp - firstTimestamp, offset - baseOffset, key, value, headers));
  const bytes = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + varintSize(size) + size, 0));
  let at = 0;
  kept.forEach(({ offset, timestamp, key, value, headers }, i) => {
    at = writeRecord(bytes, at, sizes[i]!, isLogAppendTime ? 0 : timestamp - firstTimestamp, offset - baseOffset, key, value, headers);
  });
  invariant(at === bytes.length, 'a filtered batch has another size than was reckoned');
  return bytes;
}

function withSection(batch: RecordBatch, section: Buffer, recordCount: number, maxTimestamp: number): Buffer {
  const bytes = Buffer.concat([batch.bytes().subarray(0, BATCH_HEADER_BYTES), section]);
  bytes.writeInt32BE(bytes.length - LOG_OVERHEAD, 8);
  // An empty batch has nothing to decompress.
  if (recordCount === 0) bytes.writeInt16BE(batch.attributes & ~0x07, 21);
  writeInt64(bytes, maxTimestamp, 35);
  bytes.writeInt32BE(recordCount, 57);
  bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), CRC_OFFSET);
  return bytes;
}
