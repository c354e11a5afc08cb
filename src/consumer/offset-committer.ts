/**
 * Commits offsets for the group and reads committed ones back.
 *
 * Invariant: a commit names the generation it was made in, so that a member that has lost its partitions cannot move
 * another's offsets. Commits of one consumer reach the coordinator in the order they were made.
 *
 * Kafka: clients/consumer/internals/ConsumerCoordinator.java@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { ErrorName, KafkaError } from '../common/errors';
import { Host, sleep } from '../common/host';
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

const RETRIED: readonly ErrorName[] = [
  'COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR', 'REQUEST_TIMED_OUT', 'DISCONNECTED', 'UNKNOWN_TOPIC_OR_PARTITION', 'NETWORK_EXCEPTION',
];
const EXPELLED: readonly ErrorName[] = ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID'];

export class OffsetCommitter {
  private order: Promise<unknown> = Promise.resolve();
  private sequence = 0;

  constructor(
    private readonly host: Host, private readonly groupId: string, private readonly retryBackoffMs: number,
    private readonly coordinator: CoordinatorClient, private readonly onExpelled: (error: ErrorName) => void,
  ) {}

  /** Tries until it is done or the time is over; rejects COMMIT_FAILED, TIMEOUT, or what the coordinator says. */
  commit(offsets: readonly OffsetCommit[], membership: () => GenerationInfo, timeoutMs: number): Promise<void> {
    const deadlineMs = this.host.clock.monotonicMs() + timeoutMs;
    const done = this.order.then(() => this.tryUntil(offsets, membership(), deadlineMs));
    this.order = done.catch(() => {});
    return done;
  }

  private async tryUntil(offsets: readonly OffsetCommit[], membership: GenerationInfo, deadlineMs: number): Promise<void> {
    if (offsets.length === 0) return;
    for (;;) {
      const leftMs = deadlineMs - this.host.clock.monotonicMs();
      const error = await this.once(offsets, membership, Math.max(1, leftMs));
      if (error === 'NONE') return;
      if (EXPELLED.includes(error)) {
        this.onExpelled(error);
        if (error === 'FENCED_INSTANCE_ID') throw new KafkaError(error);
        throw new KafkaError('COMMIT_FAILED', `Commit cannot be completed since the group has already rebalanced and assigned the partitions to another member (${error}). `
          + 'The time between two polls was longer than max.poll.interval.ms, or no heartbeat arrived for session.timeout.ms.');
      }
      if (!RETRIED.includes(error)) throw new KafkaError(error);
      if (this.host.clock.monotonicMs() + this.retryBackoffMs >= deadlineMs) throw new KafkaError('TIMEOUT', `Timeout expired before successfully committing offsets (last error: ${error})`);
      await sleep(this.host.clock, this.retryBackoffMs);
    }
  }

  private async once(offsets: readonly OffsetCommit[], { generation, memberId, groupInstanceId }: GenerationInfo, timeoutMs: number): Promise<ErrorName> {
    const topics = byTopic(offsets, ({ partition, offset, leaderEpoch = -1, metadata = '' }) => ({ partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: leaderEpoch, committedMetadata: metadata }));
    try {
      const request = { groupId: this.groupId, generationId: generation, memberId, groupInstanceId, commitSequence: this.sequence++, topics: topics.map(([name, partitions]) => ({ name, partitions })) };
      const answer = await this.coordinator.request(offsetCommit, request, timeoutMs);
      const bad = answer.topics.flatMap((topic) => topic.partitions).find((row) => row.errorCode !== 0);
      return bad ? this.coordinator.note(bad.errorCode) : 'NONE';
    } catch (error) {
      if (error instanceof KafkaError) return error.errorName;
      throw error;
    }
  }

  /** What the group has committed for the partitions; those without a commit are left out. Rejects TIMEOUT. */
  async fetch(tps: readonly TopicPartition[], timeoutMs: number): Promise<Map<string, OffsetAndMetadata>> {
    const deadlineMs = this.host.clock.monotonicMs() + timeoutMs;
    for (;;) {
      const found = await this.fetchOnce(tps, Math.max(1, deadlineMs - this.host.clock.monotonicMs()));
      if (typeof found !== 'string') return found;
      if (!RETRIED.includes(found)) throw new KafkaError(found);
      if (this.host.clock.monotonicMs() + this.retryBackoffMs >= deadlineMs) throw new KafkaError('TIMEOUT', `Timeout expired before the committed offsets could be determined (last error: ${found})`);
      await sleep(this.host.clock, this.retryBackoffMs);
    }
  }

  private async fetchOnce(tps: readonly TopicPartition[], timeoutMs: number): Promise<Map<string, OffsetAndMetadata> | ErrorName> {
    try {
      const topics = byTopic(tps, ({ partition }) => partition).map(([name, partitionIndexes]) => ({ name, partitionIndexes }));
      const answer = await this.coordinator.request(offsetFetch, { groupId: this.groupId, allTopics: false, topics }, timeoutMs);
      if (answer.errorCode !== 0) return this.coordinator.note(answer.errorCode);
      return new Map(answer.topics.flatMap(({ name, partitions }) => partitions.filter((row) => row.committedOffset >= 0)
        .map((row) => [tpName({ topic: name, partition: row.partitionIndex }), { offset: row.committedOffset, leaderEpoch: row.committedLeaderEpoch, metadata: row.metadata ?? '' }])));
    } catch (error) {
      if (error instanceof KafkaError) return error.errorName;
      throw error;
    }
  }
}

export function byTopic<T extends TopicPartition, R>(rows: readonly T[], make: (row: T) => R): [string, R[]][] {
  const topics = new Map<string, R[]>();
  for (const row of rows) {
    const list = topics.get(row.topic);
    if (list) list.push(make(row));
    else topics.set(row.topic, [make(row)]);
  }
  return [...topics];
}
