/**
 * Sticky and cooperative-sticky: even shares, and as few partitions as possible change their owner.
 *
 * `sticky` is eager, so a member must remember what it owned. It sends its partitions as user data, with the
 * generation in which it got them. Members of `cooperative-sticky` own their partitions while they join. A
 * partition that has to move is first withheld from its new owner; the old owner gives it up and joins again;
 * then the new owner gets it. Claims from an older generation than the newest one are ignored.
 *
 * [p] Kafka: clients/consumer/{StickyAssignor,CooperativeStickyAssignor}.java,
 * internals/AbstractStickyAssignor.java@2.8.2
 */
import { BinaryReader, BinaryWriter } from '../../common/binary';
import { TopicPartition, tpName } from '../../common/cluster-types';
import { readPartitions, writePartitions } from '../../protocol/consumer-protocol';
import { balanceDifferent, balanceEqual, haveEqualSubscriptions, Held } from './balance';
import { allPartitions, inOrder, MemberSubscription, PartitionAssignor } from './partition-assignor';

interface Claim {
  readonly partitions: readonly TopicPartition[];
  readonly generation: number;
}

const NOTHING: Claim = { partitions: [], generation: -1 };

/** The user data of `sticky`: partitions and generation. */
export function encodeStickyUserData({ partitions, generation }: Claim): Buffer {
  const writer = new BinaryWriter();
  writePartitions(writer, partitions);
  writer.int32(generation);
  return writer.toBuffer();
}

function readSafely(bytes: Buffer | null, read: (reader: BinaryReader) => Claim): Claim {
  if (bytes === null) return NOTHING;
  try {
    return read(new BinaryReader(bytes));
  } catch {
    // Another client may send user data in a format of its own. Its member is treated as one without
    // partitions.
    return NOTHING;
  }
}

function stickyClaim({ userData }: MemberSubscription): Claim {
  return readSafely(userData, (reader) => ({
    partitions: readPartitions(reader),
    generation: reader.left >= 4 ? reader.int32() : -1,
  }));
}

function cooperativeClaim({ userData, ownedPartitions }: MemberSubscription): Claim {
  const { generation } = readSafely(userData, (reader) => ({ partitions: [], generation: reader.int32() }));
  return { partitions: ownedPartitions, generation };
}

/**
 * The partitions that each member may keep: claimed in the newest generation, still existing, still
 * subscribed, and not claimed by an earlier member.
 */
function believed(
  members: readonly MemberSubscription[],
  partitionCounts: ReadonlyMap<string, number>,
  claimOf: (member: MemberSubscription) => Claim,
): Held {
  const claims = new Map(members.map((member) => [member, claimOf(member)]));
  const newest = Math.max(-1, ...[...claims.values()].map((claim) => claim.generation));
  const taken = new Set<string>();
  return new Map(
    members.map((member) => {
      const { partitions, generation } = claims.get(member)!;
      const kept =
        generation < newest
          ? []
          : partitions.filter((tp) => {
              if (
                !member.topics.includes(tp.topic) ||
                tp.partition >= (partitionCounts.get(tp.topic) ?? 0) ||
                taken.has(tpName(tp))
              )
                return false;
              taken.add(tpName(tp));
              return true;
            });
      return [member, kept];
    }),
  );
}

function assignSticky(
  partitionCounts: ReadonlyMap<string, number>,
  given: readonly MemberSubscription[],
  claimOf: (member: MemberSubscription) => Claim,
): Map<string, TopicPartition[]> {
  const members = inOrder(given);
  const partitions = allPartitions(partitionCounts, members);
  const held = believed(members, partitionCounts, claimOf);
  return haveEqualSubscriptions(members)
    ? balanceEqual(partitions, held)
    : balanceDifferent(partitions, held);
}

export const stickyAssignor = (): PartitionAssignor => {
  let mine: Claim | undefined;
  return {
    name: 'sticky',
    protocol: 'eager',
    assign: (partitionCounts, members) => assignSticky(partitionCounts, members, stickyClaim),
    userData: () => (mine ? encodeStickyUserData(mine) : null),
    onAssignment: (partitions, generation) => {
      mine = { partitions, generation };
    },
  };
};

export const cooperativeStickyAssignor = (): PartitionAssignor => {
  let lastGeneration = -1;
  return {
    name: 'cooperative-sticky',
    protocol: 'cooperative',
    assign(partitionCounts, members) {
      const target = assignSticky(partitionCounts, members, cooperativeClaim);
      const owners = new Map(
        members.flatMap((member) => member.ownedPartitions.map((tp) => [tpName(tp), member.memberId])),
      );
      for (const [memberId, list] of target) {
        // If another member still owns a partition, no member gets it until the owner has given it up.
        target.set(
          memberId,
          list.filter((tp) => (owners.get(tpName(tp)) ?? memberId) === memberId),
        );
      }
      return target;
    },
    userData() {
      const writer = new BinaryWriter();
      writer.int32(lastGeneration);
      return writer.toBuffer();
    },
    onAssignment: (_partitions, generation) => {
      lastGeneration = generation;
    },
  };
};
