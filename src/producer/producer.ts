/**
 * The producer: `send` a record, get its offset.
 *
 *   send → metadata → partitioner → record accumulator → sender → broker → callback
 *
 * Kafka: clients/producer/KafkaProducer.java@2.8.2
 */
import { RawConfig } from '../common/config-def';
import { KafkaError } from '../common/errors';
import { Host, Log, withDeadline } from '../common/host';
import { ClientEnvironment, connectionPool, openMetadata } from '../client/client-config';
import { ClusterMetadata, PartitionInfo, TopicInfo } from '../client/cluster-metadata';
import { ConnectionPool } from '../network/connection-pool';
import { batchSizeUpperBound } from '../record/batch-builder';
import { Header, NO_HEADERS } from '../record/record';
import { DefaultPartitioner } from './partitioner';
import { parseProducerConfig, ProducerConfig } from './producer-config';
import { PartitionQueue, RecordAccumulator, RecordMetadata, SendCallback } from './record-accumulator';
import { Sender } from './sender';

export interface ProducerRecord {
  readonly topic: string;
  readonly key?: string | Buffer | null;
  readonly value: string | Buffer | null;
  /** Not set: the partitioner decides. */
  readonly partition?: number;
  /** Milliseconds since 1970; not set: now. */
  readonly timestamp?: number;
  readonly headers?: readonly Header[];
}

function toBytes(value: string | Buffer | null | undefined): Buffer | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? Buffer.from(value) : value;
}

export class Producer {
  private readonly host: Host;
  private readonly log: Log;
  private readonly accumulator: RecordAccumulator;
  private readonly sender: Sender;
  private readonly partitioner: DefaultPartitioner;
  private isClosed = false;
  /** Records waiting for metadata or room, one after the other. */
  private slow: Promise<void> = Promise.resolve();
  private slowCount = 0;

  private constructor(environment: ClientEnvironment, private readonly config: ProducerConfig, private readonly metadata: ClusterMetadata, private readonly pool: ConnectionPool) {
    this.host = environment.host;
    this.log = environment.host.log.child(`Producer clientId=${config['client.id']}`);
    this.accumulator = new RecordAccumulator(this.host.clock, { batchSize: config['batch.size'], bufferMemory: config['buffer.memory'] });
    this.sender = new Sender(this.host, this.log, config, this.accumulator, metadata, pool);
    this.partitioner = new DefaultPartitioner(this.host.random);
  }

  /** Connects; rejects CONFIG_EXCEPTION for a bad setting, or ZkError when ZooKeeper does not answer. */
  static async open(environment: ClientEnvironment, raw: RawConfig): Promise<Producer> {
    const config = parseProducerConfig(raw, (name) => environment.host.log.warn(`The configuration '${name}' was supplied but isn't a known config.`));
    const pool = connectionPool(environment.host, config);
    try {
      return new Producer(environment, config, await openMetadata(environment, config, pool, true), pool);
    } catch (error) {
      pool.close();
      throw error;
    }
  }

  /** Resolves with partition and offset once the record is acknowledged; rejects with KafkaError. */
  send(record: ProducerRecord): Promise<RecordMetadata> {
    return new Promise((resolve, reject) => {
      this.produce(record, (error, metadata) => (error ? reject(error) : resolve(metadata!)));
    });
  }

  /**
   * As `send`, with a callback and without a promise a record. Returns undefined if the record was taken at once, else
   * a promise to wait for before producing more: the metadata or the buffer was not there yet.
   */
  produce(record: ProducerRecord, callback: SendCallback): Promise<void> | undefined {
    if (this.isClosed) {
      callback(new KafkaError('ILLEGAL_STATE', 'Cannot perform operation after producer has been closed'), null);
      return undefined;
    }
    const topic = this.metadata.topic(record.topic);
    if (this.slowCount === 0 && topic?.partitions.some((one) => one.leader >= 0) && this.accept(topic, record, callback)) return undefined;
    return this.inLine(record, callback);
  }

  /** Behind every record that is still waiting, so that the order of the calls is kept. */
  private inLine(record: ProducerRecord, callback: SendCallback): Promise<void> {
    const deadlineMs = this.host.clock.monotonicMs() + this.config['max.block.ms'];
    this.slowCount++;
    this.slow = this.slow.then(() => this.produceSlowly(record, callback, deadlineMs)).finally(() => { this.slowCount--; });
    return this.slow;
  }

