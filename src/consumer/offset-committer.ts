/**
 * Commits offsets for the group and fetches committed offsets.
 *
 * Invariants: a commit is sent under the membership at the time of the call, or not at all, so that a member
 * that has lost its partitions cannot overwrite another member's offsets. The commits of one consumer reach
 * the coordinator in the order of the calls. Every call ends at its deadline, even while the coordinator is
 * being looked up.
 *
 * Kafka: clients/consumer/internals/ConsumerCoordinator.java@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { ErrorName, KafkaError } from '../common/errors';
import { Host, sleep, withDeadline } from '../common/host';
import { offsetCommit, offsetFetch } from '../protocol/messages/groups';
import { CoordinatorClient } from './coordinator-client';

export interface OffsetAndMetadata {
  /** The offset of the next record to read. */
  readonly offset: number;
  /** The leader epoch of the last record read; -1 or undefined: not known. */
  readonly leaderEpoch?: number;
  readonly metadata?: string;
}

export interface OffsetCommit extends TopicPartition, OffsetAndMetadata {}

/** The membership under which a commit is sent. */
export interface GenerationInfo {
  readonly generation: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** Gives the right to commit: a member of a group, or a consumer without a group. */
export interface CommitRights {
  /** The membership to commit under. Throws if there is none now, or if it is no longer `made`. */
  commitAs(made?: GenerationInfo): GenerationInfo;
  /**
   * The coordinator returned `error` for a commit under `made`. Returns the error for the caller, or
   * undefined to retry.
   */
  commitRefused(error: ErrorName, made: GenerationInfo): KafkaError | undefined;
}

const RETRIED: readonly ErrorName[] = [
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'REQUEST_TIMED_OUT',
  'DISCONNECTED',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'NETWORK_EXCEPTION',
  'UNSTABLE_OFFSET_COMMIT',
];
/** Errors which say that the coordinator no longer accepts this member. */
export const EXPELLED: readonly ErrorName[] = [
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'FENCED_INSTANCE_ID',
];

export function commitFailed(reason: string): KafkaError {
  return new KafkaError(
    'COMMIT_FAILED',
    `Commit cannot be completed since the group has already rebalanced and assigned the partitions to ` +
      `another member (${reason}). ` +
      'The time between two polls was longer than max.poll.interval.ms, or no heartbeat arrived for ' +
      'session.timeout.ms.',
  );
}

export function rebalanceInProgress(): KafkaError {
  return new KafkaError(
    'REBALANCE_IN_PROGRESS',
    'Offset commit cannot be completed since the consumer is undergoing a rebalance. ' +
      'You can try completing the rebalance by calling poll() and then retry the operation.',
  );
}

/** For a consumer that assigns partitions to itself. */
export const OUTSIDE_OF_A_GROUP: CommitRights = {
  commitAs: () => ({ generation: -1, memberId: '', groupInstanceId: null }),
  commitRefused: (error) =>
    EXPELLED.includes(error) ? commitFailed(`${error}: the group has members`) : undefined,
};

export class OffsetCommitter {
  private order: Promise<unknown> = Promise.resolve();
  private sequence = 0;
  /** Distinguishes this consumer's commits from those of other consumers without membership. */
  private readonly committerId: string;

  constructor(
    private readonly host: Host,
    private readonly groupId: string,
    private readonly retryBackoffMs: number,
    private readonly coordinator: CoordinatorClient,
  ) {
    this.committerId = host.random.bytes(12).toString('hex');
  }

  private get now(): number {
    return this.host.clock.monotonicMs();
  }

