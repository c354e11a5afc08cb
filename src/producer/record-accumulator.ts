/**
 * Records wait here in batches, a queue of them a partition, until the sender takes them.
 *
 * A record is encoded into its batch as it comes; what is kept of it is its callback. Invariant: the bytes of all
 * batches, waiting and in flight, stay below `buffer.memory`; who finds it full waits in line.
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
  /** With one request in flight: closed until its answer is there, which keeps the order. */
  muted: boolean;
  /** Grows with every batch of the producer that leaves from here; 0: none yet. */
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

  constructor(private readonly clock: Clock, private readonly options: AccumulatorOptions) {}

  get all(): PartitionQueue[] { return [...this.queues.values()].flatMap((partitions) => [...partitions.values()]); }
  get bufferedBytes(): number { return this.usedBytes; }
  /** Somebody waits for room: what is there should leave. */
  get isExhausted(): boolean { return this.waiting.length > 0; }

  queue(topic: string, partition: number): PartitionQueue {
    let partitions = this.queues.get(topic);
    if (!partitions) this.queues.set(topic, partitions = new Map());
    let queue = partitions.get(partition);
    if (!queue) partitions.set(partition, queue = { tp: { topic, partition }, batches: [], muted: false, lastDrained: 0 });
    return queue;
  }

  /** Appends to the partition's open batch; false if a new batch is needed first. */
  tryAppend(queue: PartitionQueue, timestampMs: number, key: Buffer | null, value: Buffer | null, headers: readonly Header[], callback: SendCallback): boolean {
    const last = queue.batches[queue.batches.length - 1];
    return last !== undefined && last.append(timestampMs, key, value, headers, callback);
  }

  /** Bytes a new batch for this record takes. */
  batchBytes(key: Buffer | null, value: Buffer | null, headers: readonly Header[]): number {
    return Math.max(this.options.batchSize, batchSizeUpperBound(key, value, headers));
  }

  /** Takes `bytes` of the buffer if there is room and nobody waits before us. */
  tryReserve(bytes: number): boolean {
    if (this.waiting.length > 0 || this.usedBytes + bytes > this.options.bufferMemory) return false;
    this.usedBytes += bytes;
    return true;
  }

  /** Waits for room, first come first served; rejects TIMEOUT after `timeoutMs`, or when the signal says so. */
  reserve(bytes: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (this.tryReserve(bytes)) return Promise.resolve();
    let entry: { bytes: number; wake: () => void } | undefined;
    const granted = new Promise<void>((wake) => this.waiting.push(entry = { bytes, wake }));
    const waited = withDeadline(this.clock, timeoutMs, granted, () => new KafkaError('TIMEOUT', `Failed to allocate memory within the configured max blocking time ${timeoutMs} ms.`));
    return abortable(waited, signal).catch((error) => {
      const index = this.waiting.indexOf(entry!);
      if (index >= 0) this.waiting.splice(index, 1);
      // Granted in the same moment: the room goes to the next.
      else this.unreserve(bytes);
      throw error;
    });
  }

  /** Opens a batch in reserved bytes. */
  openBatch(queue: PartitionQueue, bytes: number): ProducerBatch {
    const buffer = bytes === this.options.batchSize ? this.free.pop() ?? Buffer.allocUnsafeSlow(bytes) : Buffer.allocUnsafeSlow(bytes);
    const batch = new ProducerBatch(queue.tp, buffer, this.clock.monotonicMs(), this.options.compression);
    queue.batches.push(batch);
    return batch;
  }

  /** The batch is answered or failed: its bytes are free again. */
  release(batch: ProducerBatch, mayReuse: boolean): void {
    if (mayReuse && batch.buffer.length === this.options.batchSize && this.free.length < FREE_BUFFERS) this.free.push(batch.buffer);
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

  /** Puts a batch that is to be sent again where it came from: in front, or, with sequences, in their order. */
  reenqueue(batch: ProducerBatch, isBefore: (other: ProducerBatch) => boolean = () => true): void {
    const { batches } = this.queue(batch.tp.topic, batch.tp.partition);
    const at = batches.findIndex(isBefore);
    batches.splice(at < 0 ? batches.length : at, 0, batch);
  }
}
