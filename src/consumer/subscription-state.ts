/**
 * The partitions that a consumer reads, its positions in them, and which of them are paused.
 *
 * A consumer either subscribes to topics (by name or pattern) and gets partitions from its group, or it
 * assigns partitions to itself; never both. assigned-partition.ts has the state of one partition. A partition
 * without a position starts at the committed offset, if there is a group and a commit, otherwise by the reset
 * strategy.
 *
 * [p] Kafka: clients/consumer/internals/SubscriptionState.java@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { ClusterMetadata } from '../client/cluster-metadata';
import { AssignedPartition, NO_LEADER, ResetStrategy } from './assigned-partition';

type LeaderSource = Pick<ClusterMetadata, 'leaderOf' | 'updateLastSeenEpochIfNewer'>;

interface CommittedOffset {
  readonly offset: number;
  readonly leaderEpoch?: number;
}

type Kind = 'none' | 'topics' | 'pattern' | 'assigned';

export class SubscriptionState {
  private kind: Kind = 'none';
  private names: readonly string[] = [];
  private pattern: RegExp | undefined;
  private assigned = new Map<string, AssignedPartition>();

  constructor(
    readonly defaultReset: ResetStrategy,
    private readonly hasGroup = false,
  ) {}

  private become(kind: Kind): void {
    if (this.kind !== 'none' && this.kind !== kind) {
      throw new KafkaError(
        'ILLEGAL_STATE',
        'Subscription to topics, partitions and pattern are mutually exclusive',
      );
    }
    this.kind = kind;
  }

  /** Whether a group decides which partitions are read. */
  get isSubscribed(): boolean {
    return this.kind === 'topics' || this.kind === 'pattern';
  }
  get isNothing(): boolean {
    return this.kind === 'none';
  }
  get topics(): readonly string[] {
    return this.names;
  }
  get subscribedPattern(): RegExp | undefined {
    return this.pattern;
  }

  subscribe(topics: readonly string[]): void {
    this.become('topics');
    this.names = [...new Set(topics)].sort();
  }

  subscribePattern(pattern: RegExp): void {
    this.become('pattern');
    // With flag g or y a RegExp starts at its last match, and would miss topics.
    this.pattern = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
  }

  /** Sets the topics that match the pattern now. Returns whether they have changed. */
  matched(topics: readonly string[]): boolean {
    const sorted = [...topics].sort();
    const changed = sorted.join('\n') !== this.names.join('\n');
    this.names = sorted;
    return changed;
  }

  unsubscribe(): void {
    this.kind = 'none';
    this.names = [];
    this.pattern = undefined;
    this.assigned.clear();
  }

  /** Sets the partitions that the user has assigned. */
  assign(tps: readonly TopicPartition[]): void {
    if (tps.length === 0) return this.unsubscribe();
    this.become('assigned');
    this.replace(tps);
  }

  /** Sets the partitions that the group has assigned. Those that were assigned before keep their position. */
  assignFromGroup(tps: readonly TopicPartition[]): void {
    this.replace(tps);
  }

  private replace(tps: readonly TopicPartition[]): void {
    this.assigned = new Map(tps.map((tp) => [tpName(tp), this.assigned.get(tpName(tp)) ?? this.fresh(tp)]));
  }

  private fresh({ topic, partition }: TopicPartition): AssignedPartition {
    const one = new AssignedPartition({ topic, partition });
    if (!this.hasGroup) one.requestReset(this.defaultReset);
    return one;
  }

  get all(): readonly AssignedPartition[] {
    return [...this.assigned.values()];
  }
  get partitions(): TopicPartition[] {
    return this.all.map((one) => one.tp);
  }

  find(tp: TopicPartition): AssignedPartition | undefined {
    return this.assigned.get(tpName(tp));
  }

  /** Throws ILLEGAL_STATE for a partition that is not assigned. */
  require(tp: TopicPartition): AssignedPartition {
    const found = this.find(tp);
    if (!found) throw new KafkaError('ILLEGAL_STATE', `No current assignment for partition ${tpName(tp)}`);
    return found;
  }

  seek(tp: TopicPartition, to: number | CommittedOffset, metadata?: LeaderSource): void {
    const committed = typeof to === 'number' ? { offset: to } : to;
    const { offset } = committed;
    if (!Number.isSafeInteger(offset) || offset < 0)
      throw new KafkaError('ILLEGAL_STATE', `seek offset must not be a negative number: ${offset}`);
    this.goOnAt(this.require(tp), committed, metadata);
  }

  /**
   * Continues at a committed offset. If the commit has a leader epoch, the position is validated. Kafka:
   * seekUnvalidated
   */
  goOnAt(
    partition: AssignedPartition,
    { offset, leaderEpoch = -1 }: CommittedOffset,
    metadata?: LeaderSource,
  ): void {
    if (leaderEpoch >= 0) metadata?.updateLastSeenEpochIfNewer(partition.tp, leaderEpoch);
    partition.seek({
      offset,
      offsetEpoch: leaderEpoch,
      currentLeader: metadata?.leaderOf(partition.tp) ?? NO_LEADER,
    });
  }

  requestReset(tp: TopicPartition, strategy: ResetStrategy = this.defaultReset): void {
    this.require(tp).requestReset(strategy);
  }

  setPaused(tp: TopicPartition, paused: boolean): void {
    this.require(tp).paused = paused;
  }

  /**
   * The positions to commit, of all partitions that have one. Kafka leaves out positions that are not
   * validated yet. Here the commit has the leader epoch, with which the next owner validates the position.
   */
  consumed(): { readonly tp: TopicPartition; readonly offset: number; readonly leaderEpoch: number }[] {
    return this.all.flatMap(({ tp, position, lastEpoch }) =>
      position === undefined ? [] : [{ tp, offset: position, leaderEpoch: lastEpoch }],
    );
  }
}
