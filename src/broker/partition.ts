/**
 * One replica of one partition on this broker: its log, its role, and, while it leads, its followers and the ISR.
 *
 * Invariants: leadership changes only by LeaderAndIsr with a higher leader epoch; the ISR is changed by a conditional
 * write of the state znode, one at a time, and until that write is known to have landed the high watermark counts both
 * the old and the new members; a conflict is answered by reading what is there, never by giving up (KAFKA-2729).
 *
 * Kafka: cluster/Partition.scala@2.8.2; differs: on a conflict Kafka waits for the next LeaderAndIsr.
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { ErrorName, KafkaError, messageOf } from '../common/errors';
import { Host, Log as Logger } from '../common/host';
import { leaderAndIsr } from '../protocol/messages/replica-control';
import { TypeOf } from '../protocol/schema';
import { AppendInfo, Log } from '../log/log';
import { EpochEnd, UNDEFINED_EPOCH_END } from '../log/leader-epoch-cache';
import { StateContent, WriteResult } from '../zk/partition-state-store';
import { afterFetch, FollowerFetch, highWatermarkCandidate, leaderEpochProblem, mayJoinIsr, newReplica, outOfSync, ReplicaProgress } from './partition-state';

export type LeaderAndIsrState = TypeOf<typeof leaderAndIsr.request>['partitionStates'][number];

export interface PartitionDeps {
  readonly brokerId: number;
  readonly host: Host;
  readonly log: Logger;
  readonly lagTimeMaxMs: number;
  readonly writeIsr: (tp: TopicPartition, content: StateContent, zkVersion: number) => Promise<WriteResult>;
  /** The broker epoch the metadata cache knows for a live broker. */
  readonly liveBrokerEpoch: (brokerId: number) => number | undefined;
  readonly onIsrChanged: (tp: TopicPartition) => void;
  /** The high watermark, the ISR or the role changed: waiting requests may be answerable. */
  readonly onProgress: (tp: TopicPartition) => void;
  readonly lab: { readonly joinAtHighWatermark: boolean; readonly freezeOnConflict: boolean };
}

export class Partition {
  leaderId = -1;
  leaderEpoch = -1;
  private controllerEpoch = -1;
  private zkVersion = -1;
  private replicas: readonly number[] = [];
  private committedIsr: readonly number[] = [];
  /** The ISR being written, or written with unknown result. */
  private pendingIsr: readonly number[] | undefined;
  private isrWriteInFlight = false;
  /** Somebody with a newer epoch wrote the state: only a LeaderAndIsr can help. */
  private superseded = false;
  leaderEpochStartOffset = 0;
  private followers = new Map<number, ReplicaProgress>();
  isOffline = false;

  constructor(readonly tp: TopicPartition, readonly log: Log, private readonly deps: PartitionDeps) {}

  get isLeader(): boolean { return this.leaderId === this.deps.brokerId && !this.isOffline; }
  get isr(): readonly number[] { return this.committedIsr; }
  get assignment(): readonly number[] { return this.replicas; }
  get name(): string { return tpName(this.tp); }
  private get now(): number { return this.deps.host.clock.monotonicMs(); }

  /** Of the state znode, as this leader knows it. */
  get stateVersion(): number { return this.zkVersion; }

  /** The committed ISR and whoever is being added. */
  get maximalIsr(): readonly number[] {
    return this.pendingIsr ? [...new Set([...this.committedIsr, ...this.pendingIsr])] : this.committedIsr;
  }

  private adopt(state: LeaderAndIsrState): void {
    this.leaderId = state.leader;
    this.leaderEpoch = state.leaderEpoch;
    this.controllerEpoch = state.controllerEpoch;
    this.zkVersion = state.zkVersion;
    this.replicas = state.replicas;
    this.committedIsr = state.isr;
    this.pendingIsr = undefined;
    this.superseded = false;
  }

