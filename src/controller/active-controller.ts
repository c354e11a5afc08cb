/**
 * The controller during one controller epoch: loads the cluster from ZooKeeper, then handles its changes one
 * at a time.
 *
 * Invariant: all state in memory was read after this broker was elected, and is dropped when the epoch ends;
 * the next controller starts from ZooKeeper. Each event handler reads, decides, writes, and sends one batch
 * of requests. A write that finds a newer controller epoch in ZooKeeper ends this controller. Work that a
 * damaged znode or a failed write prevented is retried on a timer until it succeeds.
 *
 * Kafka: controller/KafkaController.scala@2.8.2, without topic deletion and reassignment
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { errorName } from '../common/errors';
import { Host, Log } from '../common/host';
import { Metrics } from '../common/metrics';
import { leaderAndIsr } from '../protocol/messages/replica-control';
import { ControllerTerm } from '../zk/controller-election';
import { readTopicNames, readTopics } from '../zk/topic-store';
import { ZkConnection } from '../zk/zk-connection';
import { isZkError } from '../zk/zk-session';
import {
  brokerIdsZnode,
  featureZnode,
  isrChangeZnode,
  logDirEventZnode,
  preferredElectionZnode,
  topicsZnode,
  topicZnode,
} from '../zk/znodes';
import { BrokerChanges, LeaderAndIsrRequest, LeaderAndIsrResponse } from './broker-changes';
import { BrokerRequest, BrokerRequestBatch } from './broker-request-batch';
import { ChannelManager } from './channel-manager';
import { ControllerContext } from './controller-context';
import { ControllerOptions } from './controller-options';
import { EventQueue } from './event-queue';
import { moveLeadersAway, ShutdownOutcome } from './controlled-shutdown';
import { deleteNotes, readNotes } from './notifications';
import { retryUnsettled, startPartitions } from './partition-startup';
import { PreferredLeaders } from './preferred-leaders';
import { StateTransitions } from './state-transitions';

export interface ActiveControllerDeps {
  readonly zk: ZkConnection;
  readonly host: Host;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly queue: EventQueue;
  readonly options: ControllerOptions;
}

/** First and longest delay before unsettled partitions are retried; the delay doubles while retries fail. */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

export class ActiveController {
  readonly context: ControllerContext;
  private readonly channels: ChannelManager;
  private readonly transitions: StateTransitions;
  private readonly brokers: BrokerChanges;
  private readonly preferred: PreferredLeaders;
  private readonly watchedTopics = new Map<string, () => void>();
  private readonly unregister: (() => void)[] = [];
  private retryMs = RETRY_MS;
  private isRetryScheduled = false;
  private isStopped = false;

  constructor(
    private readonly deps: ActiveControllerDeps,
    term: ControllerTerm,
  ) {
    const { zk, host, log, metrics, options } = deps;
    const { interBrokerListener, controlPlaneListener, socketTimeoutMs, retryBackoffMs } = options;
    this.context = new ControllerContext(options.brokerId, term);
    const resend = (brokerId: number) => this.event(`resend-${brokerId}`, () => this.resend(brokerId));
    const answered = (request: BrokerRequest, response: unknown) => this.onResponse(request, response);
    const listeners = [controlPlaneListener, interBrokerListener];
    const channelOptions = { listeners, socketTimeoutMs, retryBackoffMs };
    this.channels = new ChannelManager(host, log, channelOptions, answered, resend);
    const transitionDeps = { zk, host, log, metrics, uncleanByDefault: options.uncleanLeaderElection };
    this.transitions = new StateTransitions(this.context, transitionDeps, this.newBatch());
    const brokerDeps = {
      zk,
      host,
      log,
      interBrokerListener,
      flush: () => this.flush(),
      onModified: () => this.brokersChanged(),
    };
    this.brokers = new BrokerChanges(this.context, this.transitions, this.channels, brokerDeps);
    this.preferred = new PreferredLeaders(this.context, this.transitions, zk, log);
  }

  private newBatch(): BrokerRequestBatch {
    return new BrokerRequestBatch(this.context, this.deps.options.interBrokerListener);
  }

  private event(name: string, handle: () => Promise<void>): void {
    if (!this.isStopped) this.deps.queue.put(name, () => this.run(handle));
  }

  private async run(handle: () => Promise<void>): Promise<void> {
    if (this.isStopped) return;
    await handle();
    this.scheduleRetry();
  }

  /** Schedules a retry if the last event left partitions that could not be read or written. */
  private scheduleRetry(): void {
    if (!this.transitions.hasUnsettled || this.isRetryScheduled || this.isStopped) return;
    this.isRetryScheduled = true;
    const timer = this.deps.host.clock.schedule(this.retryMs, () =>
      this.event('PartitionRetry', async () => {
        this.isRetryScheduled = false;
        await retryUnsettled(this.context, this.transitions);
        this.flush();
        this.retryMs = this.transitions.hasUnsettled ? Math.min(2 * this.retryMs, MAX_RETRY_MS) : RETRY_MS;
      }),
    );
    this.unregister.push(() => timer.cancel());
  }

