/**
 * A stream of the old consumer: an iterator over the records of the partitions that one of its threads owns.
 *
 * Invariant: a record counts as consumed when the iterator has returned it. When partitions change their
 * owner, the records in the queue are dropped, because the next owner reads them.
 *
 * Kafka: kafka/consumer/{KafkaStream,ConsumerIterator}.scala@0.8.2.2
 */
import { KafkaError } from '../common/errors';
import { Clock, Timer } from '../common/host';
import { ConsumerRecord } from './consumer-record';

export class MessageStream implements AsyncIterable<ConsumerRecord> {
  private readonly queue: ConsumerRecord[] = [];
  private wake: (() => void) | undefined;
  private ended = false;

  constructor(
    private readonly clock: Clock,
    readonly threadId: string,
    private readonly timeoutMs: number,
    private readonly capacity: number,
    private readonly onConsumed: (record: ConsumerRecord) => void,
    private readonly onRoom: () => void,
  ) {}

  get isFull(): boolean {
    return this.queue.length >= this.capacity;
  }

  push(record: ConsumerRecord): void {
    this.queue.push(record);
    this.wake?.();
  }

  clear(): void {
    this.queue.length = 0;
  }

  end(): void {
    this.ended = true;
    this.wake?.();
  }

  /**
   * The next record; undefined once the consumer has shut down. Rejects TIMEOUT after consumer.timeout.ms.
   */
  async next(): Promise<ConsumerRecord | undefined> {
    if (this.queue.length === 0 && !this.ended) await this.waitForRecord();
    if (this.ended) return undefined;
    const record = this.queue.shift();
    if (record === undefined) return this.next();
    this.onConsumed(record);
    if (this.queue.length < this.capacity / 2) this.onRoom();
    return record;
  }

  private waitForRecord(): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      this.wake = () => {
        timer?.cancel();
        this.wake = undefined;
        resolve();
      };
      if (this.timeoutMs >= 0) {
        timer = this.clock.schedule(this.timeoutMs, () => {
          this.wake = undefined;
          reject(new KafkaError('TIMEOUT', `No record for consumer.timeout.ms (${this.timeoutMs} ms)`));
        });
      }
    });
  }

  async *[Symbol.asyncIterator](): AsyncIterator<ConsumerRecord> {
    for (let record = await this.next(); record !== undefined; record = await this.next()) yield record;
  }
}
