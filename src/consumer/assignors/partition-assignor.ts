/**
 * The interface of an assignor: from the topics and the subscriptions of all members it computes the
 * partitions of each member. It runs in the group leader; all members must support it.
 *
 * `eager`: every member gives up all its partitions before a rebalance. `cooperative`: members keep their
 * partitions, and only those that change their owner are given up, in a second rebalance.
 *
 * [p] Kafka: clients/consumer/ConsumerPartitionAssignor.java, internals/AbstractPartitionAssignor.java@2.8.2
 */
import { TopicPartition } from '../../common/cluster-types';

export interface MemberSubscription {
  readonly memberId: string;
  /** group.instance.id of a static member, or null. */
  readonly groupInstanceId: string | null;
  readonly topics: readonly string[];
  readonly userData: Buffer | null;
  /** The partitions that the member claims to own. */
  readonly ownedPartitions: readonly TopicPartition[];
}

export interface PartitionAssignor {
  /** Part of JoinGroup requests: the members agree on an assignor by this name. */
  readonly name: string;
  readonly protocol: 'eager' | 'cooperative';
  /**
   * The partitions of each member, by member id. `partitionCounts` has the topics that exist. A member
   * without an entry in the result gets no partitions.
   */
  assign(
    partitionCounts: ReadonlyMap<string, number>,
    members: readonly MemberSubscription[],
  ): ReadonlyMap<string, readonly TopicPartition[]>;
  /** Data of this member for the next group leader, sent with its subscription. */
  userData?(): Buffer | null;
  /** Called when this member has got its partitions. */
  onAssignment?(partitions: readonly TopicPartition[], generation: number): void;
}

/**
 * Static members first, by instance id; then dynamic ones by member id. So a restart of a static member does
 * not change the order.
 */
export function inOrder(members: readonly MemberSubscription[]): MemberSubscription[] {
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return [...members].sort((a, b) => {
    if (a.groupInstanceId !== null && b.groupInstanceId !== null)
      return compare(a.groupInstanceId, b.groupInstanceId);
    if (a.groupInstanceId !== null) return -1;
    return b.groupInstanceId !== null ? 1 : compare(a.memberId, b.memberId);
  });
}

/** All partitions of the topics that a member is subscribed to, by topic and number. */
export function allPartitions(
  partitionCounts: ReadonlyMap<string, number>,
  members: readonly MemberSubscription[],
): TopicPartition[] {
  const wanted = new Set(members.flatMap((member) => member.topics));
  return [...partitionCounts]
    .filter(([topic]) => wanted.has(topic))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => ({ topic, partition })));
}
