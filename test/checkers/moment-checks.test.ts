/**
 * Each check at the moment finds what it is for: the violation is planted, and a clean course of events
 * passes.
 */
import { MomentChecker, ReplicaView, WrittenState } from '../../src/checkers/moment-checks';

const tp = { topic: 't', partition: 0 };

/** Three replicas that end at 10, led by 1 with ISR 1, 2, 3; offset 7 was acknowledged. */
class Cluster {
  state: WrittenState = { leader: 1, leaderEpoch: 1, isr: [1, 2, 3] };
  isUnclean = false;
  readonly replicas = new Map<number, ReplicaView>();
  readonly epochs = new Map([
    [1, 11],
    [2, 12],
    [3, 13],
  ]);
  zxid = 15;
  readonly found: string[] = [];
  readonly checker = new MomentChecker(
    {
      state: () => this.state,
      replica: (id) => this.replicas.get(id),
      isUncleanAllowed: () => this.isUnclean,
      registration: (id) => this.registration(id),
      zxid: () => this.zxid,
    },
    (violation) => this.found.push(violation.split(':')[0]!),
  );

  constructor() {
    for (const id of [1, 2, 3]) this.replica(id, {});
    this.write({});
    this.checker.acked(tp, 7);
  }

  replica(id: number, change: Partial<ReplicaView>): void {
    const before = this.replicas.get(id) ?? {
      isLeader: id === 1,
      leaderEpoch: 1,
      maximalIsr: [1, 2, 3],
      logStartOffset: 0,
      logEndOffset: 10,
      batchCrc: () => 17,
    };
    this.replicas.set(id, { ...before, ...change });
  }

  registration(id: number) {
    const brokerEpoch = this.epochs.get(id);
    return brokerEpoch === undefined ? undefined : { brokerEpoch, processEpoch: brokerEpoch };
  }

  write(change: Partial<WrittenState>): void {
    this.zxid++;
    this.state = { ...this.state, ...change };
    this.checker.stateWritten(tp);
  }
}

test('a clean course of events passes: acknowledged, committed, shrunk, expanded, led by another', () => {
  const one = new Cluster();
  one.checker.committed(tp, 1, 10);
  one.write({ isr: [1, 2] });
  one.write({ isr: [1, 2, 3] });
  one.write({ leader: 2, leaderEpoch: 2, isr: [2, 3] });
  one.replica(2, { isLeader: true, leaderEpoch: 2, maximalIsr: [2, 3] });
  one.checker.roleTaken(tp, 2);
  one.replica(1, { isLeader: false });
  one.checker.truncated(tp, 1, 10, 8);
  one.checker.acked(tp, 9);
  expect(one.found).toEqual([]);
});

test('a leader that truncates its log is found, whatever was acknowledged', () => {
  const one = new Cluster();
  one.checker.truncated(tp, 1, 10, 9);
  expect(one.found).toEqual(['NoLeaderTruncates']);
});

test('a state that is written with a member that lost power and is registered again is found', () => {
  const one = new Cluster();
  one.checker.powerLost(3);
  one.epochs.delete(3);
  one.write({});
  expect(one.found).toEqual([]);
  one.epochs.set(3, 20);
  one.write({ leader: 2, leaderEpoch: 2, isr: [1, 2] });
  one.write({ isr: [1, 2, 3] });
  expect(one.found).toEqual([]);
  one.checker.powerLost(3);
  one.epochs.set(3, 30);
  one.write({ isr: [1, 2, 3] });
  expect(one.found).toEqual([]);
  one.checker.powerLost(3);
  one.epochs.set(3, 40);
  one.replica(3, { logEndOffset: 7 });
  one.write({ isr: [1, 2, 3] });
  expect(one.found).toEqual(['RestartedLeavesIsr']);
});

test('a member that lost power may stay where no sound one is beside it, or nobody leads', () => {
  for (const change of [{ isr: [3] }, { leader: -1, isr: [2, 3] }]) {
    const one = new Cluster();
    one.checker.powerLost(3);
    one.epochs.set(3, 20);
    one.write(change);
    expect(one.found.filter((name) => name === 'RestartedLeavesIsr')).toEqual([]);
  }
});

test('what a deposed leader commits after the promise was released is not promised', () => {
  const one = new Cluster();
  one.checker.powerLost(2);
  one.replica(2, { logEndOffset: 0, isLeader: true, leaderEpoch: 2, maximalIsr: [2] });
  one.write({ leader: 2, leaderEpoch: 2, isr: [2] });
  one.checker.committed(tp, 1, 9);
  one.checker.roleTaken(tp, 2);
  expect(one.found).toEqual([]);
  one.replica(2, { logEndOffset: 3 });
  one.checker.committed(tp, 2, 3);
  one.replica(2, { logEndOffset: 2 });
  one.checker.roleTaken(tp, 2);
  expect(one.found).toEqual(['ElectedHasAcked']);
});

