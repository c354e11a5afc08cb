/**
 * Cluster metadata read from ZooKeeper: broker registrations, topics and partition states. They are watched,
 * so a client learns of a new leader a few milliseconds after the controller has written it.
 *
 * Invariant: only topics that the client uses are read and watched. Beyond `MAX_WATCHED_PARTITIONS`
 * partitions the states are not watched; they are read again when a leader turns out to be out of date, and
 * every metadata.max.age.ms. A ZooKeeper server that lags behind takes no partition back to an older leader
 * epoch.
 *
 * Kafka: zk discovery of 0.8 (utils/ZkUtils.scala, consumer/ConsumerFetcherManager.scala)
 */
import { BrokerInfo, HostPort, topicNameProblem, TopicPartition } from '../common/cluster-types';
import { KafkaError, messageOf } from '../common/errors';
import { Host, Log, Timer, withDeadline } from '../common/host';
import { SerialQueue } from '../common/serial-queue';
import { readBrokers } from '../zk/broker-registration';
import { readPartitionState } from '../zk/partition-state-store';
import { readTopic, readTopicNames } from '../zk/topic-store';
import { ZkConnection } from '../zk/zk-connection';
import { brokerIdsZnode, partitionStateZnode, topicZnode } from '../zk/znodes';
import {
  ClusterMetadata,
  LeaderAndEpoch,
  MetadataListeners,
  PartitionInfo,
  TopicInfo,
  topicInfoOf,
} from './cluster-metadata';
import { LastSeenEpochs } from './last-seen-epochs';

const MAX_WATCHED_PARTITIONS = 1000;

interface WatchedTopic {
  replicas: ReadonlyMap<number, readonly number[]>;
  readonly states: Map<number, PartitionInfo>;
  info: TopicInfo | undefined;
  updatePending: boolean;
  lastUpdateMs: number;
  /** A request to create the topic is in flight. */
  isBeingCreated: boolean;
}

/**
 * The number of reads with an older epoch after which it is believed. A ZooKeeper server may lag behind for
 * seconds.
 */
const OLDER_READS = 100;

export interface ZooKeeperMetadataOptions {
  /** The name of the broker endpoint to use; undefined: the first PLAINTEXT endpoint. */
  readonly listener: string | undefined;
  readonly refreshBackoffMs: number;
  readonly maxAgeMs: number;
  /** Sends a request that creates the topic, if brokers create topics automatically. */
  readonly createTopic: ((topic: string, brokers: readonly HostPort[]) => Promise<void>) | undefined;
}

export class ZooKeeperMetadata implements ClusterMetadata {
  private brokers = new Map<number, BrokerInfo>();
  private readonly watchedTopics = new Map<string, WatchedTopic>();
  private readonly listeners = new MetadataListeners();
  private readonly epochs = new LastSeenEpochs();
  private readonly queue: SerialQueue;
  private readonly log: Log;
  private timer: Timer | undefined;
  private watchedPartitions = 0;
  private isClosed = false;

  private constructor(
    private readonly host: Host,
    private readonly zk: ZkConnection,
    private readonly options: ZooKeeperMetadataOptions,
  ) {
    this.log = host.log.child('ZooKeeperMetadata');
    this.queue = new SerialQueue((error) => {
      if (!this.isClosed) this.log.warn(`Metadata could not be read: ${messageOf(error)}`);
    });
  }

  /** Takes ownership of the connection: `close` closes it. */
  static async open(
    host: Host,
    zk: ZkConnection,
    options: ZooKeeperMetadataOptions,
  ): Promise<ZooKeeperMetadata> {
    const metadata = new ZooKeeperMetadata(host, zk, options);
    zk.onChildChange(brokerIdsZnode.path, () => metadata.queue.put(() => metadata.readBrokers()));
    await metadata.readBrokers();
    metadata.armMaxAge();
    return metadata;
  }

