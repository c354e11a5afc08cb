/**
 * No replica stays behind while its fetcher brings records for other partitions. A response has room for some
 * partitions only, and each partition with records moves to the end of the order. So a partition that is
 * behind gets records after at most as many responses as its fetcher has partitions.
 *
 * Only responses are counted that have records for other partitions, and neither records nor an error for
 * this one. Time, broken connections and leaders that do not respond do not matter, so this holds at any
 * moment, even under faults.
 */
import { TopicPartition, tpName } from '../common/cluster-types';

/** A replica that follows, and what the checker knows of its leader. */
export interface FollowedReplica {
  readonly broker: number;
  readonly leader: number;
  readonly tp: TopicPartition;
  readonly leaderEpoch: number;
  readonly logEndOffset: number;
  /** The leader's log end offset; undefined if the leader does not run or does not lead. */
  readonly leaderEndOffset: number | undefined;
  /** The number of consecutive responses with records for other partitions only. */
  readonly passedOver: number;
  /** The number of partitions of its fetcher. */
  readonly partitions: number;
}

/** One response may have been read at the leader before the checker saw that the replica is behind. */
const UNDER_WAY = 1;

export class StarvationChecker {
  /** Each replica's state when it was first seen behind at its current offset. */
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
    const isSame =
      since?.leader === leader &&
      since.leaderEpoch === leaderEpoch &&
      since.logEndOffset === logEndOffset &&
      since.passedOver <= passedOver;
    if (!isSame) return void this.behind.set(key, now);
    const most = Math.max(since.partitions, now.partitions) + UNDER_WAY;
    const times = passedOver - since.passedOver;
    if (times <= most) return;
    this.behind.set(key, now);
    const lag = `broker ${broker} has ${tpName(tp)} up to ${logEndOffset} of ${leaderEndOffset}`;
    this.report(`ServedInTurn: ${lag}, and ${times} fetches from ${leader} brought records for others only`);
  }
}