test('a member that lost power may stay where all others were restarted too, now and later', () => {
  const one = new Cluster();
  one.checker.powerLost(3);
  one.zxid = 60;
  for (const id of [1, 2, 3]) one.epochs.set(id, 50 + id);
  one.write({ leaderEpoch: 2 });
  one.write({ isr: [1, 3] });
  expect(one.found).toEqual([]);
});

test('an acknowledged record that a member of the ISR has not, or has otherwise, is found', () => {
  const short = new Cluster();
  short.replica(3, { logEndOffset: 8 });
  short.checker.acked(tp, 8);
  expect(short.found).toEqual(['AckedIsOnIsr']);
  const other = new Cluster();
  other.replica(3, { batchCrc: () => 18 });
  other.checker.acked(tp, 8);
  expect(other.found).toEqual(['AckedIsOnIsr']);
});

test('a high watermark above the end of a member of the ISR is found, not of one that is out of it', () => {
  const one = new Cluster();
  one.replica(3, { logEndOffset: 9 });
  one.checker.committed(tp, 1, 10);
  expect(one.found).toEqual(['CommittedIsOnIsr']);
  one.found.length = 0;
  one.write({ isr: [1, 2] });
  one.checker.committed(tp, 1, 10);
  one.replica(2, { logStartOffset: 9 });
  one.checker.acked(tp, 8);
  expect(one.found).toEqual([]);
});

test('an ISR that takes in who lacks an acknowledged record is found', () => {
  const one = new Cluster();
  one.write({ isr: [1, 2] });
  one.replica(3, { logEndOffset: 7 });
  one.write({ isr: [1, 2, 3] });
  expect(one.found).toEqual(['ElectedHasAcked']);
});

test('a leader without the acknowledged record, or with another in its place, is found', () => {
  const one = new Cluster();
  one.write({ leader: 2, leaderEpoch: 2, isr: [2, 3] });
  one.replica(2, { isLeader: true, leaderEpoch: 2, maximalIsr: [2, 3], logEndOffset: 7 });
  one.checker.roleTaken(tp, 2);
  one.replica(2, { logEndOffset: 10, batchCrc: () => 18 });
  one.checker.roleTaken(tp, 2);
  expect(one.found).toEqual(['ElectedHasAcked', 'ElectedHasAcked']);
});

test('a leader that counts fewer than ZooKeeper has in the ISR is found, when either side moves', () => {
  const one = new Cluster();
  one.replica(1, { maximalIsr: [1, 2] });
  one.write({});
  one.checker.roleTaken(tp, 1);
  expect(one.found).toEqual(['IsrWithinMaximal', 'IsrWithinMaximal']);
});

test('a member of the ISR that truncates what was acknowledged is found', () => {
  const one = new Cluster();
  one.checker.truncated(tp, 2, 10, 8);
  expect(one.found).toEqual([]);
  one.checker.truncated(tp, 2, 10, 7);
  expect(one.found).toEqual(['NoAckedTruncated']);
});

test('a leader from outside the ISR is found; where that is allowed, nothing older is promised', () => {
  const one = new Cluster();
  one.write({ isr: [1, 2] });
  one.replica(3, { logEndOffset: 5 });
  one.write({ leader: 3, leaderEpoch: 2, isr: [3] });
  expect(one.found).toEqual(['ElectedFromIsr']);
  const allowed = new Cluster();
  allowed.isUnclean = true;
  allowed.write({ isr: [1, 2] });
  allowed.replica(3, { logEndOffset: 5 });
  allowed.write({ leader: 3, leaderEpoch: 2, isr: [3] });
  allowed.checker.truncated(tp, 3, 5, 2);
  allowed.checker.acked(tp, 12);
  allowed.checker.committed(tp, 1, 13);
  expect(allowed.found).toEqual([]);
});

test('a power cut excuses the broker it hit until that left the ISR and came back, and nobody else', () => {
  const one = new Cluster();
  one.checker.powerLost(2);
  one.replica(2, { logEndOffset: 4 });
  one.checker.truncated(tp, 2, 10, 4);
  one.write({ leader: 3, leaderEpoch: 2, isr: [3, 2] });
  expect(one.found).toEqual([]);
  one.write({ isr: [3] });
  one.epochs.set(2, 30);
  one.write({ isr: [3, 2] });
  expect(one.found).toEqual(['ElectedHasAcked']);
});

test('a power cut excuses a broker that joins before ZooKeeper has noticed it, not the one that comes back', () => {
  const one = new Cluster();
  one.write({ isr: [1, 3] });
  one.checker.powerLost(2);
  one.replica(2, { logEndOffset: 4 });
  one.write({ isr: [1, 3, 2] });
  expect(one.found).toEqual([]);
});

