/**
 * No replica stays behind while its fetcher brings records for others: a response has room for some partitions only,
 * and each that was served goes to the end of the line, so whoever is behind is served after as many responses as its
 * fetcher follows partitions, at most.
 *
 * Counted are responses that brought records for others, and for this one neither records nor an error: time, broken
 * connections and leaders that do not answer play no part, so this holds at any moment, also under faults.
 */
import { TopicPartition, tpName } from '../common/cluster-types';

/** A replica that is being followed, and what the checker knows of its leader. */
export interface FollowedReplica {
  readonly broker: number;
  readonly leader: number;
  readonly tp: TopicPartition;
  readonly leaderEpoch: number;
  readonly logEndOffset: number;
  /** Where the leader's log ends now; undefined: the leader does not run, or does not lead. */
  readonly leaderEndOffset: number | undefined;
  /** Responses in a row that brought records for others only. */
  readonly passedOver: number;
  /** How many its fetcher follows. */
  readonly partitions: number;
}

/** Responses that were read at the leader before it was seen that this one is behind: one may be under way. */
const UNDER_WAY = 1;

export class StarvationChecker {
  /** As each replica was when it was first seen behind at this offset. */
  private readonly behind = new Map<string, FollowedReplica>();

  constructor(private readonly report: (violation: string) => void) {}

  looked(replicas: readonly FollowedReplica[]): void {
    for (const replica of replicas) this.look(replica);
  }

  private look(now: FollowedReplica): void {
    const { broker, leader, tp, leaderEpoch, logEndOffset, leaderEndOffset, passedOver } = now;
    const key = `${broker} ${tpName(tp)}`;
    if (leaderEndOffset === undefined || leaderEndOffset <= logEndOffset) return void this.behind.delete(key);
    const since = this.behind.get(key);
    const isSame = since?.leader === leader && since.leaderEpoch === leaderEpoch
      && since.logEndOffset === logEndOffset && since.passedOver <= passedOver;
    if (!isSame) return void this.behind.set(key, now);
    const most = Math.max(since.partitions, now.partitions) + UNDER_WAY;
    const times = passedOver - since.passedOver;
    if (times <= most) return;
    this.behind.set(key, now);
    const lag = `broker ${broker} has ${tpName(tp)} up to ${logEndOffset} of ${leaderEndOffset}`;
    this.report(`ServedInTurn: ${lag}, and ${times} fetches from ${leader} brought records for others only`);
  }
}
