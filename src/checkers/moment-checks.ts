/**
 * Checks each promise at the moment when it is made. A check at the end could miss a violation that a later
 * recovery has repaired.
 *
 * Invariants: every record that a leader has committed, or that was acknowledged with acks=all, is on every
 * member of ZooKeeper's ISR. ZooKeeper's ISR is a subset of the maximal ISR of the leader of the same epoch.
 * No member of the ISR truncates committed or acknowledged records. A broker that lost power may have lost
 * what it had not flushed: it counts as unsound for a partition until it has left the ISR and joined again.
 * Acknowledged records are released from the promise only when every member of the ISR is unsound, or when an
 * unsound one is elected while no sound one runs.
 *
 * AckedIsOnIsr, CommittedIsOnIsr, ElectedFromIsr, ElectedHasAcked, IsrWithinMaximal, NoAckedTruncated,
 * NoLeaderTruncates (a leader's log only grows), LostInPlaceOfKept (a controller elects a member that lost
 * power, or leaves only such members in the ISR, though another member, live or gone, lost nothing),
 * RestartedLeavesIsr (a state that names a leader must not keep a member that lost power and has registered
 * again, beside a sound member that was not restarted: the next controller could not distinguish them). The
 * tests in test/checkers/moment-checks.test.ts violate each one. After an unclean election the older records
 * are no longer promised.
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { noPromises, Promises } from './promises';

/** A partition's state in ZooKeeper. */
export interface WrittenState {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
}

/** A replica on a running broker. */
export interface ReplicaView {
  readonly isLeader: boolean;
  readonly leaderEpoch: number;
  readonly maximalIsr: readonly number[];
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** The checksum of the batch that contains `offset`; undefined if the batch cannot be read now. */
  batchCrc(offset: number): number | undefined;
}

export interface ClusterView {
  state(tp: TopicPartition): WrittenState | undefined;
  /** Undefined if the broker does not run, has no such replica, or its log dir is offline. */
  replica(brokerId: number, tp: TopicPartition): ReplicaView | undefined;
  isUncleanAllowed(tp: TopicPartition): boolean;
  /** The broker epoch of the current registration, and that of the first registration of the same process. */
  registration(brokerId: number): { readonly brokerEpoch: number; readonly processEpoch: number } | undefined;
  /** The zxid of the last transaction in ZooKeeper. */
  zxid(): number;
}

export interface MomentCounts {
  acks: number;
  commits: number;
  stateWrites: number;
  truncations: number;
  released: number;
}

export class MomentChecker {
  private readonly promises = new Map<string, Promises>();
  /** Brokers whose machine lost power, and what they were registered with. */
  private readonly lostAs = new Map<number, number | undefined>();
  /** Brokers of which a log dir failed: after a restart they count as having lost something. */
  private readonly failing = new Set<number>();
  readonly counts: MomentCounts = { acks: 0, commits: 0, stateWrites: 0, truncations: 0, released: 0 };

  constructor(
    private readonly view: ClusterView,
    private readonly report: (violation: string) => void,
  ) {}

  private of(tp: TopicPartition): Promises {
    const name = tpName(tp);
    const known = this.promises.get(name);
    if (known) return known;
    const added = noPromises();
    this.promises.set(name, added);
    return added;
  }

  /** The members of ZooKeeper's ISR that can be inspected and have lost nothing in a power cut. */
  private soundMembers(tp: TopicPartition): { id: number; replica: ReplicaView }[] {
    const { unsound } = this.of(tp);
    return (this.view.state(tp)?.isr ?? [])
      .filter((id) => !unsound.has(id))
      .flatMap((id) => {
        const replica = this.view.replica(id, tp);
        return replica ? [{ id, replica }] : [];
      });
  }