  /** Sends the requests that the event collected. Nothing is sent after this controller has been stopped. */
  private flush(): void {
    const requests = this.transitions.takeBatch(this.newBatch()).build();
    if (!this.isStopped) this.channels.send(requests);
  }

  /** Takes over as controller. Kafka: KafkaController#onControllerFailover */
  async start(): Promise<void> {
    const { zk, options } = this.deps;
    await this.ensureFeature();
    // Before anything is read, so that a change during the load becomes an event.
    this.watch();
    await this.discardNotifications();
    await this.brokers.load();
    await this.loadTopics(await readTopicNames(zk));
    // Brokers need the list of live brokers before they can follow a LeaderAndIsr.
    this.transitions.addUpdateMetadata(this.context.brokerIds, []);
    this.flush();
    await startPartitions(this.context, this.transitions, this.context.partitions);
    this.flush();
    await this.electPreferredRequested();
    if (options.autoLeaderRebalance) this.scheduleRebalance(options.firstRebalanceDelayMs);
    this.scheduleRetry();
    this.deps.log.info(
      `Ready: ${this.context.brokerIds.length} brokers, ${this.context.partitions.length} partitions`,
    );
  }

  private async ensureFeature(): Promise<void> {
    try {
      if ((await this.deps.zk.exists(featureZnode.path)) === null)
        await this.deps.zk.create(featureZnode.path, featureZnode.encode());
    } catch (error) {
      if (!isZkError(error, 'NODE_EXISTS', 'CONNECTION_LOSS')) throw error;
    }
  }

  private watch(): void {
    const { zk } = this.deps;
    this.unregister.push(
      zk.onChildChange(brokerIdsZnode.path, () => this.brokersChanged()),
      zk.onChildChange(topicsZnode.path, () => this.event('TopicChange', () => this.topicsChanged())),
      zk.onChildChange(isrChangeZnode.path, () =>
        this.event('IsrChangeNotification', () => this.isrChanged()),
      ),
      zk.onChildChange(logDirEventZnode.path, () =>
        this.event('LogDirEventNotification', () => this.logDirsFailed()),
      ),
      zk.onDataChange(preferredElectionZnode.path, () =>
        this.event('ReplicaLeaderElection', () => this.electPreferredRequested()),
      ),
    );
  }

  private brokersChanged(): void {
    this.event('BrokerChange', () => this.brokers.changed());
  }

  private watchTopic(topic: string): void {
    if (this.watchedTopics.has(topic)) return;
    const changed = () => this.event(`PartitionModifications-${topic}`, () => this.partitionsAdded(topic));
    this.watchedTopics.set(topic, this.deps.zk.onDataChange(topicZnode.path(topic), changed));
  }

  private unwatchTopic(topic: string): void {
    this.watchedTopics.get(topic)?.();
    this.watchedTopics.delete(topic);
  }

  /** Deletes the notifications addressed to the previous controller: start() reads all states anyway. */
  private async discardNotifications(): Promise<void> {
    for (const parent of [isrChangeZnode.path, logDirEventZnode.path]) {
      const { paths } = await readNotes(this.deps.zk, this.deps.log, parent, () => undefined);
      await deleteNotes(this.deps.zk, this.context.term, paths);
    }
  }

  /**
   * Loads the assignments and states of the topics into the context. Returns the partitions that were not
   * known before. A topic whose znode cannot be decoded is loaded when the znode is repaired, because it is
   * watched.
   */
  private async loadTopics(topics: readonly string[]): Promise<TopicPartition[]> {
    for (const topic of topics) this.watchTopic(topic);
    const loaded: TopicPartition[] = [];
    const assignments = await readTopics(this.deps.zk, topics, (_, reason) => this.deps.log.error(reason));
    for (const [topic, { partitions }] of assignments) {
      for (const [partition, replicas] of partitions) {
        if (this.context.isAssigned({ topic, partition })) continue;
        this.context.assign({ topic, partition }, replicas);
        loaded.push({ topic, partition });
      }
    }
    for (const [name, state] of await this.transitions.read(loaded)) this.context.leadership.set(name, state);
    return loaded;
  }

  private async topicsChanged(): Promise<void> {
    const current = new Set(await readTopicNames(this.deps.zk));
    for (const topic of this.context.topics) if (!current.has(topic)) this.context.removeTopic(topic);
    for (const topic of [...this.watchedTopics.keys()]) if (!current.has(topic)) this.unwatchTopic(topic);
    const fresh = [...current].filter((topic) => !this.context.topics.has(topic));
    if (fresh.length > 0) await this.createPartitions(await this.loadTopics(fresh));
  }

  private async partitionsAdded(topic: string): Promise<void> {
    await this.createPartitions(await this.loadTopics([topic]));
  }

