/**
 * Which incarnation of a follower may say what it has: the one that the controller has told us of, or a
 * newer one that is registered in ZooKeeper. A broker epoch that nobody has, as 2⁵³−1, would count as
 * progress, and shut the follower's own fetches out for as long as we lead.
 *
 * A newer epoch is rare: a follower's session was replaced, and the controller has not told us yet. Its
 * first fetch counts for nothing and starts a look; the next one, half a second later at most, counts. If
 * ZooKeeper is away the controller's word will do. Bound: one look at a time for each of at most
 * `MAX_LOOKS` followers, and a pause after one that found nothing.
 *
 * Kafka: broker epochs in fetches, server/KafkaApis.scala@3.5 (KIP-903), compared with what the controller
 * told
 */
import { Clock } from '../common/host';

const MAX_LOOKS = 100;
const PAUSE_MS = 100;

export interface FollowerEpochsDeps {
  readonly clock: Clock;
  /** As the controller told it last. */
  readonly liveEpoch: (brokerId: number) => number | undefined;
  /** Whether that incarnation is registered; rejects if that cannot be said. */
  readonly isRegistered: (brokerId: number, brokerEpoch: number) => Promise<boolean>;
}

export class FollowerEpochs {
  private readonly registered = new Map<number, number>();
  private readonly looking = new Set<number>();

  constructor(private readonly deps: FollowerEpochsDeps) {}

  /** False for an epoch that is newer than what is known; then it is looked up. */
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
