/**
 * What a group may find as its committed offset: the last one that was acknowledged, or a later one whose
 * fate is unknown. "Later" goes by generation, then by the order in which members reached their positions: a
 * commit of an older generation is refused, and one that its member gave up on does not count behind a later
 * one (decision 0008).
 */

export interface Write {
  readonly member: string;
  readonly generation: number;
  readonly offset: number;
  /** Among all writes of the group. */
  readonly number: number;
}

function isLater(a: Write, b: Write): boolean {
  return a.generation > b.generation || (a.generation === b.generation && a.number > b.number);
}

/** One partition of one group. */
export class CommitBook {
  private writes: Write[] = [];
  private numbers = 0;
  /** The latest that was acknowledged. */
  last: Write | undefined;

  /** The member stands at `offset` from now on, and may commit it. */
  reached(member: string, generation: number, offset: number): void {
    this.writes.push({ member, generation, offset, number: this.numbers++ });
  }

  /** Returns false if the member never stood there. */
  acknowledged(member: string, offset: number): boolean {
    const own = this.writes.filter((write) => write.member === member && write.offset === offset);
    const write = own.find((one) => !this.last || isLater(one, this.last)) ?? own.at(-1);
    if (write && (!this.last || isLater(write, this.last))) this.last = write;
    return write !== undefined;
  }

  /**
   * What a look-up that began when `floor` was the last acknowledged write may find; `none`: what may be
   * found without a commit.
   */
  candidates(floor: Write | undefined, none: readonly number[]): Set<number> {
    const later = this.writes.filter((write) => !floor || write === floor || isLater(write, floor));
    return new Set([...(floor ? [] : none), ...later.map(({ offset }) => offset)]);
  }
}
