/**
 * LeaderWritesItsOwn: from the start offset of its epoch, a leader's log has only records of that epoch. A
 * fetch response of the former leader that arrives after the change must not be appended.
 */
import { Log } from '../log/log';
import { batchesOf } from '../record/record-batch';

export interface LeadingReplica {
  readonly leaderEpoch: number;
  readonly leaderEpochStartOffset: number;
  readonly log: Log;
}

/**
 * Describes the first record from the start of the epoch that has another leader epoch; usually an empty
 * list.
 */
export function foreignRecords({ log, leaderEpoch, leaderEpochStartOffset }: LeadingReplica): string[] {
  const from = Math.max(leaderEpochStartOffset, log.logStartOffset);
  for (let offset = from; offset < log.logEndOffset;) {
    for (const chunk of log.read(offset, log.logEndOffset, 1 << 20, true)) {
      for (const { baseOffset, nextOffset, partitionLeaderEpoch } of batchesOf(chunk)) {
        offset = nextOffset;
        // The first batch of the log may be older if it also contains the start offset of the epoch.
        if (partitionLeaderEpoch === leaderEpoch || baseOffset < leaderEpochStartOffset) continue;
        const where = `leads in epoch ${leaderEpoch} from offset ${leaderEpochStartOffset}`;
        const other = `a batch of epoch ${partitionLeaderEpoch} at ${baseOffset}`;
        return [`LeaderWritesItsOwn: it ${where}, and has ${other}`];
      }
    }
  }
  return [];
}