  /** A client got an acknowledgement that the whole ISR has `offset`. */
  acked(tp: TopicPartition, offset: number): void {
    this.counts.acks++;
    const promises = this.of(tp);
    if (offset < promises.releasedBelow || promises.wasElectedUncleanly) return;
    promises.lastAcked = Math.max(promises.lastAcked, offset);
    let expected: number | undefined;
    for (const { id, replica } of this.soundMembers(tp)) {
      if (offset < replica.logStartOffset) continue;
      if (offset >= replica.logEndOffset) {
        this.notOnIsr(tp, offset, `broker ${id} of the ISR ends at ${replica.logEndOffset}`);
        continue;
      }
      const crc = replica.batchCrc(offset);
      expected ??= crc;
      const isOther = crc !== undefined && crc !== expected;
      if (isOther) this.notOnIsr(tp, offset, `broker ${id} has another batch there`);
    }
    promises.acked.set(offset, expected);
  }

  private notOnIsr(tp: TopicPartition, offset: number, what: string): void {
    this.report(`AckedIsOnIsr: offset ${offset} of ${tpName(tp)} was acknowledged, and ${what}`);
  }

  /** Whether the record that was acknowledged at `offset` is still promised. */
  isPromised(tp: TopicPartition, offset: number): boolean {
    return this.of(tp).acked.has(offset);
  }

  /** The leader `brokerId` moved its high watermark to `offset`. */
  committed(tp: TopicPartition, brokerId: number, offset: number): void {
    this.counts.commits++;
    const promises = this.of(tp);
    promises.committed = Math.max(promises.committed, offset);
    const epoch = this.view.replica(brokerId, tp)?.leaderEpoch ?? promises.promisesFromEpoch;
    if (promises.wasElectedUncleanly || epoch < promises.promisesFromEpoch) return;
    // Consumers may read what is committed, so it must not be lost, whether it was acknowledged or not.
    promises.lastAcked = Math.max(promises.lastAcked, offset - 1);
    for (const { id, replica } of this.soundMembers(tp)) {
      if (replica.logEndOffset < offset) {
        const ends = `broker ${id} of the ISR ends at ${replica.logEndOffset}`;
        const what = `broker ${brokerId} committed ${tpName(tp)} up to ${offset}`;
        this.report(`CommittedIsOnIsr: ${what}, and ${ends}`);
      }
    }
  }

  /** The partition's state was written; the view returns the new one. */
  stateWritten(tp: TopicPartition): void {
    this.counts.stateWrites++;
    const state = this.view.state(tp);
    if (!state) return void this.promises.delete(tpName(tp));
    const promises = this.of(tp);
    const { isr: before } = promises;
    if (state.leader >= 0 && before.length > 0 && !before.includes(state.leader)) {
      this.electedOutside(tp, state);
    }
    this.keptHaveStayed(tp, state);
    for (const id of promises.isr.filter((member) => !state.isr.includes(member))) {
      promises.unsound.delete(id);
      promises.unsure.delete(id);
      promises.closed.delete(id);
    }
    for (const id of state.isr.filter((member) => !promises.isr.includes(member))) {
      if (this.isGone(id)) promises.unsound.set(id, this.lostAs.get(id));
      if (this.failing.has(id)) promises.unsure.add(id);
    }
    promises.isr = state.isr;
    promises.leaderEpoch = state.leaderEpoch;
    this.restartedHaveLeft(tp, state);
    promises.writtenAt = this.view.zxid();
    this.releaseIfUnsound(promises, state.leaderEpoch);
    this.releaseIfNoSoundMemberRuns(tp, state);
    this.isrWithinMaximal(tp, state);
    const members = this.soundMembers(tp);
    for (const { id, replica } of members) this.hasAcked(tp, id, replica, 'is in the ISR that was written');
  }

  /** Its machine lost power, and ZooKeeper has not noticed. */
  private isGone(id: number): boolean {
    const epoch = this.view.registration(id)?.brokerEpoch;
    return epoch !== undefined && epoch === this.lostAs.get(id);
  }

