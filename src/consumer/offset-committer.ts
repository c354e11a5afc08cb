/**
 * Commits offsets for the group and reads committed ones back.
 *
 * Invariants: a commit is made under the membership of the moment it was asked for, or not at all, so that a
 * member that has lost its partitions cannot move another's offsets. Commits of one consumer reach the
 * coordinator in the order they were made. Every call ends with its deadline, also while the coordinator is
 * being looked for.
 *
 * Kafka: clients/consumer/internals/ConsumerCoordinator.java@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { ErrorName, KafkaError } from '../common/errors';
import { Host, sleep, withDeadline } from '../common/host';
import { offsetCommit, offsetFetch } from '../protocol/messages/groups';
import { CoordinatorClient } from './coordinator-client';

export interface OffsetAndMetadata {
  /** The next offset to read. */
  readonly offset: number;
  /** Leader epoch of the last record read; -1 or not set: not known. */
  readonly leaderEpoch?: number;
  readonly metadata?: string;
}

export interface OffsetCommit extends TopicPartition, OffsetAndMetadata {}

/** Under which membership a commit is made. */
export interface GenerationInfo {
  readonly generation: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** Who commits: a member of a group, or somebody outside of one. */
export interface CommitRights {
  /**
   * The membership to commit under. Throws if there is none at the moment, or another one than `made` by now.
   */
  commitAs(made?: GenerationInfo): GenerationInfo;
  /**
   * The coordinator answered `error` to a commit made under `made`: what to tell the caller, if it ends the
   * commit.
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
/** The coordinator does not take this member's word any more. */
export const EXPELLED: readonly ErrorName[] = [
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'FENCED_INSTANCE_ID',
];

export function commitFailed(reason: string): KafkaError {
  return new KafkaError(
    'COMMIT_FAILED',
    `Commit cannot be completed since the group has already rebalanced and assigned the partitions to another member (${reason}). ` +
      'The time between two polls was longer than max.poll.interval.ms, or no heartbeat arrived for session.timeout.ms.',
  );
}

export function rebalanceInProgress(): KafkaError {
  return new KafkaError(
    'REBALANCE_IN_PROGRESS',
    'Offset commit cannot be completed since the consumer is undergoing a rebalance. ' +
      'You can try completing the rebalance by calling poll() and then retry the operation.',
  );
}

/** Of a consumer that assigns partitions to itself. */
export const OUTSIDE_OF_A_GROUP: CommitRights = {
  commitAs: () => ({ generation: -1, memberId: '', groupInstanceId: null }),
  commitRefused: (error) =>
    EXPELLED.includes(error) ? commitFailed(`${error}: the group has members`) : undefined,
};

export class OffsetCommitter {
  private order: Promise<unknown> = Promise.resolve();
  private sequence = 0;
  /** Tells the coordinator this consumer's commits from those of others that are no members either. */
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
   * Tries until it is done or the time is over. Rejects TIMEOUT, REBALANCE_IN_PROGRESS (at once, nothing is
   * lost: poll, and commit again), COMMIT_FAILED, or what the coordinator says.
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

  /** Resolves once every commit asked for so far has had its end, at the latest after `timeoutMs`. */
  settled(timeoutMs: number): Promise<unknown> {
    return withDeadline(this.host.clock, timeoutMs, this.order, () => timeUp('it is not waited for')).catch(() => {});
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

  /**
   * What the group has committed for the partitions; those without a commit are left out. Rejects TIMEOUT.
   */
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

  /** A commit that is still under way may be the former owner's last: it is waited for (KIP-447). */
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
