/**
 * Connects a consumer with its group: when to rejoin, what to give up and to take over, what to commit.
 *
 * Everything that touches the user's partitions runs inside poll. Invariants: before partitions are given up,
 * their positions are committed (with auto-commit) and the listener has run. Partitions that were lost
 * without warning are reported as lost and never committed.
 *
 * Kafka: clients/consumer/internals/ConsumerCoordinator.java@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError, messageOf } from '../common/errors';
import { Host, Log } from '../common/host';
import { ClusterMetadata } from '../client/cluster-metadata';
import { ConnectionPool } from '../network/connection-pool';
import { PartitionAssignor } from './assignors/partition-assignor';
import { ConsumerConfig } from './consumer-config';
import { CoordinatorClient } from './coordinator-client';
import { ConsumerInterceptors } from './interceptors';
import { GroupMembership, JoinResult } from './group-membership';
import { OffsetAndMetadata, OffsetCommit, OffsetCommitter, OUTSIDE_OF_A_GROUP } from './offset-committer';
import { ProgramErrors } from './program-errors';
import { SubscriptionState } from './subscription-state';

/** The user's callbacks for rebalances. They are called inside poll, unsubscribe and close. */
export interface RebalanceListener {
  onPartitionsRevoked?(partitions: readonly TopicPartition[]): void | Promise<void>;
  onPartitionsAssigned?(partitions: readonly TopicPartition[]): void | Promise<void>;
  /**
   * The partitions were lost without notice, and another member may read them already. Default:
   * onPartitionsRevoked.
   */
  onPartitionsLost?(partitions: readonly TopicPartition[]): void | Promise<void>;
}

/** How long to wait for a topic that the metadata does not have, once. */
const MISSING_TOPIC_WAIT_MS = 1000;

export interface ConsumerCoordinatorDeps {
  readonly host: Host;
  readonly log: Log;
  readonly config: ConsumerConfig;
  readonly groupId: string;
  readonly assignors: readonly PartitionAssignor[];
  readonly subscription: SubscriptionState;
  readonly metadata: ClusterMetadata;
  /** Connections that are used for the coordinator only. */
  readonly pool: ConnectionPool;
  readonly interceptors: ConsumerInterceptors;
  readonly onAttention: () => void;
}

export class ConsumerCoordinator {
  readonly membership: GroupMembership;
  readonly committer: OffsetCommitter;
  listener: RebalanceListener = {};
  private readonly coordinator: CoordinatorClient;
  private readonly missing = new Set<string>();
  private nextAutoCommitMs: number;
  private autoCommitting: Promise<void> | undefined;
  /** The member has given up what it must before it joins; the join is in progress. */
  private prepared = false;
  private isLeaving = false;
  private assignedFrom: ReadonlyMap<string, number> | undefined;
  private nextPatternLookMs = 0;
  private matching: Promise<void> | undefined;
  private readonly protocol: 'eager' | 'cooperative';

  constructor(private readonly deps: ConsumerCoordinatorDeps) {
    const { host, log, config, groupId, assignors, metadata, pool, subscription } = deps;
    this.coordinator = new CoordinatorClient(host, log, groupId, config['retry.backoff.ms'], metadata, pool);
    this.membership = new GroupMembership({
      host,
      log,
      config,
      groupId,
      assignors,
      coordinator: this.coordinator,
      onAttention: deps.onAttention,
      // Lost partitions are not claimed, even before poll has reported the loss.
      subscription: () => ({
        topics: subscription.topics,
        owned: this.membership.partitionsLost ? [] : subscription.partitions,
      }),
      partitionCounts: (topics) => this.partitionCounts(topics),
    });
    this.committer = new OffsetCommitter(host, groupId, config['retry.backoff.ms'], this.coordinator);
    this.protocol = assignors.every((one) => one.protocol === 'cooperative') ? 'cooperative' : 'eager';
    this.nextAutoCommitMs = this.now + config['auto.commit.interval.ms'];
  }

  private get now(): number {
    return this.deps.host.clock.monotonicMs();
  }

  /** The group's part of every poll. Throws errors that end the membership, and errors of the listener. */
  async poll(): Promise<void> {
    const { subscription } = this.deps;
    this.membership.polled();
    if (subscription.isSubscribed && !this.isLeaving) {
      const failure = this.membership.takeFailure();
      if (failure) throw failure;
      await this.rebalance();
    }
    this.maybeAutoCommit();
  }

  private async rebalance(): Promise<void> {
    const { subscription } = this.deps;
    if (this.membership.partitionsLost) await this.lose();
    // First apply the last join: it may already have what lookForTopics would ask for.
    const joined = this.membership.takeJoined();
    if (joined) await this.complete(joined);
    this.lookForTopics();
    if (this.membership.rejoinNeeded && !this.membership.isJoining && subscription.topics.length > 0) {
      if (!this.prepared) await this.prepare();
      this.prepared = true;
      this.membership.startJoin();
    }
  }