  /**
   * Watched znodes are up to date without this. It refreshes those that are not watched, and helps after a
   * lost watch.
   */
  private armMaxAge(): void {
    this.timer = this.host.clock.schedule(this.options.maxAgeMs, () => {
      for (const topic of this.watchedTopics.keys()) this.requestUpdate(topic);
      this.armMaxAge();
    });
  }

  leaderOf(tp: TopicPartition): LeaderAndEpoch {
    return this.epochs.leaderOf(tp, this.topic(tp.topic));
  }

  updateLastSeenEpochIfNewer(tp: TopicPartition, epoch: number): void {
    if (this.epochs.updateIfNewer(tp, epoch)) this.requestUpdate(tp.topic);
  }

  private async readBrokers(): Promise<void> {
    // A broker whose registration cannot be parsed keeps its former address: the broker is alive and must
    // stay reachable.
    const onBad = (reason: string) => this.log.warn(reason);
    const brokers = await readBrokers(this.zk, { known: this.brokers, onBad });
    this.brokers = new Map(brokers.map((broker) => [broker.id, broker]));
    this.listeners.notify();
  }

  address(brokerId: number): HostPort | undefined {
    const endpoints = this.brokers.get(brokerId)?.endpoints;
    return this.options.listener === undefined
      ? endpoints?.find((one) => one.securityProtocol === 'PLAINTEXT')
      : endpoints?.find((one) => one.listener === this.options.listener);
  }

  topics(): Promise<readonly string[]> {
    return readTopicNames(this.zk);
  }

  addresses(): readonly HostPort[] {
    return [...this.brokers.keys()].map((id) => this.address(id)).filter((address) => address !== undefined);
  }

  topic(topic: string): TopicInfo | undefined {
    const watched = this.watchedTopics.get(topic);
    if (!watched || watched.replicas.size === 0) return undefined;
    // Cached until the next change, because it is needed for every record that is sent.
    return (watched.info ??= this.makeInfo(topic, watched));
  }

  private makeInfo(topic: string, watched: WatchedTopic): TopicInfo {
    const partitions = [...watched.replicas].map(
      ([partition, replicas]) =>
        watched.states.get(partition) ?? { partition, leader: -1, leaderEpoch: -1, replicas, isr: [] },
    );
    return topicInfoOf(topic, partitions);
  }

  async awaitTopic(topic: string, timeoutMs: number): Promise<TopicInfo> {
    const problem = topicNameProblem(topic);
    if (problem) throw new KafkaError('INVALID_TOPIC_EXCEPTION', problem);
    const known = this.ready(topic);
    if (known) return known;
    this.watch(topic);
    let stop = () => {};
    const found = new Promise<TopicInfo>((resolve) => {
      stop = this.listeners.add(() => {
        const info = this.ready(topic);
        if (info) resolve(info);
        else this.requestUpdate(topic);
      });
    });
    this.requestUpdate(topic);
    const timeout = () =>
      new KafkaError('TIMEOUT', `Topic ${topic} not present in metadata after ${timeoutMs} ms.`);
    return withDeadline(this.host.clock, timeoutMs, found, timeout).finally(() => stop());
  }

  private ready(topic: string): TopicInfo | undefined {
    const info = this.topic(topic);
    return info?.isAvailable ? info : undefined;
  }

  private watch(topic: string): void {
    if (this.watchedTopics.has(topic)) return;
    this.watchedTopics.set(topic, {
      replicas: new Map(),
      states: new Map(),
      info: undefined,
      updatePending: false,
      lastUpdateMs: -Infinity,
      isBeingCreated: false,
    });
    this.zk.onDataChange(topicZnode.path(topic), () => this.queue.put(() => this.readTopic(topic)));
    this.queue.put(() => this.refresh(topic));
  }

