/**
 * Which leader epoch wrote which part of the log: a list of (epoch, start offset), both strictly increasing.
 *
 * This is what truncation goes by (KIP-101): a follower asks the leader where its own latest epoch ended and cuts there,
 * instead of at a high watermark that may be stale.
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

  /** `onChange` receives the entries after every change, to be written to the checkpoint. */
  constructor(entries: readonly EpochEntry[], private readonly onChange: (entries: readonly EpochEntry[]) => void = () => {}) {
    this.entries = [...entries];
  }

  get latestEpoch(): number { return this.entries.at(-1)?.epoch ?? NO_EPOCH; }
  get all(): readonly EpochEntry[] { return this.entries; }

  /**
   * The record at `startOffset` is of `epoch`: entries that contradict it are dropped. A lower epoch than the latest
   * is a contradiction too: a leader that wrote nothing left its entry here, and an older epoch goes on at its
   * offset. That one keeps its start (Kafka moves it up, and then says too high an end of the epoch before).
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
   * Where `epoch` ended: the largest epoch not above it, and the start of the next (or `logEndOffset` if it is the
   * latest). (-1, -1) when that cannot be said.
   */
  endOffsetFor(epoch: number, logEndOffset: number): EpochEnd {
    if (epoch === NO_EPOCH || this.entries.length === 0) return UNDEFINED_EPOCH_END;
    if (epoch === this.latestEpoch) return { epoch, endOffset: logEndOffset };
    const next = this.entries.findIndex((entry) => entry.epoch > epoch);
    if (next < 0) return UNDEFINED_EPOCH_END;
    const floor = this.entries[next - 1];
    return { epoch: floor ? floor.epoch : epoch, endOffset: this.entries[next]!.startOffset };
  }

  /** The epoch that wrote `offset`, or -1. */
  epochOf(offset: number): number {
    let epoch = NO_EPOCH;
    for (const entry of this.entries) if (entry.startOffset <= offset) epoch = entry.epoch;
    return epoch;
  }

  /** Drops what starts at or beyond the end of a log that was cut to `endOffset`. */
  truncateFromEnd(endOffset: number): void {
    const kept = this.entries.filter((entry) => entry.startOffset < endOffset);
    if (kept.length === this.entries.length) return;
    this.entries = kept;
    this.onChange(this.entries);
  }

  /** Moves the start: the last epoch at or before `startOffset` now starts there. */
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
