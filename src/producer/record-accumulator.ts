/**
 * Holds the batches that wait for the sender, in one queue for each partition.
 *
 * A record is encoded into its batch at once; only its callback is kept beside the bytes. Invariant: the
 * bytes of all batches, waiting and in flight, stay within `buffer.memory`. Callers that find the memory used
 * up wait in order.
 *
 * Kafka: clients/producer/internals/{RecordAccumulator,BufferPool}.java@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { abortable, Clock, withDeadline } from '../common/host';
import { batchSizeUpperBound } from '../record/batch-builder';
import { CompressionType } from '../record/compression';
import { Header } from '../record/record';
import { ProducerBatch } from './producer-batch';
import { SendCallback } from './producer-record';

export interface PartitionQueue {
  readonly tp: TopicPartition;
  readonly batches: ProducerBatch[];
  /**
   * With max.in.flight.requests.per.connection=1: true while a batch is in flight, so that the order is kept.
   */
  muted: boolean;
  /** The producer's count of drained batches when this queue was last drained; 0: never. */
  lastDrained: number;
}

export interface AccumulatorOptions {
  readonly batchSize: number;
  readonly bufferMemory: number;
  readonly compression: CompressionType;
}

const FREE_BUFFERS = 64;

export class RecordAccumulator {
  private readonly queues = new Map<string, Map<number, PartitionQueue>>();
  private readonly free: Buffer[] = [];
  private usedBytes = 0;
  private readonly waiting: { bytes: number; wake: () => void }[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly options: AccumulatorOptions,
  ) {}

  get all(): PartitionQueue[] {
    return [...this.queues.values()].flatMap((partitions) => [...partitions.values()]);
  }
  get bufferedBytes(): number {
    return this.usedBytes;
  }
  /** A caller waits for memory, so the batches that exist should be sent. */
  get isExhausted(): boolean {
    return this.waiting.length > 0;
  }

  queue(topic: string, partition: number): PartitionQueue {
    let partitions = this.queues.get(topic);
    if (!partitions) this.queues.set(topic, (partitions = new Map()));
    let queue = partitions.get(partition);
    if (!queue)
      partitions.set(
        partition,
        (queue = { tp: { topic, partition }, batches: [], muted: false, lastDrained: 0 }),
      );
    return queue;
  }

  /** Appends to the last batch of the partition. Returns false if a new batch is needed. */
  tryAppend(
    queue: PartitionQueue,
    timestampMs: number,
    key: Buffer | null,
    value: Buffer | null,
    headers: readonly Header[],
    callback: SendCallback,
  ): boolean {
    const last = queue.batches[queue.batches.length - 1];
    return last !== undefined && last.append(timestampMs, key, value, headers, callback);
  }

  /** The bytes to reserve for a new batch that starts with this record. */
  batchBytes(key: Buffer | null, value: Buffer | null, headers: readonly Header[]): number {
    return Math.max(this.options.batchSize, batchSizeUpperBound(key, value, headers));
  }

  /** Reserves `bytes` if there is room and no other caller waits. */
  tryReserve(bytes: number): boolean {
    if (this.waiting.length > 0 || this.usedBytes + bytes > this.options.bufferMemory) return false;
    this.usedBytes += bytes;
    return true;
  }

  /**
   * Waits for room; the first caller gets it first. Rejects TIMEOUT after `timeoutMs`, or with the signal's
   * reason.
   */
  reserve(bytes: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (this.tryReserve(bytes)) return Promise.resolve();
    let entry: { bytes: number; wake: () => void } | undefined;
    const granted = new Promise<void>((wake) => this.waiting.push((entry = { bytes, wake })));
    const waited = withDeadline(
      this.clock,
      timeoutMs,
      granted,
      () =>
        new KafkaError(
          'TIMEOUT',
          `Failed to allocate memory within the configured max blocking time ${timeoutMs} ms.`,
        ),
    );
    return abortable(waited, signal).catch((error) => {
      const index = this.waiting.indexOf(entry!);
      if (index >= 0) this.waiting.splice(index, 1);
      // The memory was granted in the same moment: the next caller in line gets it.
      else this.unreserve(bytes);
      throw error;
    });
  }

  /** Opens a batch in `bytes` of reserved memory. */
  openBatch(queue: PartitionQueue, bytes: number): ProducerBatch {
    const buffer =
      bytes === this.options.batchSize
        ? (this.free.pop() ?? Buffer.allocUnsafeSlow(bytes))
        : Buffer.allocUnsafeSlow(bytes);
    const batch = new ProducerBatch(queue.tp, buffer, this.clock.monotonicMs(), this.options.compression);
    queue.batches.push(batch);
    return batch;
  }

  /**
   * The batch was completed or failed: its memory is free again. `mayReuse`: no socket can still hold the
   * buffer.
   */
  release(batch: ProducerBatch, mayReuse: boolean): void {
    if (mayReuse && batch.buffer.length === this.options.batchSize && this.free.length < FREE_BUFFERS)
      this.free.push(batch.buffer);
    this.unreserve(batch.reservedBytes);
  }

  unreserve(bytes: number): void {
    this.usedBytes -= bytes;
    while (this.waiting.length > 0 && this.usedBytes + this.waiting[0]!.bytes <= this.options.bufferMemory) {
      const next = this.waiting.shift()!;
      this.usedBytes += next.bytes;
      next.wake();
    }
  }

  /**
   * Puts a batch that is to be sent again back into its queue: before the first batch for which `isBefore` is
   * true.
   */
  reenqueue(batch: ProducerBatch, isBefore: (other: ProducerBatch) => boolean = () => true): void {
    const { batches } = this.queue(batch.tp.topic, batch.tp.partition);
    const at = batches.findIndex(isBefore);
    batches.splice(at < 0 ? batches.length : at, 0, batch);
  }
}