  private keptHaveStayed(tp: TopicPartition, { leader, isr, leaderEpoch }: WrittenState): void {
    const { isr: before, unsound, unsure, closed, leaderEpoch: epochBefore } = this.of(tp);
    const kept = before.filter((id) => !unsound.has(id) && !unsure.has(id));
    const epochOf = (id: number) => this.view.registration(id)?.brokerEpoch;
    const isLost = (id: number) => unsound.has(id) && epochOf(id) !== unsound.get(id) && !closed.has(id);
    if (leaderEpoch <= epochBefore || kept.length === 0 || this.view.isUncleanAllowed(tp)) return;
    if (!isr.every(isLost) && !isLost(leader)) return;
    const what = `got leader ${leader} and ISR ${isr}, and ${kept} lost nothing`;
    this.report(`LostInPlaceOfKept: ${tpName(tp)} ${what}`);
  }

  private restartedHaveLeft(tp: TopicPartition, { leader, isr }: WrittenState): void {
    const { unsound, writtenAt, lastAcked } = this.of(tp);
    const others = this.soundMembers(tp)
      .map(({ id }) => id)
      .filter((id) => (this.view.registration(id)?.processEpoch ?? Infinity) <= writtenAt);
    if (leader < 0) return;
    for (const id of isr) {
      const epoch = this.view.registration(id)?.brokerEpoch;
      if (!unsound.has(id) || epoch === undefined || epoch === unsound.get(id)) continue;
      const hasEverything = (this.view.replica(id, tp)?.logEndOffset ?? -1) > lastAcked;
      // It has fetched what it lost, or there is no better member: from now on it is a member under this
      // broker epoch.
      if (others.length === 0 || hasEverything) unsound.set(id, epoch);
      else {
        const who = `broker ${id}, which lost power and is registered again, beside ${others}`;
        this.report(`RestartedLeavesIsr: ISR ${isr} of ${tpName(tp)} was written with ${who}`);
      }
    }
  }

  private electedOutside(tp: TopicPartition, { leader, leaderEpoch }: WrittenState): void {
    const promises = this.of(tp);
    if (!this.view.isUncleanAllowed(tp)) {
      this.report(
        `ElectedFromIsr: broker ${leader} was elected for ${tpName(tp)} from outside ISR ${promises.isr}`,
      );
    }
    this.forget(promises, leaderEpoch);
    promises.wasElectedUncleanly = true;
    promises.unsound.clear();
  }

  private isrWithinMaximal(tp: TopicPartition, { leader: id, leaderEpoch, isr }: WrittenState): void {
    const leader = this.view.replica(id, tp);
    if (!leader?.isLeader || leader.leaderEpoch !== leaderEpoch) return;
    const strangers = isr.filter((member) => !leader.maximalIsr.includes(member));
    if (strangers.length === 0) return;
    const counted = `its leader ${id} counts only ${leader.maximalIsr}`;
    this.report(`IsrWithinMaximal: ${tpName(tp)} has ISR ${isr} in ZooKeeper, and ${counted}`);
  }

  private hasAcked(tp: TopicPartition, id: number, replica: ReplicaView, why: string): void {
    const { lastAcked, acked } = this.of(tp);
    const name = `broker ${id} ${why} of ${tpName(tp)}`;
    if (lastAcked < replica.logStartOffset) return;
    if (lastAcked >= replica.logEndOffset) {
      const ends = `ends at ${replica.logEndOffset}`;
      return this.report(
        `ElectedHasAcked: ${name}, ${ends}, and offset ${lastAcked} was acknowledged or committed`,
      );
    }
    const crc = replica.batchCrc(lastAcked);
    const expected = acked.get(lastAcked);
    if (crc !== undefined && expected !== undefined && crc !== expected) {
      this.report(
        `ElectedHasAcked: ${name}, and has another batch at offset ${lastAcked}, which was acknowledged`,
      );
    }
  }

