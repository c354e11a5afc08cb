/**
 * The consumer: subscribe as a member of a group, or assign partitions, then poll.
 *
 *   poll → group (rejoin, commit) → positions (committed, reset) → fetcher → deserializers → interceptors
 *
 * One user at a time: a second poll while one is running is refused.
 *
 * Kafka: clients/consumer/KafkaConsumer.java@2.8.2
 */
import { RawConfig } from '../common/config-def';
import { GROUP_METADATA_TOPIC, TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { abortable, Clock, withDeadline } from '../common/host';
import { Deserializer, deserializerOf } from '../common/serialization';
import { ClientEnvironment, connectionPool, connectMetadata } from '../client/client-config';
import { PartitionInfo } from '../client/cluster-metadata';
import { ConnectingMetadata } from '../client/connecting-metadata';
import { ConnectionPool } from '../network/connection-pool';
import { ResetStrategy } from './assigned-partition';
import { assignorsOf } from './assignors/all-assignors';
import { CallOptions, CommitCallback, PollOptions, SignalOption } from './call-options';
import { ConsumerConfig, parseConsumerConfig } from './consumer-config';
import { ConsumerCoordinator, RebalanceListener } from './consumer-coordinator';
import { ConsumerRecord } from './consumer-record';
import { ConsumerInterceptor, ConsumerInterceptors } from './interceptors';
import { Fetcher } from './fetcher';
import { GenerationInfo, OffsetAndMetadata, OffsetCommit } from './offset-committer';
import { OffsetAndTimestamp } from './offset-fetcher';
import { OffsetLookup } from './offset-lookup';
import { ProgramErrors } from './program-errors';
import { SubscriptionState } from './subscription-state';

/** While a poll waits, partitions whose backoff is over are checked at least this often, in ms. */
const RETRY_LOOK_MS = 50;

export class Consumer<K = Buffer | null, V = Buffer | null> implements AsyncIterable<ConsumerRecord<K, V>> {
  private readonly clock: Clock;
  private readonly config: ConsumerConfig;
  private readonly pool: ConnectionPool;
  private readonly metadata: ConnectingMetadata;
  private readonly state: SubscriptionState;
  private readonly fetcher: Fetcher;
  private readonly lookup: OffsetLookup;
  private readonly group: ConsumerCoordinator | undefined;
  private readonly interceptors: ConsumerInterceptors;
  private readonly deserializers: readonly Deserializer[];
  private closing: Promise<void> | undefined;
  private wakeupRequested = false;
  private isPolling = false;
  private refreshing: Promise<void> | undefined;
  private refreshError: unknown;

  /** Throws CONFIG_EXCEPTION for an invalid setting. Connects to the cluster in the background. */
  constructor(environment: ClientEnvironment, raw: RawConfig) {
    const { host } = environment;
    this.clock = host.clock;
    const config = (this.config = parseConsumerConfig(raw, (name) =>
      host.log.warn(`The configuration '${name}' was supplied but isn't a known config.`),
    ));
    const groupId = config['group.id'];
    const log = host.log.child(
      `Consumer clientId=${config['client.id']}${groupId === null ? '' : ` groupId=${groupId}`}`,
    );
    const assignors = assignorsOf(config['partition.assignment.strategy']);
    const key = deserializerOf('key.deserializer', config['key.deserializer']);
    const value = deserializerOf('value.deserializer', config['value.deserializer']);
    this.deserializers = [key, value];
    this.interceptors = new ConsumerInterceptors(
      config['interceptor.classes'] as readonly ConsumerInterceptor[],
      (message) => log.warn(message),
    );
    this.state = new SubscriptionState(config['auto.offset.reset'] as ResetStrategy, groupId !== null);
    this.pool = connectionPool(host, config);
    this.metadata = connectMetadata(environment, config, this.pool, config['allow.auto.create.topics']);
    this.fetcher = new Fetcher(host, log, config, this.state, this.metadata, this.pool, { key, value });
    this.lookup = new OffsetLookup(
      host.clock,
      this.metadata,
      this.fetcher.offsets,
      config['default.api.timeout.ms'],
      config['retry.backoff.ms'],
    );
    this.group =
      groupId === null
        ? undefined
        : new ConsumerCoordinator({
            host,
            log,
            config,
            groupId,
            assignors,
            subscription: this.state,
            metadata: this.metadata,
            pool: connectionPool(host, config),
            interceptors: this.interceptors,
            onAttention: () => this.fetcher.wake(),
          });
  }

  /** Like the constructor, but resolves when the cluster was reached. Rejects if it cannot be reached. */
  static async open(environment: ClientEnvironment, raw: RawConfig): Promise<Consumer> {
    const consumer = new Consumer(environment, raw);
    try {
      await consumer.metadata.open();
      return consumer;
    } catch (error) {
      await consumer.close();
      throw error;
    }
  }

  private requireOpen(): void {
    if (this.closing) throw new KafkaError('ILLEGAL_STATE', 'This consumer has already been closed.');
  }

  private requireGroup(): ConsumerCoordinator {
    this.requireOpen();
    if (!this.group)
      throw new KafkaError(
        'INVALID_GROUP_ID',
        'To use the group management or offset commit APIs, you must provide a valid group.id in the ' +
          'consumer configuration.',
      );
    return this.group;
  }

  /** Joins the group and reads these topics, or those that match the pattern. Takes effect in poll. */
  async subscribe(topics: readonly string[] | RegExp, listener: RebalanceListener = {}): Promise<void> {
    const group = this.requireGroup();
    if (!(topics instanceof RegExp) && topics.length === 0) return this.unsubscribe();
    if (
      !(topics instanceof RegExp) &&
      topics.some((topic) => typeof topic !== 'string' || topic.trim() === '')
    ) {
      throw new KafkaError(
        'INVALID_TOPIC_EXCEPTION',
        'Topic collection to subscribe to cannot contain null or empty topic',
      );
    }
    group.listener = listener;
    if (topics instanceof RegExp) this.state.subscribePattern(topics);
    else {
      this.state.subscribe(topics);
      group.membership.requestRejoin('the subscription has changed');
    }
  }

  subscription(): readonly string[] {
    return this.state.topics;
  }

  /** Gives up all partitions and leaves the group. */
  async unsubscribe(): Promise<void> {
    this.requireOpen();
    if (this.state.isSubscribed) await this.group!.leave();
    else this.state.unsubscribe();
  }

  /** Reads these partitions and no others, without a group. */
  assign(tps: readonly TopicPartition[]): void {
    this.requireOpen();
    this.state.assign(tps);
  }

  assignment(): TopicPartition[] {
    return this.state.partitions;
  }

  seek(tp: TopicPartition, offset: number | OffsetAndMetadata): void {
    this.state.seek(tp, offset, this.metadata);
    this.fetcher.forget(this.state.require(tp));
  }

  seekToBeginning(tps: readonly TopicPartition[] = this.state.partitions): void {
    this.reset(tps, 'earliest');
  }

  seekToEnd(tps: readonly TopicPartition[] = this.state.partitions): void {
    this.reset(tps, 'latest');
  }

  private reset(tps: readonly TopicPartition[], strategy: ResetStrategy): void {
    for (const tp of tps) {
      this.state.requestReset(tp, strategy);
      this.fetcher.forget(this.state.require(tp));
    }
  }

  pause(tps: readonly TopicPartition[]): void {
    for (const tp of tps) this.state.setPaused(tp, true);
  }

  resume(tps: readonly TopicPartition[]): void {
    for (const tp of tps) this.state.setPaused(tp, false);
    this.fetcher.wake();
  }

  paused(): TopicPartition[] {
    return this.state.all.filter((partition) => partition.paused).map((partition) => partition.tp);
  }

  /**
   * Records, as soon as there are some; none after `timeoutMs`. Throws KafkaError: without a reset strategy
   * OFFSET_OUT_OF_RANGE, LOG_TRUNCATION or NO_OFFSET_FOR_PARTITION; CORRUPT_MESSAGE, SERIALIZATION, WAKEUP;
   * and errors that end a membership (FENCED_INSTANCE_ID …).
   */
  poll(timeoutMs: number, { signal, maxRecords }: PollOptions = {}): Promise<ConsumerRecord<K, V>[]> {
    return this.pollFor(timeoutMs, Math.min(maxRecords ?? Infinity, this.config['max.poll.records']), signal);
  }

  private async pollFor(
    timeoutMs: number,
    max: number,
    signal?: AbortSignal,
  ): Promise<ConsumerRecord<K, V>[]> {
    this.requireOpen();
    if (this.isPolling)
      throw new KafkaError(
        'ILLEGAL_STATE',
        'KafkaConsumer is not safe for concurrent access: another poll is under way',
      );
    if (this.state.isNothing)
      throw new KafkaError(
        'ILLEGAL_STATE',
        'Consumer is not subscribed to any topics or assigned any partitions',
      );
    this.isPolling = true;
    try {
      return await this.pollUntil(this.clock.monotonicMs() + timeoutMs, max, signal);
    } finally {
      this.isPolling = false;
    }
  }

  private async pollUntil(
    deadlineMs: number,
    max: number,
    signal?: AbortSignal,
  ): Promise<ConsumerRecord<K, V>[]> {
    for (;;) {
      signal?.throwIfAborted();
      this.throwIfWoken();
      await this.group?.poll();
      this.refreshPositions();
      const records = this.fetcher.take(max);
      this.fetcher.sendFetches();
      const leftMs = deadlineMs - this.clock.monotonicMs();
      if (records.length > 0 || leftMs <= 0 || this.closing)
        return this.interceptors.onConsume(records as ConsumerRecord[]) as ConsumerRecord<K, V>[];
      await abortable(this.fetcher.wait(Math.min(leftMs, RETRY_LOOK_MS)), signal);
    }
  }

  private throwIfWoken(): void {
    if (!this.wakeupRequested) return;
    this.wakeupRequested = false;
    throw new KafkaError('WAKEUP');
  }

  /** Committed offsets are fetched in the background; the next poll throws a failure. */
  private refreshPositions(): void {
    if (this.refreshError !== undefined) {
      const error = this.refreshError;
      this.refreshError = undefined;
      throw error as Error;
    }
    if (!this.group || this.refreshing || !this.state.all.some((one) => one.needsCommitted)) return;
    this.refreshing = this.group
      .refreshCommitted()
      .catch((error) => {
        // A coordinator that is out of reach is asked again. Meanwhile poll returns no records, as in Kafka.
        if (!this.closing && !(error instanceof KafkaError && error.retriable)) this.refreshError = error;
      })
      .finally(() => {
        this.refreshing = undefined;
        this.fetcher.wake();
      });
  }

  /** Ends the current poll, or the next one, with WAKEUP. */
  wakeup(): void {
    this.wakeupRequested = true;
    this.fetcher.wake();
  }

  /** Yields one record at a time; a commit in the loop includes it. Ends when the consumer is closed. */
  async *[Symbol.asyncIterator](): AsyncIterator<ConsumerRecord<K, V>> {
    while (!this.closing) for (const record of await this.pollFor(1000, 1)) yield record;
  }

  /** The records of each poll, grouped by partition. */
  async *batches(): AsyncGenerator<{
    readonly topic: string;
    readonly partition: number;
    readonly records: readonly ConsumerRecord<K, V>[];
  }> {
    while (!this.closing) {
      const byPartition = new Map<string, ConsumerRecord<K, V>[]>();
      for (const record of await this.poll(1000))
        byPartition.set(tpName(record), [...(byPartition.get(tpName(record)) ?? []), record]);
      for (const records of byPartition.values())
        yield { topic: records[0]!.topic, partition: records[0]!.partition, records };
    }
  }

  /**
   * Commits the positions, or the given offsets. Rejects TIMEOUT; REBALANCE_IN_PROGRESS while the consumer
   * joins (poll, then commit again); COMMIT_FAILED if the member's generation is over.
   */
  commitSync(
    offsets?: readonly OffsetCommit[],
    { timeoutMs = this.config['default.api.timeout.ms'], signal }: CallOptions = {},
  ): Promise<void> {
    return abortable(
      Promise.resolve().then(() => this.requireGroup().commit(offsets, timeoutMs)),
      signal,
    );
  }

  /** Commits without waiting; the callback gets the outcome. */
  commitAsync(offsets?: readonly OffsetCommit[], callback: CommitCallback = () => {}): void {
    const fixed =
      offsets ?? this.state.consumed().map(({ tp, offset, leaderEpoch }) => ({ ...tp, offset, leaderEpoch }));
    this.requireGroup()
      .commit(fixed, this.config['default.api.timeout.ms'])
      .then(
        () => callback(null, fixed),
        (error: KafkaError) => callback(error, fixed),
      );
  }

  /** The group's committed offsets, by `topic-partition`; partitions without one have no entry. */
  async committed(
    tps: readonly TopicPartition[],
    { timeoutMs = this.config['default.api.timeout.ms'], signal }: CallOptions = {},
  ): Promise<Map<string, OffsetAndMetadata>> {
    return abortable(this.requireGroup().committer.fetch(tps, timeoutMs), signal);
  }

  /** The offset of the next record. Waits until it is known. Rejects TIMEOUT. */
  async position(tp: TopicPartition, options: CallOptions | number = {}): Promise<number> {
    const { timeoutMs = this.config['default.api.timeout.ms'], signal } =
      typeof options === 'number' ? { timeoutMs: options } : options;
    this.requireOpen();
    const partition = this.state.require(tp);
    const deadlineMs = this.clock.monotonicMs() + timeoutMs;
    while (partition.position === undefined || partition.state === 'await-validation') {
      this.refreshPositions();
      this.fetcher.throwFailure();
      this.fetcher.sendFetches();
      if (this.clock.monotonicMs() >= deadlineMs)
        throw new KafkaError('TIMEOUT', 'Timeout expired before the position could be determined');
      await abortable(this.fetcher.wait(RETRY_LOOK_MS), signal);
    }
    return partition.position;
  }

  beginningOffset(tp: TopicPartition): Promise<number> {
    return this.beginningOffsets([tp]).then((offsets) => offsets.get(tpName(tp))!);
  }

  endOffset(tp: TopicPartition): Promise<number> {
    return this.endOffsets([tp]).then((offsets) => offsets.get(tpName(tp))!);
  }

  /** By `topic-partition`. */
  async beginningOffsets(
    tps: readonly TopicPartition[],
    { signal }: SignalOption = {},
  ): Promise<Map<string, number>> {
    this.requireOpen();
    return abortable(this.lookup.beginning(tps), signal);
  }

  /** By `topic-partition`. */
  async endOffsets(
    tps: readonly TopicPartition[],
    { signal }: SignalOption = {},
  ): Promise<Map<string, number>> {
    this.requireOpen();
    return abortable(this.lookup.end(tps), signal);
  }

  /** For each partition the first record at or after the time (ms since 1970), if there is one. */
  async offsetsForTimes(
    wanted: readonly (TopicPartition & { readonly timestamp: number })[],
    { signal }: SignalOption = {},
  ): Promise<Map<string, OffsetAndTimestamp>> {
    this.requireOpen();
    return abortable(this.lookup.forTimes(wanted), signal);
  }

  async partitionsFor(
    topic: string,
    timeoutMs = this.config['default.api.timeout.ms'],
    { signal }: SignalOption = {},
  ): Promise<readonly PartitionInfo[]> {
    return (await abortable(this.metadata.awaitTopic(topic, timeoutMs), signal)).partitions;
  }

  /** Names of all topics except internal ones. */
  async listTopics(): Promise<string[]> {
    return (await this.metadata.topics()).filter((topic) => topic !== GROUP_METADATA_TOPIC).sort();
  }

  /** The member's id and generation; generation -1 if the consumer is not a member now. */
  groupMetadata(): GenerationInfo {
    return this.requireGroup().membership.info;
  }

  /** Requests a rebalance in the next poll. */
  enforceRebalance(): void {
    this.requireGroup().membership.requestRejoin('the user asked for a rebalance');
  }

  /**
   * Commits (with auto-commit), leaves the group within `timeoutMs`, closes. Rejects with what the listener
   * threw. A second call returns the same promise.
   */
  close(timeoutMs = 30000): Promise<void> {
    this.closing ??= this.end(timeoutMs);
    return this.closing;
  }

  private async end(timeoutMs: number): Promise<void> {
    this.fetcher.close();
    const errors = new ProgramErrors();
    await errors.keep(() => this.leaveGroup(timeoutMs));
    this.group?.close();
    this.pool.close();
    this.interceptors.close();
    for (const deserializer of this.deserializers) deserializer.close?.();
    await this.metadata.close();
    errors.throwFirst();
  }

  private leaveGroup(timeoutMs: number): Promise<void> | undefined {
    if (!this.group || this.state.isNothing) return undefined;
    return withDeadline(this.clock, timeoutMs, this.group.leave(), () => new KafkaError('TIMEOUT')).catch(
      (error) => {
        if (!(error instanceof KafkaError)) throw error;
      },
    );
  }
}
