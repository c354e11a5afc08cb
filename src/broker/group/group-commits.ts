/**
 * The committed offsets of one group, and the commits that are on their way into the log.
 *
 * Invariants: what is told is what stands in the log: of two commits the one behind the other there is the
 * later one, whichever is answered first, and a commit that stands before a tombstone does not come back.
 * Whoever takes a partition over can see that a commit of its former owner is still under way.
 *
 * [p] Kafka:
 * coordinator/group/GroupMetadata.scala#{prepareOffsetCommit,onOffsetCommitAppend,failPendingOffsetWrite}@2.8.2
 */
import { TopicPartition, tpName } from '../../common/cluster-types';
import { CommittedOffset } from './group-records';

interface Entry {
  readonly tp: TopicPartition;
  readonly committed: CommittedOffset;
  /** Where the record stands in the log; what comes later in the log holds. */
  readonly logOffset: number;
}

/** Commits of one partition that are under way. */
interface Pending {
  count: number;
  /** Where the tombstone stands that was written meanwhile; -1: none. */
  tombstone: number;
}

export class GroupCommits {
  private readonly entries = new Map<string, Entry>();
  private readonly pending = new Map<string, Pending>();

  get size(): number {
    return this.entries.size;
  }
  get all(): readonly Entry[] {
    return [...this.entries.values()];
  }
  get hasPending(): boolean {
    return this.pending.size > 0;
  }

  get(tp: TopicPartition): CommittedOffset | undefined {
    return this.entries.get(tpName(tp))?.committed;
  }

  isPending(tp: TopicPartition): boolean {
    return this.pending.has(tpName(tp));
  }

  /** As the log has it. */
  load(tp: TopicPartition, committed: CommittedOffset, logOffset: number): void {
    this.entries.set(tpName(tp), { tp, committed, logOffset });
  }

  /** A commit is being written. Every one ends with `completed` or `failed`. */
  started(tps: readonly TopicPartition[]): void {
    for (const name of tps.map(tpName)) {
      const pending = this.pending.get(name);
      if (pending) pending.count++;
      else this.pending.set(name, { count: 1, tombstone: -1 });
    }
  }

  /** The commit is on every in-sync replica. */
  completed(tp: TopicPartition, committed: CommittedOffset, logOffset: number): void {
    const name = tpName(tp);
    const newest = Math.max(this.entries.get(name)?.logOffset ?? -1, this.pending.get(name)?.tombstone ?? -1);
    if (logOffset > newest) this.entries.set(name, { tp, committed, logOffset });
    this.failed([tp]);
  }

  /** Nobody will be told that it was written, whether or not it was. */
  failed(tps: readonly TopicPartition[]): void {
    for (const name of tps.map(tpName)) {
      const pending = this.pending.get(name);
      if (pending && --pending.count === 0) this.pending.delete(name);
    }
  }

  /** The tombstone of this partition stands at `logOffset`. */
  forgotten(tp: TopicPartition, logOffset: number): void {
    const name = tpName(tp);
    this.entries.delete(name);
    const pending = this.pending.get(name);
    if (pending) pending.tombstone = logOffset;
  }
}
