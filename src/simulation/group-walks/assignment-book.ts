/**
 * What the leaders of a group have assigned, and what its members are given.
 *
 *   AssignedByLeader  in a generation a member gets what a leader of that generation has assigned to it
 */
import { TopicPartition, tpName } from '../../common/cluster-types';
import { assignorsOf } from '../../consumer/assignors/all-assignors';
import { PartitionAssignor } from '../../consumer/assignors/partition-assignor';

/** The generation of a leader that was expelled while it computed: it may be each of them. */
const NO_GENERATION = -1;

const namesOf = (tps: readonly TopicPartition[]): string => tps.map(tpName).sort().join(',');

export class AssignmentBook {
  /** By generation and member id; each leader of the generation may have assigned something else. */
  private readonly assigned = new Map<string, Set<string>>();

  leaderAssigned(generation: number, assignment: ReadonlyMap<string, readonly TopicPartition[]>): void {
    for (const [memberId, tps] of assignment) this.of(generation, memberId).add(namesOf(tps));
  }

  /** A violation, or undefined. */
  memberGot(generation: number, memberId: string, tps: readonly TopicPartition[]): string | undefined {
    const possible = [...this.of(generation, memberId), ...this.of(NO_GENERATION, memberId)];
    const got = namesOf(tps);
    // A member without an entry gets nothing.
    if (possible.includes(got) || (possible.length === 0 && got === '')) return undefined;
    return (
      `AssignedByLeader: in generation ${generation} ${memberId} was given ${got || 'nothing'}, and ` +
      `${possible.map((names) => names || 'nothing').join(' or ') || 'nothing'} was assigned to it`
    );
  }

  private of(generation: number, memberId: string): Set<string> {
    const key = `${generation} ${memberId}`;
    const known = this.assigned.get(key) ?? new Set();
    this.assigned.set(key, known);
    return known;
  }
}

export interface WatchedMember {
  /** Of the member now; -1 while it has none. */
  generation(): number;
  memberId(): string;
  violation(text: string): void;
}

/** The assignor of this name, which enters in the book what it assigns and what its member gets. */
export function watchedAssignor(
  name: string,
  book: AssignmentBook,
  member: WatchedMember,
): PartitionAssignor {
  const assignor = assignorsOf([name])[0]!;
  return {
    ...assignor,
    assign: (counts, members) => {
      const assignment = assignor.assign(counts, members);
      book.leaderAssigned(member.generation(), assignment);
      return assignment;
    },
    onAssignment: (partitions, generation) => {
      assignor.onAssignment?.(partitions, generation);
      const violation = book.memberGot(generation, member.memberId(), partitions);
      if (violation !== undefined) member.violation(violation);
    },
  };
}
