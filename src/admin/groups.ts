/**
 * Operations on consumer groups by requests: list, describe, read and set offsets, delete.
 *
 * Every call goes to the group's coordinator. It is repeated while the coordinator moves or loads, up to
 * `timeoutMs`.
 *
 * Kafka: clients/admin/KafkaAdminClient.java, kafka/admin/ConsumerGroupCommand.scala@2.8.2
 */
import { HostPort, TopicPartition } from '../common/cluster-types';
import { ErrorName, errorName, KafkaError } from '../common/errors';
import { Host, sleep } from '../common/host';
import { ClusterMetadata } from '../client/cluster-metadata';
import { ConnectionPool } from '../network/connection-pool';
import { CONSUMER_PROTOCOL_TYPE, decodeAssignment } from '../protocol/consumer-protocol';
import {
  deleteGroups,
  describeGroups,
  findCoordinator,
  listGroups,
  offsetCommit,
  offsetDelete,
  offsetFetch,
} from '../protocol/messages/groups';

export interface GroupListing {
  readonly groupId: string;
  readonly protocolType: string;
  readonly state: string;
}

export interface MemberDescription {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  /** In the form /127.0.0.1 */
  readonly host: string;
  readonly partitions: readonly TopicPartition[];
}

export interface GroupDescription {
  readonly groupId: string;
  readonly coordinator: HostPort & { readonly id: number };
  /** Empty, PreparingRebalance, CompletingRebalance, Stable, or Dead for a group that does not exist. */
  readonly state: string;
  readonly protocolType: string;
  readonly assignor: string;
  readonly members: readonly MemberDescription[];
}

export interface GroupOffset extends TopicPartition {
  readonly offset: number;
  readonly leaderEpoch?: number;
  readonly metadata?: string;
}

const RETRIED: readonly ErrorName[] = [
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'DISCONNECTED',
  'REQUEST_TIMED_OUT',
];

type Coordinator = HostPort & { readonly id: number };

export class GroupAdmin {
  private turn = 0;

  constructor(
    private readonly host: Host,
    private readonly pool: ConnectionPool,
    private readonly metadata: ClusterMetadata,
    private readonly timeoutMs: number,
    private readonly retryBackoffMs: number,
  ) {}

