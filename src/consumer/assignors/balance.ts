/**
 * Spreads partitions evenly and leaves as many as possible with their owners.
 *
 * If all members read the same topics, each gets ⌊P/C⌋ partitions and P mod C members get one more. Otherwise
 * partitions move from the fullest member to the one with the fewest that may read them, one at a time, until
 * no move improves the balance.
 *
 * Invariant: every partition that a member reads has exactly one owner, and that owner is subscribed to it.
 *
 * [p] Kafka: clients/consumer/internals/AbstractStickyAssignor.java@2.8.2
 */
import { TopicPartition, tpName } from '../../common/cluster-types';
import { MemberSubscription } from './partition-assignor';

/** The members in order, with the partitions that they own and may keep. */
export type Held = ReadonlyMap<MemberSubscription, readonly TopicPartition[]>;
type Assignment = Map<string, TopicPartition[]>;

export function haveEqualSubscriptions(members: readonly MemberSubscription[]): boolean {
  const first = new Set(members[0]?.topics);
  return members.every(
    (member) => member.topics.length === first.size && member.topics.every((topic) => first.has(topic)),
  );
}

/** For equal subscriptions: members keep partitions up to their share, the rest is distributed in order. */
export function balanceEqual(partitions: readonly TopicPartition[], held: Held): Assignment {
  const share = Math.floor(partitions.length / held.size);
  let mayHaveOneMore = partitions.length % held.size;
  const assignment: Assignment = new Map();
  const taken = new Set<string>();
  for (const [{ memberId }, owned] of held) {
    const oneMore = owned.length > share && mayHaveOneMore > 0;
    if (oneMore) mayHaveOneMore--;
    const kept = owned.slice(0, share + (oneMore ? 1 : 0));
    for (const tp of kept) taken.add(tpName(tp));
    assignment.set(memberId, [...kept]);
  }
  const left = partitions.filter((tp) => !taken.has(tpName(tp)));
  const lists = [...assignment.values()];
  dealUpTo(share, lists, left);
  for (const list of lists) if (left.length > 0 && list.length === share) list.push(left.shift()!);
  return assignment;
}

/** Gives one partition in turn to each member that has fewer than `share`. */
function dealUpTo(share: number, lists: readonly TopicPartition[][], left: TopicPartition[]): void {
  for (
    let needy = lists.filter((list) => list.length < share);
    needy.length > 0 && left.length > 0;
    needy = needy.filter((list) => list.length < share)
  ) {
    for (const list of needy) if (left.length > 0) list.push(left.shift()!);
  }
}

/**
 * For different subscriptions: starts from the owned partitions, places the rest, then moves partitions while
 * that improves the balance.
 */
export function balanceDifferent(partitions: readonly TopicPartition[], held: Held): Assignment {
  const members = [...held.keys()];
  const lists = new Map(members.map((member) => [member, [...held.get(member)!]]));
  const readersOf = new Map<string, MemberSubscription[]>();
  for (const { topic } of partitions)
    if (!readersOf.has(topic))
      readersOf.set(
        topic,
        members.filter((member) => member.topics.includes(topic)),
      );
  const load = (member: MemberSubscription) => lists.get(member)!.length;
  const emptiest = (topic: string) =>
    readersOf.get(topic)!.reduce((best, member) => (load(member) < load(best) ? member : best));
  const placed = new Set([...lists.values()].flat().map(tpName));
  for (const tp of partitions) if (!placed.has(tpName(tp))) lists.get(emptiest(tp.topic))!.push(tp);
  // Every move lowers the sum of the squared loads, so the loop ends.
  for (let moved = true; moved;) {
    moved = false;
    for (const member of [...members].sort((a, b) => load(b) - load(a)))
      moved = moveOne(lists, member, emptiest) || moved;
  }
  return new Map(members.map((member) => [member.memberId, lists.get(member)!]));
}

function moveOne(
  lists: Map<MemberSubscription, TopicPartition[]>,
  from: MemberSubscription,
  emptiest: (topic: string) => MemberSubscription,
): boolean {
  const list = lists.get(from)!;
  // From the end: partitions that were placed last have been with this member for the shortest time.
  for (let i = list.length - 1; i >= 0; i--) {
    const to = emptiest(list[i]!.topic);
    if (lists.get(to)!.length + 1 >= list.length) continue;
    lists.get(to)!.push(...list.splice(i, 1));
    return true;
  }
  return false;
}
