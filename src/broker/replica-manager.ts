/**
 * The partitions of this broker. Applies the controller's requests to them: lead, follow, stop.
 *
 * Invariants: requests with an older controller epoch or broker epoch are refused, and none is processed
 * before the broker epoch is known. They are processed one at a time, in order. A partition is led, or has at
 * most one fetcher.
 *
 * Kafka: server/ReplicaManager.scala@2.8.2
 */
import { HostPort, NO_EPOCH, NO_LEADER, TopicPartition, tpName } from '../common/cluster-types';
import { ErrorName, errorCode, InvariantError, KafkaError, messageOf } from '../common/errors';
import { Host, Log as Logger } from '../common/host';
import { Metrics } from '../common/metrics';
import { Scheduler } from '../common/scheduler';
import { TopicOverrides } from '../log/log-config';
import { LogManager } from '../log/log-manager';
import { leaderAndIsr, stopReplica, updateMetadata } from '../protocol/messages/replica-control';
import { TypeOf } from '../protocol/schema';
import { isZkError } from '../zk/zk-session';
import { BrokerConfig } from './broker-config';
import { ControlFence } from './control-fence';
import { ControlQueue } from './control-queue';
import { FollowerEpochs, FollowerEpochsDeps } from './follower-epochs';
import { MetadataCache } from './metadata-cache';
import { MissingReplicas } from './missing-replicas';
import { LeaderAndIsrState, Partition, PartitionDeps } from './partition';
import { Purgatory } from './purgatory';
import { ReplicaFetcherManager } from './replica-fetcher-manager';
import { registerReplicaGauges } from './replica-gauges';

type LeaderAndIsrRequest = TypeOf<typeof leaderAndIsr.request>;
type UpdateMetadataRequest = TypeOf<typeof updateMetadata.request>;
type StopReplicaRequest = TypeOf<typeof stopReplica.request>;
type StopReplicaRow = StopReplicaRequest['partitionStates'][number];
type Leaders = ReadonlyMap<number, HostPort>;
type PartitionError = TopicPartition & { readonly errorCode: number };
type ControlResponse = { readonly errorCode: number; readonly partitionErrors: readonly PartitionError[] };

/** StopReplica always applies with leader epoch -2 (the topic is being deleted) or -1 (unknown). */
const DELETING_EPOCHS = [-1, -2];

export type LeadershipListener = (tp: TopicPartition, leaderEpoch: number, isLeader: boolean) => void;

export interface ReplicaManagerDeps {
  readonly host: Host;
  readonly config: BrokerConfig;
  readonly brokerId: number;
  readonly logs: LogManager;
  readonly metadata: MetadataCache;
  readonly metrics: Metrics;
  readonly writeIsr: PartitionDeps['writeIsr'];
  readonly onIsrChanged: PartitionDeps['onIsrChanged'];
  /** Asks the controller to send LeaderAndIsr for all replicas of this broker. */
  readonly onReplicaMissing: () => void;
  readonly brokerEpoch: () => number;
  readonly isRegistered: FollowerEpochsDeps['isRegistered'];
  /** The topic's current config in ZooKeeper. */
  readonly readTopicConfig: (topic: string) => Promise<TopicOverrides>;
}

export class ReplicaManager {
  readonly producePurgatory: Purgatory;
  readonly fetchPurgatory: Purgatory;
  readonly deleteRecordsPurgatory: Purgatory;
  private readonly partitions = new Map<string, Partition>();
  /** Partitions whose leader was not alive at LeaderAndIsr: the same epoch may name it again. */
  private readonly withoutLeader = new Set<string>();
  readonly fetchers: ReplicaFetcherManager;
  readonly followerEpochs: FollowerEpochs;
  private readonly fence: ControlFence;
  private readonly missing: MissingReplicas;
  /** The high watermarks that the former run of this broker checkpointed, by `topic-partition`. */
  private checkpointed: Map<string, number> | undefined;
  private readonly control: ControlQueue;
  private readonly scheduler: Scheduler;
  private readonly leadershipListeners: LeadershipListener[] = [];
  private readonly log: Logger;
  private readonly partitionDeps: PartitionDeps;

