/**
 * Executes the transitions of both state machines: reads states, calls the pure planners, writes, applies the
 * results, and plans again after a version conflict. Requests to brokers collect in the batch of the current
 * event.
 *
 * Invariants: the context gets a new leadership only after ZooKeeper accepted the write. A partition whose
 * own state could not be read or written is logged and kept in `unsettled`, and the active controller retries
 * it. A replica whose broker failed in the meantime leaves the ISR before the next election, even if that
 * broker is back.
 *
 * Kafka: PartitionStateMachine.scala#doElectLeaderForPartitions,
 * ReplicaStateMachine.scala#removeReplicasFromIsr@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { Host, Log } from '../common/host';
import { Metrics } from '../common/metrics';
import { StateWrite, StateWriteResult, writePartitionStates } from '../zk/controller-state-writes';
import { PartitionState, readPartitionStates, UnreadableStateError } from '../zk/partition-state-store';
import { readTopicConfig } from '../zk/topic-store';
import { ZkConnection } from '../zk/zk-connection';
import { BrokerRequestBatch } from './broker-request-batch';
import { ControllerContext, PartitionReplica } from './controller-context';
import {
  ElectionStrategy,
  LeaderPlan,
  movePartition,
  OnlinePlan,
  planElections,
  planInitialStates,
  PlanFailure,
  withoutLiveIsr,
} from './partition-state-machine';
import { moveReplica, planIsrRemoval } from './replica-state-machine';

export interface TransitionDeps {
  readonly zk: ZkConnection;
  readonly host: Host;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly uncleanByDefault: boolean;
}

const NO_EPOCH = -1;

export class StateTransitions {
  /**
   * Partitions written since the last flush. No leader knows their new zkVersion yet, so they need not be
   * read again.
   */
  private readonly writtenNow = new Set<string>();
  private unsettled = new Map<string, TopicPartition>();

  constructor(
    private readonly context: ControllerContext,
    private readonly deps: TransitionDeps,
    private batch: BrokerRequestBatch,
  ) {}

  get hasUnsettled(): boolean {
    return this.unsettled.size > 0;
  }

  private readonly failed = (tp: TopicPartition, reason: string, error?: Error): void => {
    if (error instanceof UnreadableStateError) this.context.noteDamage(tp, error.mzxid);
    this.deps.log.error(`${tpName(tp)} stays as it is, and is tried again later: ${reason}`);
    this.unsettled.set(tpName(tp), tpOf(tp));
  };

  /** The states that exist and can be decoded; partitions whose state cannot be read become unsettled. */
  async read(tps: readonly TopicPartition[]): Promise<Map<string, PartitionState>> {
    const states = await readPartitionStates(this.deps.zk, tps, this.failed);
    return new Map([...states].map(([name, state]) => [name, this.context.sinceDamage(name, state)]));
  }

  /**
   * Called after a retry: a partition that is no longer unsettled had its state repaired, and the damage is
   * forgotten.
   */
  settled(tps: readonly TopicPartition[]): void {
    const isLed = (tp: TopicPartition) => this.context.stateOf(tp) === 'OnlinePartition';
    for (const tp of tps) if (isLed(tp) && !this.unsettled.has(tpName(tp))) this.context.forgetDamage(tp);
  }

  /**
   * Removes and returns the partitions that could not be read or written since the last call and still exist.
   */
  takeUnsettled(): TopicPartition[] {
    const tps = [...this.unsettled.values()].filter((tp) => this.context.isAssigned(tp));
    this.unsettled = new Map();
    return tps;
  }

  /** Returns the requests collected since the last call; the next event collects into `next`. */
  takeBatch(next: BrokerRequestBatch): BrokerRequestBatch {
    const batch = this.batch;
    this.batch = next;
    this.writtenNow.clear();
    return batch;
  }

  addUpdateMetadata(brokers: readonly number[], tps: readonly TopicPartition[]): void {
    this.batch.addUpdateMetadata(brokers, tps);
  }

  /**
   * Writes the first leader and ISR of new partitions. A partition that already has a state keeps it and is
   * retried later.
   */
  async onlineNew(tps: readonly TopicPartition[]): Promise<void> {
    const { plans, failures } = planInitialStates(this.context, tps);
    this.report(failures);
    const results = await this.write(plans.map((plan) => plan.write));
    plans.forEach((plan, i) => {
      const result = results[i]!;
      if (result.kind === 'ok') this.elected(plan, result.state, 'new');
      else this.failed(plan.tp, result.kind === 'failed' ? result.reason : 'it has a state already');
    });
  }

  /** Elects a leader for every partition without one that `isWanted` accepts. */
  async electMissingLeaders(isWanted: (tp: TopicPartition) => boolean = () => true): Promise<void> {
    const fresh = this.context.partitionsInState('NewPartition').filter(isWanted);
    const offline = this.context.partitionsInState('OfflinePartition').filter(isWanted);
    if (fresh.length > 0) await this.onlineNew(fresh);
    if (offline.length > 0) await this.elect(offline, 'offline');
  }

  /**
   * Elects leaders where there is a candidate; the other partitions are logged and keep their state. The
   * first plan uses the states in memory: if one is out of date, the write fails with a version conflict and
   * returns the current state, from which the next plan is made. Where the state in memory yields no
   * candidate, the state is read and tried once more.
   */
  async elect(tps: readonly TopicPartition[], strategy: ElectionStrategy): Promise<void> {
    await this.removeDeparted(tps);
    let left = tps.filter((tp) => this.context.departuresOf(tp).length === 0);
    let states: ReadonlyMap<string, PartitionState> = this.context.leadership;
    const read = new Set<string>();
    while (left.length > 0) {
      const unclean = await this.uncleanTopics(states, left, strategy);
      const plan: OnlinePlan = planElections(this.context, states, left, {
        strategy,
        uncleanTopics: unclean,
      });
      const next = new Map<string, PartitionState>();
      const results = await this.write(plan.plans.map((one) => one.write));
      plan.plans.forEach((one, i) => {
        const result = results[i]!;
        if (result.kind === 'ok') this.elected(one, result.state, strategy);
        else if (result.kind === 'conflict') next.set(tpName(one.tp), result.state);
        else this.failed(one.tp, result.reason);
      });
      const unread = plan.failures.filter(({ tp }) => !read.has(tpName(tp))).map(({ tp }) => tp);
      this.report(plan.failures.filter(({ tp }) => read.has(tpName(tp))));
      for (const [name, state] of await this.read(unread)) next.set(name, state);
      for (const tp of unread) {
        read.add(tpName(tp));
        if (!next.has(tpName(tp)) && !this.unsettled.has(tpName(tp)))
          this.deps.log.warn(`No leader for ${tpName(tp)}: it has no state`);
      }
      left = left.filter((tp) => next.has(tpName(tp)));
      states = next;
    }
  }

  /**
   * The topics that allow an unclean election by their current config, among those with a partition without a
   * live ISR member. A config that cannot be read allows nothing: a leader outside the ISR loses records for
   * good, waiting does not.
   */
  private async uncleanTopics(
    states: ReadonlyMap<string, PartitionState>,
    tps: readonly TopicPartition[],
    strategy: ElectionStrategy,
  ): Promise<Set<string>> {
    if (strategy !== 'offline') return new Set();
    const { zk, log, uncleanByDefault } = this.deps;
    const topics = [...new Set(withoutLiveIsr(this.context, states, tps).map((tp) => tp.topic))];
    const forbidden = { 'unclean.leader.election.enable': 'false' };
    const configs = await Promise.all(
      topics.map(async (topic) => {
        const read = await readTopicConfig(zk, topic);
        if (read.problem) log.error(`${read.problem}; no unclean election for topic ${topic}`);
        return read.problem ? forbidden : read.config;
      }),
    );
    return new Set(
      topics.filter((_, i) => {
        const own = configs[i]!['unclean.leader.election.enable'];
        return own === undefined ? uncleanByDefault : own === 'true';
      }),
    );
  }

  private write(writes: readonly StateWrite[]): Promise<StateWriteResult[]> {
    return writePartitionStates(this.deps.zk, this.context.term, writes);
  }

  private elected(plan: LeaderPlan, state: PartitionState, strategy: string): void {
    const { tp, elected } = plan;
    const before = this.context.leadershipOf(tp);
    this.context.leadership.set(tpName(tp), state);
    this.context.forgetDamage(tp);
    this.writtenNow.add(tpName(tp));
    movePartition(this.context, tp, 'OnlinePartition');
    this.batch.addLeaderAndIsr(elected.recipients, tp, state, plan.isNew);
    if (elected.unclean) {
      this.deps.metrics.mark('kafka.controller:type=ControllerStats,name=UncleanLeaderElectionsPerSec');
      const what = `${tpName(tp)} is led by ${elected.leader}, which was not in sync`;
      this.deps.log.warn(`Unclean election: ${what}`);
    }
    this.deps.host.event({
      what: 'leader-elected',
      topic: tp.topic,
      partition: tp.partition,
      strategy,
      unclean: elected.unclean,
      from: before?.leader ?? -1,
      leader: state.leader,
      leaderEpoch: state.leaderEpoch,
      isr: state.isr,
      controllerEpoch: state.controllerEpoch,
      zkVersion: state.zkVersion,
    });
  }

  private report(failures: readonly PlanFailure[]): void {
    for (const { tp, error, reason } of failures)
      this.deps.log.warn(`No leader for ${tpName(tp)}: ${error}, ${reason}`);
  }

  /**
   * Replicas whose broker is alive: their broker gets LeaderAndIsr. A leader whose broker failed before must
   * not continue in its leader epoch, because it may have lost records that other replicas have; it waits for
   * the election.
   */
  onlineReplicas(replicas: readonly PartitionReplica[]): void {
    for (const replica of replicas) {
      moveReplica(this.context, replica, 'OnlineReplica');
      const state = this.context.leadershipOf(replica);
      const mayLead = !this.context.departuresOf(replica).includes(replica.replica);
      if (!state || (state.leader === replica.replica && !mayLead)) continue;
      this.batch.addLeaderAndIsr([replica.replica], tpOf(replica), state, false);
    }
  }

  /** Like `onlineReplicas`, but sends nothing: the election that follows notifies the brokers. */
  markOnline(replicas: readonly PartitionReplica[]): void {
    for (const replica of replicas) moveReplica(this.context, replica, 'OnlineReplica');
  }

  newReplicas(replicas: readonly PartitionReplica[]): void {
    for (const replica of replicas) moveReplica(this.context, replica, 'NewReplica');
  }

  /** Replicas that are gone: they leave the ISR, and the other replicas get the new state. */
  async offlineReplicas(replicas: readonly PartitionReplica[]): Promise<void> {
    for (const replica of replicas) {
      moveReplica(this.context, replica, 'OfflineReplica');
      const epoch = this.context.leadershipOf(replica)?.leaderEpoch ?? NO_EPOCH;
      this.batch.addStopReplica(replica.replica, tpOf(replica), epoch, false);
    }
    await this.removeFromIsrs(replicas);
  }

  /**
   * Removes the replicas that failed while the state could not be read or written from the ISR, in the order
   * in which they failed, so that the last one remains as the last member.
   */
  async removeDeparted(tps: readonly TopicPartition[]): Promise<void> {
    const departures = tps.map((tp) => ({ tp: tpOf(tp), ids: this.context.departuresOf(tp) }));
    for (const { tp } of departures) this.context.forgetDepartures(tp);
    const longest = Math.max(0, ...departures.map(({ ids }) => ids.length));
    for (let i = 0; i < longest; i++) {
      const nth = departures.flatMap(({ tp, ids }) =>
        ids.slice(i, i + 1).map((replica) => ({ ...tp, replica })),
      );
      await this.removeFromIsrs(nth);
    }
  }

  /**
   * Removes the replicas from the ISRs that have other members, and sends the new state to the other
   * replicas.
   */
  async removeFromIsrs(replicas: readonly PartitionReplica[]): Promise<void> {
    const byBroker = new Map<number, PartitionReplica[]>();
    for (const replica of replicas)
      byBroker.set(replica.replica, [...(byBroker.get(replica.replica) ?? []), replica]);
    for (const group of byBroker.values()) await this.removeFromIsr(group);
  }

  /** All replicas are on one broker, so each partition occurs once. */
  private async removeFromIsr(replicas: readonly PartitionReplica[]): Promise<void> {
    let left = replicas;
    const states = await this.read(left.filter((one) => !this.writtenNow.has(tpName(one))).map(tpOf));
    for (const one of left)
      if (this.writtenNow.has(tpName(one))) states.set(tpName(one), this.context.leadershipOf(one)!);
    while (left.length > 0) {
      const planned: { replica: PartitionReplica; write: StateWrite }[] = [];
      for (const replica of left) {
        const state = states.get(tpName(replica));
        if (state === undefined && this.unsettled.has(tpName(replica))) this.context.noteDeparture(replica);
        if (state === undefined) continue;
        const write = planIsrRemoval(this.context, replica, state);
        if (write === 'superseded')
          this.deps.log.warn(`${tpName(replica)} was written by a controller of a later epoch`);
        else if (write) planned.push({ replica, write });
        else this.leftIsr(replica, state, false);
      }
      const results = await this.write(planned.map((one) => one.write));
      states.clear();
      planned.forEach(({ replica }, i) => {
        const result = results[i]!;
        if (result.kind === 'ok') this.leftIsr(replica, result.state, true);
        else if (result.kind === 'conflict') states.set(tpName(replica), result.state);
        else {
          this.failed(replica, result.reason);
          this.context.noteDeparture(replica);
        }
      });
      left = left.filter((replica) => states.has(tpName(replica)));
    }
  }

  private leftIsr(replica: PartitionReplica, state: PartitionState, changed: boolean): void {
    const tp = tpOf(replica);
    this.context.leadership.set(tpName(tp), state);
    const others = this.context.replicasOf(tp).filter((id) => id !== replica.replica);
    this.batch.addLeaderAndIsr(others, tp, state, false);
    if (changed) {
      this.context.forgetDamage(tp);
      this.deps.host.event({
        what: 'replica-left-isr',
        topic: tp.topic,
        partition: tp.partition,
        replica: replica.replica,
        leader: state.leader,
        leaderEpoch: state.leaderEpoch,
        isr: state.isr,
        controllerEpoch: state.controllerEpoch,
        zkVersion: state.zkVersion,
      });
    }
    if (this.context.stateOf(tp) === 'OnlinePartition' && !this.context.hasLiveLeader(tp))
      movePartition(this.context, tp, 'OfflinePartition');
  }
}

function tpOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}
