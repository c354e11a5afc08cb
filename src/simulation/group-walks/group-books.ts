/**
 * The shared state of the members of one group, for the checks: owners of partitions, commits, and records
 * that were read.
 */
import { TopicPartition, tpName } from '../../common/cluster-types';
import { soleCoordinatorOf } from '../coordinators';
import { SimCluster } from '../sim-cluster';
import { AssignmentBook } from './assignment-book';
import { CommitBook } from './commit-book';

export class GroupBooks {
  private readonly commits = new Map<string, CommitBook>();
  readonly assignments = new AssignmentBook();
  private readonly owners = new Map<string, string>();
  private readonly holders = new Map<string, Set<string>>();
  private readonly values = new Map<string, Map<number, string>>();
  /** By partition: below this offset a seek to the end may have skipped records. */
  private readonly excused = new Map<string, number>();

  constructor(
    readonly cluster: SimCluster,
    readonly groupId: string,
    readonly partitions: TopicPartition[],
  ) {}

  get topics(): string[] {
    return [...new Set(this.partitions.map(({ topic }) => topic))];
  }

  violation(text: string): void {
    this.cluster.world.violation(`${text} (${this.groupId})`);
  }

  commitsOf(tp: TopicPartition): CommitBook {
    const known = this.commits.get(tpName(tp));
    if (known) return known;
    const book = new CommitBook();
    this.commits.set(tpName(tp), book);
    return book;
  }

  owned(tp: TopicPartition, generation: number, member: string): void {
    const key = `${generation} ${tpName(tp)}`;
    const other = this.owners.get(key);
    if (other !== undefined && other !== member) {
      this.violation(
        `OneOwner: ${tpName(tp)} belongs to ${other} and to ${member} in generation ` + `${generation}`,
      );
    }
    this.owners.set(key, member);
  }

  /** The member owns the partition from now on. Returns another member that owns it, if there is one. */
  taken(tp: TopicPartition, member: string): string | undefined {
    const holders = this.holders.get(tpName(tp)) ?? new Set<string>();
    this.holders.set(tpName(tp), holders.add(member));
    return [...holders].find((holder) => holder !== member);
  }

  given(tp: TopicPartition, member: string): void {
    this.holders.get(tpName(tp))?.delete(member);
  }

  /** The group's coordinator; undefined while another broker may respond in its place. */
  get coordinator(): number | undefined {
    return soleCoordinatorOf(this.cluster, this.groupId);
  }

  /**
   * If there is exactly one coordinator, its offset in memory must be the last acknowledged commit, or one
   * that a member may have committed later. A former coordinator that was not notified may have older
   * offsets.
   */
  judgeCommitted(): void {
    const { cluster, groupId, partitions, coordinator: id } = this;
    if (id === undefined || !cluster.isRunning(id)) return;
    const group = cluster.broker(id).broker!.groups.group(groupId);
    for (const tp of group ? partitions : []) {
      const { last } = this.commitsOf(tp);
      const offset = group!.offsets.get(tp)?.offset ?? -1;
      if (this.commitsOf(tp).candidates(last, [-1, 0]).has(offset)) continue;
      this.violation(
        `CommitsGoOn: broker ${id} has ${offset} of ${tpName(tp)} as committed, and not ` +
          `${last?.offset ?? 'nothing'}, or what was committed later`,
      );
    }
  }

  /** The end of the longest log: no position may be beyond it. */
  endOf(tp: TopicPartition): number {
    const { cluster } = this;
    const ends = cluster.brokers.map(({ id }) => cluster.partitionOf(id, tp)?.log.logEndOffset ?? 0);
    return Math.max(0, ...ends);
  }

  /**
   * The end of the records that every reader can see: the current leader has sent this high watermark to its
   * followers.
   */
  committedEndOf(tp: TopicPartition): number {
    const state = this.cluster.stateOf(tp);
    const marks = (state?.isr ?? []).map((id) => this.cluster.partitionOf(id, tp)?.log.highWatermark ?? 0);
    return marks.length === 0 ? 0 : Math.min(...marks);
  }

  processed(tp: TopicPartition, offset: number, value: string, member: string): void {
    const values = this.values.get(tpName(tp)) ?? new Map<number, string>();
    this.values.set(tpName(tp), values);
    const before = values.get(offset);
    if (before !== undefined && before !== value) {
      this.violation(
        `OffsetsAgree: ${tpName(tp)} offset ${offset} was ${before}, and is ${value} for ` + `${member}`,
      );
    }
    values.set(offset, value);
  }

  excuse(tp: TopicPartition, below: number): void {
    this.excused.set(tpName(tp), Math.max(below, this.excused.get(tpName(tp)) ?? 0));
  }

  /** Offsets below `end` that no member was given. */
  unread(tp: TopicPartition, end: number): number[] {
    const values = this.values.get(tpName(tp));
    const from = this.excused.get(tpName(tp)) ?? 0;
    const offsets = Array.from({ length: end }, (_, offset) => offset);
    return offsets.filter((offset) => offset >= from && !values?.has(offset));
  }
}
