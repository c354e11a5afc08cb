/**
 * The cluster as the controller knows it during one controller epoch: plain data and queries on it.
 *
 * Invariant: `leadership` holds what was last read from or written to ZooKeeper, with its zkVersion. Nothing
 * in this object is used after the controller epoch has ended.
 *
 * [p] Kafka: controller/ControllerContext.scala@2.8.2
 */
import { BrokerInfo, NO_LEADER, ProcessEpochs, TopicPartition, tpName } from '../common/cluster-types';
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
  /** By registration ("id-epoch"): what the process told in its incarnation znode. */
  private readonly epochsByRegistration = new Map<string, ProcessEpochs>();
  readonly leadership = new Map<string, PartitionState>();
  private readonly assigned = new Map<string, AssignedPartition>();
  private readonly partitionStates = new Map<string, PartitionStateName>();
  private readonly replicaStates = new Map<string, ReplicaStateName>();
  /** Replicas for which their broker answered KAFKA_STORAGE_ERROR, by broker id. */
  private readonly offlineReplicas = new Map<number, Set<string>>();
  /**
   * Replicas whose broker failed, but which are still in the ISR because the state could not be read or
   * written: by partition, in the order of the failures. The brokers may have restarted since, with fewer
   * records than before.
   */
  private readonly departed = new Map<string, readonly number[]>();
  /** By partition whose state cannot be decoded: the zxid of the write that damaged the znode. */
  private readonly damagedAt = new Map<string, number>();

  constructor(
    readonly controllerId: number,
    readonly term: ControllerTerm,
  ) {}

  get epoch(): number {
    return this.term.epoch;
  }
  get partitions(): TopicPartition[] {
    return [...this.assigned.values()].map((one) => one.tp);
  }
  get topics(): Set<string> {
    return new Set([...this.assigned.values()].map((one) => one.tp.topic));
  }
  get brokerIds(): number[] {
    return [...this.liveBrokers.keys()].sort((a, b) => a - b);
  }

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

  /**
   * Whether the broker is registered and has not lost the log dir of this replica. It may be shutting down.
   */
  hasReplica(tp: TopicPartition, replica: number): boolean {
    return this.liveBrokers.has(replica) && !this.offlineReplicas.get(replica)?.has(tpName(tp));
  }

  /** Like `hasReplica`, and the broker is not shutting down. */
  isReplicaLive(tp: TopicPartition, replica: number): boolean {
    return this.hasReplica(tp, replica) && !this.shuttingDown.has(replica);
  }

  setProcessEpochs({ id, epoch }: BrokerInfo, epochs: ProcessEpochs): void {
    this.epochsByRegistration.set(`${id}-${epoch}`, epochs);
  }

  hasProcessEpochsOf({ id, epoch }: BrokerInfo): boolean {
    return this.epochsByRegistration.has(`${id}-${epoch}`);
  }

  /**
   * Whether both registrations belong to one process. Then only its session expired: it has lost no records.
   */
  isSameProcess(one: BrokerInfo, other: BrokerInfo): boolean {
    const epochs = [one, other].map(
      ({ id, epoch }) => this.epochsByRegistration.get(`${id}-${epoch}`)?.processEpoch,
    );
    return one.id === other.id && epochs[0] !== undefined && epochs[0] === epochs[1];
  }

  /** For the live brokers that have the replica, by broker id. */
  processEpochs(tp: TopicPartition): ReadonlyMap<number, ProcessEpochs> {
    const live = [...this.liveBrokers.values()].filter(({ id }) => this.hasReplica(tp, id));
    return new Map(
      live.map(({ id, epoch }) => {
        return [
          id,
          this.epochsByRegistration.get(`${id}-${epoch}`) ?? { processEpoch: epoch, keptSince: epoch },
        ];
      }),
    );
  }

  /** The live brokers among `ids`, each with the broker epoch that the controller knows. */
  incarnationsOf(ids: readonly number[]): IsrMember[] {
    const live = ids.map((id) => this.liveBrokers.get(id)).filter((broker) => broker !== undefined);
    return live.map(({ id, epoch }) => ({ brokerId: id, brokerEpoch: epoch }));
  }

  /** Returns whether this changed anything. */
  markReplicaOffline(tp: TopicPartition, replica: number): boolean {
    const set = this.offlineReplicas.get(replica) ?? new Set<string>();
    if (set.has(tpName(tp))) return false;
    this.offlineReplicas.set(replica, set.add(tpName(tp)));
    return true;
  }

  /** Returns whether this changed anything. */
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

  /**
   * Remembers the first damage of a partition's state. `mzxid`: the transaction that wrote the unreadable
   * data.
   */
  noteDamage(tp: TopicPartition, mzxid: number): void {
    if (!this.damagedAt.has(tpName(tp))) this.damagedAt.set(tpName(tp), mzxid);
  }

  /**
   * Gives a repaired state the mzxid of the damage, if that is older. While the state was unreadable,
   * restarts of ISR members could not be recorded in it; with its own mzxid they would go unnoticed.
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
      replicas.filter((replica) => brokers.has(replica)).map((replica) => ({ ...tp, replica })),
    );
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
