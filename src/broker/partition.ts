/**
 * One replica of one partition on this broker: its log, its role and, while it leads, its followers and ISR.
 *
 * Invariants: leadership changes only with a LeaderAndIsr of a higher leader epoch. The ISR changes only by a
 * conditional write of the state znode, one at a time; none starts while another's outcome is unknown. The
 * high watermark waits for every replica that may be in ZooKeeper's ISR (isr-state.ts). After a version
 * conflict the leader continues from the state that is read then (KAFKA-2729).
 *
 * Kafka: cluster/Partition.scala@2.8.2; differs: on a conflict Kafka waits for the next LeaderAndIsr; a
 * replica joins only if the incarnation that fetched is registered at that moment (docs/decisions/0010).
 */
import { inBackground } from '../common/background';
import { TopicPartition, tpName } from '../common/cluster-types';
import { ErrorName, KafkaError, messageOf } from '../common/errors';
import { Host, Log as Logger, Timer } from '../common/host';
import { leaderAndIsr } from '../protocol/messages/replica-control';
import { TypeOf } from '../protocol/schema';
import { CheckRecords, Log } from '../log/log';
import { AppendInfo } from '../log/log-append-info';
import { EpochEnd, UNDEFINED_EPOCH_END } from '../log/leader-epoch-cache';
import { IsrMember, IsrWrite, IsrWriteResult } from '../zk/partition-state-store';
import { requestedLogStart } from './delete-records';
import { inSyncMembers, isKnownMember, membersToCheck } from './isr-members';
import { afterIsrWrite, IsrState, proposeIsr, settledIsr, unknownIsr } from './isr-state';
import {
  afterFetch,
  FollowerFetch,
  highWatermarkCandidate,
  leaderEpochProblem,
  mayJoinIsr,
  newReplica,
  ReplicaProgress,
  restartedReplica,
} from './partition-state';

export type LeaderAndIsrState = TypeOf<typeof leaderAndIsr.request>['partitionStates'][number];

/** After a lost reply, how long the leader waits before it finds out whether the write was applied. */
const UNKNOWN_RETRY_MS = 500;

export interface PartitionDeps {
  readonly brokerId: number;
  readonly host: Host;
  readonly log: Logger;
  readonly lagTimeMaxMs: number;
  readonly writeIsr: (tp: TopicPartition, write: IsrWrite) => Promise<IsrWriteResult>;
  /** The broker epoch of a live broker according to the metadata cache. */
  readonly liveBrokerEpoch: (brokerId: number) => number | undefined;
  readonly onIsrChanged: (tp: TopicPartition) => void;
  /** The high watermark, the ISR or the role changed: waiting requests may have their answer now. */
  readonly onProgress: (tp: TopicPartition) => void;
  readonly lab: { readonly joinAtHighWatermark: boolean; readonly freezeOnConflict: boolean };
}

export class Partition {
  leaderId = -1;
  leaderEpoch = -1;
  private controllerEpoch = -1;
  private replicas: readonly number[] = [];
  private isrState: IsrState = settledIsr([], -1);
  private isrRetry: Timer | undefined;
  leaderEpochStartOffset = 0;
  private followers = new Map<number, ReplicaProgress>();
  isOffline = false;
  private isClosed = false;

  constructor(
    readonly tp: TopicPartition,
    readonly log: Log,
    private readonly deps: PartitionDeps,
  ) {}

  get isLeader(): boolean {
    return this.leaderId === this.deps.brokerId && !this.isOffline && !this.isClosed;
  }

  /** The ISR last seen in ZooKeeper. */
  get isr(): readonly number[] {
    return this.isrState.committed;
  }
  get assignment(): readonly number[] {
    return this.replicas;
  }
  get name(): string {
    return tpName(this.tp);
  }
  private get now(): number {
    return this.deps.host.clock.monotonicMs();
  }

  /** The zkVersion of the state in which `isr` was seen. */
  get stateVersion(): number {
    return this.isrState.zkVersion;
  }
  /** Every replica that may be in ZooKeeper's ISR, including those in writes without a known outcome. */
  get maximalIsr(): readonly number[] {
    return this.isrState.maximal;
  }

  private adopt(state: LeaderAndIsrState): void {
    this.leaderId = state.leader;
    this.leaderEpoch = state.leaderEpoch;
    this.controllerEpoch = state.controllerEpoch;
    this.replicas = state.replicas;
    // An ISR write of ours cannot be applied any more, or the controller has already seen its result.
    this.isrState = settledIsr(state.isr, state.zkVersion);
    this.isrRetry?.cancel();
  }

