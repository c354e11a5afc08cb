/**
 * The producer: `send` takes a record and returns a promise of its offset.
 *
 *   send → interceptors → metadata → serializers → partitioner → accumulator → sender → broker → callback
 *
 * Kafka: clients/producer/KafkaProducer.java@2.8.2
 */
import { RawConfig } from '../common/config-def';
import { KafkaError, messageOf } from '../common/errors';
import { abortable, Host, Log, withDeadline } from '../common/host';
import { Serializer, serializerOf } from '../common/serialization';
import { ClientEnvironment, connectionPool, connectMetadata } from '../client/client-config';
import { PartitionInfo, TopicInfo } from '../client/cluster-metadata';
import { ConnectingMetadata } from '../client/connecting-metadata';
import { ConnectionPool } from '../network/connection-pool';
import { batchSizeUpperBound } from '../record/batch-builder';
import { CompressionType } from '../record/compression';
import { Header, NO_HEADERS } from '../record/record';
import { loadZstd } from '../record/zstd';
import { ProducerInterceptor, ProducerInterceptors } from './interceptors';
import { Partitioner, partitionerOf } from './partitioner';
import { parseProducerConfig, ProducerConfig } from './producer-config';
import { ProducerRecord, RecordMetadata, SendCallback } from './producer-record';
import { RecordAccumulator } from './record-accumulator';
import { Sender } from './sender';
import { SenderMetrics } from './sender-metrics';

/** A record with its key and value as bytes. */
interface Encoded {
  readonly record: ProducerRecord;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
  readonly timestamp: number;
}

export interface WaitOptions {
  /** Ends the wait. The call then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export class Producer<K = unknown, V = unknown> {
  private readonly host: Host;
  private readonly log: Log;
  private readonly config: ProducerConfig;
  private readonly pool: ConnectionPool;
  private readonly metadata: ConnectingMetadata;
  private readonly keySerializer: Serializer;
  private readonly valueSerializer: Serializer;
  private readonly partitioner: Partitioner;
  private readonly interceptors: ProducerInterceptors;
  private readonly accumulator: RecordAccumulator;
  private readonly sender: Sender;
  private closing: Promise<void> | undefined;
  /** Loading of the zstd module, which has to be complete before the first record. */
  private ready: Promise<void> | undefined;
  /** A chain of the records that wait for metadata or for memory, in the order of the calls. */
  private slow: Promise<void> = Promise.resolve();
  private slowCount = 0;

  /** Throws CONFIG_EXCEPTION for an invalid setting. Connects to the cluster in the background. */
  constructor(environment: ClientEnvironment, raw: RawConfig) {
    const { host } = environment;
    this.host = host;
    const config = (this.config = parseProducerConfig(raw, (name) =>
      host.log.warn(`The configuration '${name}' was supplied but isn't a known config.`),
    ));
    this.log = host.log.child(`Producer clientId=${config['client.id']}`);
    this.keySerializer = serializerOf('key.serializer', config['key.serializer']);
    this.valueSerializer = serializerOf('value.serializer', config['value.serializer']);
    this.partitioner = partitionerOf(config['partitioner.class'], host.random);
    this.interceptors = new ProducerInterceptors(
      config['interceptor.classes'] as readonly ProducerInterceptor[],
      (message) => this.log.warn(message),
    );
    const compression = config['compression.type'] as CompressionType;
    if (compression === 'zstd')
      this.ready = loadZstd().then(() => {
        this.ready = undefined;
      });
    this.ready?.catch(() => {});
    this.accumulator = new RecordAccumulator(host.clock, {
      batchSize: config['batch.size'],
      bufferMemory: config['buffer.memory'],
      compression,
    });
    this.pool = connectionPool(host, config);
    this.metadata = connectMetadata(environment, config, this.pool, true);
    this.sender = new Sender(
      host,
      this.log,
      config,
      this.accumulator,
      this.metadata,
      this.pool,
      new SenderMetrics(host.clock, this.log),
    );
  }

  /** Like the constructor, but resolves when the cluster was reached. Rejects if it cannot be reached. */
  static async open(environment: ClientEnvironment, raw: RawConfig): Promise<Producer> {
    const producer = new Producer(environment, raw);
    try {
      await producer.metadata.open();
      return producer;
    } catch (error) {
      await producer.close(0);
      throw error;
    }
  }

