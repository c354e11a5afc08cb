/**
 * What a batch from a client must be before the leader appends it. Walks the bytes (src/record/record-walk.ts);
 * makes no object a record.
 *
 * Refusals: CORRUPT_MESSAGE for bytes that are not what they claim, INVALID_RECORD for well-formed bytes a client may
 * not send, MESSAGE_TOO_LARGE, INVALID_TIMESTAMP. Nothing is appended then.
 *
 * [p] Kafka: log/LogValidator.scala and Log.scala#analyzeAndValidateRecords@2.8.2
 */
import { LONG_MAX } from '../common/config-def';
import { KafkaError } from '../common/errors';
import { recompress } from '../record/batch-builder';
import { CompressionType, compressionTypes } from '../record/compression';
import { recordsSection } from '../record/record';
import {
  CRC_OFFSET, headerProblem, NO_PRODUCER_ID, NO_TIMESTAMP, RecordBatch, TIMESTAMP_TYPE_MASK, writeInt64,
} from '../record/record-batch';
import { TimeSpan, walkRecords } from '../record/record-walk';
import { LogConfig } from './log-config';

function corrupt(reason: string): never {
  throw new KafkaError('CORRUPT_MESSAGE', reason);
}

function invalid(reason: string): never {
  throw new KafkaError('INVALID_RECORD', reason);
}

/** What the inside of a batch must be, and what it is to become. */
export interface RecordRules {
  readonly needKeys: boolean;
  /** `compression.type` of the topic. */
  readonly codec: LogConfig['compression.type'];
  /** Compressed batches expand to no more; ExpansionError else. */
  readonly maxExpandedBytes: number;
}

/** What a walk over the records found. */
export interface CheckedRecords {
  readonly times: TimeSpan;
  /** Of a compressed batch: what it expands to; 0 else. */
  readonly expandedBytes: number;
  /** The batch in the topic's codec, where that is another one. */
  readonly stored: Buffer | undefined;
}

/** Looks at the records of a batch; what it throws is thrown by the append, and nothing was appended. */
export type CheckRecords = (batch: RecordBatch, config: LogConfig) => CheckedRecords;

export function recordRules(config: LogConfig, maxExpandedBytes: number): RecordRules {
  const needKeys = config['cleanup.policy'].includes('compact');
  return { needKeys, codec: config['compression.type'], maxExpandedBytes };
}

/** Throws CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP or ExpansionError. */
export function checkRecords(batch: RecordBatch, rules: RecordRules): CheckedRecords {
  const reader = recordsSection(batch, rules.maxExpandedBytes);
  const expandedBytes = batch.compression === 0 ? 0 : reader.left;
  const times = walkRecords(batch, reader, rules.needKeys);
  return { times, expandedBytes, stored: inTopicCodec(batch, rules.codec) };
}

function checkHeader(batch: RecordBatch): void {
  if (batch.computeCrc() !== batch.crc) corrupt(`Record is corrupt (stored crc = ${batch.crc})`);
  if (batch.baseOffset !== 0) invalid(`the base offset of a produced batch must be 0, not ${batch.baseOffset}`);
  if (batch.recordCount <= 0) invalid(`the batch has ${batch.recordCount} records`);
  if (batch.lastOffsetDelta !== batch.recordCount - 1) invalid(`last offset delta ${batch.lastOffsetDelta} does not match ${batch.recordCount} records`);
  if (batch.isControl) invalid('Clients are not allowed to write control records');
  if (batch.isTransactional) invalid('transactional batches are not supported');
  const { firstTimestamp, maxTimestamp, producerId } = batch;
  if (!Number.isSafeInteger(firstTimestamp) || !Number.isSafeInteger(maxTimestamp)) {
    throw new KafkaError('INVALID_TIMESTAMP', `Timestamps ${firstTimestamp} to ${maxTimestamp} do not fit 53 bits`);
  }
  if ((batch.attributes & TIMESTAMP_TYPE_MASK) !== 0) {
    throw new KafkaError('INVALID_TIMESTAMP', 'Producer should not set timestamp type to LogAppendTime');
  }
  if (!Number.isSafeInteger(producerId) || producerId < NO_PRODUCER_ID) invalid(`producer id ${producerId}`);
  if (producerId !== NO_PRODUCER_ID && (batch.producerEpoch < 0 || batch.baseSequence < 0)) {
    invalid(`producer id ${batch.producerId} with epoch ${batch.producerEpoch} and sequence ${batch.baseSequence}`);
  }
}