  private partitionOf(topic: TopicInfo, record: ProducerRecord, key: Buffer | null): number {
    if (record.partition === undefined) return this.partitioner.partition(topic, key);
    if (!Number.isInteger(record.partition) || record.partition < 0 || record.partition >= topic.partitions.length) {
      throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `Invalid partition given with record: ${record.partition} is not in the range [0...${topic.partitions.length}).`);
    }
    return record.partition;
  }

  private checkSize(bytes: number): void {
    const limit = this.config['max.request.size'];
    const size = `The message is ${bytes} bytes when serialized`;
    if (bytes > limit) throw new KafkaError('RECORD_TOO_LARGE', `${size}, which is larger than max.request.size (${limit}).`);
    if (bytes > this.config['buffer.memory']) throw new KafkaError('RECORD_TOO_LARGE', `${size}, which is larger than buffer.memory (${this.config['buffer.memory']}).`);
  }

  /** Takes the record without waiting; false if there is no room. */
  private accept(topic: TopicInfo, record: ProducerRecord, callback: SendCallback): boolean {
    const key = toBytes(record.key);
    const value = toBytes(record.value);
    const headers = record.headers ?? NO_HEADERS;
    const timestamp = record.timestamp ?? this.host.clock.wallMs();
    let queue: PartitionQueue;
    let bytes: number;
    try {
      queue = this.accumulator.queue(record.topic, this.partitionOf(topic, record, key));
      if (this.accumulator.tryAppend(queue, timestamp, key, value, headers, callback)) {
        if (queue.batches.length === 1) this.sender.wakeup();
        return true;
      }
      this.checkSize(batchSizeUpperBound(key, value, headers));
      if (key === null && record.partition === undefined && queue.batches.length > 0) {
        this.partitioner.onNewBatch(topic, queue.tp.partition);
        queue = this.accumulator.queue(record.topic, this.partitionOf(topic, record, key));
        if (this.accumulator.tryAppend(queue, timestamp, key, value, headers, callback)) return true;
      }
      bytes = this.accumulator.batchBytes(key, value, headers);
    } catch (error) {
      callback(error as KafkaError, null);
      return true;
    }
    if (!this.accumulator.tryReserve(bytes)) return false;
    this.accumulator.openBatch(queue, bytes).append(timestamp, key, value, headers, callback);
    this.sender.wakeup();
    return true;
  }

  /** Waits for metadata, then for room; both out of max.block.ms. */
  private async produceSlowly(record: ProducerRecord, callback: SendCallback, deadlineMs: number): Promise<void> {
    const left = () => Math.max(0, deadlineMs - this.host.clock.monotonicMs());
    try {
      const topic = await this.metadata.awaitTopic(record.topic, left());
      const key = toBytes(record.key);
      const value = toBytes(record.value);
      while (!this.isClosed && !this.accept(topic, record, callback)) {
        const bytes = this.accumulator.batchBytes(key, value, record.headers ?? NO_HEADERS);
        this.sender.wakeup();
        await this.accumulator.reserve(bytes, left());
        this.accumulator.unreserve(bytes);
      }
      if (this.isClosed) throw new KafkaError('ILLEGAL_STATE', 'Producer closed while send in progress');
    } catch (error) {
      callback(error instanceof KafkaError ? error : new KafkaError('UNKNOWN_SERVER_ERROR', String(error)), null);
    }
  }

  async partitionsFor(topic: string): Promise<readonly PartitionInfo[]> {
    return (await this.metadata.awaitTopic(topic, this.config['max.block.ms'])).partitions;
  }

  /** Resolves once every record sent so far is acknowledged or failed. */
  flush(): Promise<void> {
    return this.sender.flush();
  }

  /** Waits up to `timeoutMs` for what is under way, then fails the rest and closes. */
  async close(timeoutMs = 2 ** 31 - 1): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await withDeadline(this.host.clock, timeoutMs, this.sender.flush(), () => new KafkaError('TIMEOUT')).catch((error) => {
      if (!(error instanceof KafkaError)) throw error;
    });
    this.sender.close();
    this.pool.close();
    await this.metadata.close();
  }
}