  constructor(private readonly deps: ReplicaManagerDeps) {
    const { host, config, brokerId } = deps;
    this.log = host.log.child(`ReplicaManager broker=${brokerId}`);
    this.fence = new ControlFence(host, this.log, brokerId, deps.brokerEpoch);
    this.control = new ControlQueue(host.clock, this.fence.whenRegistered);
    this.scheduler = new Scheduler(host.clock, this.log);
    this.producePurgatory = new Purgatory(host.clock);
    this.fetchPurgatory = new Purgatory(host.clock);
    this.deleteRecordsPurgatory = new Purgatory(host.clock);
    this.partitionDeps = {
      brokerId,
      host,
      log: this.log,
      lagTimeMaxMs: config['replica.lag.time.max.ms'],
      writeIsr: deps.writeIsr,
      liveBrokerEpoch: (id) => deps.metadata.brokerEpoch(id),
      onIsrChanged: deps.onIsrChanged,
      onProgress: (tp) => this.progressed(tp),
      lab: {
        joinAtHighWatermark: config['lab.isr.join.at.high.watermark'],
        freezeOnConflict: config['lab.freeze.on.isr.conflict'],
      },
    };
    this.fetchers = new ReplicaFetcherManager(
      host,
      {
        brokerId,
        maxWaitMs: config['replica.fetch.wait.max.ms'],
        minBytes: config['replica.fetch.min.bytes'],
        maxBytes: config['replica.fetch.response.max.bytes'],
        partitionMaxBytes: config['replica.fetch.max.bytes'],
        backoffMs: config['replica.fetch.backoff.ms'],
        brokerEpoch: deps.brokerEpoch,
        truncateToHighWatermark: config['lab.truncate.to.high.watermark'],
      },
      config['replica.socket.timeout.ms'],
    );
    this.missing = new MissingReplicas({
      host,
      log: this.log,
      brokerId,
      metadata: deps.metadata,
      tellController: deps.onReplicaMissing,
      isAccountedFor: (tp) => this.get(tp) !== undefined || deps.logs.isOffline(tp),
    });
    const liveEpoch = (id: number) => deps.metadata.brokerEpoch(id);
    this.followerEpochs = new FollowerEpochs({
      clock: host.clock,
      liveEpoch,
      isRegistered: deps.isRegistered,
    });
    registerReplicaGauges(this, deps.metrics, deps.logs, this.missing);
  }

  /** Called when this broker starts or stops leading a partition, or leads it in a new epoch. */
  onLeadershipChange(listener: LeadershipListener): void {
    this.leadershipListeners.push(listener);
  }

  private announce({ tp, leaderEpoch, isLeader }: Partition): void {
    for (const listener of this.leadershipListeners) listener(tp, leaderEpoch, isLeader);
  }

  get all(): Partition[] {
    return [...this.partitions.values()];
  }

  get(tp: TopicPartition): Partition | undefined {
    return this.partitions.get(tpName(tp));
  }

  /** Throws NOT_LEADER_OR_FOLLOWER or UNKNOWN_TOPIC_OR_PARTITION if the partition is not on this broker. */
  require(tp: TopicPartition): Partition {
    const partition = this.get(tp);
    if (partition) return partition;
    const error = this.absence(tp);
    const why = error === 'NOT_LEADER_OR_FOLLOWER' ? 'has no replica of' : 'does not know';
    throw new KafkaError(error, `This broker ${why} ${tpName(tp)}`);
  }

  /** The error of `require`, without the cost of an Error object: a request may name very many partitions. */
  absence(tp: TopicPartition): ErrorName {
    return this.deps.metadata.has(tp) ? 'NOT_LEADER_OR_FOLLOWER' : 'UNKNOWN_TOPIC_OR_PARTITION';
  }

  /** Like Partition#replicationOutcome; for a partition that is not here, the error of `absence`. */
  replicationOutcome(tp: TopicPartition, offset: number): ErrorName | 'pending' {
    const partition = this.get(tp);
    return partition ? partition.replicationOutcome(offset) : this.absence(tp);
  }

  private progressed(tp: TopicPartition): void {
    this.producePurgatory.check(tp);
    this.fetchPurgatory.check(tp);
    this.deleteRecordsPurgatory.check(tp);
  }

  /** To be called after every append by a producer or the broker: fetches may wait for the records. */
  appended(tp: TopicPartition): void {
    this.progressed(tp);
  }

  start(): void {
    const { config } = this.deps;
    const every = (intervalMs: number, task: () => void) => {
      this.scheduler.every(intervalMs, intervalMs, task);
    };
    every(config['replica.lag.time.max.ms'] / 2, () => this.all.forEach((one) => one.maybeShrinkIsr()));
    every(config['replica.missing.check.interval.ms'], () => this.missing.look());
    every(config['replica.high.watermark.checkpoint.interval.ms'], () => this.checkpointHighWatermarks());
  }