  /** Throws KAFKA_STORAGE_ERROR, and then has changed nothing, if the leader epoch cannot be written. */
  makeLeader(state: LeaderAndIsrState): void {
    // Followers' progress is kept over consecutive epochs only: in a missed one they may have truncated.
    const hasLedSince = this.isLeader && state.leaderEpoch === this.leaderEpoch + 1;
    const { logEndOffset } = this.log;
    this.log.epochs.assign(state.leaderEpoch, logEndOffset);
    const before = this.followers;
    const others = new Set([...state.replicas, ...state.isr].filter((id) => id !== this.deps.brokerId));
    this.followers = new Map(
      [...others].map((id) => {
        const known = hasLedSince ? before.get(id) : undefined;
        const fresh = newReplica(state.isr.includes(id), this.now);
        // A follower outside the ISR holds the high watermark back no longer, even if just caught up.
        return [id, known ? { ...known, lastCaughtUpMs: fresh.lastCaughtUpMs } : fresh];
      }),
    );
    this.leaderEpochStartOffset = logEndOffset;
    this.adopt(state);
    this.event('became-leader');
    this.advanceHighWatermark();
    this.deps.onProgress(this.tp);
  }

  makeFollower(state: LeaderAndIsrState): void {
    this.adopt(state);
    this.followers.clear();
    this.event('became-follower');
    this.deps.onProgress(this.tp);
  }

  /** The replica is deleted or the broker stops: it neither leads nor follows any more. */
  close(): void {
    this.isClosed = true;
    this.isrRetry?.cancel();
  }

  private event(what: string): void {
    this.deps.host.event({
      what,
      broker: this.deps.brokerId,
      ...this.tp,
      leader: this.leaderId,
      leaderEpoch: this.leaderEpoch,
      isr: this.isr,
      zkVersion: this.stateVersion,
      controllerEpoch: this.controllerEpoch,
      logEndOffset: this.log.logEndOffset,
      highWatermark: this.log.highWatermark,
    });
  }

  /** Throws NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR, or the epoch errors of KIP-320. */
  requireLeader(requestEpoch = -1): void {
    if (this.isOffline) throw new KafkaError('KAFKA_STORAGE_ERROR', `the log dir of ${this.name} is offline`);
    if (!this.isLeader) {
      const text = `Leader not local for partition ${this.name} on broker ${this.deps.brokerId}`;
      throw new KafkaError('NOT_LEADER_OR_FOLLOWER', text);
    }
    const problem = leaderEpochProblem(requestEpoch, this.leaderEpoch);
    if (problem === undefined) return;
    const text = `epoch ${requestEpoch} in the request for ${this.name}, ${this.leaderEpoch} here`;
    throw new KafkaError(problem, text);
  }

  /** Appends a produced batch. Throws NOT_ENOUGH_REPLICAS before anything is written. */
  appendAsLeader(records: Buffer, requiredAcks: number, check?: CheckRecords): AppendInfo {
    this.requireLeader();
    const minIsr = this.log.config['min.insync.replicas'];
    if (requiredAcks === -1 && this.isr.length < minIsr) {
      const text = `The size of the current ISR [${this.isr}] is insufficient to satisfy the min.isr`;
      throw new KafkaError(
        'NOT_ENOUGH_REPLICAS',
        `${text} requirement of ${minIsr} for partition ${this.name}`,
      );
    }
    const info = this.log.appendAsLeader(records, this.leaderEpoch, check);
    const { firstOffset, lastOffset } = info;
    // Also after a duplicate: the time to wait for a joining follower may be over by now.
    this.advanceHighWatermark();
    if (info.isDuplicate) this.partitionEvent('duplicate-batch', { firstOffset, lastOffset });
    return info;
  }

  /**
   * NONE if everything below `offset` is committed, `pending` if not yet, otherwise the producer's error.
   * Kafka: Partition#checkEnoughReplicasReachOffset
   */
  replicationOutcome(offset: number): ErrorName | 'pending' {
    if (this.isOffline) return 'KAFKA_STORAGE_ERROR';
    if (!this.isLeader) return 'NOT_LEADER_OR_FOLLOWER';
    if (this.log.highWatermark < offset) return 'pending';
    const minIsr = this.log.config['min.insync.replicas'];
    return this.maximalIsr.length < minIsr ? 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' : 'NONE';
  }

