/**
 * The controller during one term of office: takes the cluster over, then handles its changes one at a time.
 *
 * Everything it knows was read after it was elected and dies with it: a new term starts from ZooKeeper. Each handler
 * reads, decides, writes, and sends its batch; a write that meets a newer controller epoch ends the term.
 *
 * Kafka: controller/KafkaController.scala@2.8.2, without topic deletion and reassignment
 */
import { BrokerInfo, TopicPartition, tpName } from '../common/cluster-types';
import { errorCode } from '../common/errors';
import { Host, Log } from '../common/host';
import { Metrics } from '../common/metrics';
import { leaderAndIsr } from '../protocol/messages/replica-control';
import { TypeOf } from '../protocol/schema';
import { readBrokers } from '../zk/broker-registration';
import { ControllerTerm } from '../zk/controller-election';
import { readPartitionStates } from '../zk/partition-state-store';
import { readTopicNames, readTopics } from '../zk/topic-store';
import { ZkConnection } from '../zk/zk-connection';
import { isZkError } from '../zk/zk-session';
import { brokerIdsZnode, featureZnode, isrChangeZnode, logDirEventZnode, preferredElectionZnode, topicsZnode, topicZnode } from '../zk/znodes';
import { BrokerRequest, BrokerRequestBatch } from './broker-request-batch';
import { ChannelManager } from './channel-manager';
import { ControllerContext, PartitionReplica } from './controller-context';
import { ControllerOptions } from './controller-options';
import { EventQueue } from './event-queue';
import { movePartition } from './partition-state-machine';
import { moveLeadersAway, ShutdownOutcome } from './controlled-shutdown';
import { deleteNotes, readNotes } from './notifications';
import { PreferredLeaders } from './preferred-leaders';
import { RestartedReplicas } from './restarted-replicas';
import { StateTransitions } from './state-transitions';

export interface ActiveControllerDeps {
  readonly zk: ZkConnection;
  readonly host: Host;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly queue: EventQueue;
  readonly options: ControllerOptions;
}

export class ActiveController {
  readonly context: ControllerContext;
  private readonly channels: ChannelManager;
  private readonly transitions: StateTransitions;
  private readonly unregister: (() => void)[] = [];
  private readonly preferred: PreferredLeaders;
  private readonly restarted: RestartedReplicas;
  private isStopped = false;

  constructor(private readonly deps: ActiveControllerDeps, term: ControllerTerm) {
    const { host, log, options } = deps;
    this.context = new ControllerContext(options.brokerId, term);
    this.channels = new ChannelManager(host, log, {
      interBrokerListener: options.interBrokerListener, socketTimeoutMs: options.socketTimeoutMs, retryBackoffMs: options.retryBackoffMs,
    }, (request, response) => this.onResponse(request, response), (brokerId) => this.event(`resend-${brokerId}`, () => this.resend(brokerId)));
    this.restarted = new RestartedReplicas(this.context);
    this.transitions = new StateTransitions(this.context, { zk: deps.zk, host, log, metrics: deps.metrics, uncleanByDefault: options.uncleanLeaderElection }, this.newBatch());
    this.preferred = new PreferredLeaders(this.context, this.transitions, deps.zk, log);
  }

  private newBatch(): BrokerRequestBatch {
    return new BrokerRequestBatch(this.context, this.deps.options.interBrokerListener);
  }

  private event(name: string, handle: () => Promise<void>): void {
    if (!this.isStopped) this.deps.queue.put(name, async () => { if (!this.isStopped) await handle(); });
  }

  /** Sends what the event collected. Nothing leaves after the term ended. */
  private flush(): void {
    const requests = this.transitions.takeBatch(this.newBatch()).build();
    if (!this.isStopped) this.channels.send(requests);
  }

  /** Takes over. Kafka: KafkaController#onControllerFailover */
  async start(): Promise<void> {
    const { zk, options } = this.deps;
    await this.ensureFeature();
    this.watch();
    await this.discardNotifications();
    for (const broker of await readBrokers(zk, (reason) => this.deps.log.error(reason))) this.addBroker(broker);
    await this.loadTopics(await readTopicNames(zk));
    this.transitions.addUpdateMetadata(this.context.brokerIds, []);
    this.flush();
    await this.startStateMachines();
    this.flush();
    await this.electPreferredRequested();
    if (options.autoLeaderRebalance) this.scheduleRebalance(options.firstRebalanceDelayMs);
    this.deps.log.info(`Ready: ${this.context.brokerIds.length} brokers, ${this.context.partitions.length} partitions`);
  }