  /**
   * Retries until the commit succeeds or the time is over. Rejects TIMEOUT, REBALANCE_IN_PROGRESS (at once,
   * nothing is lost: poll, then commit again), COMMIT_FAILED, or the coordinator's error.
   */
  commit(offsets: readonly OffsetCommit[], rights: CommitRights, timeoutMs: number): Promise<void> {
    if (offsets.length === 0) return Promise.resolve();
    let made: GenerationInfo;
    try {
      made = rights.commitAs();
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const deadlineMs = this.now + timeoutMs;
    const done = this.order.then(() => this.tryUntil(offsets, rights, made, deadlineMs));
    this.order = done.catch(() => {});
    return withDeadline(this.host.clock, timeoutMs, done, () =>
      timeUp('it waited behind earlier commits, or for the coordinator'),
    );
  }

  /** Resolves when all commits so far have ended, at the latest after `timeoutMs`. */
  settled(timeoutMs: number): Promise<unknown> {
    return withDeadline(this.host.clock, timeoutMs, this.order, () => timeUp('it is not waited for')).catch(
      () => {},
    );
  }

  private async tryUntil(
    offsets: readonly OffsetCommit[],
    rights: CommitRights,
    made: GenerationInfo,
    deadlineMs: number,
  ): Promise<void> {
    for (let lastError = 'it waited behind earlier commits'; ;) {
      const leftMs = deadlineMs - this.now;
      if (leftMs <= 0) throw timeUp(lastError);
      const error = await this.once(offsets, rights.commitAs(made), leftMs);
      if (error === 'NONE') return;
      const refusal = rights.commitRefused(error, made);
      if (refusal) throw refusal;
      if (!RETRIED.includes(error)) throw new KafkaError(error);
      lastError = `last error: ${error}`;
      if (this.now + this.retryBackoffMs >= deadlineMs) throw timeUp(lastError);
      await sleep(this.host.clock, this.retryBackoffMs);
    }
  }

  private async once(
    offsets: readonly OffsetCommit[],
    made: GenerationInfo,
    timeoutMs: number,
  ): Promise<ErrorName> {
    const topics = byTopic(offsets, ({ partition, offset, leaderEpoch = -1, metadata = '' }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: leaderEpoch,
      committedMetadata: metadata,
    }));
    try {
      const answer = await this.coordinator.request(
        offsetCommit,
        {
          groupId: this.groupId,
          generationId: made.generation,
          memberId: made.memberId,
          groupInstanceId: made.groupInstanceId,
          commitSequence: this.sequence++,
          committerId: this.committerId,
          topics: topics.map(([name, partitions]) => ({ name, partitions })),
        },
        timeoutMs,
      );
      const bad = answer.topics.flatMap((topic) => topic.partitions).find((row) => row.errorCode !== 0);
      return bad ? this.coordinator.note(bad.errorCode) : 'NONE';
    } catch (error) {
      if (error instanceof KafkaError) return error.errorName;
      throw error;
    }
  }

  /** The group's committed offsets of the partitions; those without one have no entry. Rejects TIMEOUT. */
  async fetch(tps: readonly TopicPartition[], timeoutMs: number): Promise<Map<string, OffsetAndMetadata>> {
    const deadlineMs = this.now + timeoutMs;
    for (;;) {
      const found = await this.fetchOnce(tps, Math.max(1, deadlineMs - this.now));
      if (typeof found !== 'string') return found;
      if (!RETRIED.includes(found)) throw new KafkaError(found);
      if (this.now + this.retryBackoffMs >= deadlineMs) {
        throw new KafkaError(
          'TIMEOUT',
          `Timeout expired before the committed offsets could be determined (last error: ${found})`,
        );
      }
      await sleep(this.host.clock, this.retryBackoffMs);
    }
  }

  /**
   * requireStable: a commit in progress may be the last one of the former owner, so wait for it (KIP-447).
   */
  private async fetchOnce(
    tps: readonly TopicPartition[],
    timeoutMs: number,
  ): Promise<Map<string, OffsetAndMetadata> | ErrorName> {
    try {
      const topics = byTopic(tps, ({ partition }) => partition).map(([name, partitionIndexes]) => ({
        name,
        partitionIndexes,
      }));
      const answer = await this.coordinator.request(
        offsetFetch,
        { groupId: this.groupId, allTopics: false, topics, requireStable: true },
        timeoutMs,
      );
      if (answer.errorCode !== 0) return this.coordinator.note(answer.errorCode);
      const rows = answer.topics.flatMap(({ name, partitions }) =>
        partitions.map((row) => ({ ...row, tp: { topic: name, partition: row.partitionIndex } })),
      );
      const bad = rows.find((row) => row.errorCode !== 0);
      if (bad) return this.coordinator.note(bad.errorCode);
      return new Map(
        rows
          .filter((row) => row.committedOffset >= 0)
          .map((row) => [
            tpName(row.tp),
            {
              offset: row.committedOffset,
              leaderEpoch: row.committedLeaderEpoch,
              metadata: row.metadata ?? '',
            },
          ]),
      );
    } catch (error) {
      if (error instanceof KafkaError) return error.errorName;
      throw error;
    }
  }
}

function timeUp(why: string): KafkaError {
  return new KafkaError('TIMEOUT', `Timeout expired before successfully committing offsets (${why})`);
}

export function byTopic<T extends TopicPartition, R>(
  rows: readonly T[],
  make: (row: T) => R,
): [string, R[]][] {
  const topics = new Map<string, R[]>();
  for (const row of rows) {
    const list = topics.get(row.topic);
    if (list) list.push(make(row));
    else topics.set(row.topic, [make(row)]);
  }
  return [...topics];
}
