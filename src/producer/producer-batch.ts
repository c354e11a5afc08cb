/**
 * One batch under construction, then on its way: the encoded records and, for each, where to report.
 *
 * Invariant: it is completed or failed exactly once, and calls every callback exactly once, in the order of the records.
 *
 * Kafka: clients/producer/internals/ProducerBatch.java@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { ErrorName, KafkaError } from '../common/errors';
import { BatchBuilder, batchSizeUpperBound, recompress } from '../record/batch-builder';
import { CompressionType } from '../record/compression';
import { Header, recordsOf } from '../record/record';
import { BATCH_HEADER_BYTES, RecordBatch } from '../record/record-batch';
import { SendCallback } from './producer-record';

export class ProducerBatch {
  private readonly builder: BatchBuilder;
  private readonly callbacks: SendCallback[] = [];
  private readonly timestamps: number[] = [];
  private bytes: Buffer | undefined;
  private leaderEpoch = -1;
  attempts = 0;
  lastAttemptMs = 0;
  isDone = false;
  private parts: readonly ProducerBatch[] = [];
  producerId = -1;
  producerEpoch = -1;
  baseSequence = -1;
  /** Whether a broker may have it: not sent yet, or surely refused; or nobody knows. */
  fate: 'unsent' | 'unknown' | 'refused' = 'unsent';
  private wasInDoubt = false;
  /** The epoch was raised after this batch had got a sequence. */
  sequenceHasBeenReset = false;

  /** `buffer` bounds the uncompressed batch; `reservedBytes` of buffer.memory are its share until it is settled. */
  constructor(
    readonly tp: TopicPartition, readonly buffer: Buffer, readonly createdMs: number, private readonly compression: CompressionType, readonly reservedBytes = buffer.length,
  ) {
    this.builder = new BatchBuilder(buffer);
  }

  append(timestampMs: number, key: Buffer | null, value: Buffer | null, headers: readonly Header[], callback: SendCallback): boolean {
    if (this.bytes !== undefined || !this.builder.append(timestampMs, key, value, headers)) return false;
    this.callbacks.push(callback);
    this.timestamps.push(timestampMs);
    return true;
  }

  get isClosed(): boolean { return this.bytes !== undefined; }
  get recordCount(): number { return this.callbacks.length; }
  get hasSequence(): boolean { return this.baseSequence >= 0; }
  /** As it travels once closed, before that as it stands. */
  get sizeInBytes(): number { return this.bytes?.length ?? this.builder.sizeInBytes; }

  /** The encoded batch; nothing can be added any more. */
  close(): Buffer {
    if (this.bytes === undefined) {
      const plain = this.builder.build();
      this.bytes = this.compression === 'none' ? plain : recompress(new RecordBatch(plain), this.compression);
    }
    return this.bytes;
  }

  /** Names the producer and the batch's place. Bytes of an earlier attempt may still be in a socket: they stay as they are. */
  setProducerState(producerId: number, producerEpoch: number, baseSequence: number): void {
    const bytes = this.close();
    this.bytes = this.attempts > 0 ? Buffer.from(bytes) : bytes;
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.baseSequence = baseSequence;
    new RecordBatch(this.bytes).setProducerState(producerId, producerEpoch, baseSequence);
  }

  /** `leaderEpoch`: as the metadata has it, -1: not known. */
  sent(leaderEpoch: number, nowMs: number): void {
    this.leaderEpoch = leaderEpoch;
    this.attempts++;
    this.lastAttemptMs = nowMs;
    this.wasInDoubt = this.fate === 'unknown';
    this.fate = 'unknown';
  }

  /**
   * Whether the partition has had another leader since the last attempt: there is nothing to wait for then.
   * Kafka: ProducerBatch#hasLeaderChangedForTheOngoingRetry (3.7, KAFKA-15415)
   */
  isForNewLeader(epoch: number): boolean { return this.leaderEpoch >= 0 && epoch > this.leaderEpoch; }

  /** This attempt wrote nothing. That says nothing about an earlier one, except where the broker compared sequences. */
  refusedWith(error: ErrorName): void {
    if (!this.wasInDoubt || error === 'OUT_OF_ORDER_SEQUENCE_NUMBER') this.fate = 'refused';
  }

  /** The same records in two batches of about half the size; the memory reserved stays with the first. */
  split(): ProducerBatch[] {
    const records = [...recordsOf(new RecordBatch(this.close()))];
    const middle = Math.ceil(records.length / 2);
    return [records.slice(0, middle), records.slice(middle)].map((part, half) => {
      const bound = part.reduce((sum, record) => sum + batchSizeUpperBound(record.key, record.value, record.headers), BATCH_HEADER_BYTES);
      const batch = new ProducerBatch(this.tp, Buffer.allocUnsafeSlow(bound), this.createdMs, this.compression, half === 0 ? this.reservedBytes : 0);
      part.forEach((record, i) => batch.append(record.timestamp, record.key, record.value, record.headers, this.callbacks[half * middle + i]!));
      batch.close();
      return batch;
    });
  }

  /** Ends a batch whose records live on in others. */
  replaceBy(parts: readonly ProducerBatch[]): void {
    this.isDone = true;
    this.parts = parts;
  }

  /** Every record has been reported. */
  get isSettled(): boolean {
    return this.isDone && this.parts.every((part) => part.isSettled);
  }

  /** Reports every record; a callback that throws is handed to `onThrow`, and the others still run. */
  complete(baseOffset: number, logAppendTimeMs: number, onThrow: (error: unknown) => void): void {
    this.isDone = true;
    const { topic, partition } = this.tp;
    for (let i = 0; i < this.callbacks.length; i++) {
      const timestamp = logAppendTimeMs >= 0 ? logAppendTimeMs : this.timestamps[i]!;
      try {
        this.callbacks[i]!(null, { topic, partition, offset: baseOffset < 0 ? -1 : baseOffset + i, timestamp });
      } catch (error) {
        onThrow(error);
      }
    }
  }

  fail(error: KafkaError, onThrow: (error: unknown) => void): void {
    this.isDone = true;
    for (const callback of this.callbacks) {
      try {
        callback(error, null);
      } catch (thrown) {
        onThrow(thrown);
      }
    }
  }
}
