/**
 * What an assignor is: given the topics and who is subscribed to what, it says who reads which partition. It runs in
 * the member that leads the group; all members must know it.
 *
 * `eager`: every member gives all its partitions up before a rebalance. `cooperative`: members keep what they have, and
 * only what changes hands is given up, in a second rebalance.
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
  /** What the member holds, as it says. */
  readonly ownedPartitions: readonly TopicPartition[];
}

export interface PartitionAssignor {
  /** Goes over the wire: members agree on an assignor by this name. */
  readonly name: string;
  readonly protocol: 'eager' | 'cooperative';
  /**
   * The partitions of each member, by member id. `partitionCounts` has the topics that exist. A member that is left out
   * gets nothing.
   */
  assign(partitionCounts: ReadonlyMap<string, number>, members: readonly MemberSubscription[]): ReadonlyMap<string, readonly TopicPartition[]>;
  /** What this member tells the next leader besides its subscription. */
  userData?(): Buffer | null;
  /** This member got these partitions. */
  onAssignment?(partitions: readonly TopicPartition[], generation: number): void;
}

/** Static members first, by instance id; then dynamic ones by member id: so that restarts do not change the order. */
export function inOrder(members: readonly MemberSubscription[]): MemberSubscription[] {
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return [...members].sort((a, b) => {
    if (a.groupInstanceId !== null && b.groupInstanceId !== null) return compare(a.groupInstanceId, b.groupInstanceId);
    if (a.groupInstanceId !== null) return -1;
    return b.groupInstanceId !== null ? 1 : compare(a.memberId, b.memberId);
  });
}

/** All partitions of the topics that somebody reads, by topic and number. */
export function allPartitions(partitionCounts: ReadonlyMap<string, number>, members: readonly MemberSubscription[]): TopicPartition[] {
  const wanted = new Set(members.flatMap((member) => member.topics));
  return [...partitionCounts].filter(([topic]) => wanted.has(topic)).sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => ({ topic, partition })));
}