  /**
   * Records a fetch: the follower has everything below its offset. A former incarnation's fetch is ignored:
   * its records may be lost. Kafka: Replica#updateFetchStateOrThrow@3.5 (KIP-903)
   */
  recordFollowerFetch(replicaId: number, fetch: FollowerFetch): void {
    const follower = this.followers.get(replicaId);
    if (follower === undefined) return;
    const liveEpoch = this.deps.liveBrokerEpoch(replicaId) ?? -1;
    if (fetch.brokerEpoch < Math.max(follower.brokerEpoch, liveEpoch)) return;
    this.followers.set(replicaId, afterFetch(follower, fetch, this.log.logEndOffset, this.now));
    this.maybeExpandIsr(replicaId);
    const hasMoved = this.advanceHighWatermark() || fetch.logStartOffset !== follower.logStartOffset;
    if (hasMoved) this.deps.onProgress(this.tp);
  }

  /** The smallest log start offset of the live replicas. Kafka: Partition#lowWatermarkIfLeader */
  get lowWatermark(): number {
    const live = [...this.followers].filter(([id]) => this.deps.liveBrokerEpoch(id) !== undefined);
    return Math.min(this.log.logStartOffset, ...live.map(([, follower]) => follower.logStartOffset));
  }

  /**
   * Raises the log start offset to `offset` (-1: the high watermark) and returns it. Errors: see
   * requestedLogStart. Kafka: Partition#deleteRecordsOnLeader
   */
  deleteRecordsOnLeader(offset: number): number {
    this.requireLeader();
    const wanted = requestedLogStart(this.log, this.name, offset);
    this.log.maybeIncrementLogStartOffset(wanted);
    return wanted;
  }

  /** Returns whether the high watermark advanced. A leader never lowers it. */
  private advanceHighWatermark(): boolean {
    if (!this.isLeader) return false;
    const { followers, maximalIsr, now } = this;
    const { logEndOffset, highWatermark: from } = this.log;
    const { lagTimeMaxMs } = this.deps;
    const candidate = highWatermarkCandidate(logEndOffset, followers, maximalIsr, lagTimeMaxMs, now);
    if (candidate <= from || !this.log.updateHighWatermark(candidate)) return false;
    const { leaderEpoch, stateVersion: zkVersion } = this;
    this.deps.host.event({
      what: 'high-watermark-moved',
      broker: this.deps.brokerId,
      ...this.tp,
      leaderEpoch,
      from,
      to: this.log.highWatermark,
      maximalIsr,
      zkVersion,
    });
    return true;
  }

  private maybeExpandIsr(replicaId: number): void {
    const follower = this.followers.get(replicaId)!;
    if (this.isrState.phase !== 'settled' || this.isr.includes(replicaId)) return;
    const epochStart = this.deps.lab.joinAtHighWatermark ? 0 : this.leaderEpochStartOffset;
    if (!mayJoinIsr(follower, this.log.highWatermark, epochStart)) return;
    const { brokerEpoch } = follower;
    // The incarnation that fetched must be live (KIP-903). The write checks again: the cache may be stale.
    if (this.deps.liveBrokerEpoch(replicaId) !== brokerEpoch) return;
    if (this.isr.length !== this.known(this.isr).length) return;
    inBackground(this.deps.log, `ISR of ${this.name}`, this.changeIsr([...this.isr, replicaId]));
  }

  /** The members whose incarnation is known; a write can check only these for restarts. */
  private known(isr: readonly number[]): readonly number[] {
    return isr.filter((id) => isKnownMember(this.deps.brokerId, this.followers, id));
  }

  private withoutLaggards(): readonly number[] {
    const { logEndOffset, highWatermark } = this.log;
    const time = { lagTimeMaxMs: this.deps.lagTimeMaxMs, now: this.now };
    return inSyncMembers(this.isr, this.followers, { logEndOffset, highWatermark }, time);
  }

  /**
   * Removes lagging followers from the ISR; called on a timer. The high watermark waits
   * replica.lag.time.max.ms for a joining follower; when that time ends there may be no other event to
   * advance it.
   */
  maybeShrinkIsr(): void {
    if (this.advanceHighWatermark()) this.deps.onProgress(this.tp);
    if (!this.isLeader || this.isrState.phase !== 'settled') return;
    const left = this.withoutLaggards();
    if (left.length === this.isr.length) return;
    const { highWatermark, logEndOffset } = this.log;
    const position = `high watermark ${highWatermark}, end ${logEndOffset}`;
    this.deps.log.info(`Shrinking ISR of ${this.name} from ${this.isr} to ${left} (${position})`);
    inBackground(this.deps.log, `ISR of ${this.name}`, this.changeIsr(this.known(left)));
  }