  /** The broker epoch is known: control requests are processed from now on. */
  registered(): void {
    this.fence.registered();
  }

  becomeLeaderOrFollower(request: LeaderAndIsrRequest): Promise<ControlResponse> {
    return this.control.run(async () => {
      const fenced = this.fence.problem(request, 'LeaderAndIsr');
      if (fenced) return { errorCode: errorCode(fenced), partitionErrors: [] };
      this.deps.metadata.leadersChanged(request);
      const leaders = new Map(request.liveLeaders.map((leader) => [leader.brokerId, leader]));
      const errors = new Map<LeaderAndIsrState, ErrorName>();
      const apply = (states: readonly LeaderAndIsrState[]) =>
        this.control.inTurns(states, async (state) => {
          errors.set(state, await this.applyState(state, leaders));
        });
      await apply(request.partitionStates.filter((state) => this.get(state) !== undefined));
      // New partitions need ZooKeeper, which may not answer; the others are applied first.
      const fresh = request.partitionStates.filter((state) => !errors.has(state));
      await this.loadConfigs(new Set(fresh.map((state) => state.topic)));
      await apply(fresh);
      this.fetchers.closeIdle();
      const partitionErrors = [...errors].map(([{ topic, partition }, error]) => {
        return { topic, partition, errorCode: errorCode(error) };
      });
      return { errorCode: 0, partitionErrors };
    });
  }

  /**
   * Reads the configs of topics that are new here; values that are not valid are left out. Rejects if
   * ZooKeeper cannot be reached, so that the controller repeats the request: a log must not run with wrong
   * settings.
   */
  private async loadConfigs(topics: ReadonlySet<string>): Promise<void> {
    await Promise.all(
      [...topics].map(async (topic) => {
        try {
          this.deps.logs.updateTopicConfig(topic, await this.deps.readTopicConfig(topic));
        } catch (error) {
          if (isZkError(error)) throw error;
          this.log.error(
            `The settings of topic ${topic} cannot be used and are left out: ${messageOf(error)}`,
          );
        }
      }),
    );
  }

  private async applyState(state: LeaderAndIsrState, leaders: Leaders): Promise<ErrorName> {
    const { brokerId } = this.deps;
    const tp = { topic: state.topic, partition: state.partition };
    if (!state.replicas.includes(brokerId)) return 'UNKNOWN_TOPIC_OR_PARTITION';
    try {
      const known = this.get(tp);
      const address = leaders.get(state.leader);
      if (known?.isOffline) return 'KAFKA_STORAGE_ERROR';
      const isPast = state.leaderEpoch <= (known?.leaderEpoch ?? NO_EPOCH);
      if (isPast && !(known && this.namesLeaderAgain(known, state, address))) return 'STALE_CONTROLLER_EPOCH';
      const partition = known ?? (await this.create(tp, state));
      this.fetchers.remove(tp);
      this.withoutLeader.delete(partition.name);
      if (state.leader === brokerId) partition.makeLeader(state);
      else this.follow(partition, state, address);
      this.announce(partition);
      return 'NONE';
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      const role = state.leader === brokerId ? 'leader' : 'follower';
      this.log.error(`${tpName(tp)} could not become ${role}: ${messageOf(error)}`);
      return error instanceof KafkaError ? error.errorName : 'UNKNOWN_SERVER_ERROR';
    }
  }

  /** Whether it names the leader that was not alive, or not told, when this epoch was first applied. */
  private namesLeaderAgain(known: Partition, state: LeaderAndIsrState, address?: HostPort): boolean {
    if (state.leaderEpoch !== known.leaderEpoch || address === undefined) return false;
    const mayFollow = known.leaderId === NO_LEADER && state.leader !== this.deps.brokerId;
    return (mayFollow || state.leader === known.leaderId) && this.withoutLeader.has(known.name);
  }

  private follow(partition: Partition, state: LeaderAndIsrState, address: HostPort | undefined): void {
    partition.makeFollower(state);
    if (address) return this.fetchers.add(partition, state.leader, address);
    this.withoutLeader.add(partition.name);
    this.log.warn(`${partition.name}: leader ${state.leader} of epoch ${state.leaderEpoch} is not alive`);
  }

  private get formerHighWatermarks() {
    return (this.checkpointed ??= this.deps.logs.readHighWatermarks());
  }

