/**
 * Committed offsets and the administration of groups: OffsetCommit, OffsetFetch, OffsetDelete,
 * DescribeGroups, ListGroups, DeleteGroups.
 *
 * Invariant: only a member of the current generation can commit for its group. A client without a generation
 * can commit only while the group has no members.
 *
 * Kafka: coordinator/group/GroupCoordinator.scala, server/KafkaApis.scala@2.8.2
 */
import { TopicPartition } from '../../common/cluster-types';
import { errorCode, ErrorName } from '../../common/errors';
import { Host } from '../../common/host';
import { CONSUMER_PROTOCOL_TYPE } from '../../protocol/consumer-protocol';
import {
  deleteGroups,
  describeGroups,
  listGroups,
  offsetCommit,
  offsetDelete,
  offsetFetch,
} from '../../protocol/messages/groups';
import { TypeOf } from '../../protocol/schema';
import { BrokerConfig } from '../broker-config';
import { Group } from './group-metadata';
import { GroupCoordinator } from './group-coordinator';
import { GroupMetadataManager } from './group-metadata-manager';
import { GroupRebalance } from './group-rebalance';
import { CommittedOffset } from './group-records';

type CommitRequest = TypeOf<typeof offsetCommit.request>;
type CommitResponse = TypeOf<typeof offsetCommit.response>;
type FetchRequest = TypeOf<typeof offsetFetch.request>;
type FetchResponse = TypeOf<typeof offsetFetch.response>;
type DescribedGroup = TypeOf<typeof describeGroups.response>['groups'][number];

export interface GroupOffsetsDeps {
  readonly host: Host;
  readonly config: BrokerConfig;
  readonly groups: GroupMetadataManager;
  readonly coordinator: GroupCoordinator;
  readonly rebalance: GroupRebalance;
  readonly partitionExists: (tp: TopicPartition) => boolean;
}

export class GroupOffsets {
  constructor(private readonly deps: GroupOffsetsDeps) {}