test('a controller that prefers a broker that lost power to one that lost nothing is found out', () => {
  for (const change of [
    { leader: 2, isr: [2] },
    { leader: -1, isr: [2] },
    { leader: 2, isr: [1, 2] },
  ]) {
    const one = new Cluster();
    one.write({ isr: [1, 2] });
    one.checker.powerLost(2);
    one.write({ leaderEpoch: 2 });
    expect(one.found).toEqual([]);
    one.epochs.set(2, 30);
    one.replicas.delete(1);
    one.write({ leaderEpoch: 3, ...change });
    expect(one.found).toContain('LostInPlaceOfKept');
  }
});

test('who lost power with closed logs may be elected, whatever befell its log dirs; nobody else may', () => {
  for (const wereLogsClosed of [false, true]) {
    const one = new Cluster();
    one.write({ isr: [1, 2] });
    one.checker.logDirFailed(2);
    one.checker.powerLost(2, wereLogsClosed);
    one.epochs.set(2, 30);
    one.replicas.delete(1);
    one.write({ leaderEpoch: 2, leader: 2, isr: [2] });
    expect(one.found).toEqual(wereLogsClosed ? [] : ['LostInPlaceOfKept']);
  }
});

test('a power cut that met closed logs does not excuse the one after it', () => {
  const one = new Cluster();
  one.write({ isr: [1, 2] });
  one.checker.powerLost(2, true);
  one.checker.powerLost(2);
  one.epochs.set(2, 30);
  one.replicas.delete(1);
  one.write({ leaderEpoch: 2, leader: 2, isr: [2] });
  expect(one.found).toEqual(['LostInPlaceOfKept']);
});

test('of whom a log dir failed others may be elected in the place, whether it joined before that or after', () => {
  for (const [before, isWhole] of [
    [[1, 2], false],
    [[2], false],
    [[2], true],
  ] as const) {
    const one = new Cluster();
    one.write({ leaderEpoch: 2, leader: 2, isr: before });
    one.checker.logDirFailed(1);
    if (isWhole) one.checker.registeredWhole(1);
    one.write({ isr: [2, 1] });
    one.checker.powerLost(2);
    one.epochs.set(2, 30);
    one.replicas.delete(1);
    one.write({ leaderEpoch: 3, leader: 2, isr: [2] });
    expect(one.found).toEqual(isWhole ? ['LostInPlaceOfKept'] : []);
  }
});

test('after all of the ISR lost power none of them has lost nothing, though one lose it again', () => {
  const one = new Cluster();
  one.write({ isr: [1, 2] });
  for (const id of [1, 2, 2]) one.checker.powerLost(id);
  for (const id of [1, 2]) one.epochs.set(id, 30 + id);
  one.write({ leaderEpoch: 2, leader: 2, isr: [2] });
  expect(one.found).toEqual([]);
});

test('when all of the ISR lost power, what was acknowledged before is released, nothing later', () => {
  const one = new Cluster();
  for (const id of [1, 2, 3]) one.checker.powerLost(id);
  for (const id of [1, 2, 3]) one.replica(id, { logEndOffset: 3 });
  one.write({ leaderEpoch: 2, isr: [1] });
  expect(one.found).toEqual([]);
  one.checker.acked(tp, 10);
  expect(one.found).toEqual(['AckedIsOnIsr']);
});

test('an acknowledgement that was on its way when all lost power promises nothing', () => {
  const one = new Cluster();
  one.checker.committed(tp, 1, 10);
  for (const id of [1, 2, 3]) one.checker.powerLost(id);
  for (const id of [1, 2, 3]) one.replica(id, { logEndOffset: 3 });
  one.checker.acked(tp, 9);
  expect(one.found).toEqual([]);
  expect(one.checker.isPromised(tp, 9)).toBe(false);
});

test('who lost power leads without acknowledged records only if no member that kept them runs', () => {
  const one = new Cluster();
  one.write({ isr: [1, 2] });
  one.checker.powerLost(1);
  one.replica(1, { logEndOffset: 2 });
  one.write({ leaderEpoch: 2 });
  expect(one.found).toEqual([]);
  one.checker.roleTaken(tp, 1);
  one.replica(2, { logEndOffset: 10 });
  one.replicas.delete(2);
  one.write({ leaderEpoch: 3, isr: [1] });
  one.checker.truncated(tp, 2, 10, 2);
  one.replica(3, { logEndOffset: 2 });
  one.write({ isr: [1, 3] });
  expect(one.found).toEqual([]);
  // What it acknowledges from then on is promised again.
  one.checker.acked(tp, 1);
  one.replica(3, { logEndOffset: 0 });
  one.checker.truncated(tp, 3, 2, 0);
  expect(one.found).toEqual(['NoAckedTruncated']);
});
