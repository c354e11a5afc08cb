/**
 * Removes records from a batch, for compaction. The other records do not change, nor do producer fields and
 * codec.
 *
 * Invariant: base offset and last offset do not change, so that consumers and followers skip the removed
 * offsets. A batch without records may remain where its header is still needed.
 *
 * [p] Kafka: common/record/MemoryRecords.java#filterTo@2.8.2
 */
import { compress, compressionTypes, CompressionType } from './compression';
import { BATCH_HEADER_BYTES, CRC_OFFSET, LOG_OVERHEAD, RecordBatch, writeInt64 } from './record-batch';
import { RecordReader, SkimmedRecord } from './record';

/**
 * Returns the batch itself if all records are kept, else a smaller copy. If no record is kept, returns a
 * batch without records (`keepEmpty`) or undefined.
 */
export function filterBatch(
  batch: RecordBatch,
  keep: (record: SkimmedRecord, reader: RecordReader) => boolean,
  keepEmpty: boolean,
): Buffer | undefined {
  const reader = new RecordReader(batch);
  const record = new SkimmedRecord();
  // Records contain deltas to fields of the header, which does not change, so they are copied as they are.
  const pieces: Buffer[] = [];
  let count = 0;
  let maxTimestamp = -1;
  let from = -1;
  let to = -1;
  const take = () => {
    if (from >= 0) pieces.push(reader.section.subarray(from, to));
  };
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
  return withSection(
    batch,
    type === 'none' ? pieces : [compress(type, Buffer.concat(pieces))],
    count,
    maxTimestamp,
  );
}

function withSection(
  batch: RecordBatch,
  section: readonly Buffer[],
  recordCount: number,
  maxTimestamp: number,
): Buffer {
  const bytes = Buffer.concat([batch.bytes().subarray(0, BATCH_HEADER_BYTES), ...section]);
  bytes.writeInt32BE(bytes.length - LOG_OVERHEAD, 8);
  // An empty batch has nothing to decompress, so its codec is set to none.
  if (recordCount === 0) bytes.writeInt16BE(batch.attributes & ~0x07, 21);
  writeInt64(bytes, maxTimestamp, 35);
  bytes.writeInt32BE(recordCount, 57);
  bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), CRC_OFFSET);
  return bytes;
}