  makeLeader(state: LeaderAndIsrState): void {
    const wasLeader = this.isLeader;
    this.adopt(state);
    this.leaderEpochStartOffset = this.log.logEndOffset;
    this.log.epochs.assign(state.leaderEpoch, this.log.logEndOffset);
    const before = this.followers;
    this.followers = new Map(state.replicas.filter((id) => id !== this.deps.brokerId).map((id) => {
      const known = wasLeader ? before.get(id) : undefined;
      const fresh = newReplica(state.isr.includes(id), this.now);
      // Who is out of the ISR holds the high watermark back no longer, however lately it was caught up.
      return [id, known ? { ...known, lastCaughtUpMs: fresh.lastCaughtUpMs } : fresh];
    }));
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

  private event(what: string): void {
    this.deps.host.event({
      what, broker: this.deps.brokerId, ...this.tp, leader: this.leaderId, leaderEpoch: this.leaderEpoch, isr: this.committedIsr,
      zkVersion: this.zkVersion, controllerEpoch: this.controllerEpoch, logEndOffset: this.log.logEndOffset,
      highWatermark: this.log.highWatermark,
    });
  }

  /** Throws NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR, or the epoch errors of KIP-320. */
  requireLeader(requestEpoch = -1): void {
    if (this.isOffline) throw new KafkaError('KAFKA_STORAGE_ERROR', `the log dir of ${this.name} is offline`);
    if (!this.isLeader) throw new KafkaError('NOT_LEADER_OR_FOLLOWER', `Leader not local for partition ${this.name} on broker ${this.deps.brokerId}`);
    const problem = leaderEpochProblem(requestEpoch, this.leaderEpoch);
    if (problem) throw new KafkaError(problem, `epoch ${requestEpoch} in the request for ${this.name}, ${this.leaderEpoch} here`);
  }

  /** Appends a produced batch. Throws NOT_ENOUGH_REPLICAS before anything is written. */
  appendAsLeader(records: Buffer, requiredAcks: number): AppendInfo {
    this.requireLeader();
    const minIsr = this.log.config['min.insync.replicas'];
    if (requiredAcks === -1 && this.committedIsr.length < minIsr) {
      throw new KafkaError('NOT_ENOUGH_REPLICAS', `The size of the current ISR [${this.committedIsr}] is insufficient to satisfy the min.isr requirement of ${minIsr} for partition ${this.name}`);
    }
    const info = this.log.appendAsLeader(records, this.leaderEpoch);
    if (info.isDuplicate) this.deps.host.event({ what: 'duplicate-batch', broker: this.deps.brokerId, ...this.tp, firstOffset: info.firstOffset, lastOffset: info.lastOffset });
    else this.advanceHighWatermark();
    return info;
  }

  /** Whether everything below `offset` is committed, or why that will not be told. Kafka: checkEnoughReplicasReachOffset */
  replicationOutcome(offset: number): ErrorName | 'pending' {
    if (this.isOffline) return 'KAFKA_STORAGE_ERROR';
    if (!this.isLeader) return 'NOT_LEADER_OR_FOLLOWER';
    if (this.log.highWatermark < offset) return 'pending';
    return this.maximalIsr.length < this.log.config['min.insync.replicas'] ? 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' : 'NONE';
  }

  /** A follower's fetch: what it asks for is what it does not have. */
  recordFollowerFetch(replicaId: number, fetch: FollowerFetch): void {
    const follower = this.followers.get(replicaId);
    if (follower === undefined) return;
    this.followers.set(replicaId, afterFetch(follower, fetch, this.log.logEndOffset, this.now));
    this.maybeExpandIsr(replicaId);
    if (this.advanceHighWatermark() || fetch.logStartOffset !== follower.logStartOffset) this.deps.onProgress(this.tp);
  }

  /** The smallest log start offset of the live replicas. Kafka: Partition#lowWatermarkIfLeader */
  get lowWatermark(): number {
    const live = [...this.followers].filter(([id]) => this.deps.liveBrokerEpoch(id) !== undefined);
    return Math.min(this.log.logStartOffset, ...live.map(([, follower]) => follower.logStartOffset));
  }

  /**
   * Moves the log start to `offset` (-1: the high watermark) and returns where it is to be. Throws POLICY_VIOLATION for a
   * topic that is only compacted, OFFSET_OUT_OF_RANGE above the high watermark. Kafka: Partition#deleteRecordsOnLeader
   */
  deleteRecordsOnLeader(offset: number): number {
    this.requireLeader();
    const { config, highWatermark } = this.log;
    if (!config['cleanup.policy'].includes('delete')) throw new KafkaError('POLICY_VIOLATION', `Records of partition ${this.name} can not be deleted due to the configured policy`);
    const wanted = offset === -1 ? highWatermark : offset;
    if (wanted < 0 || wanted > highWatermark) {
      throw new KafkaError('OFFSET_OUT_OF_RANGE', `Cannot increment the log start offset to ${wanted} of partition ${this.name} since it is larger than the high watermark ${highWatermark}`);
    }
    this.log.maybeIncrementLogStartOffset(wanted);
    return wanted;
  }

  /** Returns whether the high watermark moved. Only ever upwards while leading. */
  private advanceHighWatermark(): boolean {
    if (!this.isLeader) return false;
    const candidate = highWatermarkCandidate(this.log.logEndOffset, this.followers, this.maximalIsr, this.deps.lagTimeMaxMs, this.now);
    const from = this.log.highWatermark;
    if (candidate <= from || !this.log.updateHighWatermark(candidate)) return false;
    const { leaderEpoch, maximalIsr, zkVersion } = this;
    this.deps.host.event({
      what: 'high-watermark-moved', broker: this.deps.brokerId, ...this.tp, leaderEpoch, from, to: this.log.highWatermark,
      maximalIsr, zkVersion,
    });
    return true;
  }

  private maybeExpandIsr(replicaId: number): void {
    const follower = this.followers.get(replicaId)!;
    if (this.maximalIsr.includes(replicaId) || this.isrWriteInFlight || this.superseded) return;
    const epochStart = this.deps.lab.joinAtHighWatermark ? 0 : this.leaderEpochStartOffset;
    if (!mayJoinIsr(follower, this.log.highWatermark, epochStart)) return;
    // KIP-903's hole: a fetch of a dead incarnation must not widen the ISR.
    if (this.deps.liveBrokerEpoch(replicaId) !== follower.brokerEpoch) return;
    void this.changeIsr([...this.committedIsr, replicaId]);
  }

  /** Takes followers that lag out of the ISR; called on a timer. */
  maybeShrinkIsr(): void {
    if (!this.isLeader || this.isrWriteInFlight || this.superseded) return;
    if (this.pendingIsr) return void this.changeIsr(this.pendingIsr);
    const lagging = outOfSync(this.committedIsr, this.followers, this.log.logEndOffset, this.deps.lagTimeMaxMs, this.now);
    if (lagging.length === 0) return;
    this.deps.log.info(`Shrinking ISR of ${this.name} from ${this.committedIsr} by ${lagging} (high watermark ${this.log.highWatermark}, end ${this.log.logEndOffset})`);
    void this.changeIsr(this.committedIsr.filter((id) => !lagging.includes(id)));
  }

  private async changeIsr(isr: readonly number[]): Promise<void> {
    const epoch = this.leaderEpoch;
    this.pendingIsr = isr;
    this.isrWriteInFlight = true;
    const content = { leader: this.deps.brokerId, leaderEpoch: epoch, isr, controllerEpoch: this.controllerEpoch };
    this.isrWriteEvent('isr-write-started', isr);
    try {
      const result = await this.deps.writeIsr(this.tp, content, this.zkVersion);
      if (this.leaderEpoch === epoch && this.isLeader) this.settleIsr(result);
    } catch (error) {
      // Nothing is known: both ISRs count until a later write finds out.
      this.isrWriteEvent('isr-write-unknown', isr);
      this.deps.log.warn(`The ISR of ${this.name} could not be written: ${messageOf(error)}`);
    } finally {
      this.isrWriteInFlight = false;
    }
    if (this.advanceHighWatermark()) this.deps.onProgress(this.tp);
  }

  /** `isr` is what is written over `committedIsr`, at `zkVersion`. */
  private isrWriteEvent(what: string, isr: readonly number[]): void {
    const { leaderEpoch, zkVersion, committedIsr } = this;
    this.deps.host.event({ what, broker: this.deps.brokerId, ...this.tp, leaderEpoch, zkVersion, isr, committedIsr });
  }

  private settleIsr({ kind, state }: WriteResult): void {
    if (kind === 'conflict') this.deps.host.event({ what: 'isr-conflict', broker: this.deps.brokerId, ...this.tp, leaderEpoch: this.leaderEpoch, zkVersion: this.zkVersion, found: state ?? null });
    if (kind === 'conflict' && this.deps.lab.freezeOnConflict) {
      this.deps.log.error(`Cached zkVersion [${this.zkVersion}] not equal to that in zookeeper, skip updating ISR of ${this.name}`);
      this.superseded = true;
      return;
    }
    if (state === undefined || state.leaderEpoch !== this.leaderEpoch || state.leader !== this.deps.brokerId) {
      this.deps.log.info(`${this.name} has moved on to leader epoch ${state?.leaderEpoch ?? '(deleted)'}; waiting for the controller`);
      this.superseded = true;
      return;
    }
    this.zkVersion = state.zkVersion;
    this.committedIsr = state.isr;
    this.pendingIsr = undefined;
    this.deps.onIsrChanged(this.tp);
    this.event('isr-changed');
    this.deps.onProgress(this.tp);
  }

  /** Where `epoch` ended here; (-1, -1) if that is not known. */
  endOffsetFor(epoch: number): EpochEnd {
    return this.isOffline ? UNDEFINED_EPOCH_END : this.log.epochs.endOffsetFor(epoch, this.log.logEndOffset);
  }

  /** For the checkers and the status page. */
  followerProgress(): ReadonlyMap<number, ReplicaProgress> {
    return this.followers;
  }
}
