/**
 * Epochs and deletions that a control request claims are looked up in ZooKeeper before they are believed. One
 * forged request with controller epoch 2³¹−1 would fence every controller until a restart, one with such a
 * leader epoch a partition for ever, and one StopReplica would delete the last copy of a log.
 *
 * When a look is needed, so that what controllers send costs nothing more: for a controller epoch that nobody
 * has shown before (once a controller), for a broker epoch that is not ours yet, for a leader epoch that is
 * more than `UNCONFIRMED_EPOCHS` above the last one that was confirmed, and for every StopReplica that would
 * be obeyed. What a plain read does not confirm is read again after a sync: the member of ZooKeeper that we
 * are connected to may lag behind.
 *
 * If ZooKeeper does not answer by the deadline nothing is known, and nothing is done: `unconfirmed`. The
 * controller repeats its request until we answer, or our session is gone. Looks at a sender's epochs are
 * shared, one at a time, and after one that needed a sync the next waits a little: a flood of forgeries
 * costs ZooKeeper ten writes a second. (docs/decisions/0017)
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { InvariantError } from '../common/errors';
import { Clock, sleep, withDeadline } from '../common/host';
import { ZnodeError } from '../zk/znodes';
import { Sender } from './control-fence';
import { PAUSE_MS, Refuted, RowLooks } from './row-looks';

/** So many changes of a leader are believed without a look; then there is one. */
export const UNCONFIRMED_EPOCHS = 100;

export interface ClaimSource {
  /** Reads that begin later show everything that was committed now. */
  sync(): Promise<void>;
  controllerEpoch(): Promise<number>;
  /** Of this broker's registration. */
  brokerEpoch(): Promise<number>;
  leaderEpochs(tps: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>>;
  isReplicaKept(tp: TopicPartition): Promise<boolean>;
}

type LeaderEpochClaim = TopicPartition & { readonly leaderEpoch: number };

export type Verdict = 'confirmed' | 'refuted' | 'unconfirmed';

/** A number in ZooKeeper that only grows; who asks while a look is under way shares the next one. */
class GrowingNumber {
  known = -1;
  /** When the next look may begin. Never rejects. */
  private last: Promise<unknown> = Promise.resolve();
  private next: Promise<boolean> | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly source: ClaimSource,
    private readonly read: () => Promise<number>,
  ) {}

  async holds(claim: number): Promise<Verdict> {
    while (claim > this.known) {
      const isUpToDate = await (this.next ??= this.look());
      if (isUpToDate && claim > this.known) return 'refuted';
    }
    return 'confirmed';
  }

  /** Whether everything was seen that was committed when it began. */
  private async look(): Promise<boolean> {
    await this.last;
    this.next = undefined;
    const look = this.readNow();
    const pause = (isUpToDate: boolean) => (isUpToDate ? sleep(this.clock, PAUSE_MS) : undefined);
    this.last = look.then(pause, () => {});
    return look;
  }

  /** What has grown since the last time is passed on at once, without the sync. */
  private async readNow(): Promise<boolean> {
    const before = this.known;
    this.known = Math.max(before, await this.read());
    if (this.known > before) return false;
    await this.source.sync();
    this.known = Math.max(before, await this.read());
    return true;
  }
}

export class ClaimCheck {
  private readonly controllerEpoch: GrowingNumber;
  private readonly brokerEpoch: GrowingNumber;
  private readonly rows: RowLooks;
  /** The last confirmed leader epochs of the logs that are here. */
  private readonly leaderEpochs = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly source: ClaimSource,
    private readonly deadlineMs: number,
  ) {
    this.controllerEpoch = new GrowingNumber(clock, source, () => source.controllerEpoch());
    this.rows = new RowLooks(clock, () => source.sync(), deadlineMs);
    this.brokerEpoch = new GrowingNumber(clock, source, () => source.brokerEpoch());
  }

  /**
   * Undefined if nothing has to be looked up. A znode that is damaged contradicts nobody: it must not keep a
   * broker from its controller.
   */
  sender(sender: Sender, ourBrokerEpoch: number): Promise<Verdict> | undefined {
    const isKnown = sender.controllerEpoch <= this.controllerEpoch.known;
    if (isKnown && sender.brokerEpoch <= ourBrokerEpoch) return undefined;
    return this.withDeadline(async () => {
      const verdict = isKnown ? 'confirmed' : await this.ofController(sender);
      if (verdict !== 'confirmed' || sender.brokerEpoch <= ourBrokerEpoch) return verdict;
      return this.brokerEpoch.holds(sender.brokerEpoch);
    }, 'unconfirmed');
  }

  private async ofController({ controllerEpoch }: Sender): Promise<Verdict> {
    try {
      return await this.controllerEpoch.holds(controllerEpoch);
    } catch (error) {
      if (error instanceof ZnodeError) return 'confirmed';
      throw error;
    }
  }

  /**
   * Whether the claimed leader epoch has to be looked up. `here`: the leader epoch of the replica or its log,
   * undefined if there is none.
   */
  isFarAhead(tp: TopicPartition, claim: number, here: number | undefined): boolean {
    return claim > this.confirmedEpoch(tpName(tp), here) + UNCONFIRMED_EPOCHS;
  }

  /** What is believed without a look does not count as confirmed: nobody gets on in steps. */
  private confirmedEpoch(name: string, here: number | undefined): number {
    if (here === undefined) {
      this.leaderEpochs.delete(name);
      return -1;
    }
    const known = this.leaderEpochs.get(name) ?? here;
    this.leaderEpochs.set(name, known);
    return known;
  }

  /** The partitions whose claimed leader epoch ZooKeeper does not have, by name. */
  leaderEpochsAbove(claims: readonly LeaderEpochClaim[]): Promise<Refuted> {
    const highestLast = [...claims].sort((a, b) => a.leaderEpoch - b.leaderEpoch);
    return this.rows.contradicted(highestLast, (some) => this.stillAbove(some));
  }

  private async stillAbove(claims: readonly LeaderEpochClaim[]): Promise<LeaderEpochClaim[]> {
    const found = await this.source.leaderEpochs(claims);
    return claims.filter((claim) => {
      const name = tpName(claim);
      const epoch = found.get(name);
      if (epoch !== undefined && epoch !== Infinity && this.leaderEpochs.has(name))
        this.leaderEpochs.set(name, epoch);
      return epoch === undefined || claim.leaderEpoch > epoch;
    });
  }

  /** Those of the replicas that this broker is to keep, by name. */
  kept(tps: readonly TopicPartition[]): Promise<Refuted> {
    return this.rows.contradicted(tps, async (some) => {
      const isKept = await Promise.all(some.map((tp) => this.source.isReplicaKept(tp)));
      return some.filter((_, i) => isKept[i]);
    });
  }

  private async withDeadline<T>(look: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await withDeadline(
        this.clock,
        this.deadlineMs,
        look(),
        () => new Error('ZooKeeper does not answer'),
      );
    } catch (error) {
      if (error instanceof InvariantError || error instanceof TypeError) throw error;
      return otherwise;
    }
  }
}