  /**
   * Resolves with partition and offset when the record is acknowledged. Rejects with a KafkaError. If there
   * is a callback, it is called as well.
   */
  send(
    record: ProducerRecord<K, V>,
    callback?: SendCallback | null,
    options: WaitOptions = {},
  ): Promise<RecordMetadata> {
    const sent = new Promise<RecordMetadata>((resolve, reject) => {
      this.produce(
        record,
        (error, metadata) => {
          if (error) reject(error);
          else resolve(metadata!);
          callback?.(error, metadata);
        },
        options,
      )?.catch(reject);
    });
    // With a callback the caller gets the failure there; an ignored promise must not be an unhandled
    // rejection.
    if (callback) sent.catch(() => {});
    return sent;
  }

  /**
   * Like `send`, with a callback instead of a promise for each record. Returns undefined if the record was
   * accepted at once. Otherwise metadata or memory was missing: the caller should wait for the returned
   * promise before the next call.
   */
  produce(
    given: ProducerRecord<K, V>,
    callback: SendCallback,
    options: WaitOptions = {},
  ): Promise<void> | undefined {
    let record: ProducerRecord = given;
    let report = callback;
    if (!this.interceptors.isEmpty) {
      record = this.interceptors.onSend(record);
      report = (error, metadata) => {
        this.interceptors.onAcknowledgement(metadata, error);
        callback(error, metadata);
      };
    }
    if (this.closing) {
      report(
        new KafkaError('ILLEGAL_STATE', 'Cannot perform operation after producer has been closed'),
        null,
      );
      return undefined;
    }
    const topic = this.metadata.topic(record.topic);
    if (this.slowCount > 0 || this.ready || !topic?.isAvailable) return this.inLine(record, report, options);
    try {
      const encoded = this.encode(record);
      return this.accept(topic, encoded, report) ? undefined : this.inLine(record, report, options, encoded);
    } catch (error) {
      report(asKafkaError(error), null);
      return undefined;
    }
  }

  /** Queues the record behind those that are still waiting, so that the order of the calls is kept. */
  private inLine(
    record: ProducerRecord,
    report: SendCallback,
    { signal }: WaitOptions,
    encoded?: Encoded,
  ): Promise<void> {
    const deadlineMs = this.host.clock.monotonicMs() + this.config['max.block.ms'];
    this.slowCount++;
    this.slow = this.slow
      .then(() => this.produceSlowly(record, encoded, report, deadlineMs, signal))
      .finally(() => {
        this.slowCount--;
      });
    return this.slow;
  }

  /** Waits for metadata, then for memory; both within max.block.ms. */
  private async produceSlowly(
    record: ProducerRecord,
    given: Encoded | undefined,
    report: SendCallback,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const left = () => Math.max(0, deadlineMs - this.host.clock.monotonicMs());
    try {
      await this.ready;
      const topic = await abortable(this.metadata.awaitTopic(record.topic, left()), signal);
      const encoded = given ?? this.encode(record);
      while (!this.closing && !this.accept(topic, encoded, report)) {
        const bytes = this.accumulator.batchBytes(encoded.key, encoded.value, encoded.headers);
        this.sender.wakeup();
        await this.accumulator.reserve(bytes, left(), signal);
        this.accumulator.unreserve(bytes);
      }
      if (this.closing) throw new KafkaError('ILLEGAL_STATE', 'Producer closed while send in progress');
    } catch (error) {
      report(asKafkaError(error), null);
    }
  }

