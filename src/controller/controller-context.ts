/**
 * The cluster as the controller sees it during one term: plain data, with the derived questions beside it.
 *
 * Invariant: `leadership` holds what was last read from or written to ZooKeeper, with its version; nothing here
 * outlives the term.
 *
 * [p] Kafka: controller/ControllerContext.scala@2.8.2
 */
import { BrokerInfo, NO_LEADER, TopicPartition, tpName } from '../common/cluster-types';
import { ControllerTerm } from '../zk/controller-election';
import { IsrMember, PartitionState } from '../zk/partition-state-store';
import { PartitionStateName } from './partition-state-machine';
import { ReplicaStateName } from './replica-state-machine';

export interface PartitionReplica extends TopicPartition {
  readonly replica: number;
}

interface AssignedPartition {
  readonly tp: TopicPartition;
  readonly replicas: readonly number[];
}

export class ControllerContext {
  readonly liveBrokers = new Map<number, BrokerInfo>();
  readonly shuttingDown = new Set<number>();
  /** By registration: the broker epoch that its process registered with first. */
  private readonly processEpochByRegistration = new Map<string, number>();
  readonly leadership = new Map<string, PartitionState>();
  private readonly assigned = new Map<string, AssignedPartition>();
  private readonly partitionStates = new Map<string, PartitionStateName>();
  private readonly replicaStates = new Map<string, ReplicaStateName>();
  /** Replicas whose broker answered KAFKA_STORAGE_ERROR, by broker. */
  private readonly offlineReplicas = new Map<number, Set<string>>();
  /**
   * Replicas that went away and are still in the ISR, as the state could not be read or written: by partition,
   * the earliest first. Their brokers may be back, with less than they had.
   */
  private readonly departed = new Map<string, readonly number[]>();
  /** By partition whose state could not be read: the transaction that damaged it. */
  private readonly damagedAt = new Map<string, number>();

  constructor(readonly controllerId: number, readonly term: ControllerTerm) {}

  get epoch(): number { return this.term.epoch; }
  get partitions(): TopicPartition[] { return [...this.assigned.values()].map((one) => one.tp); }
  get topics(): Set<string> { return new Set([...this.assigned.values()].map((one) => one.tp.topic)); }
  get brokerIds(): number[] { return [...this.liveBrokers.keys()].sort((a, b) => a - b); }

  assign(tp: TopicPartition, replicas: readonly number[]): void {
    this.assigned.set(tpName(tp), { tp, replicas });
  }

  isAssigned(tp: TopicPartition): boolean {
    return this.assigned.has(tpName(tp));
  }

  replicasOf(tp: TopicPartition): readonly number[] {
    return this.assigned.get(tpName(tp))?.replicas ?? [];
  }

  partitionsOfTopic(topic: string): TopicPartition[] {
    return this.partitions.filter((tp) => tp.topic === topic);
  }

  removeTopic(topic: string): void {
    for (const tp of this.partitionsOfTopic(topic)) {
      for (const replica of this.replicasOf(tp)) this.replicaStates.delete(replicaKey({ ...tp, replica }));
      this.assigned.delete(tpName(tp));
      this.leadership.delete(tpName(tp));
      this.departed.delete(tpName(tp));
      this.damagedAt.delete(tpName(tp));
      this.partitionStates.delete(tpName(tp));
    }
  }

  leadershipOf(tp: TopicPartition): PartitionState | undefined {
    return this.leadership.get(tpName(tp));
  }

  stateOf(tp: TopicPartition): PartitionStateName {
    return this.partitionStates.get(tpName(tp)) ?? 'NonExistentPartition';
  }

  setState(tp: TopicPartition, state: PartitionStateName): void {
    this.partitionStates.set(tpName(tp), state);
  }

  replicaStateOf(replica: PartitionReplica): ReplicaStateName {
    return this.replicaStates.get(replicaKey(replica)) ?? 'NonExistentReplica';
  }

  setReplicaState(replica: PartitionReplica, state: ReplicaStateName): void {
    this.replicaStates.set(replicaKey(replica), state);
  }

  isBrokerAlive(id: number): boolean {
    return this.liveBrokers.has(id) && !this.shuttingDown.has(id);
  }

  /** The broker is registered, perhaps about to shut down, and has not lost the disk of this replica. */
  hasReplica(tp: TopicPartition, replica: number): boolean {
    return this.liveBrokers.has(replica) && !this.offlineReplicas.get(replica)?.has(tpName(tp));
  }