  /**
   * Finds out whether a write with a lost reply was applied, by writing the committed ISR without lagging
   * members at the same zkVersion, which is always safe. Success: the lost write was not applied and never
   * will be. Conflict: it was applied. A follower that was to join is considered again at its next fetch.
   */
  private settleUnknown(): void {
    if (!this.isLeader || this.isrState.phase !== 'unknown') return;
    inBackground(this.deps.log, `ISR of ${this.name}`, this.changeIsr(this.known(this.withoutLaggards())));
  }

  private async changeIsr(isr: readonly number[]): Promise<void> {
    const before = this.isrState;
    const proposed = (this.isrState = proposeIsr(before, isr));
    const me = { leader: this.deps.brokerId, leaderEpoch: this.leaderEpoch };
    this.isrWriteEvent('isr-write-started', isr);
    let after = unknownIsr(proposed);
    try {
      const content = { ...me, isr, controllerEpoch: this.controllerEpoch };
      const members = membersToCheck(this.deps.brokerId, this.followers, isr);
      const write = { content, expectedZkVersion: before.zkVersion, members };
      const result = await this.deps.writeIsr(this.tp, write);
      const next = afterIsrWrite(before, proposed, result, me);
      if (this.isrState === proposed) after = this.answered(result, next);
    } catch (error) {
      this.deps.log.warn(`The ISR of ${this.name} could not be written: ${messageOf(error)}`);
    }
    // A LeaderAndIsr arrived meanwhile, and set the ISR.
    if (this.isrState !== proposed || !this.isLeader) return;
    this.isrState = after;
    if (after.phase === 'settled' && after !== before) this.isrChanged();
    else if (after.phase === 'unknown') this.isrUnknown(isr);
    else this.maybeShrinkIsr();
    if (this.advanceHighWatermark()) this.deps.onProgress(this.tp);
  }

  private answered(result: IsrWriteResult, after: IsrState): IsrState {
    if (result.kind === 'member-gone') this.memberGone(result.member);
    if (result.kind !== 'conflict') return after;
    const { stateVersion: zkVersion, name, leaderEpoch } = this;
    this.partitionEvent('isr-conflict', { zkVersion, found: result.state ?? null });
    if (this.deps.lab.freezeOnConflict) {
      const text = `Cached zkVersion [${zkVersion}] not equal to that in zookeeper`;
      this.deps.log.error(`${text}, skip updating ISR of ${name}`);
      return { ...this.isrState, phase: 'superseded' };
    }
    if (after.phase === 'superseded') {
      this.deps.log.info(`${name} has moved past leader epoch ${leaderEpoch}; waiting for the controller`);
    }
    return after;
  }

  /** The member restarted and may have lost records: it counts as having none, and leaves the ISR. */
  private memberGone(member: IsrMember): void {
    this.partitionEvent('isr-member-gone', { replica: member.brokerId, brokerEpoch: member.brokerEpoch });
    const follower = this.followers.get(member.brokerId);
    if (follower?.brokerEpoch !== member.brokerEpoch) return;
    this.followers.set(member.brokerId, restartedReplica(follower, this.now));
  }

  private isrChanged(): void {
    this.deps.onIsrChanged(this.tp);
    this.event('isr-changed');
    this.deps.onProgress(this.tp);
  }

  private isrUnknown(written: readonly number[]): void {
    this.isrWriteEvent('isr-write-unknown', written);
    this.isrRetry = this.deps.host.clock.schedule(UNKNOWN_RETRY_MS, () => this.settleUnknown());
  }

  private partitionEvent(what: string, details: Readonly<Record<string, unknown>>): void {
    const { leaderEpoch } = this;
    this.deps.host.event({ what, broker: this.deps.brokerId, ...this.tp, leaderEpoch, ...details });
  }

  /** `isr` is the ISR to be written over the committed one. */
  private isrWriteEvent(what: string, isr: readonly number[]): void {
    this.partitionEvent(what, { zkVersion: this.stateVersion, isr, committedIsr: this.isr });
  }

  /** Where `epoch` ended in this log; (-1, -1) if that is unknown. */
  endOffsetFor(epoch: number): EpochEnd {
    return this.isOffline ? UNDEFINED_EPOCH_END : this.log.epochs.endOffsetFor(epoch, this.log.logEndOffset);
  }

  /** For the checkers and the status page. */
  followerProgress(): ReadonlyMap<number, ReplicaProgress> {
    return this.followers;
  }
}