  /** `brokerId` became leader or follower. If it is in the ISR, it must have all acknowledged records. */
  roleTaken(tp: TopicPartition, brokerId: number): void {
    const state = this.view.state(tp);
    const replica = this.view.replica(brokerId, tp);
    if (!state?.isr.includes(brokerId) || !replica || this.of(tp).unsound.has(brokerId)) return;
    this.hasAcked(tp, brokerId, replica, replica.isLeader ? 'leads' : 'follows as a member of the ISR');
    if (state.leader === brokerId) this.isrWithinMaximal(tp, state);
  }

  /** The log of `brokerId` was truncated from end offset `from` to `to`. */
  truncated(tp: TopicPartition, brokerId: number, from: number, to: number): void {
    this.counts.truncations++;
    const { lastAcked, unsound } = this.of(tp);
    const state = this.view.state(tp);
    if (this.view.replica(brokerId, tp)?.isLeader) {
      const what = `broker ${brokerId} leads ${tpName(tp)}, and truncated it from ${from} to ${to}`;
      this.report(`NoLeaderTruncates: ${what}`);
    }
    if (to >= from || lastAcked < to || unsound.has(brokerId) || !state?.isr.includes(brokerId)) return;
    const what = `broker ${brokerId} of the ISR truncated ${tpName(tp)} from ${from} to ${to}`;
    this.report(`NoAckedTruncated: ${what}, and offset ${lastAcked} was acknowledged or committed`);
  }

  private releaseIfUnsound(promises: Promises, epoch: number): void {
    if (promises.isr.length === 0 || promises.isr.some((id) => !promises.unsound.has(id))) return;
    this.forget(promises, epoch);
    for (const id of promises.isr) promises.unsound.delete(id);
  }

  /** Kafka promises committed records only as long as one member of the ISR is alive. */
  private releaseIfNoSoundMemberRuns(tp: TopicPartition, { leader, leaderEpoch }: WrittenState): void {
    const promises = this.of(tp);
    if (!promises.unsound.has(leader) || this.soundMembers(tp).length > 0) return;
    this.forget(promises, leaderEpoch);
    // From now on the leader's log defines what is promised.
    promises.unsound.delete(leader);
  }

  /** `epoch`: acknowledgements of leaders with a lower epoch are no longer promises. */
  private forget(promises: Promises, epoch: number): void {
    this.counts.released++;
    promises.promisesFromEpoch = epoch;
    promises.lastAcked = -1;
    promises.releasedBelow = promises.committed;
    promises.acked.clear();
  }

  /** A log dir of it failed. With a restart it may count as one that lost records. */
  logDirFailed(id: number): void {
    this.failing.add(id);
    for (const { isr, unsure } of this.promises.values()) if (isr.includes(id)) unsure.add(id);
  }

  /** It registered with all its log dirs: it counts as lost for what was before, and for nothing later. */
  registeredWhole(id: number): void {
    this.failing.delete(id);
  }

  /**
   * The machine of `brokerId` lost power: what it had not flushed may be lost. `wereLogsClosed`: it had flushed
   * everything, unless the power cut undid the last step of that.
   */
  powerLost(brokerId: number, wereLogsClosed = false): void {
    this.lostAs.set(brokerId, this.view.registration(brokerId)?.brokerEpoch);
    for (const promises of this.promises.values()) {
      if (!promises.isr.includes(brokerId)) continue;
      if (!promises.unsound.has(brokerId))
        promises.unsound.set(brokerId, this.view.registration(brokerId)?.brokerEpoch);
      if (wereLogsClosed) promises.closed.add(brokerId);
      else promises.closed.delete(brokerId);
      // The leader of the known epoch lost power, too, and does not lead in this epoch any more.
      this.releaseIfUnsound(promises, promises.leaderEpoch + 1);
      if (promises.unsound.size === 0) for (const id of promises.isr) promises.unsure.add(id);
    }
  }
}
