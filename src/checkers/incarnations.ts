/**
 * IncarnationsGoOn: while a leader leads in one epoch, what it counts of a follower is never of an older
 * incarnation than before: what that one had may be lost (KIP-903).
 */
import { TopicPartition, tpName } from '../common/cluster-types';

/** What a leader counts of a follower. */
export interface CountedFollower {
  readonly leader: number;
  /** Which process of the leader. */
  readonly generation: number;
  readonly tp: TopicPartition;
  readonly leaderEpoch: number;
  readonly follower: number;
  /** Of the incarnation that it goes by; -1: of none. */
  readonly brokerEpoch: number;
}

export class IncarnationChecker {
  private readonly seen = new Map<string, CountedFollower>();

  constructor(private readonly report: (violation: string) => void) {}

  looked(counted: readonly CountedFollower[]): void {
    for (const now of counted) {
      const { leader, tp, leaderEpoch, generation, follower, brokerEpoch } = now;
      const key = `${leader} ${tpName(tp)} ${follower}`;
      const before = this.seen.get(key);
      this.seen.set(key, now);
      const isSameTerm = before?.leaderEpoch === leaderEpoch && before.generation === generation;
      if (!isSameTerm || brokerEpoch >= before.brokerEpoch) continue;
      const who = `leader ${leader} of ${tpName(tp)} counts broker ${follower}`;
      const then = `and counted it as ${before.brokerEpoch} before`;
      this.report(`IncarnationsGoOn: ${who} as incarnation ${brokerEpoch}, ${then}`);
    }
  }
}
