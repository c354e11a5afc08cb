/**
 * What the controller does when brokers register, disappear or register again, and when they lose log dirs.
 *
 * Invariant: a registration is identified by its broker epoch. A broker that registered again between two
 * readings is handled as one that failed and then started, so that no request to and no response from its
 * former incarnation counts for the new one. There is one exception: if only the session was replaced and the
 * process is the same, the broker keeps its leaderships and its place in the ISRs. It has lost no records,
 * while the brokers that would replace it may have. (Kafka makes no such exception.)
 *
 * Kafka: controller/KafkaController.scala#{processBrokerChange,onBrokerStartup,onBrokerFailure,
 * processLeaderAndIsrResponseReceived}@2.8.2
 */
import { BrokerInfo, TopicPartition } from '../common/cluster-types';
import { errorCode } from '../common/errors';
import { Host, Log } from '../common/host';
import { leaderAndIsr } from '../protocol/messages/replica-control';
import { TypeOf } from '../protocol/schema';
import { readBrokers, readProcessEpochs } from '../zk/broker-registration';
import { ZkConnection } from '../zk/zk-connection';
import { brokerIdZnode, incarnationZnode } from '../zk/znodes';
import { ChannelManager } from './channel-manager';
import { ControllerContext } from './controller-context';
import { movePartition } from './partition-state-machine';
import { StateTransitions } from './state-transitions';

export interface BrokerChangesDeps {
  readonly zk: ZkConnection;
  readonly host: Host;
  readonly log: Log;
  readonly interBrokerListener: string;
  /** Sends the requests collected so far. */
  readonly flush: () => void;
  /** Called when a registration may have changed. */
  readonly onModified: () => void;
}

export type LeaderAndIsrRequest = TypeOf<typeof leaderAndIsr.request>;
export type LeaderAndIsrResponse = TypeOf<typeof leaderAndIsr.response>;

export class BrokerChanges {
  /** Functions that remove a watch, by path: registrations, and incarnation znodes that do not exist yet. */
  private readonly watched = new Map<string, () => void>();

  constructor(
    private readonly context: ControllerContext,
    private readonly transitions: StateTransitions,
    private readonly channels: ChannelManager,
    private readonly deps: BrokerChangesDeps,
  ) {}

  /** Loads the live brokers when a controller takes over. */
  async load(): Promise<void> {
    for (const broker of await this.read()) this.add(broker);
  }

  private add(broker: BrokerInfo): void {
    this.context.liveBrokers.set(broker.id, broker);
    this.channels.addBroker(broker);
  }

  /**
   * The brokers that the controller can send requests to. If a registration is damaged after it was read, the
   * content read before still counts: the broker is alive, and its partitions must not move to other brokers
   * for that.
   */
  private async read(): Promise<BrokerInfo[]> {
    const { zk, log, interBrokerListener } = this.deps;
    const onBad = (reason: string) => log.error(reason);
    const onIds = (ids: readonly number[]) => this.watchOnly(ids.map(brokerIdZnode.path));
    const brokers = await readBrokers(zk, { onBad, known: this.context.liveBrokers, onIds });
    const usable = brokers.filter((broker) => {
      const isUsable = broker.endpoints.some((endpoint) => endpoint.listener === interBrokerListener);
      if (!isUsable)
        log.error(`Broker ${broker.id} is ignored: no endpoint on listener ${interBrokerListener}`);
      return isUsable;
    });
    const isReady = await Promise.all(usable.map((broker) => this.hasIncarnation(broker)));
    return usable.filter((_, i) => isReady[i]);
  }

  /**
   * Whether the broker's incarnation znode exists; the broker creates it after its registration. Until then
   * no partition state can be written with this broker in the ISR, because that write checks the znode.
   */
  private async hasIncarnation(broker: BrokerInfo): Promise<boolean> {
    if (this.context.hasProcessEpochsOf(broker)) return true;
    this.watch(incarnationZnode.path(broker.id, broker.epoch));
    const epochs = await readProcessEpochs(this.deps.zk, broker);
    if (epochs !== undefined) this.context.setProcessEpochs(broker, epochs);
    return epochs !== undefined;
  }

  /**
   * Watches exactly these paths. A registration can change without a new broker epoch: it is damaged or
   * repaired, or a tool changes the endpoints.
   */
  private watchOnly(paths: readonly string[]): void {
    for (const [path, unwatch] of this.watched) {
      if (paths.includes(path)) continue;
      unwatch();
      this.watched.delete(path);
    }
    for (const path of paths) this.watch(path);
  }

  private watch(path: string): void {
    if (!this.watched.has(path))
      this.watched.set(path, this.deps.zk.onDataChange(path, this.deps.onModified));
  }

  stop(): void {
    this.watchOnly([]);
  }

