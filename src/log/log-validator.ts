/**
 * Validates batches: a produced batch before the leader appends it, and fetched batches before a follower
 * does. Walks the bytes of the records (src/record/record-walk.ts) without making an object for each.
 *
 * A produced batch is refused with CORRUPT_MESSAGE if its bytes are malformed, with INVALID_RECORD if they
 * are well-formed but not allowed from a client, with MESSAGE_TOO_LARGE or with INVALID_TIMESTAMP. Then
 * nothing is appended.
 *
 * [p] Kafka: log/LogValidator.scala and Log.scala#analyzeAndValidateRecords@2.8.2
 */
import { LONG_MAX } from '../common/config-def';
import { KafkaError } from '../common/errors';
import { recompress } from '../record/batch-builder';
import { CompressionType, compressionTypes, ExpansionError } from '../record/compression';
import { recordsSection } from '../record/record';
import {
  CRC_OFFSET,
  headerProblem,
  NO_PRODUCER_ID,
  NO_TIMESTAMP,
  RecordBatch,
  TIMESTAMP_TYPE_MASK,
  writeInt64,
} from '../record/record-batch';
import { TimeSpan, walkRecords } from '../record/record-walk';
import { VarintReader } from '../record/varint';
import { LogConfig } from './log-config';

function corrupt(reason: string): never {
  throw new KafkaError('CORRUPT_MESSAGE', reason);
}

function invalid(reason: string): never {
  throw new KafkaError('INVALID_RECORD', reason);
}

/** The rules for the records of a batch, from the topic's settings. */
export interface RecordRules {
  readonly needKeys: boolean;
  /** `compression.type` of the topic. */
  readonly codec: LogConfig['compression.type'];
  /** The limit to which a compressed batch may expand, in bytes; beyond it ExpansionError is thrown. */
  readonly maxExpandedBytes: number;
  /** `max.message.bytes` of the topic: the limit for the batch in the topic's codec. */
  readonly maxStoredBytes: number;
}

/** The result of checking the records of a batch. */
export interface CheckedRecords {
  readonly times: TimeSpan;
  /** The batch in the topic's codec, if the producer used another one. */
  readonly stored: Buffer | undefined;
}

/** Checks the records of a batch. If it throws, the append throws the same, and nothing is appended. */
export type CheckRecords = (batch: RecordBatch, config: LogConfig) => CheckedRecords;

export function recordRules(config: LogConfig, maxExpandedBytes: number): RecordRules {
  const needKeys = config['cleanup.policy'].includes('compact');
  const maxStoredBytes = config['max.message.bytes'];
  return { needKeys, codec: config['compression.type'], maxExpandedBytes, maxStoredBytes };
}

/**
 * `onExpanded` is called with the bytes to which a compressed batch expanded, also if it is refused
 * afterwards; with `maxExpandedBytes` if its stream is damaged, because it is not known how far the
 * decompression came; not before an ExpansionError. Throws CORRUPT_MESSAGE, INVALID_RECORD,
 * INVALID_TIMESTAMP, MESSAGE_TOO_LARGE or ExpansionError.
 */
export function checkRecords(
  batch: RecordBatch,
  rules: RecordRules,
  onExpanded: (bytes: number) => void = () => {},
): CheckedRecords {
  const reader = expanded(batch, rules, onExpanded);
  const times = walkRecords(batch, reader, rules.needKeys);
  return { times, stored: inTopicCodec(batch, rules) };
}

function expanded(
  batch: RecordBatch,
  { maxExpandedBytes }: RecordRules,
  onExpanded: (bytes: number) => void,
): VarintReader {
  if (batch.compression === 0) return recordsSection(batch);
  if (maxExpandedBytes <= 0) throw new ExpansionError(0);
  try {
    const reader = recordsSection(batch, maxExpandedBytes);
    onExpanded(reader.left);
    return reader;
  } catch (error) {
    if (!(error instanceof ExpansionError)) onExpanded(maxExpandedBytes);
    throw error;
  }
}

function checkHeader(batch: RecordBatch): void {
  if (batch.computeCrc() !== batch.crc) corrupt(`Record is corrupt (stored crc = ${batch.crc})`);
  if (batch.baseOffset !== 0)
    invalid(`the base offset of a produced batch must be 0, not ${batch.baseOffset}`);
  if (batch.recordCount <= 0) invalid(`the batch has ${batch.recordCount} records`);
  if (batch.lastOffsetDelta !== batch.recordCount - 1)
    invalid(`last offset delta ${batch.lastOffsetDelta} does not match ${batch.recordCount} records`);
  if (batch.isControl) invalid('Clients are not allowed to write control records');
  if (batch.isTransactional) invalid('transactional batches are not supported');
  const { firstTimestamp, maxTimestamp, producerId } = batch;
  if (!Number.isSafeInteger(firstTimestamp) || !Number.isSafeInteger(maxTimestamp)) {
    throw new KafkaError(
      'INVALID_TIMESTAMP',
      `Timestamps ${firstTimestamp} to ${maxTimestamp} do not fit 53 bits`,
    );
  }
  if ((batch.attributes & TIMESTAMP_TYPE_MASK) !== 0) {
    throw new KafkaError('INVALID_TIMESTAMP', 'Producer should not set timestamp type to LogAppendTime');
  }
  if (!Number.isSafeInteger(producerId) || producerId < NO_PRODUCER_ID) invalid(`producer id ${producerId}`);
  if (producerId !== NO_PRODUCER_ID && (batch.producerEpoch < 0 || batch.baseSequence < 0)) {
    invalid(
      `producer id ${batch.producerId} with epoch ${batch.producerEpoch} and sequence ${batch.baseSequence}`,
    );
  }
}

