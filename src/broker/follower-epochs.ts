/**
 * Decides whether a follower's fetch counts as progress: its broker epoch must be the one the controller
 * announced, or a newer one that is registered in ZooKeeper.
 *
 * A forged broker epoch such as 2⁵³−1 would otherwise count as progress, and exclude the follower's own
 * fetches for the whole leader epoch. A newer epoch is rare: the follower's session was replaced, and
 * UpdateMetadata has not arrived yet. Its first fetch does not count but starts a read of ZooKeeper; the next
 * fetch, at most half a second later, counts. If ZooKeeper cannot be reached, only the controller's
 * announcement counts. Bound: one read at a time for each of at most `MAX_LOOKS` followers, and a pause after
 * a read that found nothing.
 *
 * Kafka: broker epochs in fetches, server/KafkaApis.scala@3.5 (KIP-903), compared with those of the
 * controller
 */
import { Clock } from '../common/host';

const MAX_LOOKS = 100;
const PAUSE_MS = 100;

export interface FollowerEpochsDeps {
  readonly clock: Clock;
  /** The broker epoch in the last UpdateMetadata. */
  readonly liveEpoch: (brokerId: number) => number | undefined;
  /** Whether this incarnation is registered. Rejects if ZooKeeper does not answer. */
  readonly isRegistered: (brokerId: number, brokerEpoch: number) => Promise<boolean>;
}

export class FollowerEpochs {
  private readonly registered = new Map<number, number>();
  private readonly looking = new Set<number>();

  constructor(private readonly deps: FollowerEpochsDeps) {}

  /**
   * Whether the broker epoch is known to be valid. False for a newer epoch, which is then looked up in
   * ZooKeeper.
   */
  isKnown(brokerId: number, brokerEpoch: number): boolean {
    if (brokerEpoch <= (this.deps.liveEpoch(brokerId) ?? -1)) return true;
    if (brokerEpoch === this.registered.get(brokerId)) return true;
    this.look(brokerId, brokerEpoch).catch(() => {});
    return false;
  }

  private async look(brokerId: number, brokerEpoch: number): Promise<void> {
    if (this.looking.has(brokerId) || this.looking.size >= MAX_LOOKS) return;
    this.looking.add(brokerId);
    let isFound = false;
    try {
      isFound = await this.deps.isRegistered(brokerId, brokerEpoch);
      if (isFound) this.registered.set(brokerId, brokerEpoch);
    } finally {
      const done = () => this.looking.delete(brokerId);
      if (isFound) done();
      else this.deps.clock.schedule(PAUSE_MS, done);
    }
  }
}