  private async create(tp: TopicPartition, state: LeaderAndIsrState): Promise<Partition> {
    if (this.missing.mustNotBeMade(tp, state)) {
      throw new KafkaError(
        'KAFKA_STORAGE_ERROR',
        'its log has vanished, and may not be made anew in this role',
      );
    }
    const log = await this.deps.logs.getOrCreate(tp, state.isNew);
    this.missing.made(tp);
    log.updateHighWatermark(this.formerHighWatermarks.get(tpName(tp)) ?? 0);
    const partition = new Partition(tp, log, this.partitionDeps);
    this.partitions.set(partition.name, partition);
    return partition;
  }

  updateMetadata(request: UpdateMetadataRequest): Promise<{ readonly errorCode: number }> {
    return this.control.run(async () => {
      const fenced = this.fence.problem(request, 'UpdateMetadata');
      if (fenced) return { errorCode: errorCode(fenced) };
      this.deps.metadata.update(request);
      for (const { topic, partition } of request.partitionStates) this.progressed({ topic, partition });
      return { errorCode: 0 };
    });
  }

  /** `approve` throws if a row must not be applied when its turn comes; then the request rejects. */
  stopReplicas(
    request: StopReplicaRequest,
    approve: (row: StopReplicaRow) => void = () => {},
  ): Promise<ControlResponse> {
    return this.control.run(async () => {
      const fenced = this.fence.problem(request, 'StopReplica');
      if (fenced) return { errorCode: errorCode(fenced), partitionErrors: [] };
      const partitionErrors = await this.control.inTurns(request.partitionStates, (row) => {
        approve(row);
        const error = this.stopOne(row, row.leaderEpoch, row.deletePartition);
        return { topic: row.topic, partition: row.partition, errorCode: errorCode(error) };
      });
      this.fetchers.closeIdle();
      return { errorCode: 0, partitionErrors };
    });
  }

  private stopOne(tp: TopicPartition, leaderEpoch: number, deletePartition: boolean): ErrorName {
    const partition = this.get(tp);
    if (partition?.isOffline) return 'KAFKA_STORAGE_ERROR';
    const isPast = !DELETING_EPOCHS.includes(leaderEpoch) && leaderEpoch <= (partition?.leaderEpoch ?? -1);
    if (partition && isPast) return 'FENCED_LEADER_EPOCH';
    this.fetchers.remove(tp);
    if (deletePartition) this.deletePartition(tp, leaderEpoch);
    this.progressed(tp);
    return 'NONE';
  }

  private deletePartition(tp: TopicPartition, leaderEpoch: number): void {
    const name = tpName(tp);
    for (const listener of this.leadershipListeners) listener(tp, leaderEpoch, false);
    this.get(tp)?.close();
    this.partitions.delete(name);
    this.withoutLeader.delete(name);
    this.formerHighWatermarks.delete(name);
    this.deps.logs.asyncDelete(tp);
  }

  /** Whether this broker leads the partition and another replica is in sync. */
  mayHandOver(tp: TopicPartition): boolean {
    const partition = this.get(tp);
    return partition !== undefined && partition.isLeader && partition.isr.length > 1;
  }

  /** Log dirs failed: their partitions neither lead nor follow any more. */
  logsWentOffline(): void {
    for (const partition of this.all) {
      if (partition.isOffline || !this.deps.logs.isOffline(partition.tp)) continue;
      partition.isOffline = true;
      this.fetchers.remove(partition.tp);
      this.announce(partition);
      this.progressed(partition.tp);
    }
  }

  /** Includes logs that no LeaderAndIsr has named yet: the file is replaced as a whole (KAFKA-1647). */
  checkpointHighWatermarks(): void {
    const hosted = this.all
      .filter((one) => !one.isOffline)
      .map(({ tp, log }) => ({ ...tp, offset: log.highWatermark }));
    const unnamed = this.deps.logs.all
      .filter(({ tp }) => !this.partitions.has(tpName(tp)))
      .map(({ tp }) => ({ ...tp, offset: this.formerHighWatermarks.get(tpName(tp)) ?? 0 }));
    if (hosted.length > 0) this.deps.logs.checkpointHighWatermarks([...hosted, ...unnamed]);
  }

  /** Stops fetchers and timers, and checkpoints the high watermarks. */
  close(): void {
    this.control.close();
    this.scheduler.stop();
    this.fetchers.close();
    for (const partition of this.all) partition.close();
    this.checkpointHighWatermarks();
  }
}
