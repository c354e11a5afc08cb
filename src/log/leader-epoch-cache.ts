/**
 * The leader epochs of a log: a list of (epoch, start offset), both strictly increasing.
 *
 * Followers truncate by it (KIP-101): a follower asks the leader where the follower's latest epoch ended and
 * truncates there, instead of at a high watermark that may be out of date.
 *
 * [p] Kafka: server/epoch/LeaderEpochFileCache.scala@2.8.2
 */
import { NO_EPOCH } from '../common/cluster-types';
import { invariant } from '../common/errors';
import { EpochEntry } from './checkpoint-file';

export interface EpochEnd {
  readonly epoch: number;
  readonly endOffset: number;
}

export const UNDEFINED_EPOCH_END: EpochEnd = { epoch: NO_EPOCH, endOffset: -1 };

export class LeaderEpochCache {
  private entries: EpochEntry[];

  /** `onChange` is called with all entries after each change, and writes them to the checkpoint. */
  constructor(
    entries: readonly EpochEntry[],
    private readonly onChange: (entries: readonly EpochEntry[]) => void = () => {},
  ) {
    this.entries = [...entries];
  }

  get latestEpoch(): number {
    return this.entries.at(-1)?.epoch ?? NO_EPOCH;
  }
  get all(): readonly EpochEntry[] {
    return this.entries;
  }

  /**
   * Records from `startOffset` on have this epoch; entries that contradict it are dropped. An entry with a
   * higher epoch contradicts it as well: a leader that wrote nothing left that entry, and an older epoch
   * continues at the same offset. The older epoch keeps its start offset. (Kafka moves it up, and then
   * reports an end offset of the epoch before it that is too high.)
   */
  assign(epoch: number, startOffset: number): void {
    invariant(epoch >= 0 && startOffset >= 0, `epoch ${epoch} at offset ${startOffset}`);
    const last = this.entries.at(-1);
    if (last && last.epoch === epoch && startOffset >= last.startOffset) return;
    const kept = this.entries.filter((entry) => entry.epoch <= epoch && entry.startOffset < startOffset);
    const entries = kept.at(-1)?.epoch === epoch ? kept : [...kept, { epoch, startOffset }];
    // Written first: if that fails, the caller appends nothing, and comes again with the same epoch.
    this.onChange(entries);
    this.entries = entries;
  }

  /**
   * The end of `epoch`: the largest epoch not above it, with the start offset of the next epoch, or with
   * `logEndOffset` if it is the latest. UNDEFINED_EPOCH_END if the cache cannot tell.
   */
  endOffsetFor(epoch: number, logEndOffset: number): EpochEnd {
    if (epoch === NO_EPOCH || this.entries.length === 0) return UNDEFINED_EPOCH_END;
    if (epoch === this.latestEpoch) return { epoch, endOffset: logEndOffset };
    const next = this.entries.findIndex((entry) => entry.epoch > epoch);
    if (next < 0) return UNDEFINED_EPOCH_END;
    const floor = this.entries[next - 1];
    return { epoch: floor ? floor.epoch : epoch, endOffset: this.entries[next]!.startOffset };
  }

  /** The epoch of the record at `offset`, or -1. */
  epochOf(offset: number): number {
    let epoch = NO_EPOCH;
    for (const entry of this.entries) if (entry.startOffset <= offset) epoch = entry.epoch;
    return epoch;
  }

  /** Drops the entries that start at or above `endOffset`, to which the log was truncated. */
  truncateFromEnd(endOffset: number): void {
    const kept = this.entries.filter((entry) => entry.startOffset < endOffset);
    if (kept.length === this.entries.length) return;
    this.entries = kept;
    this.onChange(this.entries);
  }

  /**
   * The log now starts at `startOffset`: the last entry at or below it starts there, and earlier entries are
   * dropped.
   */
  truncateFromStart(startOffset: number): void {
    const before = this.entries.filter((entry) => entry.startOffset <= startOffset);
    const last = before.at(-1);
    if (!last || (before.length === 1 && last.startOffset === startOffset)) return;
    const later = this.entries.filter((entry) => entry.startOffset > startOffset);
    this.entries = [{ epoch: last.epoch, startOffset }, ...later];
    this.onChange(this.entries);
  }

  clear(): void {
    if (this.entries.length === 0) return;
    this.entries = [];
    this.onChange(this.entries);
  }
}
