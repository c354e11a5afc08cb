/**
 * The committed offsets of one group, and the commits that are being written to the log.
 *
 * Invariants: the offsets in memory are those of the log. Of two commits the one with the greater log offset
 * counts, whichever is acknowledged first, and a commit before a tombstone does not reappear. A consumer that
 * takes over a partition can see that a commit of its former owner is still pending.
 *
 * [p] Kafka:
 * coordinator/group/GroupMetadata.scala#{prepareOffsetCommit,onOffsetCommitAppend,failPendingOffsetWrite}@2.8.2
 */
import { TopicPartition, tpName } from '../../common/cluster-types';
import { CommittedOffset } from './group-records';

interface Entry {
  readonly tp: TopicPartition;
  readonly committed: CommittedOffset;
  /** The offset of the commit's record in `__consumer_offsets`; the greatest one counts. */
  readonly logOffset: number;
}

/** The pending commits of one partition. */
interface Pending {
  count: number;
  /** The log offset of a tombstone that was written while commits were pending; -1: none. */
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

  /** Adds a committed offset that was read from the log. */
  load(tp: TopicPartition, committed: CommittedOffset, logOffset: number): void {
    this.entries.set(tpName(tp), { tp, committed, logOffset });
  }

  /** Commits are being written. Each ends with `completed` or `failed`. */
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

  /** The commit is not acknowledged, whether or not it was written. */
  failed(tps: readonly TopicPartition[]): void {
    for (const name of tps.map(tpName)) {
      const pending = this.pending.get(name);
      if (pending && --pending.count === 0) this.pending.delete(name);
    }
  }

  /** Removes the offset, because its tombstone was written at `logOffset`. */
  forgotten(tp: TopicPartition, logOffset: number): void {
    const name = tpName(tp);
    this.entries.delete(name);
    const pending = this.pending.get(name);
    if (pending) pending.tombstone = logOffset;
  }
}