  /** A topic that appears, disappears or gets more partitions requires a new assignment. */
  private lookForTopics(): void {
    const { subscription, metadata, config } = this.deps;
    const pattern = subscription.subscribedPattern;
    if (pattern && this.now >= this.nextPatternLookMs) {
      // In the background, and repeated after a backoff: a broker that does not respond must not delay the
      // polls.
      this.nextPatternLookMs = this.now + config['retry.backoff.ms'];
      this.matching ??= this.matchTopics(pattern).finally(() => {
        this.matching = undefined;
      });
    }
    if (this.assignedFrom === undefined || this.membership.isJoining) return;
    for (const [topic, count] of this.assignedFrom) {
      const now = metadata.topic(topic)?.partitions.length ?? count;
      if (now !== count)
        return this.membership.requestRejoin(`topic ${topic} has ${now} partitions instead of ${count}`);
    }
    for (const topic of this.missing)
      if (metadata.topic(topic) && !this.assignedFrom.has(topic))
        return this.membership.requestRejoin(`topic ${topic} exists now`);
  }

  /** Reads the topics that match the pattern, in the background. */
  private async matchTopics(pattern: RegExp): Promise<void> {
    const { subscription, metadata, config, log, onAttention } = this.deps;
    try {
      const isMeant = (topic: string) =>
        pattern.test(topic) && !(config['exclude.internal.topics'] && topic.startsWith('__'));
      const matches = (await metadata.topics()).filter(isMeant);
      if (subscription.subscribedPattern !== pattern) return;
      this.nextPatternLookMs = this.now + config['metadata.max.age.ms'];
      if (!subscription.matched(matches)) return;
      log.info(`Subscribed to topics ${matches.join(', ') || '(none)'} by pattern ${pattern.source}`);
      this.membership.requestRejoin('the topics that match the pattern have changed');
      onAttention();
    } catch (error) {
      log.debug(`The topics could not be listed: ${messageOf(error)}`);
    }
  }