/** The one batch of a produce request's record set, if it is what a client may send, whatever the topic's settings. */
export function readProducedBatch(records: Buffer): RecordBatch {
  const problem = headerProblem(records, 0);
  if (problem !== undefined) corrupt(problem);
  const batch = new RecordBatch(records);
  if (batch.sizeInBytes !== records.length) {
    invalid('Record batch has more than one batch, or bytes after it');
  }
  checkHeader(batch);
  return batch;
}

function requireSize(bytes: number, config: LogConfig, what: string): void {
  const most = config['max.message.bytes'];
  if (bytes <= most) return;
  const size = `The record batch size of ${bytes} bytes${what}`;
  throw new KafkaError('MESSAGE_TOO_LARGE', `${size} exceeds the maximum configured value of ${most}`);
}

/** The batch as it is to be stored under the topic's settings: its codec, and with the broker's timestamps set. */
export function validateProducedBatch(
  batch: RecordBatch, config: LogConfig, nowMs: number, check?: CheckRecords,
): RecordBatch {
  requireSize(batch.sizeInBytes, config, '');
  const checked = check?.(batch, config) ?? checkRecords(batch, recordRules(config, Infinity));
  const { times, stored: bytes } = checked;
  if (bytes) requireSize(bytes.length, config, ' after recompression');
  const stored = bytes ? new RecordBatch(bytes) : batch;
  stamp(stored, times, config, nowMs);
  return stored;
}

/** compression.type of the topic: the producer's codec is kept, or the batch is compressed anew. */
function inTopicCodec(batch: RecordBatch, wanted: LogConfig['compression.type']): Buffer | undefined {
  if (wanted === 'producer') return undefined;
  const type = (wanted === 'uncompressed' ? 'none' : wanted) as CompressionType;
  return compressionTypes[batch.compression] === type ? undefined : recompress(batch, type);
}

function stamp(batch: RecordBatch, { earliest, latest }: TimeSpan, config: LogConfig, nowMs: number): void {
  if (config['message.timestamp.type'] === 'LogAppendTime') {
    batch.setLogAppendTime(nowMs);
    return;
  }
  const allowed = config['message.timestamp.difference.max.ms'];
  // A record without a time has nothing to be out of range.
  if (allowed < LONG_MAX && latest !== NO_TIMESTAMP && (nowMs - earliest > allowed || latest - nowMs > allowed)) {
    const what = `Timestamps from ${earliest} to ${latest} are out of range`;
    throw new KafkaError('INVALID_TIMESTAMP', `${what}: more than ${allowed} ms from ${nowMs}`);
  }
  if (latest === batch.maxTimestamp) return;
  writeInt64(batch.buffer, latest, batch.start + 35);
  batch.buffer.writeUInt32BE(batch.computeCrc(), batch.start + CRC_OFFSET);
}

/** The batches a follower fetched: whole, sound, and starting at the follower's log end offset. */
export function validateFetchedBatches(records: Buffer, logEndOffset: number): RecordBatch[] {
  const batches: RecordBatch[] = [];
  let next = logEndOffset;
  for (let at = 0; at < records.length;) {
    const problem = headerProblem(records, at);
    if (problem !== undefined) corrupt(problem);
    const batch = new RecordBatch(records, at);
    if (batch.computeCrc() !== batch.crc) corrupt(`the CRC of the batch at offset ${batch.baseOffset} does not match`);
    if (batch.baseOffset < next) corrupt(`fetched offset ${batch.baseOffset} lies below ${next}`);
    batches.push(batch);
    next = batch.nextOffset;
    at += batch.sizeInBytes;
  }
  return batches;
}

/** The first of fetched batches if it is sound, begins below `offset` and reaches it. */
export function firstBatchAround(records: Buffer, offset: number): RecordBatch | undefined {
  if (records.length === 0 || headerProblem(records, 0) !== undefined) return undefined;
  const batch = new RecordBatch(records);
  const isAround = batch.baseOffset >= 0 && batch.baseOffset < offset && batch.lastOffset >= offset;
  return isAround && batch.computeCrc() === batch.crc ? batch : undefined;
}
