/**
 * The consumer: assign partitions, then poll for records.
 *
 * Kafka: clients/consumer/KafkaConsumer.java@2.8.2, the part without groups
 */
import { RawConfig } from '../common/config-def';
import { TopicPartition } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { Clock, sleep } from '../common/host';
import { ClientEnvironment, connectionPool, connectMetadata } from '../client/client-config';
import { ClusterMetadata, PartitionInfo } from '../client/cluster-metadata';
import { ConnectionPool } from '../network/connection-pool';
import { ConsumerConfig, parseConsumerConfig } from './consumer-config';
import { ConsumerRecord, Fetcher } from './fetcher';
import { ResetStrategy, SubscriptionState } from './subscription-state';

/** Partitions whose backoff is over are looked at again at least this often, in ms. */
const RETRY_LOOK_MS = 50;

export class Consumer {
  private readonly subscription: SubscriptionState;
  private readonly fetcher: Fetcher;
  private readonly clock: Clock;
  private isClosed = false;

  private constructor(environment: ClientEnvironment, private readonly config: ConsumerConfig, private readonly metadata: ClusterMetadata, private readonly pool: ConnectionPool) {
    this.clock = environment.host.clock;
    const log = environment.host.log.child(`Consumer clientId=${config['client.id']}`);
    this.subscription = new SubscriptionState(config['auto.offset.reset'] as ResetStrategy);
    this.fetcher = new Fetcher(environment.host, log, config, this.subscription, metadata, pool);
  }

  /** Connects; rejects CONFIG_EXCEPTION for a bad setting, or ZkError when ZooKeeper does not answer. */
  static async open(environment: ClientEnvironment, raw: RawConfig): Promise<Consumer> {
    const config = parseConsumerConfig(raw, (name) => environment.host.log.warn(`The configuration '${name}' was supplied but isn't a known config.`));
    const pool = connectionPool(environment.host, config);
    try {
      return new Consumer(environment, config, connectMetadata(environment, config, pool, config['allow.auto.create.topics']), pool);
    } catch (error) {
      pool.close();
      throw error;
    }
  }

  private requireOpen(): void {
    if (this.isClosed) throw new KafkaError('ILLEGAL_STATE', 'This consumer has already been closed.');
  }

  /** Reads these partitions and no others. */
  assign(tps: readonly TopicPartition[]): void {
    this.requireOpen();
    this.subscription.assign(tps);
  }

  assignment(): TopicPartition[] {
    return this.subscription.all.map((partition) => partition.tp);
  }

  seek(tp: TopicPartition, offset: number): void {
    this.subscription.seek(tp, offset);
    this.fetcher.forget(this.subscription.require(tp));
  }

  seekToBeginning(tps: readonly TopicPartition[]): void {
    this.reset(tps, 'earliest');
  }

  seekToEnd(tps: readonly TopicPartition[]): void {
    this.reset(tps, 'latest');
  }

  private reset(tps: readonly TopicPartition[], strategy: ResetStrategy): void {
    for (const tp of tps) {
      this.subscription.requestReset(tp, strategy);
      this.fetcher.forget(this.subscription.require(tp));
    }
  }

  pause(tps: readonly TopicPartition[]): void {
    for (const tp of tps) this.subscription.setPaused(tp, true);
  }

  resume(tps: readonly TopicPartition[]): void {
    for (const tp of tps) this.subscription.setPaused(tp, false);
  }

  paused(): TopicPartition[] {
    return this.subscription.all.filter((partition) => partition.paused).map((partition) => partition.tp);
  }

  /**
   * Records, as soon as there are some, and none after `timeoutMs`. Throws KafkaError: OFFSET_OUT_OF_RANGE or
   * NO_OFFSET_FOR_PARTITION without a reset strategy, CORRUPT_MESSAGE for a damaged batch.
   */
  async poll(timeoutMs: number): Promise<ConsumerRecord[]> {
    this.requireOpen();
    if (this.subscription.all.length === 0) throw new KafkaError('ILLEGAL_STATE', 'Consumer is not subscribed to any topics or assigned any partitions');
    const deadlineMs = this.clock.monotonicMs() + timeoutMs;
    for (;;) {
      const records = this.fetcher.take(this.config['max.poll.records']);
      this.fetcher.sendFetches();
      const leftMs = deadlineMs - this.clock.monotonicMs();
      if (records.length > 0 || leftMs <= 0 || this.isClosed) return records;
      await this.fetcher.wait(Math.min(leftMs, RETRY_LOOK_MS));
    }
  }

  /** The offset of the next record; waits until it is known. Rejects TIMEOUT. */
  async position(tp: TopicPartition, timeoutMs = this.config['default.api.timeout.ms']): Promise<number> {
    const partition = this.subscription.require(tp);
    const deadlineMs = this.clock.monotonicMs() + timeoutMs;
    while (partition.position === undefined) {
      this.fetcher.sendFetches();
      if (this.clock.monotonicMs() >= deadlineMs) throw new KafkaError('TIMEOUT', 'Timeout expired before the position could be determined');
      await this.fetcher.wait(RETRY_LOOK_MS);
    }
    return partition.position;
  }

  beginningOffset(tp: TopicPartition): Promise<number> {
    return this.offsetAt(tp, -2);
  }

  endOffset(tp: TopicPartition): Promise<number> {
    return this.offsetAt(tp, -1);
  }

  private async offsetAt(tp: TopicPartition, timestamp: number): Promise<number> {
    const deadlineMs = this.clock.monotonicMs() + this.config['default.api.timeout.ms'];
    await this.metadata.awaitTopic(tp.topic, this.config['default.api.timeout.ms']);
    for (;;) {
      try {
        return (await this.fetcher.listOffset(tp, timestamp)).offset;
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retriable || this.clock.monotonicMs() >= deadlineMs) throw error;
        this.metadata.requestUpdate(tp.topic);
        await sleep(this.clock, this.config['retry.backoff.ms']);
      }
    }
  }

  async partitionsFor(topic: string, timeoutMs = this.config['default.api.timeout.ms']): Promise<readonly PartitionInfo[]> {
    return (await this.metadata.awaitTopic(topic, timeoutMs)).partitions;
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.fetcher.close();
    this.pool.close();
    await this.metadata.close();
  }
}
