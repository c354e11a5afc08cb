/**
 * The group leader's work between JoinGroup and SyncGroup: from the subscriptions of all members to their
 * assignments.
 *
 * [p] Kafka: clients/consumer/internals/ConsumerCoordinator.java#performAssignment@2.8.2
 */
import { decodeSubscription, encodeAssignment } from '../protocol/consumer-protocol';
import { joinGroup } from '../protocol/messages/groups';
import { TypeOf } from '../protocol/schema';
import { MemberSubscription, PartitionAssignor } from './assignors/partition-assignor';

type JoinResponse = TypeOf<typeof joinGroup.response>;

/** The topics that at least one member is subscribed to, sorted. */
export function subscribedTopics(answer: JoinResponse): string[] {
  return [...new Set(answer.members.flatMap((member) => decodeSubscription(member.metadata).topics))].sort();
}

/** Runs the assignor. Returns the encoded assignment and the number of partitions of each member. */
export function assignAll(
  answer: JoinResponse,
  assignor: PartitionAssignor,
  counts: ReadonlyMap<string, number>,
): { memberId: string; assignment: Buffer; partitions: number }[] {
  const members: MemberSubscription[] = answer.members.map(({ memberId, groupInstanceId, metadata }) => ({
    memberId,
    groupInstanceId,
    ...decodeSubscription(metadata),
  }));
  const assignment = assignor.assign(counts, members);
  return members.map(({ memberId }) => {
    const partitions = assignment.get(memberId) ?? [];
    return {
      memberId,
      assignment: encodeAssignment({ partitions, userData: null }),
      partitions: partitions.length,
    };
  });
}