  private async ensureFeature(): Promise<void> {
    try {
      if (await this.deps.zk.exists(featureZnode.path) === null) await this.deps.zk.create(featureZnode.path, featureZnode.encode());
    } catch (error) {
      if (!isZkError(error, 'NODE_EXISTS', 'CONNECTION_LOSS')) throw error;
    }
  }

  private watch(): void {
    const { zk } = this.deps;
    this.unregister.push(
      zk.onChildChange(brokerIdsZnode.path, () => this.event('BrokerChange', () => this.brokersChanged())),
      zk.onChildChange(topicsZnode.path, () => this.event('TopicChange', () => this.topicsChanged())),
      zk.onChildChange(isrChangeZnode.path, () => this.event('IsrChangeNotification', () => this.isrChanged())),
      zk.onChildChange(logDirEventZnode.path, () => this.event('LogDirEventNotification', () => this.logDirsFailed())),
      zk.onDataChange(preferredElectionZnode.path, () => this.event('ReplicaLeaderElection', () => this.electPreferredRequested())),
    );
  }

  private watchTopic(topic: string): void {
    this.unregister.push(this.deps.zk.onDataChange(topicZnode.path(topic), () => this.event(`PartitionModifications-${topic}`, () => this.partitionsAdded(topic))));
  }

  /** Notes to the controller before us: what they are about is read anyway. */
  private async discardNotifications(): Promise<void> {
    for (const parent of [isrChangeZnode.path, logDirEventZnode.path]) {
      const { paths } = await readNotes(this.deps.zk, this.deps.log, parent, () => undefined);
      await deleteNotes(this.deps.zk, this.context.term, paths);
    }
  }

  private addBroker(broker: BrokerInfo): void {
    this.context.liveBrokers.set(broker.id, broker);
    this.channels.addBroker(broker);
  }

  private async loadTopics(topics: readonly string[]): Promise<TopicPartition[]> {
    for (const topic of topics) this.watchTopic(topic);
    const loaded: TopicPartition[] = [];
    for (const [topic, { partitions }] of await readTopics(this.deps.zk, topics, (reason) => this.deps.log.error(reason))) {
      for (const [partition, replicas] of partitions) {
        this.context.assign({ topic, partition }, replicas);
        loaded.push({ topic, partition });
      }
    }
    const states = await readPartitionStates(this.deps.zk, loaded);
    for (const tp of loaded) {
      const state = states.get(tpName(tp));
      if (!state) continue;
      this.context.leadership.set(tpName(tp), state);
      this.restarted.note(tp, { ...state, mzxid: state.mzxid! });
    }
    return loaded;
  }

  private async startStateMachines(): Promise<void> {
    for (const tp of this.context.partitions) {
      movePartition(this.context, tp, 'NewPartition');
      const continues = this.restarted.mayContinue(tp);
      if (this.context.leadershipOf(tp)) movePartition(this.context, tp, continues ? 'OnlinePartition' : 'OfflinePartition');
      for (const replica of this.context.replicasOf(tp)) this.transitions.newReplicas([{ ...tp, replica }]);
    }
    const all = this.context.replicasOnBrokers(new Set(this.context.partitions.flatMap((tp) => [...this.context.replicasOf(tp)])));
    const live = all.filter(({ replica }) => this.context.liveBrokers.has(replica));
    const isTold = (one: PartitionReplica) => this.restarted.isUnaffected(one);
    this.transitions.onlineReplicas(live.filter(isTold));
    this.transitions.markOnline(live.filter((one) => !isTold(one)));
    await this.transitions.offlineReplicas(all.filter(({ replica }) => !this.context.liveBrokers.has(replica)));
    await this.electMissingLeaders();
    await this.restarted.readmit(this.transitions);
  }

