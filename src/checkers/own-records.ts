/**
 * LeaderWritesItsOwn: from where its epoch began, a leader's log has records of that epoch only. Nobody else
 * appends to it: what a former leader sent it, while it still followed, comes too late.
 */
import { Log } from '../log/log';
import { batchesOf } from '../record/record-batch';

export interface LeadingReplica {
  readonly leaderEpoch: number;
  readonly leaderEpochStartOffset: number;
  readonly log: Log;
}

/** A sentence for the first record that is not the leader's own; none is usual. */
export function foreignRecords({ log, leaderEpoch, leaderEpochStartOffset }: LeadingReplica): string[] {
  const from = Math.max(leaderEpochStartOffset, log.logStartOffset);
  for (let offset = from; offset < log.logEndOffset;) {
    for (const chunk of log.read(offset, log.logEndOffset, 1 << 20, true)) {
      for (const { baseOffset, nextOffset, partitionLeaderEpoch } of batchesOf(chunk)) {
        offset = nextOffset;
        // The batch in which the log begins may be older, and was there before.
        if (partitionLeaderEpoch === leaderEpoch || baseOffset < leaderEpochStartOffset) continue;
        const where = `leads in epoch ${leaderEpoch} from offset ${leaderEpochStartOffset}`;
        const other = `a batch of epoch ${partitionLeaderEpoch} at ${baseOffset}`;
        return [`LeaderWritesItsOwn: it ${where}, and has ${other}`];
      }
    }
  }
  return [];
}