  /**
   * Starts partitions that were just loaded. A partition that already has a state, as in a repaired topic,
   * keeps it.
   */
  private async createPartitions(tps: readonly TopicPartition[]): Promise<void> {
    if (tps.length === 0) return;
    this.deps.log.info(`New partitions: ${tps.map(tpName).join(', ')}`);
    await startPartitions(this.context, this.transitions, tps);
    this.flush();
  }

  /**
   * Leaders changed ISRs and notified the controller: reads the states again and sends UpdateMetadata to
   * every broker.
   */
  private async isrChanged(): Promise<void> {
    const { zk, log } = this.deps;
    const { paths, content } = await readNotes(zk, log, isrChangeZnode.path, isrChangeZnode.decode);
    const changed = new Map(
      content
        .flat()
        .filter((tp) => this.context.isAssigned(tp))
        .map((tp) => [tpName(tp), tp]),
    );
    for (const [name, state] of await this.transitions.read([...changed.values()]))
      this.context.leadership.set(name, state);
    this.transitions.addUpdateMetadata(this.context.brokerIds, [...changed.values()]);
    this.flush();
    await deleteNotes(zk, this.context.term, paths);
  }

  /**
   * Handles the notification that log dirs failed. It names the broker but not the replicas, so the
   * controller sends each of these brokers LeaderAndIsr for all its replicas; the broker answers
   * KAFKA_STORAGE_ERROR for those it lost. Kafka: KafkaController#processLogDirEventNotification
   */
  private async logDirsFailed(): Promise<void> {
    const { zk, log } = this.deps;
    const { paths, content } = await readNotes(zk, log, logDirEventZnode.path, logDirEventZnode.decode);
    const live = [...new Set(content)].filter((id) => this.context.liveBrokers.has(id));
    this.transitions.onlineReplicas(this.context.replicasOnBrokers(new Set(live)));
    this.flush();
    await deleteNotes(zk, this.context.term, paths);
  }

  private async electPreferredRequested(): Promise<void> {
    if (!(await this.preferred.electRequested())) return;
    this.flush();
    await deleteNotes(this.deps.zk, this.context.term, [preferredElectionZnode.path]);
  }

  private scheduleRebalance(delayMs: number): void {
    const { host, options } = this.deps;
    const timer = host.clock.schedule(delayMs, () => {
      this.event('AutoPreferredReplicaLeaderElection', async () => {
        await this.preferred.rebalance(options.imbalancePercentage);
        this.flush();
      });
      if (!this.isStopped) this.scheduleRebalance(options.rebalanceCheckIntervalMs);
    });
    this.unregister.push(() => timer.cancel());
  }

  /**
   * Prepares a broker's shutdown: moves its leaders to other brokers and removes it from the ISRs in which it
   * follows.
   */
  async controlledShutdown(brokerId: number, brokerEpoch: number): Promise<ShutdownOutcome> {
    const outcome = await moveLeadersAway(this.context, this.transitions, brokerId, brokerEpoch);
    if (outcome.error !== 'NONE') return outcome;
    this.deps.host.event({
      what: 'controlled-shutdown',
      broker: brokerId,
      controllerEpoch: this.context.epoch,
    });
    this.flush();
    this.scheduleRetry();
    return outcome;
  }

  /** Called when a topic's config now allows unclean elections: elects leaders for its offline partitions. */
  uncleanElectionEnabled(topic: string): void {
    this.event(`TopicUncleanLeaderElectionEnable-${topic}`, async () => {
      const offline = this.context
        .partitionsOfTopic(topic)
        .filter((tp) => this.context.stateOf(tp) === 'OfflinePartition');
      await this.transitions.elect(offline, 'offline');
      this.flush();
    });
  }

  private onResponse(request: BrokerRequest, response: unknown): void {
    const answer = response as LeaderAndIsrResponse;
    const { brokerId, api } = request;
    if (answer.errorCode !== 0) {
      this.deps.log.warn(`${api.name} was refused by broker ${brokerId} with ${errorName(answer.errorCode)}`);
    }
    if (api.key !== leaderAndIsr.key) return;
    // Never merged with a waiting event of the same name: each response has its own content.
    const handle = () =>
      this.run(() => this.brokers.answered(brokerId, request.body as LeaderAndIsrRequest, answer));
    this.deps.queue.putAlways('LeaderAndIsrResponseReceived', handle);
  }

  /** Sends the broker its full state, in place of the requests that were dropped when its queue was full. */
  private async resend(brokerId: number): Promise<void> {
    if (!this.context.liveBrokers.has(brokerId)) return;
    this.transitions.addUpdateMetadata([brokerId], this.context.partitions);
    this.transitions.onlineReplicas(this.context.replicasOnBrokers(new Set([brokerId])));
    this.flush();
  }

  stop(): void {
    this.isStopped = true;
    for (const undo of this.unregister.splice(0)) undo();
    for (const topic of [...this.watchedTopics.keys()]) this.unwatchTopic(topic);
    this.brokers.stop();
    this.channels.close();
  }
}