  /** Leaders for every partition that has none. */
  private async electMissingLeaders(): Promise<void> {
    const fresh = this.context.partitionsInState('NewPartition');
    const offline = this.context.partitionsInState('OfflinePartition');
    if (fresh.length > 0) await this.transitions.onlineNew(fresh);
    if (offline.length > 0) await this.transitions.elect(offline, 'offline');
  }

  private async brokersChanged(): Promise<void> {
    const current = new Map((await readBrokers(this.deps.zk, (reason) => this.deps.log.error(reason))).map((broker) => [broker.id, broker]));
    const known = this.context.liveBrokers;
    const fresh = [...current.values()].filter(({ id }) => !known.has(id));
    const bounced = [...current.values()].filter(({ id, epoch }) => known.has(id) && known.get(id)!.epoch < epoch);
    const dead = [...known.keys()].filter((id) => !current.has(id));
    if (fresh.length + bounced.length + dead.length === 0) return;
    this.deps.log.info(`Newly added brokers: [${fresh.map((b) => b.id)}], deleted: [${dead}], bounced: [${bounced.map((b) => b.id)}], all live: [${[...current.keys()]}]`);
    this.deps.host.event({ what: 'broker-change', controllerEpoch: this.context.epoch, added: fresh.map((b) => b.id), removed: dead, bounced: bounced.map((b) => b.id) });
    if (fresh.length > 0) await this.brokersStarted(fresh);
    if (bounced.length > 0) {
      await this.brokersFailed(bounced.map(({ id }) => id));
      await this.brokersStarted(bounced);
    }
    if (dead.length > 0) await this.brokersFailed(dead);
  }

  /** Kafka: KafkaController#onBrokerStartup */
  private async brokersStarted(brokers: readonly BrokerInfo[]): Promise<void> {
    const existing = this.context.brokerIds;
    for (const broker of brokers) {
      this.context.forgetOfflineReplicas(broker.id);
      this.addBroker(broker);
    }
    const ids = brokers.map(({ id }) => id);
    this.transitions.addUpdateMetadata(existing, []);
    this.transitions.addUpdateMetadata(ids, this.context.partitions);
    this.transitions.onlineReplicas(this.context.replicasOnBrokers(new Set(ids)));
    await this.electMissingLeaders();
    this.flush();
  }

  /** Kafka: KafkaController#onBrokerFailure */
  private async brokersFailed(ids: readonly number[]): Promise<void> {
    for (const id of ids) {
      this.context.liveBrokers.delete(id);
      this.context.shuttingDown.delete(id);
      this.context.forgetOfflineReplicas(id);
      this.channels.removeBroker(id);
    }
    const leaderless = this.context.partitionsInState('OnlinePartition').filter((tp) => !this.context.hasLiveLeader(tp));
    for (const tp of leaderless) movePartition(this.context, tp, 'OfflinePartition');
    await this.electMissingLeaders();
    await this.transitions.offlineReplicas(this.context.replicasOnBrokers(new Set(ids)));
    this.transitions.addUpdateMetadata(this.context.brokerIds, leaderless);
    this.flush();
  }

  private async topicsChanged(): Promise<void> {
    const current = new Set(await readTopicNames(this.deps.zk));
    for (const topic of this.context.topics) if (!current.has(topic)) this.context.removeTopic(topic);
    const fresh = [...current].filter((topic) => !this.context.topics.has(topic));
    if (fresh.length === 0) return;
    await this.createPartitions(await this.loadTopics(fresh));
  }

  private async partitionsAdded(topic: string): Promise<void> {
    const assignment = (await readTopics(this.deps.zk, [topic], (reason) => this.deps.log.error(reason))).get(topic);
    if (assignment === undefined) return;
    const fresh: TopicPartition[] = [];
    for (const [partition, replicas] of assignment.partitions) {
      if (this.context.isAssigned({ topic, partition })) continue;
      this.context.assign({ topic, partition }, replicas);
      fresh.push({ topic, partition });
    }
    if (fresh.length > 0) await this.createPartitions(fresh);
  }