  private async retried<T>(work: () => Promise<T>): Promise<T> {
    const deadlineMs = this.host.clock.monotonicMs() + this.timeoutMs;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (
          !(error instanceof KafkaError) ||
          !RETRIED.includes(error.errorName) ||
          this.host.clock.monotonicMs() + this.retryBackoffMs >= deadlineMs
        )
          throw error;
        await sleep(this.host.clock, this.retryBackoffMs);
      }
    }
  }

  private check(code: number, detail?: string): void {
    if (code !== 0) throw KafkaError.ofCode(code, detail);
  }

  /** Asks another broker with each attempt, because one may be down or not respond. */
  private async coordinatorOf(groupId: string): Promise<Coordinator> {
    const brokers = this.metadata.addresses();
    const broker = brokers[this.turn++ % brokers.length];
    if (!broker) throw new KafkaError('COORDINATOR_NOT_AVAILABLE', 'no broker is known');
    const answer = await this.pool.request(broker, findCoordinator, { key: groupId, keyType: 0 });
    this.check(answer.errorCode, answer.errorMessage ?? undefined);
    return { host: answer.host, port: answer.port, id: answer.nodeId };
  }

  /** The groups of all brokers; with `states` only those in one of these states. */
  async list(states: readonly string[] = []): Promise<GroupListing[]> {
    const brokers = new Map(
      this.metadata.addresses().map((address) => [`${address.host}:${address.port}`, address]),
    );
    const answers = await Promise.all(
      [...brokers.values()].map((broker) =>
        this.retried(async () => {
          const answer = await this.pool.request(broker, listGroups, { statesFilter: states });
          this.check(answer.errorCode);
          return answer.groups;
        }),
      ),
    );
    const groups = new Map(
      answers
        .flat()
        .map((group) => [
          group.groupId,
          { groupId: group.groupId, protocolType: group.protocolType, state: group.groupState },
        ]),
    );
    return [...groups.values()].sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
  }

  describe(groupId: string): Promise<GroupDescription> {
    return this.retried(async () => {
      const coordinator = await this.coordinatorOf(groupId);
      const [group] = (await this.pool.request(coordinator, describeGroups, { groups: [groupId] })).groups;
      this.check(group!.errorCode);
      return {
        groupId,
        coordinator,
        state: group!.groupState,
        protocolType: group!.protocolType,
        assignor: group!.protocolData,
        members: group!.members.map((member) => ({
          memberId: member.memberId,
          groupInstanceId: member.groupInstanceId,
          clientId: member.clientId,
          host: member.clientHost,
          partitions:
            group!.protocolType === CONSUMER_PROTOCOL_TYPE
              ? decodeAssignment(member.memberAssignment).partitions
              : [],
        })),
      };
    });
  }

  /** All committed offsets of the group. */
  offsets(groupId: string): Promise<GroupOffset[]> {
    return this.retried(async () => {
      const answer = await this.pool.request(await this.coordinatorOf(groupId), offsetFetch, {
        groupId,
        allTopics: true,
        topics: [],
        requireStable: false,
      });
      this.check(answer.errorCode);
      return answer.topics.flatMap(({ name, partitions }) =>
        partitions.map((row) => ({
          topic: name,
          partition: row.partitionIndex,
          offset: row.committedOffset,
          leaderEpoch: row.committedLeaderEpoch,
          metadata: row.metadata ?? '',
        })),
      );
    });
  }

  /** Sets offsets of a group. Rejects UNKNOWN_MEMBER_ID if the group has members. */
  alterOffsets(groupId: string, offsets: readonly GroupOffset[]): Promise<void> {
    return this.retried(async () => {
      const topics = group(offsets).map(([name, rows]) => ({
        name,
        partitions: rows.map((row) => ({
          partitionIndex: row.partition,
          committedOffset: row.offset,
          committedLeaderEpoch: -1,
          committedMetadata: row.metadata ?? '',
        })),
      }));
      const answer = await this.pool.request(await this.coordinatorOf(groupId), offsetCommit, {
        groupId,
        generationId: -1,
        memberId: '',
        groupInstanceId: null,
        commitSequence: -1,
        committerId: '',
        topics,
      });
      for (const { name, partitions } of answer.topics)
        for (const row of partitions)
          this.check(row.errorCode, `${name}-${row.partitionIndex}: ${errorName(row.errorCode)}`);
    });
  }

  /** Rejects NON_EMPTY_GROUP or GROUP_ID_NOT_FOUND. */
  delete(groupId: string): Promise<void> {
    return this.retried(async () => {
      const answer = await this.pool.request(await this.coordinatorOf(groupId), deleteGroups, {
        groupsNames: [groupId],
      });
      this.check(answer.results[0]!.errorCode);
    });
  }

  /**
   * Deletes committed offsets. Returns an error for each partition. Rejects GROUP_ID_NOT_FOUND or
   * NON_EMPTY_GROUP.
   */
  deleteOffsets(
    groupId: string,
    tps: readonly TopicPartition[],
  ): Promise<(TopicPartition & { readonly error: ErrorName })[]> {
    return this.retried(async () => {
      const topics = group(tps).map(([name, rows]) => ({
        name,
        partitionIndexes: rows.map((row) => row.partition),
      }));
      const answer = await this.pool.request(await this.coordinatorOf(groupId), offsetDelete, {
        groupId,
        topics,
      });
      this.check(answer.errorCode);
      return answer.topics.flatMap(({ name, partitions }) =>
        partitions.map((row) => ({
          topic: name,
          partition: row.partitionIndex,
          error: errorName(row.errorCode),
        })),
      );
    });
  }
}

function group<T extends TopicPartition>(rows: readonly T[]): [string, T[]][] {
  const topics = new Map<string, T[]>();
  for (const row of rows) topics.set(row.topic, [...(topics.get(row.topic) ?? []), row]);
  return [...topics];
}
