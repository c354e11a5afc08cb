/**
 * The commits of one group, and which offset a member may find as the committed one: the last acknowledged
 * commit, or a later one whose outcome is unknown. "Later" compares the generation first, then the order in
 * which members reached their positions. A commit of an older generation is refused, and a commit that its
 * member has given up does not count behind a later one (decision 0008).
 */

export interface Write {
  readonly member: string;
  readonly generation: number;
  readonly offset: number;
  /** The number of this write among all writes of the group. */
  readonly number: number;
}

function isLater(a: Write, b: Write): boolean {
  return a.generation > b.generation || (a.generation === b.generation && a.number > b.number);
}

/** For one partition of one group. */
export class CommitBook {
  private writes: Write[] = [];
  private numbers = 0;
  /** The latest acknowledged write. */
  last: Write | undefined;

  /** The member has reached `offset` and may commit it from now on. */
  reached(member: string, generation: number, offset: number): void {
    this.writes.push({ member, generation, offset, number: this.numbers++ });
  }

  /** Returns false if the member never reached the offset. */
  acknowledged(member: string, offset: number): boolean {
    const own = this.writes.filter((write) => write.member === member && write.offset === offset);
    const write = own.find((one) => !this.last || isLater(one, this.last)) ?? own.at(-1);
    if (write && (!this.last || isLater(write, this.last))) this.last = write;
    return write !== undefined;
  }

  /**
   * The offsets that a look-up may find, if `floor` was the last acknowledged write when it started. `none`
   * are the offsets that it may find if there is no commit.
   */
  candidates(floor: Write | undefined, none: readonly number[]): Set<number> {
    const later = this.writes.filter((write) => !floor || write === floor || isLater(write, floor));
    return new Set([...(floor ? [] : none), ...later.map(({ offset }) => offset)]);
  }
}
