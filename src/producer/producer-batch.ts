/**
 * A batch of the producer, from the first record to the outcome: the encoded records and the callback of each
 * record.
 *
 * Invariant: a batch is completed or failed exactly once. It calls every callback exactly once, in the order
 * of the records.
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
  /**
   * `unsent`: never sent. `refused`: certainly not written by a broker. `unknown`: a broker may have written
   * it.
   */
  fate: 'unsent' | 'unknown' | 'refused' = 'unsent';
  private wasInDoubt = false;
  /** The producer epoch was raised after this batch had a sequence, so it has a new sequence. */
  sequenceHasBeenReset = false;

  /**
   * `buffer` limits the size of the uncompressed batch. `reservedBytes` of `buffer.memory` belong to the
   * batch until it is completed or failed.
   */
  constructor(
    readonly tp: TopicPartition,
    readonly buffer: Buffer,
    readonly createdMs: number,
    private readonly compression: CompressionType,
    readonly reservedBytes = buffer.length,
  ) {
    this.builder = new BatchBuilder(buffer);
  }

  append(
    timestampMs: number,
    key: Buffer | null,
    value: Buffer | null,
    headers: readonly Header[],
    callback: SendCallback,
  ): boolean {
    if (this.bytes !== undefined || !this.builder.append(timestampMs, key, value, headers)) return false;
    this.callbacks.push(callback);
    this.timestamps.push(timestampMs);
    return true;
  }

  get isClosed(): boolean {
    return this.bytes !== undefined;
  }
  get recordCount(): number {
    return this.callbacks.length;
  }
  get hasSequence(): boolean {
    return this.baseSequence >= 0;
  }
  /** In bytes: the compressed size if the batch is closed, otherwise the uncompressed size so far. */
  get sizeInBytes(): number {
    return this.bytes?.length ?? this.builder.sizeInBytes;
  }

  /** Closes the batch and returns its encoded bytes. No record can be added afterwards. */
  close(): Buffer {
    if (this.bytes === undefined) {
      const plain = this.builder.build();
      this.bytes = this.compression === 'none' ? plain : recompress(new RecordBatch(plain), this.compression);
    }
    return this.bytes;
  }

  /**
   * Sets producer id, epoch and sequence. After a first attempt it copies the bytes, because the old ones may
   * still be in a socket buffer.
   */
  setProducerState(producerId: number, producerEpoch: number, baseSequence: number): void {
    const bytes = this.close();
    this.bytes = this.attempts > 0 ? Buffer.from(bytes) : bytes;
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.baseSequence = baseSequence;
    new RecordBatch(this.bytes).setProducerState(producerId, producerEpoch, baseSequence);
  }

  /** `leaderEpoch` is that of the metadata; -1: not known. */
  sent(leaderEpoch: number, nowMs: number): void {
    this.leaderEpoch = leaderEpoch;
    this.attempts++;
    this.lastAttemptMs = nowMs;
    this.wasInDoubt = this.fate === 'unknown';
    this.fate = 'unknown';
  }

  /**
   * Whether the partition has a newer leader than at the last attempt. Then the batch is sent again without a
   * backoff. Kafka: ProducerBatch#hasLeaderChangedForTheOngoingRetry (3.7, KAFKA-15415)
   */
  isForNewLeader(epoch: number): boolean {
    return this.leaderEpoch >= 0 && epoch > this.leaderEpoch;
  }

  /**
   * The broker has refused this attempt, so this attempt wrote nothing. An earlier attempt with an unknown
   * outcome may still have written the batch, unless the broker compared the sequences.
   */
  refusedWith(error: ErrorName): void {
    if (!this.wasInDoubt || error === 'OUT_OF_ORDER_SEQUENCE_NUMBER') this.fate = 'refused';
  }

  /** Splits the records into two batches of about half the size. The first one keeps the reserved memory. */
  split(): ProducerBatch[] {
    const records = [...recordsOf(new RecordBatch(this.close()))];
    const middle = Math.ceil(records.length / 2);
    return [records.slice(0, middle), records.slice(middle)].map((part, half) => {
      const bound = part.reduce(
        (sum, record) => sum + batchSizeUpperBound(record.key, record.value, record.headers),
        BATCH_HEADER_BYTES,
      );
      const batch = new ProducerBatch(
        this.tp,
        Buffer.allocUnsafeSlow(bound),
        this.createdMs,
        this.compression,
        half === 0 ? this.reservedBytes : 0,
      );
      part.forEach((record, i) =>
        batch.append(
          record.timestamp,
          record.key,
          record.value,
          record.headers,
          this.callbacks[half * middle + i]!,
        ),
      );
      batch.close();
      return batch;
    });
  }

  /** Ends this batch; `parts` hold its records from now on. */
  replaceBy(parts: readonly ProducerBatch[]): void {
    this.isDone = true;
    this.parts = parts;
  }

  /** Every record has its outcome. */
  get isSettled(): boolean {
    return this.isDone && this.parts.every((part) => part.isSettled);
  }

  /**
   * Calls the callbacks of all records. If a callback throws, `onThrow` gets the error and the other
   * callbacks still run.
   */
  complete(baseOffset: number, logAppendTimeMs: number, onThrow: (error: unknown) => void): void {
    this.isDone = true;
    const { topic, partition } = this.tp;
    for (let i = 0; i < this.callbacks.length; i++) {
      const timestamp = logAppendTimeMs >= 0 ? logAppendTimeMs : this.timestamps[i]!;
      try {
        this.callbacks[i]!(null, {
          topic,
          partition,
          offset: baseOffset < 0 ? -1 : baseOffset + i,
          timestamp,
        });
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
