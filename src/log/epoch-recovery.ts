/**
 * The leader epochs of a log after a crash: the checkpoint is right about what lies below the recovery point, the
 * batches are right about the rest.
 *
 * Only the part below the recovery point was made durable together with the checkpoint (LogFlusher), so after a power
 * cut the file may be any older one, or torn. Kafka adds the epochs that the file lacks and leaves what is wrong in it.
 *
 * [p] Kafka: log/LogSegment.scala#recover@2.8.2
 */
import { RecordBatch } from '../record/record-batch';
import { EpochEntry } from './checkpoint-file';

type Header = Pick<RecordBatch, 'baseOffset' | 'nextOffset' | 'partitionLeaderEpoch'>;

export class EpochRecovery {
  private readonly entries: EpochEntry[];
  /** Entries of the checkpoint in the part that is read: right only where compaction took their records. */
  private readonly doubtful: EpochEntry[];
  private nextOffset: number;
  private contradicts = false;

  /** `from`: the base offset of the first segment that is read again. */
  constructor(checkpoint: readonly EpochEntry[], from: number) {
    this.entries = checkpoint.filter(({ startOffset }) => startOffset < from);
    this.doubtful = checkpoint.filter(({ startOffset }) => startOffset >= from);
    this.nextOffset = from;
  }

  /** A batch of the part that is read, in order. */
  onBatch({ baseOffset, nextOffset, partitionLeaderEpoch: epoch }: Header): void {
    const isMissing = ({ startOffset, epoch: one }: EpochEntry) =>
      startOffset >= this.nextOffset && startOffset < baseOffset && one > this.latest && one <= epoch;
    for (const entry of this.doubtful) if (isMissing(entry)) this.entries.push(entry);
    if (epoch > this.latest) this.entries.push({ epoch, startOffset: baseOffset });
    else if (epoch >= 0 && epoch < this.latest) this.contradicts = true;
    this.nextOffset = nextOffset;
  }

  private get latest(): number { return this.entries.at(-1)?.epoch ?? -1; }

  /** The epochs of the log; undefined if the checkpoint is wrong where it had to be right: read the whole log. */
  get result(): readonly EpochEntry[] | undefined { return this.contradicts ? undefined : this.entries; }
}

/** The epochs that the batches of a whole log tell. */
export function epochsOf(batches: Iterable<Header>): EpochEntry[] {
  const epochs: EpochEntry[] = [];
  for (const { partitionLeaderEpoch: epoch, baseOffset } of batches) {
    if (epoch > (epochs.at(-1)?.epoch ?? -1)) epochs.push({ epoch, startOffset: baseOffset });
  }
  return epochs;
}