  /**
   * Compares the registrations with the known brokers and handles the difference. Kafka: processBrokerChange
   */
  async changed(): Promise<void> {
    const current = new Map((await this.read()).map((broker) => [broker.id, broker]));
    const known = this.context.liveBrokers;
    const fresh = [...current.values()].filter(({ id }) => !known.has(id));
    const bounced = [...current.values()].filter(
      ({ id, epoch }) => known.has(id) && known.get(id)!.epoch < epoch,
    );
    const dead = [...known.keys()].filter((id) => !current.has(id));
    this.modified([...current.values()].filter((broker) => known.get(broker.id)?.epoch === broker.epoch));
    if (fresh.length + bounced.length + dead.length === 0) return;
    this.report(fresh, dead, bounced);
    const isRenewed = (broker: BrokerInfo) => this.context.isSameProcess(broker, known.get(broker.id)!);
    const renewed = bounced.filter(isRenewed);
    const restarted = bounced.filter((broker) => !renewed.includes(broker));
    if (fresh.length + renewed.length > 0) await this.started([...fresh, ...renewed]);
    // As in Kafka a restarted broker first counts as failed: its partitions get other leaders and ISRs. All
    // that were seen gone at once fail in one step: which of them is handled first must not decide who is
    // left.
    const gone = [...restarted.map(({ id }) => id), ...dead];
    if (gone.length > 0) await this.failed(gone);
    if (restarted.length > 0) await this.started(restarted);
  }

  /** Kafka: KafkaController#processBrokerModification */
  private modified(brokers: readonly BrokerInfo[]): void {
    const changed = brokers.filter((broker) => !isSame(broker, this.context.liveBrokers.get(broker.id)!));
    if (changed.length === 0) return;
    for (const broker of changed) this.context.liveBrokers.set(broker.id, broker);
    this.transitions.addUpdateMetadata(this.context.brokerIds, []);
    this.deps.flush();
  }

  private report(
    fresh: readonly BrokerInfo[],
    dead: readonly number[],
    bounced: readonly BrokerInfo[],
  ): void {
    const [added, returned] = [fresh, bounced].map((brokers) => brokers.map(({ id }) => id));
    this.deps.log.info(`Newly added brokers: [${added}], deleted: [${dead}], bounced: [${returned}]`);
    const controllerEpoch = this.context.epoch;
    this.deps.host.event({ what: 'broker-change', controllerEpoch, added, removed: dead, bounced: returned });
  }

  /** Kafka: KafkaController#onBrokerStartup */
  private async started(brokers: readonly BrokerInfo[]): Promise<void> {
    const existing = this.context.brokerIds;
    for (const broker of brokers) {
      this.context.forgetOfflineReplicas(broker.id);
      this.add(broker);
    }
    const ids = brokers.map(({ id }) => id);
    // Brokers that were there need the new list of live brokers, the new ones also every partition.
    this.transitions.addUpdateMetadata(existing, []);
    this.transitions.addUpdateMetadata(ids, this.context.partitions);
    this.transitions.onlineReplicas(this.context.replicasOnBrokers(new Set(ids)));
    await this.transitions.electMissingLeaders();
    this.deps.flush();
  }

  /** Kafka: KafkaController#onBrokerFailure */
  private async failed(ids: readonly number[]): Promise<void> {
    for (const id of ids) {
      this.context.liveBrokers.delete(id);
      this.context.shuttingDown.delete(id);
      this.context.forgetOfflineReplicas(id);
      this.channels.removeBroker(id);
    }
    const leaderless = this.leaderless(this.context.partitions);
    await this.transitions.electMissingLeaders();
    await this.transitions.offlineReplicas(this.context.replicasOnBrokers(new Set(ids)));
    // Also without an election: every broker must get the new list of live brokers.
    this.transitions.addUpdateMetadata(this.context.brokerIds, leaderless);
    this.deps.flush();
  }

  /**
   * Moves those of the partitions that are online without a live leader to OfflinePartition, and returns
   * them.
   */
  private leaderless(tps: readonly TopicPartition[]): TopicPartition[] {
    const { context } = this;
    const lost = tps.filter((tp) => context.stateOf(tp) === 'OnlinePartition' && !context.hasLiveLeader(tp));
    for (const tp of lost) movePartition(context, tp, 'OfflinePartition');
    return lost;
  }

  /**
   * Handles a LeaderAndIsr response: replicas with KAFKA_STORAGE_ERROR go offline, and partitions that the
   * broker led get another leader. Replicas that were offline and are answered with NONE are online again.
   */
  async answered(
    brokerId: number,
    request: LeaderAndIsrRequest,
    response: LeaderAndIsrResponse,
  ): Promise<void> {
    // The response came from a former incarnation, while the broker was restarting.
    if (this.context.liveBrokers.get(brokerId)?.epoch !== request.brokerEpoch || response.errorCode !== 0)
      return;
    const rows = response.partitionErrors.filter((row) => this.context.isAssigned(row));
    const having = (name: 'NONE' | 'KAFKA_STORAGE_ERROR') =>
      rows.filter((row) => row.errorCode === errorCode(name));
    const back = having('NONE').filter((tp) => this.context.markReplicaOnline(tp, brokerId));
    const lost = having('KAFKA_STORAGE_ERROR').filter((tp) => this.context.markReplicaOffline(tp, brokerId));
    if (back.length + lost.length === 0) return;
    const replicaOf = ({ topic, partition }: TopicPartition) => ({ topic, partition, replica: brokerId });
    this.transitions.markOnline(back.map(replicaOf));
    this.leaderless(lost);
    await this.transitions.electMissingLeaders();
    await this.transitions.offlineReplicas(lost.map(replicaOf));
    this.deps.flush();
  }
}

function isSame(a: BrokerInfo, b: BrokerInfo): boolean {
  return JSON.stringify([a.endpoints, a.rack]) === JSON.stringify([b.endpoints, b.rack]);
}
