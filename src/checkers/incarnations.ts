/**
 * IncarnationsGoOn: during one leader epoch, a leader never accepts the fetch state of an older incarnation
 * of a follower than before. The older incarnation may have had records that were lost with it (KIP-903).
 */
import { TopicPartition, tpName } from '../common/cluster-types';

/** A follower as its leader counts it. */
export interface CountedFollower {
  readonly leader: number;
  /** The number of the leader's process: it grows with each start. */
  readonly generation: number;
  readonly tp: TopicPartition;
  readonly leaderEpoch: number;
  readonly follower: number;
  /** The broker epoch of the follower's incarnation that the leader counts; -1: none. */
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