  private async createPartitions(tps: readonly TopicPartition[]): Promise<void> {
    this.deps.log.info(`New partitions: ${tps.map(tpName).join(', ')}`);
    const replicas = tps.flatMap((tp) => this.context.replicasOf(tp).map((replica) => ({ ...tp, replica })));
    for (const tp of tps) movePartition(this.context, tp, 'NewPartition');
    this.transitions.newReplicas(replicas);
    const known = tps.filter((tp) => this.context.leadershipOf(tp));
    await this.transitions.onlineNew(tps.filter((tp) => !this.context.leadershipOf(tp)));
    for (const tp of known) movePartition(this.context, tp, this.context.hasLiveLeader(tp) ? 'OnlinePartition' : 'OfflinePartition');
    this.transitions.onlineReplicas(replicas.filter(({ replica }) => this.context.isBrokerAlive(replica)));
    this.flush();
  }

  /** Leaders changed ISRs: read the states again and tell every broker. */
  private async isrChanged(): Promise<void> {
    const { zk, log } = this.deps;
    const { paths, content } = await readNotes(zk, log, isrChangeZnode.path, isrChangeZnode.decode);
    const changed = new Map(content.flat().filter((tp) => this.context.isAssigned(tp)).map((tp) => [tpName(tp), tp]));
    for (const [name, state] of await readPartitionStates(zk, [...changed.values()])) this.context.leadership.set(name, state);
    this.transitions.addUpdateMetadata(this.context.brokerIds, [...changed.values()]);
    this.flush();
    await deleteNotes(zk, this.context.term, paths);
  }

  /**
   * Brokers lost a log dir, and do not say which replicas were in it: each is told again what it leads and follows, and
   * answers KAFKA_STORAGE_ERROR for what is gone. Kafka: KafkaController#processLogDirEventNotification
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
    if (!await this.preferred.electRequested()) return;
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

  /** A broker wants to stop: its leaders move, and it leaves the ISRs it follows in. */
  async controlledShutdown(brokerId: number, brokerEpoch: number): Promise<ShutdownOutcome> {
    const outcome = await moveLeadersAway(this.context, this.transitions, brokerId, brokerEpoch);
    if (outcome.error !== 'NONE') return outcome;
    this.deps.host.event({ what: 'controlled-shutdown', broker: brokerId, controllerEpoch: this.context.epoch });
    this.flush();
    return outcome;
  }

  /** A topic now allows unclean elections: its leaderless partitions may get a leader. */
  uncleanElectionEnabled(topic: string): void {
    this.event(`TopicUncleanLeaderElectionEnable-${topic}`, async () => {
      await this.transitions.elect(this.context.partitionsOfTopic(topic).filter((tp) => this.context.stateOf(tp) === 'OfflinePartition'), 'offline');
      this.flush();
    });
  }

  /** A broker lost the disk of some replicas: they are offline, and partitions it led need another leader. */
  private onResponse(request: BrokerRequest, response: unknown): void {
    if (request.api.key !== leaderAndIsr.key) return;
    const { errorCode: code, partitionErrors } = response as TypeOf<typeof leaderAndIsr.response>;
    if (code !== 0) this.deps.log.warn(`LeaderAndIsr was refused by broker ${request.brokerId} with error ${code}`);
    const failed = partitionErrors.filter((one) => one.errorCode === errorCode('KAFKA_STORAGE_ERROR'));
    if (failed.length === 0) return;
    this.deps.queue.putAlways('LeaderAndIsrResponseReceived', async () => {
      if (this.isStopped) return;
      for (const tp of failed) this.context.markReplicaOffline(tp, request.brokerId);
      const leaderless = failed.filter((tp) => this.context.stateOf(tp) === 'OnlinePartition' && !this.context.hasLiveLeader(tp));
      for (const tp of leaderless) movePartition(this.context, tp, 'OfflinePartition');
      await this.electMissingLeaders();
      await this.transitions.offlineReplicas(failed.map(({ topic, partition }) => ({ topic, partition, replica: request.brokerId })));
      this.flush();
    });
  }

  private async resend(brokerId: number): Promise<void> {
    if (!this.context.liveBrokers.has(brokerId)) return;
    this.transitions.addUpdateMetadata([brokerId], this.context.partitions);
    this.transitions.onlineReplicas(this.context.replicasOnBrokers(new Set([brokerId])));
    this.flush();
  }

  stop(): void {
    this.isStopped = true;
    for (const undo of this.unregister.splice(0)) undo();
    this.channels.close();
  }
}