  async commit(request: CommitRequest): Promise<CommitResponse> {
    const timestamp = this.deps.host.clock.wallMs();
    const rows = request.topics.flatMap(({ name, partitions }) =>
      partitions.map((row) => ({ tp: { topic: name, partition: row.partitionIndex }, row })),
    );
    const errors = new Map(rows.map((one) => [one, this.rowProblem(one.tp, one.row.committedMetadata)]));
    const good = rows
      .filter((one) => errors.get(one) === 'NONE')
      .map(({ tp, row }) => ({
        tp,
        committed: {
          offset: row.committedOffset,
          leaderEpoch: row.committedLeaderEpoch,
          metadata: row.committedMetadata ?? '',
          commitTimestamp: timestamp,
          expireTimestamp: -1,
        },
      }));
    const { group, error } = this.mayCommit(request);
    const outcome =
      error !== 'NONE' || !group
        ? error
        : good.length > 0
          ? await this.deps.groups.storeOffsets(group, good)
          : 'NONE';
    const answer = (one: (typeof rows)[number]) => {
      const own = errors.get(one)!;
      return errorCode(error !== 'NONE' || own === 'NONE' ? outcome : own);
    };
    let next = 0;
    return {
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: rows
          .slice(next, (next += partitions.length))
          .map((one) => ({ partitionIndex: one.tp.partition, errorCode: answer(one) })),
      })),
    };
  }

  private rowProblem(tp: TopicPartition, metadata: string | null): ErrorName {
    if (!this.deps.partitionExists(tp)) return 'UNKNOWN_TOPIC_OR_PARTITION';
    return Buffer.byteLength(metadata ?? '') > this.deps.config['offset.metadata.max.bytes']
      ? 'OFFSET_METADATA_TOO_LARGE'
      : 'NONE';
  }

  /**
   * The group, or the error for the commit. Kafka: GroupCoordinator#handleCommitOffsets and doCommitOffsets
   */
  private mayCommit({
    groupId,
    memberId,
    groupInstanceId,
    generationId,
    commitSequence,
    committerId,
  }: CommitRequest): { group?: Group; error: ErrorName } {
    const { groups, coordinator, rebalance, config } = this.deps;
    const owner = groups.ownership(groupId);
    if (owner !== 'NONE') return { error: owner };
    const known = groups.get(groupId);
    if (!known && generationId >= 0) return { error: 'ILLEGAL_GENERATION' };
    const group = known ?? groups.getOrCreate(groupId);
    if (group.is('Dead')) return { error: 'COORDINATOR_NOT_AVAILABLE' };
    if (generationId < 0 && group.is('Empty'))
      return group.isLate(committerId, commitSequence)
        ? { error: 'REQUEST_TIMED_OUT' }
        : { group, error: 'NONE' };
    const problem = coordinator.memberProblem(group, memberId, groupInstanceId, generationId);
    if (problem !== 'NONE' && config['lab.commit.without.generation']) return { group, error: 'NONE' };
    if (problem !== 'NONE') return { error: problem };
    // Members do not know their new assignment yet, so a commit could be for a partition that another member
    // gets.
    if (group.is('CompletingRebalance')) return { error: 'REBALANCE_IN_PROGRESS' };
    const member = group.members.get(memberId)!;
    rebalance.keepAlive(group, member, member.sessionTimeoutMs);
    // A commit that the member has abandoned arrives late, over an old connection (docs/decisions/0008).
    if (commitSequence >= 0 && commitSequence <= member.commitSequence) return { error: 'REQUEST_TIMED_OUT' };
    member.commitSequence = commitSequence;
    return { group, error: 'NONE' };
  }

  fetch(request: FetchRequest): FetchResponse {
    const owner = this.deps.groups.ownership(request.groupId);
    if (owner === 'COORDINATOR_LOAD_IN_PROGRESS')
      this.deps.host.event({ what: 'group-read-while-loading', group: request.groupId });
    if (owner !== 'NONE') return { errorCode: errorCode(owner), topics: [] };
    const group = this.deps.groups.get(request.groupId);
    const wanted = request.allTopics ? allOf(group) : request.topics;
    const row = (topic: string, partition: number) => {
      const isUnstable = request.requireStable && group?.offsets.isPending({ topic, partition });
      return isUnstable
        ? { ...offsetRow(partition, undefined), errorCode: errorCode('UNSTABLE_OFFSET_COMMIT') }
        : offsetRow(partition, group?.offsets.get({ topic, partition }));
    };
    return {
      errorCode: 0,
      topics: wanted.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partition) => row(name, partition)),
      })),
    };
  }

  async delete(request: TypeOf<typeof offsetDelete.request>): Promise<TypeOf<typeof offsetDelete.response>> {
    const refuse = (error: ErrorName) => ({ errorCode: errorCode(error), topics: [] });
    const owner = this.deps.groups.ownership(request.groupId);
    if (owner !== 'NONE') return refuse(owner);
    const group = this.deps.groups.get(request.groupId);
    if (!group || group.is('Dead')) return refuse('GROUP_ID_NOT_FOUND');
    if (!group.is('Empty') && group.protocolType !== CONSUMER_PROTOCOL_TYPE) return refuse('NON_EMPTY_GROUP');
    const subscribed = group.is('Empty') ? new Set<string>() : group.subscribedTopics();
    const errorOf = (name: string, partition: number): ErrorName =>
      !this.deps.partitionExists({ topic: name, partition })
        ? 'UNKNOWN_TOPIC_OR_PARTITION'
        : subscribed === undefined || subscribed.has(name)
          ? 'GROUP_SUBSCRIBED_TO_TOPIC'
          : 'NONE';
    const topics = request.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        errorCode: errorCode(errorOf(name, partitionIndex)),
      })),
    }));
    const deletable = topics.flatMap(({ name, partitions }) =>
      partitions
        .filter((row) => row.errorCode === 0)
        .map((row) => ({ topic: name, partition: row.partitionIndex })),
    );
    return { errorCode: errorCode(await this.deps.groups.forgetOffsets(group, deletable)), topics };
  }

  describe(groupIds: readonly string[]): TypeOf<typeof describeGroups.response> {
    return { groups: [...new Set(groupIds)].map((groupId) => this.describeOne(groupId)) };
  }

  private describeOne(groupId: string): DescribedGroup {
    const nothing = { groupId, protocolType: '', protocolData: '', members: [] };
    const owner = this.deps.groups.ownership(groupId);
    if (owner !== 'NONE') return { ...nothing, errorCode: errorCode(owner), groupState: '' };
    const group = this.deps.groups.get(groupId);
    if (!group) return { ...nothing, errorCode: 0, groupState: 'Dead' };
    const isStable = group.is('Stable');
    return {
      errorCode: 0,
      groupId,
      groupState: group.state,
      protocolType: group.protocolType ?? '',
      protocolData: isStable ? (group.protocolName ?? '') : '',
      members: group.all.map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        memberMetadata: isStable ? group.metadataOf(member) : Buffer.alloc(0),
        memberAssignment: isStable ? member.assignment : Buffer.alloc(0),
      })),
    };
  }

  list(statesFilter: readonly string[]): TypeOf<typeof listGroups.response> {
    const { groups } = this.deps;
    const wanted = groups.all.filter(
      (group) => statesFilter.length === 0 || statesFilter.includes(group.state),
    );
    return {
      errorCode: errorCode(groups.isLoading ? 'COORDINATOR_LOAD_IN_PROGRESS' : 'NONE'),
      groups: wanted.map((group) => ({
        groupId: group.groupId,
        protocolType: group.protocolType ?? '',
        groupState: group.state,
      })),
    };
  }

  async deleteGroups(groupIds: readonly string[]): Promise<TypeOf<typeof deleteGroups.response>> {
    const results = await Promise.all(
      [...new Set(groupIds)].map(async (groupId) => ({
        groupId,
        errorCode: errorCode(await this.deleteGroup(groupId)),
      })),
    );
    return { results };
  }

  private async deleteGroup(groupId: string): Promise<ErrorName> {
    if (groupId === '') return 'INVALID_GROUP_ID';
    const owner = this.deps.groups.ownership(groupId);
    if (owner !== 'NONE') return owner;
    const group = this.deps.groups.get(groupId);
    if (!group || group.is('Dead')) return 'GROUP_ID_NOT_FOUND';
    if (!group.is('Empty') || group.pendingMembers.size > 0) return 'NON_EMPTY_GROUP';
    return this.deps.groups.forgetOffsets(
      group,
      group.offsets.all.map(({ tp }) => tp),
    );
  }
}

function offsetRow(
  partitionIndex: number,
  committed: CommittedOffset | undefined,
): FetchResponse['topics'][number]['partitions'][number] {
  return {
    partitionIndex,
    committedOffset: committed?.offset ?? -1,
    committedLeaderEpoch: committed?.leaderEpoch ?? -1,
    metadata: committed?.metadata ?? '',
    errorCode: 0,
  };
}

function allOf(group: Group | undefined): { name: string; partitionIndexes: number[] }[] {
  const byTopic = new Map<string, number[]>();
  for (const { tp } of group?.offsets.all ?? []) {
    const known = byTopic.get(tp.topic);
    if (known) known.push(tp.partition);
    else byTopic.set(tp.topic, [tp.partition]);
  }
  return [...byTopic].map(([name, partitionIndexes]) => ({ name, partitionIndexes }));
}
