/**
 * Checks the epochs and deletions in a control request against ZooKeeper before the broker acts on them.
 * Without the check one forged request with controller epoch 2³¹−1 would fence every controller until this
 * broker restarts, a forged leader epoch would block a partition for ever, and a forged StopReplica could
 * delete the last copy of a log.
 *
 * ZooKeeper is read only in these cases, so that a controller's normal requests cost nothing more: a
 * controller epoch greater than every confirmed one (once per controller), a broker epoch greater than ours,
 * a leader epoch more than `UNCONFIRMED_EPOCHS` above the last confirmed one, and every StopReplica that
 * would have an effect. A claim that a plain read does not confirm is read again after a sync, because the
 * ZooKeeper server may lag behind.
 *
 * If ZooKeeper does not answer before the deadline, the result is `unconfirmed` and the request has no
 * effect; the controller repeats it until it is answered or our session has ended. Checks of a sender's
 * epochs share their reads, one at a time, and after one with a sync there is a pause: a flood of forged
 * requests costs ZooKeeper ten writes a second. (docs/decisions/0017)
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { InvariantError } from '../common/errors';
import { Clock, sleep, withDeadline } from '../common/host';
import { ZnodeError } from '../zk/znodes';
import { Sender } from './control-fence';
import { PAUSE_MS, Refuted, RowLooks } from './row-looks';

/** How far a leader epoch may be above the last confirmed one before ZooKeeper is read. */
export const UNCONFIRMED_EPOCHS = 100;

export interface ClaimSource {
  /** Reads that begin after this show every write that was committed before it. */
  sync(): Promise<void>;
  controllerEpoch(): Promise<number>;
  /** The broker epoch of this broker's registration. */
  brokerEpoch(): Promise<number>;
  leaderEpochs(tps: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>>;
  isReplicaKept(tp: TopicPartition): Promise<boolean>;
}

type LeaderEpochClaim = TopicPartition & { readonly leaderEpoch: number };

export type Verdict = 'confirmed' | 'refuted' | 'unconfirmed';

/** An epoch in ZooKeeper, which only grows. Callers that arrive during a read share the next one. */
class GrowingNumber {
  known = -1;
  /** Resolves when the next read may begin. Never rejects. */
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

  /** Reads once. Returns whether the value includes every write that was committed before the read began. */
  private async look(): Promise<boolean> {
    await this.last;
    this.next = undefined;
    const look = this.readNow();
    const pause = (isUpToDate: boolean) => (isUpToDate ? sleep(this.clock, PAUSE_MS) : undefined);
    this.last = look.then(pause, () => {});
    return look;
  }

  /**
   * If the value has grown since the last read, returns without a sync: callers with a smaller claim need no
   * more.
   */
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
  /** For logs on this broker: the last confirmed leader epoch, by `topic-partition`. */
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
   * Checks the controller epoch and the broker epoch. Undefined if no read is needed. A damaged
   * `/controller_epoch` counts as confirmation, because it must not separate a broker from its controller.
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
   * Whether the claimed leader epoch must be checked. `here`: the leader epoch of the local replica or its
   * log, undefined if there is none.
   */
  isFarAhead(tp: TopicPartition, claim: number, here: number | undefined): boolean {
    return claim > this.confirmedEpoch(tpName(tp), here) + UNCONFIRMED_EPOCHS;
  }

  /**
   * A leader epoch that was accepted without a check does not count as confirmed; otherwise many small steps
   * would get around the limit.
   */
  private confirmedEpoch(name: string, here: number | undefined): number {
    if (here === undefined) {
      this.leaderEpochs.delete(name);
      return -1;
    }
    const known = this.leaderEpochs.get(name) ?? here;
    this.leaderEpochs.set(name, known);
    return known;
  }

  /** The names of the partitions whose claimed leader epoch is greater than the one in ZooKeeper. */
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

  /** The names of the replicas that this broker must keep. */
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
