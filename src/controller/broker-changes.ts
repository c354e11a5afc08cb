/**
 * Brokers that come, go and come back, and the log dirs they lose: what the controller does about each.
 *
 * Invariant: a broker is known by its epoch. One that came back between two looks is treated as one that went
 * and came, so that nothing meant for its former incarnation, and nothing that incarnation said, is taken for
 * the new one's. If its process is the same, and only its session was replaced, it keeps what it leads and its
 * place in the ISRs: it has lost nothing, and those that would take its place may have. (Kafka makes no
 * difference.)
 *
 * Kafka: controller/KafkaController.scala#{processBrokerChange,onBrokerStartup,onBrokerFailure,
 * processLeaderAndIsrResponseReceived}@2.8.2
 */
import { BrokerInfo, TopicPartition } from '../common/cluster-types';
import { errorCode } from '../common/errors';
import { Host, Log } from '../common/host';
import { leaderAndIsr } from '../protocol/messages/replica-control';
import { TypeOf } from '../protocol/schema';
import { readBrokers, readProcessEpoch } from '../zk/broker-registration';
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
  /** Sends what was collected. */
  readonly flush: () => void;
  /** Called when a registration may have changed. */
  readonly onModified: () => void;
}

export type LeaderAndIsrRequest = TypeOf<typeof leaderAndIsr.request>;
export type LeaderAndIsrResponse = TypeOf<typeof leaderAndIsr.response>;

export class BrokerChanges {
  /** By path: registrations, and the incarnations that are still to come. */
  private readonly watched = new Map<string, () => void>();

  constructor(
    private readonly context: ControllerContext, private readonly transitions: StateTransitions,
    private readonly channels: ChannelManager, private readonly deps: BrokerChangesDeps,
  ) {}

  /** The brokers of the beginning. */
  async load(): Promise<void> {
    for (const broker of await this.read()) this.add(broker);
  }

  private add(broker: BrokerInfo): void {
    this.context.liveBrokers.set(broker.id, broker);
    this.channels.addBroker(broker);
  }

  /**
   * The brokers that can be told something. A registration that was damaged after it was read counts as it
   * was read: the broker lives, and others must not take its partitions over for that.
   */
  private async read(): Promise<BrokerInfo[]> {
    const { zk, log, interBrokerListener } = this.deps;
    const onBad = (reason: string) => log.error(reason);
    const onIds = (ids: readonly number[]) => this.watchOnly(ids.map(brokerIdZnode.path));
    const brokers = await readBrokers(zk, { onBad, known: this.context.liveBrokers, onIds });
    const usable = brokers.filter((broker) => {
      const isUsable = broker.endpoints.some((endpoint) => endpoint.listener === interBrokerListener);
      if (!isUsable) log.error(`Broker ${broker.id} is ignored: no endpoint on listener ${interBrokerListener}`);
      return isUsable;
    });
    const isReady = await Promise.all(usable.map((broker) => this.hasIncarnation(broker)));
    return usable.filter((_, i) => isReady[i]);
  }

  /** Without that znode, which comes next, nothing can be written with the broker in an ISR. */
  private async hasIncarnation(broker: BrokerInfo): Promise<boolean> {
    if (this.context.hasProcessEpochOf(broker)) return true;
    this.watch(incarnationZnode.path(broker.id, broker.epoch));
    const processEpoch = await readProcessEpoch(this.deps.zk, broker);
    if (processEpoch !== undefined) this.context.setProcessEpoch(broker, processEpoch);
    return processEpoch !== undefined;
  }

  /**
   * A registration may change while its broker lives: it is damaged or repaired, or a tool changes the
   * endpoints.
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
    if (!this.watched.has(path)) this.watched.set(path, this.deps.zk.onDataChange(path, this.deps.onModified));
  }

  stop(): void {
    this.watchOnly([]);
  }

  async changed(): Promise<void> {
    const current = new Map((await this.read()).map((broker) => [broker.id, broker]));
    const known = this.context.liveBrokers;
    const fresh = [...current.values()].filter(({ id }) => !known.has(id));
    const bounced = [...current.values()].filter(({ id, epoch }) => known.has(id) && known.get(id)!.epoch < epoch);
    const dead = [...known.keys()].filter((id) => !current.has(id));
    this.modified([...current.values()].filter((broker) => known.get(broker.id)?.epoch === broker.epoch));
    if (fresh.length + bounced.length + dead.length === 0) return;
    this.report(fresh, dead, bounced);
    const isRenewed = (broker: BrokerInfo) => this.context.isSameProcess(broker, known.get(broker.id)!);
    const renewed = bounced.filter(isRenewed);
    const restarted = bounced.filter((broker) => !renewed.includes(broker));
    if (fresh.length + renewed.length > 0) await this.started([...fresh, ...renewed]);
    if (restarted.length > 0) {
      await this.failed(restarted.map(({ id }) => id));
      await this.started(restarted);
    }
    if (dead.length > 0) await this.failed(dead);
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
    fresh: readonly BrokerInfo[], dead: readonly number[], bounced: readonly BrokerInfo[],
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
    this.transitions.addUpdateMetadata(this.context.brokerIds, leaderless);
    this.deps.flush();
  }

  /** Those whose leader is gone; they are offline from now on. */
  private leaderless(tps: readonly TopicPartition[]): TopicPartition[] {
    const { context } = this;
    const lost = tps.filter((tp) => context.stateOf(tp) === 'OnlinePartition' && !context.hasLiveLeader(tp));
    for (const tp of lost) movePartition(context, tp, 'OfflinePartition');
    return lost;
  }

  /**
   * A broker said which of its replicas lost their disk: they are offline, and what it led needs another
   * leader.
   */
  async answered(
    brokerId: number, request: LeaderAndIsrRequest, response: LeaderAndIsrResponse,
  ): Promise<void> {
    // Said by a former incarnation, while it was being replaced.
    if (this.context.liveBrokers.get(brokerId)?.epoch !== request.brokerEpoch || response.errorCode !== 0) return;
    const rows = response.partitionErrors.filter((row) => this.context.isAssigned(row));
    const having = (name: 'NONE' | 'KAFKA_STORAGE_ERROR') => rows.filter((row) => row.errorCode === errorCode(name));
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