/**
 * The batch in the record set of a produce request, which must contain exactly one. Checks what does not
 * depend on the topic's settings. Throws CORRUPT_MESSAGE, INVALID_RECORD or INVALID_TIMESTAMP.
 */
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

function requireSize(bytes: number, most: number, what: string): void {
  if (bytes <= most) return;
  const size = `The record batch size of ${bytes} bytes${what}`;
  throw new KafkaError('MESSAGE_TOO_LARGE', `${size} exceeds the maximum configured value of ${most}`);
}

/**
 * Checks the batch by the topic's settings, and returns it as it has to be stored: in the topic's codec, with
 * the broker's timestamp if the topic has LogAppendTime.
 */
export function validateProducedBatch(
  batch: RecordBatch,
  config: LogConfig,
  nowMs: number,
  check?: CheckRecords,
): RecordBatch {
  requireSize(batch.sizeInBytes, config['max.message.bytes'], '');
  const checked = check?.(batch, config) ?? checkRecords(batch, recordRules(config, Infinity));
  const { times, stored: bytes } = checked;
  const stored = bytes ? new RecordBatch(bytes) : batch;
  stamp(stored, times, config, nowMs);
  return stored;
}

/**
 * The batch recompressed to the topic's compression.type; undefined if it may stay as the producer sent it.
 * Throws MESSAGE_TOO_LARGE if it becomes too large for the topic.
 */
function inTopicCodec(
  batch: RecordBatch,
  { codec: wanted, maxStoredBytes }: RecordRules,
): Buffer | undefined {
  if (wanted === 'producer') return undefined;
  const type = (wanted === 'uncompressed' ? 'none' : wanted) as CompressionType;
  if (compressionTypes[batch.compression] === type) return undefined;
  const stored = recompress(batch, type);
  requireSize(stored.length, maxStoredBytes, ' after recompression');
  return stored;
}

function stamp(batch: RecordBatch, { earliest, latest }: TimeSpan, config: LogConfig, nowMs: number): void {
  if (config['message.timestamp.type'] === 'LogAppendTime') {
    batch.setLogAppendTime(nowMs);
    return;
  }
  const allowed = config['message.timestamp.difference.max.ms'];
  // A record without a timestamp cannot be out of range.
  if (
    allowed < LONG_MAX &&
    latest !== NO_TIMESTAMP &&
    (nowMs - earliest > allowed || latest - nowMs > allowed)
  ) {
    const what = `Timestamps from ${earliest} to ${latest} are out of range`;
    throw new KafkaError('INVALID_TIMESTAMP', `${what}: more than ${allowed} ms from ${nowMs}`);
  }
  if (latest === batch.maxTimestamp) return;
  writeInt64(batch.buffer, latest, batch.start + 35);
  batch.buffer.writeUInt32BE(batch.computeCrc(), batch.start + CRC_OFFSET);
}

/**
 * The batches that a follower fetched. Throws CORRUPT_MESSAGE if one is incomplete or damaged, or if the
 * offsets go back below the follower's log end offset.
 */
export function validateFetchedBatches(records: Buffer, logEndOffset: number): RecordBatch[] {
  const batches: RecordBatch[] = [];
  let next = logEndOffset;
  for (let at = 0; at < records.length;) {
    const problem = headerProblem(records, at);
    if (problem !== undefined) corrupt(problem);
    const batch = new RecordBatch(records, at);
    if (batch.computeCrc() !== batch.crc)
      corrupt(`the CRC of the batch at offset ${batch.baseOffset} does not match`);
    if (batch.baseOffset < next) corrupt(`fetched offset ${batch.baseOffset} lies below ${next}`);
    batches.push(batch);
    next = batch.nextOffset;
    at += batch.sizeInBytes;
  }
  return batches;
}

/** The first fetched batch, if it is intact, begins below `offset` and contains it; else undefined. */
export function firstBatchAround(records: Buffer, offset: number): RecordBatch | undefined {
  if (records.length === 0 || headerProblem(records, 0) !== undefined) return undefined;
  const batch = new RecordBatch(records);
  const isAround = batch.baseOffset >= 0 && batch.baseOffset < offset && batch.lastOffset >= offset;
  return isAround && batch.computeCrc() === batch.crc ? batch : undefined;
}
