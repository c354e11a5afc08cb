/**
 * A batch without some of its records: offsets, times, producer and codec stay, the gap stays visible.
 *
 * Invariant: base and last offset do not change, so readers and followers step over the gap; a batch may stay without
 * records, where its header alone is still needed.
 *
 * [p] Kafka: common/record/MemoryRecords.java#filterTo@2.8.2
 */
import { compress, compressionTypes, CompressionType } from './compression';
import { BATCH_HEADER_BYTES, CRC_OFFSET, LOG_OVERHEAD, RecordBatch, writeInt64 } from './record-batch';
import { RecordReader, SkimmedRecord } from './record';

/** The batch itself if all records are kept, a smaller one, one without records (`keepEmpty`), or undefined for nothing. */
export function filterBatch(batch: RecordBatch, keep: (record: SkimmedRecord, reader: RecordReader) => boolean, keepEmpty: boolean): Buffer | undefined {
  const reader = new RecordReader(batch);
  const record = new SkimmedRecord();
  // Deltas are relative to the header, which stays: what is kept is copied as it is.
  const pieces: Buffer[] = [];
  let count = 0;
  let maxTimestamp = -1;
  let from = -1;
  let to = -1;
  const take = () => { if (from >= 0) pieces.push(reader.section.subarray(from, to)); };
  while (reader.skim(record)) {
    if (!keep(record, reader)) continue;
    if (record.start !== to) {
      take();
      from = record.start;
    }
    to = record.end;
    count++;
    maxTimestamp = Math.max(maxTimestamp, record.timestamp);
  }
  take();
  if (count === batch.recordCount) return batch.recordCount > 0 || keepEmpty ? batch.bytes() : undefined;
  if (count === 0) return keepEmpty ? withSection(batch, [], 0, batch.maxTimestamp) : undefined;
  const type = compressionTypes[batch.compression] as CompressionType;
  return withSection(batch, type === 'none' ? pieces : [compress(type, Buffer.concat(pieces))], count, maxTimestamp);
}

function withSection(batch: RecordBatch, section: readonly Buffer[], recordCount: number, maxTimestamp: number): Buffer {
  const bytes = Buffer.concat([batch.bytes().subarray(0, BATCH_HEADER_BYTES), ...section]);
  bytes.writeInt32BE(bytes.length - LOG_OVERHEAD, 8);
  // An empty batch has nothing to decompress.
  if (recordCount === 0) bytes.writeInt16BE(batch.attributes & ~0x07, 21);
  writeInt64(bytes, maxTimestamp, 35);
  bytes.writeInt32BE(recordCount, 57);
  bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), CRC_OFFSET);
  return bytes;
}
