/**
 * The shell around the two state machines: reads states, has the pure files plan, writes, brings the results back, and
 * plans again what conflicted. What is to be told to brokers collects in the batch of the current event.
 *
 * Invariant: the context learns of a new leadership only after ZooKeeper took it.
 *
 * Kafka: PartitionStateMachine.scala#doElectLeaderForPartitions, ReplicaStateMachine.scala#removeReplicasFromIsr@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { Host, Log } from '../common/host';
import { Metrics } from '../common/metrics';
import { PartitionState, readPartitionStates, StateWrite, writePartitionStates, WriteResult } from '../zk/partition-state-store';
import { readTopicConfig } from '../zk/topic-store';
import { ZkConnection } from '../zk/zk-connection';
import { BrokerRequestBatch } from './broker-request-batch';
import { ControllerContext, PartitionReplica } from './controller-context';
import { ElectionStrategy, LeaderPlan, movePartition, OnlinePlan, planElections, planInitialStates, PlanFailure, withoutLiveIsr } from './partition-state-machine';
import { moveReplica, planIsrRemoval } from './replica-state-machine';

export interface TransitionDeps {
  readonly zk: ZkConnection;
  readonly host: Host;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly uncleanByDefault: boolean;
}

const LEADER_DELETED = -2;

export class StateTransitions {
  /** States written since the last flush: nobody else can have written them since. */
  private readonly writtenNow = new Set<string>();

  constructor(private readonly context: ControllerContext, private readonly deps: TransitionDeps, private batch: BrokerRequestBatch) {}

  /** What is to be told to brokers since the last call; a new event starts with `next`. */
  takeBatch(next: BrokerRequestBatch): BrokerRequestBatch {
    const batch = this.batch;
    this.batch = next;
    this.writtenNow.clear();
    return batch;
  }

  addUpdateMetadata(brokers: readonly number[], tps: readonly TopicPartition[]): void {
    this.batch.addUpdateMetadata(brokers, tps);
  }

  /** Gives new partitions their first leader and ISR. */
  async onlineNew(tps: readonly TopicPartition[]): Promise<void> {
    const { plans, failures } = planInitialStates(this.context, tps);
    this.report(failures);
    const results = await this.write(plans.map((plan) => plan.write));
    plans.forEach((plan, i) => {
      const result = results[i]!;
      if (result.kind === 'ok') this.elected(plan, result.state, 'new');
      else this.deps.log.error(`The state of ${tpName(plan.tp)} is already in ZooKeeper; it is left as it is`);
    });
  }

  /**
   * Elects leaders where there is a candidate; the rest is logged and stays as it is. Plans from what is known, because the version makes
   * a stale idea harmless: a conflict brings the real state. Where that yields no candidate the states are read first.
   */
  async elect(tps: readonly TopicPartition[], strategy: ElectionStrategy): Promise<void> {
    let left = tps;
    let states: ReadonlyMap<string, PartitionState> = this.context.leadership;
    const read = new Set<string>();
    while (left.length > 0) {
      const plan: OnlinePlan = planElections(this.context, states, left, strategy, await this.uncleanTopics(states, left, strategy));
      const next = new Map<string, PartitionState>();
      const results = await this.write(plan.plans.map((one) => one.write));
      plan.plans.forEach((one, i) => {
        const result = results[i]!;
        if (result.kind === 'ok') this.elected(one, result.state, strategy);
        else if (result.state) next.set(tpName(one.tp), result.state);
      });
      const unread = plan.failures.filter(({ tp }) => !read.has(tpName(tp)));
      this.report(plan.failures.filter(({ tp }) => read.has(tpName(tp))));
      for (const [name, state] of await readPartitionStates(this.deps.zk, unread.map(({ tp }) => tp))) next.set(name, state);
      for (const { tp } of unread) read.add(tpName(tp));
      const unreadNames = new Set(unread.map(({ tp }) => tpName(tp)));
      left = left.filter((tp) => next.has(tpName(tp)) || unreadNames.has(tpName(tp)));
      states = next;
    }
  }

  /** Topics among those without a live in-sync replica that allow an unclean election, as their settings say now. */
  private async uncleanTopics(states: ReadonlyMap<string, PartitionState>, tps: readonly TopicPartition[], strategy: ElectionStrategy): Promise<Set<string>> {
    if (strategy !== 'offline') return new Set();
    const topics = [...new Set(withoutLiveIsr(this.context, states, tps).map((tp) => tp.topic))];
    const configs = await Promise.all(topics.map((topic) => readTopicConfig(this.deps.zk, topic)));
    return new Set(topics.filter((_, i) => {
      const own = configs[i]!['unclean.leader.election.enable'];
      return own === undefined ? this.deps.uncleanByDefault : own === 'true';
    }));
  }

  private write(writes: readonly StateWrite[]): Promise<WriteResult[]> {
    return writePartitionStates(this.deps.zk, this.context.term, writes);
  }

  private elected(plan: LeaderPlan, state: PartitionState, strategy: string): void {
    const { tp, elected } = plan;
    const before = this.context.leadershipOf(tp);
    this.context.leadership.set(tpName(tp), state);
    this.writtenNow.add(tpName(tp));
    movePartition(this.context, tp, 'OnlinePartition');
    this.batch.addLeaderAndIsr(elected.recipients, tp, state, plan.isNew);
    if (elected.unclean) this.deps.metrics.mark('kafka.controller:type=ControllerStats,name=UncleanLeaderElectionsPerSec');
    if (elected.unclean) this.deps.log.warn(`Unclean election: ${tpName(tp)} is led by ${elected.leader}, which was not in sync`);
    this.deps.host.event({
      what: 'leader-elected', topic: tp.topic, partition: tp.partition, strategy, unclean: elected.unclean, from: before?.leader ?? -1,
      leader: state.leader, leaderEpoch: state.leaderEpoch, isr: state.isr, controllerEpoch: state.controllerEpoch, zkVersion: state.zkVersion,
    });
  }

  private report(failures: readonly PlanFailure[]): void {
    for (const { tp, error, reason } of failures) this.deps.log.warn(`No leader for ${tpName(tp)}: ${error}, ${reason}`);
  }

  /** Replicas on brokers that (again) live: they are told what they lead and follow. */
  onlineReplicas(replicas: readonly PartitionReplica[]): void {
    for (const replica of replicas) {
      moveReplica(this.context, replica, 'OnlineReplica');
      const state = this.context.leadershipOf(replica);
      if (state) this.batch.addLeaderAndIsr([replica.replica], tpOf(replica), state, false);
    }
  }

  /** As `onlineReplicas`, where an election that follows will tell them. */
  markOnline(replicas: readonly PartitionReplica[]): void {
    for (const replica of replicas) moveReplica(this.context, replica, 'OnlineReplica');
  }

  newReplicas(replicas: readonly PartitionReplica[]): void {
    for (const replica of replicas) moveReplica(this.context, replica, 'NewReplica');
  }

  /** Replicas that are gone: they leave the ISR, and the others hear of it. */
  async offlineReplicas(replicas: readonly PartitionReplica[]): Promise<void> {
    for (const replica of replicas) {
      moveReplica(this.context, replica, 'OfflineReplica');
      const epoch = this.context.leadershipOf(replica)?.leaderEpoch ?? LEADER_DELETED;
      this.batch.addStopReplica(replica.replica, tpOf(replica), epoch, false);
    }
    await this.removeFromIsrs(replicas);
  }

  /** The replicas leave the ISRs, where others are left, and the others are told. */
  async removeFromIsrs(replicas: readonly PartitionReplica[]): Promise<void> {
    const byBroker = new Map<number, PartitionReplica[]>();
    for (const replica of replicas) byBroker.set(replica.replica, [...byBroker.get(replica.replica) ?? [], replica]);
    for (const group of byBroker.values()) await this.removeFromIsr(group);
  }

  /** All replicas are of one broker, so each partition occurs once. */
  private async removeFromIsr(replicas: readonly PartitionReplica[]): Promise<void> {
    let left = replicas;
    let states = await readPartitionStates(this.deps.zk, left.filter((one) => !this.writtenNow.has(tpName(one))).map(tpOf));
    for (const one of left) if (this.writtenNow.has(tpName(one))) states.set(tpName(one), this.context.leadershipOf(one)!);
    while (left.length > 0) {
      const planned: { replica: PartitionReplica; write: StateWrite }[] = [];
      for (const replica of left) {
        const state = states.get(tpName(replica));
        if (state === undefined) continue;
        const write = planIsrRemoval(this.context, replica, state);
        if (write) planned.push({ replica, write });
        else this.leftIsr(replica, state, false);
      }
      const results = await this.write(planned.map((one) => one.write));
      const conflicts = new Map<string, PartitionState>();
      planned.forEach(({ replica }, i) => {
        const result = results[i]!;
        if (result.kind === 'ok') this.leftIsr(replica, result.state, true);
        else if (result.state) conflicts.set(tpName(replica), result.state);
      });
      states = conflicts;
      left = left.filter((replica) => conflicts.has(tpName(replica)));
    }
  }

  private leftIsr(replica: PartitionReplica, state: PartitionState, changed: boolean): void {
    const tp = tpOf(replica);
    this.context.leadership.set(tpName(tp), state);
    const others = this.context.replicasOf(tp).filter((id) => id !== replica.replica);
    this.batch.addLeaderAndIsr(others, tp, state, false);
    if (changed) {
      this.deps.host.event({
        what: 'replica-left-isr', topic: tp.topic, partition: tp.partition, replica: replica.replica, leader: state.leader,
        leaderEpoch: state.leaderEpoch, isr: state.isr, controllerEpoch: state.controllerEpoch, zkVersion: state.zkVersion,
      });
    }
    if (this.context.stateOf(tp) === 'OnlinePartition' && !this.context.hasLiveLeader(tp)) movePartition(this.context, tp, 'OfflinePartition');
  }
}

function tpOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}