  private async partitionCounts(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { metadata } = this.deps;
    const counts = new Map<string, number>();
    await Promise.all(
      topics.map(async (topic) => {
        const info =
          metadata.topic(topic) ??
          (await metadata
            .awaitTopic(topic, this.missing.has(topic) ? 1 : MISSING_TOPIC_WAIT_MS)
            .catch(() => undefined));
        if (info) counts.set(topic, info.partitions.length);
        else this.missing.add(topic);
      }),
    );
    for (const topic of this.missing)
      if (counts.has(topic) || !topics.includes(topic)) this.missing.delete(topic);
    return new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /**
   * Before a join: an eager member gives up everything, a cooperative one only topics it is no longer
   * subscribed to.
   */
  private async prepare(): Promise<void> {
    const { subscription } = this.deps;
    await this.commitBeforeLosing();
    if (this.membership.partitionsLost) return this.lose();
    const given =
      this.protocol === 'eager'
        ? subscription.partitions
        : subscription.partitions.filter((tp) => !subscription.topics.includes(tp.topic));
    await this.giveUp(given, 'onPartitionsRevoked');
  }

  private async lose(): Promise<void> {
    this.membership.partitionsLost = false;
    await this.giveUp(
      this.deps.subscription.partitions,
      this.listener.onPartitionsLost ? 'onPartitionsLost' : 'onPartitionsRevoked',
    );
  }

  private async giveUp(
    given: readonly TopicPartition[],
    how: 'onPartitionsRevoked' | 'onPartitionsLost',
  ): Promise<void> {
    const { subscription, log } = this.deps;
    if (given.length === 0) return;
    log.info(
      `${how === 'onPartitionsLost' ? 'Lost' : 'Revoke'} previously assigned partitions ` +
        `${given.map(tpName).join(', ')}`,
    );
    const names = new Set(given.map(tpName));
    for (const tp of given) subscription.find(tp)!.revoked = true;
    try {
      await this.listener[how]?.(given);
    } finally {
      subscription.assignFromGroup(subscription.partitions.filter((tp) => !names.has(tpName(tp))));
    }
  }

  /** What the user's callbacks throw is thrown at the end: the assignment is valid all the same. */
  private async complete({ generation, assignor, partitions, assignedFrom }: JoinResult): Promise<void> {
    const { subscription, log, groupId } = this.deps;
    this.prepared = false;
    this.assignedFrom = assignedFrom;
    const owned = new Set(subscription.partitions.map(tpName));
    const target = new Set(partitions.map(tpName));
    const added = partitions.filter((tp) => !owned.has(tpName(tp)));
    const revoked = subscription.partitions.filter((tp) => !target.has(tpName(tp)));
    const errors = new ProgramErrors();
    await errors.keep(() => assignor.onAssignment?.(partitions, generation));
    log.info(
      `Successfully joined group ${groupId} with generation ${generation}; assigned ` +
        `${partitions.map(tpName).join(', ') || 'nothing: this member is idle'}`,
    );
    if (revoked.length > 0) {
      await this.commitBeforeLosing();
      await errors.keep(() => this.giveUp(revoked, 'onPartitionsRevoked'));
      this.membership.requestRejoin('partitions were given up for others to take');
    }
    subscription.assignFromGroup(partitions);
    this.nextAutoCommitMs = this.now + this.deps.config['auto.commit.interval.ms'];
    await errors.keep(() => this.listener.onPartitionsAssigned?.(added));
    errors.throwFirst();
  }

  // ---- Committing

  private positions(): OffsetCommit[] {
    return this.deps.subscription
      .consumed()
      .map(({ tp, offset, leaderEpoch }) => ({ ...tp, offset, leaderEpoch }));
  }

  /** Includes commitAsync calls in progress: after the rebalance the coordinator would refuse them. */
  private async commitBeforeLosing(): Promise<void> {
    const { config, log } = this.deps;
    if (!this.membership.isMember) return;
    await this.committer.settled(config['max.poll.interval.ms']);
    if (!config['enable.auto.commit'] || !this.membership.isMember) return;
    await this.commit(this.positions(), config['max.poll.interval.ms']).catch((error) =>
      log.warn(`Auto-commit before a rebalance failed: ${messageOf(error)}`),
    );
  }

  /** In the background. A failure is logged as a warning; the next auto-commit follows. */
  private maybeAutoCommit(): void {
    const { config, log, subscription } = this.deps;
    if (!config['enable.auto.commit'] || this.autoCommitting || this.now < this.nextAutoCommitMs) return;
    if (subscription.isSubscribed && (!this.membership.isMember || this.membership.isRebalancing)) return;
    this.nextAutoCommitMs = this.now + config['auto.commit.interval.ms'];
    this.autoCommitting = this.commit(this.positions(), config['default.api.timeout.ms'])
      .catch((error) => log.warn(`Asynchronous auto-commit of offsets failed: ${messageOf(error)}`))
      .finally(() => {
        this.autoCommitting = undefined;
      });
  }

  /**
   * Commits the given offsets, or all positions. Rejects REBALANCE_IN_PROGRESS, COMMIT_FAILED, TIMEOUT and
   * the errors of the coordinator.
   */
  async commit(offsets: readonly OffsetCommit[] | undefined, timeoutMs: number): Promise<void> {
    const { subscription, interceptors } = this.deps;
    const commits = offsets ?? this.positions();
    for (const { offset } of commits)
      if (!Number.isSafeInteger(offset) || offset < 0)
        throw new KafkaError('ILLEGAL_STATE', `Invalid negative offset ${offset}`);
    await this.committer.commit(
      commits,
      subscription.isSubscribed ? this.membership : OUTSIDE_OF_A_GROUP,
      timeoutMs,
    );
    interceptors.onCommit(commits);
  }

  /**
   * Gives partitions without a position the committed offset, if there is one. Otherwise the reset strategy
   * applies.
   */
  async refreshCommitted(): Promise<void> {
    const waiting = this.deps.subscription.all.filter((one) => one.needsCommitted && !one.revoked);
    if (waiting.length === 0) return;
    const found = await this.committer.fetch(
      waiting.map((one) => one.tp),
      this.deps.config['default.api.timeout.ms'],
    );
    for (const partition of waiting) {
      if (!partition.needsCommitted) continue;
      const committed: OffsetAndMetadata | undefined = found.get(tpName(partition.tp));
      if (committed) this.deps.subscription.goOnAt(partition, committed, this.deps.metadata);
      else partition.requestReset(this.deps.subscription.defaultReset);
    }
  }

  /**
   * Commits (with auto-commit), gives up everything, unsubscribes, leaves the group. Throws what the listener
   * throws.
   */
  async leave(): Promise<void> {
    const { subscription } = this.deps;
    if (!subscription.isSubscribed) {
      await this.committer.settled(this.deps.config['request.timeout.ms']);
      if (!this.deps.config['enable.auto.commit']) return;
      return this.commit(undefined, this.deps.config['request.timeout.ms']).catch((error) =>
        this.deps.log.warn(`The last commit failed: ${messageOf(error)}`),
      );
    }
    // A poll that is still running must not join again, neither now nor while LeaveGroup is sent.
    this.isLeaving = true;
    await this.commitBeforeLosing();
    const isOwner = this.membership.isMember && !this.membership.isRebalancing;
    const how = isOwner || !this.listener.onPartitionsLost ? 'onPartitionsRevoked' : 'onPartitionsLost';
    const errors = new ProgramErrors();
    await errors.keep(() => this.giveUp(subscription.partitions, how));
    this.isLeaving = this.prepared = false;
    subscription.unsubscribe();
    await this.membership.leave();
    errors.throwFirst();
  }

  close(): void {
    this.membership.close();
    this.coordinator.close();
  }
}
