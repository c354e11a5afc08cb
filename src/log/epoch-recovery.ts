/**
 * Determines the leader epochs of a log after a crash: from the checkpoint for the part below the recovery
 * point, from the batches for the rest.
 *
 * The flusher makes the checkpoint durable together with the part below the recovery point. After a power
 * failure the file may be an older version, or be damaged. Kafka adds the epochs that the file lacks, but
 * keeps wrong entries.
 *
 * [p] Kafka: log/LogSegment.scala#recover@2.8.2
 */
import { RecordBatch } from '../record/record-batch';
import { EpochEntry } from './checkpoint-file';

type Header = Pick<RecordBatch, 'baseOffset' | 'nextOffset' | 'partitionLeaderEpoch'>;

export class EpochRecovery {
  private readonly entries: EpochEntry[];
  /**
   * Entries of the checkpoint for the part that is read again. They are used only where compaction has
   * removed all records of an epoch, so that no batch shows it.
   */
  private readonly doubtful: EpochEntry[];
  private nextOffset: number;
  private contradicts = false;

  /** `from`: the base offset of the first segment that is read again. */
  constructor(checkpoint: readonly EpochEntry[], from: number) {
    this.entries = checkpoint.filter(({ startOffset }) => startOffset < from);
    this.doubtful = checkpoint.filter(({ startOffset }) => startOffset >= from);
    this.nextOffset = from;
  }

  /** To be called for each batch of the part that is read again, in order. */
  onBatch({ baseOffset, nextOffset, partitionLeaderEpoch: epoch }: Header): void {
    const isMissing = ({ startOffset, epoch: one }: EpochEntry) =>
      startOffset >= this.nextOffset && startOffset < baseOffset && one > this.latest && one <= epoch;
    for (const entry of this.doubtful) if (isMissing(entry)) this.entries.push(entry);
    if (epoch > this.latest) this.entries.push({ epoch, startOffset: baseOffset });
    else if (epoch >= 0 && epoch < this.latest) this.contradicts = true;
    this.nextOffset = nextOffset;
  }

  private get latest(): number {
    return this.entries.at(-1)?.epoch ?? -1;
  }

  /**
   * The epochs of the log. Undefined if a batch contradicts the entries below `from`; then the whole log has
   * to be read.
   */
  get result(): readonly EpochEntry[] | undefined {
    return this.contradicts ? undefined : this.entries;
  }
}

/** The epochs that the batches of a whole log show. */
export function epochsOf(batches: Iterable<Header>): EpochEntry[] {
  const epochs: EpochEntry[] = [];
  for (const { partitionLeaderEpoch: epoch, baseOffset } of batches) {
    if (epoch > (epochs.at(-1)?.epoch ?? -1)) epochs.push({ epoch, startOffset: baseOffset });
  }
  return epochs;
}