  /** Reads what may have changed. If the topic is missing, asks a broker to create it. */
  private async refresh(topic: string): Promise<void> {
    const watched = this.watchedTopics.get(topic)!;
    await (watched.replicas.size === 0 ? this.readTopic(topic) : this.readStates(topic));
    // Reads the brokers again, in case the list could not be read when it changed.
    if ([...watched.states.values()].some(({ leader }) => leader >= 0 && !this.brokers.has(leader)))
      await this.readBrokers();
    if (watched.replicas.size === 0) this.askToCreate(topic, watched);
  }

  /** Not in the queue: a broker that does not respond must not delay the reads of other topics. */
  private askToCreate(topic: string, watched: WatchedTopic): void {
    const addresses = this.addresses();
    if (addresses.length === 0 || watched.isBeingCreated || this.options.createTopic === undefined) return;
    watched.isBeingCreated = true;
    this.options.createTopic(topic, addresses).then(
      () => {
        watched.isBeingCreated = false;
      },
      (error) => {
        watched.isBeingCreated = false;
        if (!this.isClosed) this.log.debug(`No broker created ${topic}: ${messageOf(error)}`);
      },
    );
  }

  private async readTopic(topic: string): Promise<void> {
    const watched = this.watchedTopics.get(topic)!;
    watched.lastUpdateMs = this.host.clock.monotonicMs();
    const assignment = await readTopic(this.zk, topic);
    const before = new Set(watched.replicas.keys());
    watched.replicas = assignment?.partitions ?? new Map();
    watched.info = undefined;
    const fresh = [...watched.replicas.keys()].filter((partition) => !before.has(partition));
    this.watchedPartitions += watched.replicas.size - before.size;
    if (watched.replicas.size === 0) this.forget(topic, watched);
    if (this.watchedPartitions <= MAX_WATCHED_PARTITIONS)
      for (const partition of fresh) this.watchState({ topic, partition });
    await this.readStates(topic);
  }

  /** The topic was deleted. If it is created again, its leader epochs start anew. */
  private forget(topic: string, watched: WatchedTopic): void {
    watched.states.clear();
    this.epochs.forget(topic);
  }

  private watchState(tp: TopicPartition): void {
    this.zk.onDataChange(partitionStateZnode.path(tp), () => this.queue.put(() => this.readState(tp)));
  }

  private async readState(tp: TopicPartition): Promise<void> {
    const watched = this.watchedTopics.get(tp.topic)!;
    const state = await readPartitionState(this.zk, tp);
    const replicas = watched.replicas.get(tp.partition);
    if (state === undefined || replicas === undefined) return;
    const row = {
      partition: tp.partition,
      leader: state.leader,
      leaderEpoch: state.leaderEpoch,
      replicas,
      isr: state.isr,
    };
    if (!this.epochs.accept(tp, state.leaderEpoch, OLDER_READS)) return this.requestUpdate(tp.topic);
    watched.states.set(tp.partition, row);
    watched.info = undefined;
    this.listeners.notify();
  }

  private async readStates(topic: string): Promise<void> {
    const watched = this.watchedTopics.get(topic)!;
    await Promise.all([...watched.replicas.keys()].map((partition) => this.readState({ topic, partition })));
    this.listeners.notify();
  }

  requestUpdate(topic: string): void {
    const watched = this.watchedTopics.get(topic);
    if (!watched) return this.watch(topic);
    if (watched.updatePending || this.isClosed) return;
    watched.updatePending = true;
    const waitMs = Math.max(
      0,
      watched.lastUpdateMs + this.options.refreshBackoffMs - this.host.clock.monotonicMs(),
    );
    this.host.clock.schedule(waitMs, () => {
      if (this.isClosed) return;
      this.queue.put(async () => {
        watched.updatePending = false;
        watched.lastUpdateMs = this.host.clock.monotonicMs();
        await this.refresh(topic).finally(() => this.listeners.notify());
      });
    });
  }

  onChange(listener: () => void): () => void {
    return this.listeners.add(listener);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.timer?.cancel();
    this.queue.clear();
    await this.zk.close();
  }
}
