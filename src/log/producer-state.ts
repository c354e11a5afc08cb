/**
 * What a log remembers of each idempotent producer: its epoch and its last five batches. With it a leader
 * recognizes a batch that is sent again, and refuses a batch that leaves a gap.
 *
 * Invariant: for a producer id and epoch, the sequences in the log follow each other without gap or
 * repetition. The state is a function of the batches in the log, so that leader and followers agree on it.
 *
 * [p] Kafka: log/ProducerStateManager.scala@2.8.2
 */
import { KafkaError } from '../common/errors';
import { crc32c } from '../record/crc32c';
import {
  NO_PRODUCER_ID,
  readInt64,
  RecordBatch,
  TIMESTAMP_TYPE_MASK,
  writeInt64,
} from '../record/record-batch';

/** How many batches of a producer are remembered. A producer may have as many requests in flight. */
export const BATCHES_TO_RETAIN = 5;
const MAX_SEQUENCE = 2 ** 31 - 1;
const NO_SEQUENCE = -1;

/** The sequence `by` records after `sequence`; wraps from 2^31 - 1 to 0. */
export function incrementSequence(sequence: number, by: number): number {
  return sequence > MAX_SEQUENCE - by ? by - (MAX_SEQUENCE - sequence) - 1 : sequence + by;
}

export interface BatchMetadata {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly offsetDelta: number;
  /**
   * The batch's largest timestamp, ms. For a batch from a snapshot: when it was written (the same with
   * LogAppendTime).
   */
  readonly timestamp: number;
}

export interface ProducerEntry {
  readonly producerId: number;
  producerEpoch: number;
  /** Oldest first. */
  batches: BatchMetadata[];
  /**
   * When the producer last wrote, ms, by a broker's clock. Expiry depends on it, and a client may send any
   * timestamp.
   */
  lastTimestamp: number;
  coordinatorEpoch: number;
  currentTxnFirstOffset: number;
}

function metadataOf(batch: RecordBatch): BatchMetadata {
  const { baseSequence, lastOffsetDelta, lastOffset, maxTimestamp } = batch;
  return {
    firstSequence: baseSequence,
    lastSequence: incrementSequence(baseSequence, lastOffsetDelta),
    lastOffset,
    offsetDelta: lastOffsetDelta,
    timestamp: maxTimestamp,
  };
}

export class ProducerState {
  private entries = new Map<number, ProducerEntry>();

  get size(): number {
    return this.entries.size;
  }
  get all(): readonly ProducerEntry[] {
    return [...this.entries.values()];
  }

  get(producerId: number): ProducerEntry | undefined {
    return this.entries.get(producerId);
  }

  /** The remembered batch that a client's batch repeats; undefined if there is none. */
  findRepeated({
    producerId,
    producerEpoch,
    baseSequence,
    lastOffsetDelta,
  }: RecordBatch): BatchMetadata | undefined {
    const entry = this.entries.get(producerId);
    if (entry === undefined || entry.producerEpoch !== producerEpoch) return undefined;
    const lastSequence = incrementSequence(baseSequence, lastOffsetDelta);
    return entry.batches.find(
      (one) => one.firstSequence === baseSequence && one.lastSequence === lastSequence,
    );
  }

  /**
   * Checks a client's batch that is not a repetition. Throws INVALID_PRODUCER_EPOCH for an older epoch, and
   * OUT_OF_ORDER_SEQUENCE_NUMBER for a gap.
   */
  check(batch: RecordBatch): void {
    const entry = this.entries.get(batch.producerId);
    // As in Kafka (KIP-360), an unknown producer may begin with any sequence: its batches may have been
    // deleted.
    if (entry === undefined) return;
    const { producerEpoch, baseSequence: first, producerId } = batch;
    const who = `producer id ${producerId}, epoch ${producerEpoch}`;
    if (producerEpoch < entry.producerEpoch) {
      throw new KafkaError(
        'INVALID_PRODUCER_EPOCH',
        `${who}: a newer epoch, ${entry.producerEpoch}, has written to this partition`,
      );
    }
    if (producerEpoch > entry.producerEpoch) {
      if (first === 0) return;
      throw new KafkaError(
        'OUT_OF_ORDER_SEQUENCE_NUMBER',
        `${who}: a new epoch must begin with sequence 0, not ${first}`,
      );
    }
    const last = entry.batches.at(-1)?.lastSequence ?? NO_SEQUENCE;
    if (first === incrementSequence(last, 1)) return;
    throw new KafkaError(
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
      `${who}: ${first} (incoming sequence number), ${last} (current end sequence number)`,
    );
  }

  /**
   * Adds a batch that is in the log. Nothing is refused here, because the leader has checked it. `writtenMs`:
   * when it was written to this replica. (Kafka uses the client's timestamp: a producer with old timestamps
   * is forgotten at once, one with timestamps in the future never.)
   */
  update(batch: RecordBatch, writtenMs = batch.maxTimestamp): void {
    const { producerId, producerEpoch, maxTimestamp } = batch;
    if (producerId === NO_PRODUCER_ID) return;
    const hasAppendTime = (batch.attributes & TIMESTAMP_TYPE_MASK) !== 0;
    const lastTimestamp = hasAppendTime ? maxTimestamp : writtenMs;
    let entry = this.entries.get(producerId);
    if (entry === undefined) {
      entry = {
        producerId,
        producerEpoch,
        batches: [],
        lastTimestamp,
        coordinatorEpoch: -1,
        currentTxnFirstOffset: -1,
      };
      this.entries.set(producerId, entry);
    }
    if (producerEpoch !== entry.producerEpoch) {
      entry.producerEpoch = producerEpoch;
      entry.batches = [];
    }
    entry.lastTimestamp = lastTimestamp;
    if (batch.isControl) {
      entry.currentTxnFirstOffset = -1;
      return;
    }
    if (batch.isTransactional && entry.currentTxnFirstOffset < 0)
      entry.currentTxnFirstOffset = batch.baseOffset;
    entry.batches.push(metadataOf(batch));
    if (entry.batches.length > BATCHES_TO_RETAIN) entry.batches.shift();
  }