  /** As `hasReplica`, and the broker is not shutting down. */
  isReplicaLive(tp: TopicPartition, replica: number): boolean {
    return this.hasReplica(tp, replica) && !this.shuttingDown.has(replica);
  }

  setProcessEpoch({ id, epoch }: BrokerInfo, processEpoch: number): void {
    this.processEpochByRegistration.set(`${id}-${epoch}`, processEpoch);
  }

  hasProcessEpochOf({ id, epoch }: BrokerInfo): boolean {
    return this.processEpochByRegistration.has(`${id}-${epoch}`);
  }

  /** Whether both are registrations of one process: its session expired, and it has lost nothing. */
  isSameProcess(one: BrokerInfo, other: BrokerInfo): boolean {
    const epochs = [one, other].map(({ id, epoch }) => this.processEpochByRegistration.get(`${id}-${epoch}`));
    return one.id === other.id && epochs[0] !== undefined && epochs[0] === epochs[1];
  }

  /** Since when the processes of the live brokers that have the replica have kept their data, by broker id. */
  processEpochs(tp: TopicPartition): ReadonlyMap<number, number> {
    const live = [...this.liveBrokers.values()].filter(({ id }) => this.hasReplica(tp, id));
    return new Map(live.map(({ id, epoch }) => [id, this.processEpochByRegistration.get(`${id}-${epoch}`) ?? epoch]));
  }

  /** The live brokers among `ids`, each as the incarnation that is known. */
  incarnationsOf(ids: readonly number[]): IsrMember[] {
    const live = ids.map((id) => this.liveBrokers.get(id)).filter((broker) => broker !== undefined);
    return live.map(({ id, epoch }) => ({ brokerId: id, brokerEpoch: epoch }));
  }

  /** Whether that is news. */
  markReplicaOffline(tp: TopicPartition, replica: number): boolean {
    const set = this.offlineReplicas.get(replica) ?? new Set<string>();
    if (set.has(tpName(tp))) return false;
    this.offlineReplicas.set(replica, set.add(tpName(tp)));
    return true;
  }

  /** Whether that is news. */
  markReplicaOnline(tp: TopicPartition, replica: number): boolean {
    return this.offlineReplicas.get(replica)?.delete(tpName(tp)) ?? false;
  }

  forgetOfflineReplicas(broker: number): void {
    this.offlineReplicas.delete(broker);
  }

  noteDeparture({ replica, ...tp }: PartitionReplica): void {
    const known = this.departuresOf(tp);
    if (!known.includes(replica)) this.departed.set(tpName(tp), [...known, replica]);
  }

  departuresOf(tp: TopicPartition): readonly number[] {
    return this.departed.get(tpName(tp)) ?? [];
  }

  forgetDepartures(tp: TopicPartition): void {
    this.departed.delete(tpName(tp));
  }

  /** `mzxid`: the transaction that wrote what cannot be read. */
  noteDamage(tp: TopicPartition, mzxid: number): void {
    if (!this.damagedAt.has(tpName(tp))) this.damagedAt.set(tpName(tp), mzxid);
  }

  /**
   * A state that was repaired counts as written when it was damaged: from then on nobody could tell of its
   * members that they had been restarted.
   */
  sinceDamage(name: string, state: PartitionState): PartitionState {
    const { mzxid = Infinity } = state;
    const damagedAt = this.damagedAt.get(name) ?? Infinity;
    return damagedAt < mzxid ? { ...state, mzxid: damagedAt } : state;
  }

  forgetDamage(tp: TopicPartition): void {
    this.damagedAt.delete(tpName(tp));
  }

  replicasOnBrokers(brokers: ReadonlySet<number>): PartitionReplica[] {
    return [...this.assigned.values()].flatMap(({ tp, replicas }) =>
      replicas.filter((replica) => brokers.has(replica)).map((replica) => ({ ...tp, replica })));
  }

  partitionsLedBy(broker: number): TopicPartition[] {
    return this.partitions.filter((tp) => this.leadershipOf(tp)?.leader === broker);
  }

  partitionsInState(...states: PartitionStateName[]): TopicPartition[] {
    return this.partitions.filter((tp) => states.includes(this.stateOf(tp)));
  }

  hasLiveLeader(tp: TopicPartition): boolean {
    const leader = this.leadershipOf(tp)?.leader ?? NO_LEADER;
    return leader !== NO_LEADER && this.isReplicaLive(tp, leader);
  }
}

function replicaKey({ topic, partition, replica }: PartitionReplica): string {
  return `${topic}-${partition}@${replica}`;
}