  private encode(record: ProducerRecord): Encoded {
    const headers = record.headers ?? NO_HEADERS;
    const timestamp = record.timestamp ?? this.host.clock.wallMs();
    if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
      throw new KafkaError(
        'INVALID_TIMESTAMP',
        `Invalid timestamp: ${String(record.timestamp)}. Timestamp should always be non-negative or not set.`,
      );
    }
    const key = serialized('key', this.keySerializer, record.topic, record.key, headers);
    return {
      record,
      key,
      value: serialized('value', this.valueSerializer, record.topic, record.value, headers),
      headers,
      timestamp,
    };
  }

  private partitionOf(topic: TopicInfo, { record, key }: Encoded): number {
    const given = record.partition;
    const chosen = given ?? this.partitioner.partition(topic, key, record.key, record.value);
    if (Number.isInteger(chosen) && chosen >= 0 && chosen < topic.partitions.length) return chosen;
    const who =
      given === undefined
        ? 'The partitioner generated an invalid partition'
        : 'Invalid partition given with record';
    throw new KafkaError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `${who}: ${chosen} is not in the range [0...${topic.partitions.length}).`,
    );
  }

  private checkSize(bytes: number): void {
    const limit = this.config['max.request.size'];
    const size = `The message is ${bytes} bytes when serialized`;
    if (bytes > limit)
      throw new KafkaError('RECORD_TOO_LARGE', `${size}, which is larger than max.request.size (${limit}).`);
    if (bytes > this.config['buffer.memory'])
      throw new KafkaError(
        'RECORD_TOO_LARGE',
        `${size}, which is larger than buffer.memory (${this.config['buffer.memory']}).`,
      );
  }

  /**
   * Appends the record without waiting. Returns false if there is no memory for it. Throws if the record is
   * invalid.
   */
  private accept(topic: TopicInfo, encoded: Encoded, report: SendCallback): boolean {
    const { key, value, headers, timestamp, record } = encoded;
    let queue = this.accumulator.queue(record.topic, this.partitionOf(topic, encoded));
    if (this.accumulator.tryAppend(queue, timestamp, key, value, headers, report)) {
      if (queue.batches.length === 1) this.sender.wakeup();
      return true;
    }
    this.checkSize(batchSizeUpperBound(key, value, headers));
    if (record.partition === undefined && this.partitioner.onNewBatch && queue.batches.length > 0) {
      this.partitioner.onNewBatch(topic, queue.tp.partition);
      queue = this.accumulator.queue(record.topic, this.partitionOf(topic, encoded));
      if (this.accumulator.tryAppend(queue, timestamp, key, value, headers, report)) return true;
    }
    const bytes = this.accumulator.batchBytes(key, value, headers);
    if (!this.accumulator.tryReserve(bytes)) return false;
    this.accumulator.openBatch(queue, bytes).append(timestamp, key, value, headers, report);
    this.sender.wakeup();
    return true;
  }

  /** The partitions of a topic with their leaders. Rejects TIMEOUT after max.block.ms. */
  async partitionsFor(topic: string, { signal }: WaitOptions = {}): Promise<readonly PartitionInfo[]> {
    return (await abortable(this.metadata.awaitTopic(topic, this.config['max.block.ms']), signal)).partitions;
  }

  /** Resolves when every record sent so far is acknowledged or has failed. */
  async flush({ signal }: WaitOptions = {}): Promise<void> {
    await abortable(
      this.slow.then(() => this.sender.flush()),
      signal,
    );
  }

  /** The metrics under Kafka's names; sizes in bytes, times in ms. */
  metrics(): Readonly<Record<string, number>> {
    return {
      ...this.sender.metrics.snapshot(),
      'requests-in-flight': this.sender.requestsInFlight,
      'buffer-total-bytes': this.config['buffer.memory'],
      'buffer-available-bytes': this.config['buffer.memory'] - this.accumulator.bufferedBytes,
      'waiting-threads': this.slowCount,
    };
  }

  /**
   * Waits up to `timeoutMs` for the records in progress, then fails the rest and closes. A second call
   * returns the same promise.
   */
  close(timeoutMs = 2 ** 31 - 1): Promise<void> {
    this.closing ??= this.end(timeoutMs);
    return this.closing;
  }

  private async end(timeoutMs: number): Promise<void> {
    await withDeadline(
      this.host.clock,
      timeoutMs,
      this.sender.flush(),
      () => new KafkaError('TIMEOUT'),
    ).catch((error) => {
      if (!(error instanceof KafkaError)) throw error;
    });
    this.sender.close();
    this.pool.close();
    this.interceptors.close();
    for (const part of [this.keySerializer, this.valueSerializer, this.partitioner]) part.close?.();
    await this.metadata.close();
  }
}

function serialized(
  what: string,
  serializer: Serializer,
  topic: string,
  data: unknown,
  headers: readonly Header[],
): Buffer | null {
  try {
    return serializer.serialize(topic, data, headers);
  } catch (error) {
    throw new KafkaError('SERIALIZATION', `Can't convert ${what} for topic ${topic}: ${messageOf(error)}`);
  }
}

function asKafkaError(error: unknown): KafkaError {
  // If the caller aborted the wait, the error is the signal's reason, unchanged.
  return error instanceof Error && !(error instanceof KafkaError) && error.name !== 'AbortError'
    ? new KafkaError('UNKNOWN_SERVER_ERROR', messageOf(error))
    : (error as KafkaError);
}