  /** Adds batches from before the snapshot's last one to the front of the remembered batches, in order. */
  remember(batches: readonly RecordBatch[]): void {
    const earlier = new Map<ProducerEntry, BatchMetadata[]>();
    for (const batch of batches) {
      const entry = this.entries.get(batch.producerId);
      const oldest = entry?.batches[0];
      if (entry === undefined || oldest === undefined || batch.lastOffset >= oldest.lastOffset) continue;
      if (batch.producerEpoch !== entry.producerEpoch || batch.isControl) continue;
      const known = earlier.get(entry);
      if (known) known.push(metadataOf(batch));
      else earlier.set(entry, [metadataOf(batch)]);
    }
    for (const [entry, found] of earlier)
      entry.batches = [...found, ...entry.batches].slice(-BATCHES_TO_RETAIN);
  }

  /** Forgets producers that have not written for `retentionMs`. A time far in the future counts as now. */
  expire(nowMs: number, retentionMs: number): void {
    for (const [id, entry] of this.entries) {
      if (entry.lastTimestamp - nowMs > retentionMs) entry.lastTimestamp = nowMs;
      if (entry.currentTxnFirstOffset < 0 && nowMs - entry.lastTimestamp >= retentionMs)
        this.entries.delete(id);
    }
  }

  clear(): void {
    this.entries.clear();
  }

  restore(entries: readonly ProducerEntry[]): void {
    this.entries = new Map(entries.map((entry) => [entry.producerId, entry]));
  }
}

const HEADER_BYTES = 10;
const ENTRY_BYTES = 46;
const SNAPSHOT_VERSION = 1;

/**
 * The bytes of a `.snapshot` file:
 *
 *  version i16 = 1 | crc u32 over the rest | count i32 | count × (producerId i64 | producerEpoch i16
 *  | lastSequence i32 | lastOffset i64 | offsetDelta i32 | timestamp i64 | coordinatorEpoch i32
 *  | currentTxnFirstOffset i64)
 */
export function encodeSnapshot(entries: readonly ProducerEntry[]): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + entries.length * ENTRY_BYTES);
  bytes.writeInt16BE(SNAPSHOT_VERSION, 0);
  bytes.writeInt32BE(entries.length, 6);
  entries.forEach((entry, i) => {
    const at = HEADER_BYTES + i * ENTRY_BYTES;
    const last = entry.batches.at(-1);
    writeInt64(bytes, entry.producerId, at);
    bytes.writeInt16BE(entry.producerEpoch, at + 8);
    bytes.writeInt32BE(last?.lastSequence ?? NO_SEQUENCE, at + 10);
    writeInt64(bytes, last?.lastOffset ?? -1, at + 14);
    bytes.writeInt32BE(last?.offsetDelta ?? 0, at + 22);
    writeInt64(bytes, entry.lastTimestamp, at + 26);
    bytes.writeInt32BE(entry.coordinatorEpoch, at + 34);
    writeInt64(bytes, entry.currentTxnFirstOffset, at + 38);
  });
  bytes.writeUInt32BE(crc32c(bytes.subarray(6)), 2);
  return bytes;
}

/** The entries of a snapshot. Throws an Error that explains if the bytes are not a valid snapshot. */
export function decodeSnapshot(bytes: Buffer): ProducerEntry[] {
  if (bytes.length < HEADER_BYTES) throw new Error(`a snapshot of ${bytes.length} bytes is too short`);
  if (bytes.readInt16BE(0) !== SNAPSHOT_VERSION)
    throw new Error(`snapshot version ${bytes.readInt16BE(0)} is not supported`);
  if (bytes.readUInt32BE(2) !== crc32c(bytes.subarray(6)))
    throw new Error('the CRC of the snapshot does not match');
  const count = bytes.readInt32BE(6);
  if (bytes.length !== HEADER_BYTES + count * ENTRY_BYTES)
    throw new Error(`a snapshot of ${count} producers has ${bytes.length} bytes`);
  return Array.from({ length: count }, (_, i) => decodeEntry(bytes, HEADER_BYTES + i * ENTRY_BYTES));
}

function decodeEntry(bytes: Buffer, at: number): ProducerEntry {
  const lastSequence = bytes.readInt32BE(at + 10);
  const offsetDelta = bytes.readInt32BE(at + 22);
  const timestamp = readInt64(bytes, at + 26);
  const firstSequence =
    lastSequence >= offsetDelta
      ? lastSequence - offsetDelta
      : MAX_SEQUENCE - (offsetDelta - lastSequence) + 1;
  const producerId = readInt64(bytes, at);
  const lastOffset = readInt64(bytes, at + 14);
  if (!Number.isSafeInteger(producerId) || !Number.isSafeInteger(lastOffset)) {
    throw new Error(`producer id ${producerId} or its last offset ${lastOffset} does not fit 53 bits`);
  }
  const batch: BatchMetadata = { firstSequence, lastSequence, lastOffset, offsetDelta, timestamp };
  return {
    producerId,
    producerEpoch: bytes.readInt16BE(at + 8),
    batches: lastSequence >= 0 ? [batch] : [],
    lastTimestamp: timestamp,
    coordinatorEpoch: bytes.readInt32BE(at + 34),
    currentTxnFirstOffset: readInt64(bytes, at + 38),
  };
}
