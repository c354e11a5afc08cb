/** The rules of replication. */
import {
  afterFetch,
  highWatermarkCandidate,
  isCaughtUp,
  leaderEpochProblem,
  mayJoinIsr,
  newReplica,
  outOfSync,
  planTruncation,
} from '../../src/broker/partition-state';

const fetchAt = (fetchOffset: number) => ({ fetchOffset, logStartOffset: 0, brokerEpoch: 1 });
const at = (logEndOffset: number, lastCaughtUpMs: number) => ({
  ...newReplica(true, 0),
  logEndOffset,
  lastCaughtUpMs,
});

test("a follower that fetches at the leader's end is caught up now; one that keeps up with a moving leader as of its last fetch", () => {
  let replica = afterFetch(newReplica(true, 0), fetchAt(10), 10, 1000);
  expect(replica.lastCaughtUpMs).toBe(1000);
  replica = afterFetch(replica, fetchAt(10), 25, 2000);
  expect(replica.lastCaughtUpMs).toBe(1000);
  replica = afterFetch(replica, fetchAt(25), 40, 3000);
  expect(replica.lastCaughtUpMs).toBe(2000);
});

test('the high watermark waits for every member of the maximal ISR, and for whoever is about to join', () => {
  const replicas = new Map([
    [2, at(8, 0)],
    [3, at(5, -Infinity)],
  ]);
  expect(highWatermarkCandidate(10, replicas, [1, 2], 1000, 5000)).toBe(8);
  expect(highWatermarkCandidate(10, replicas, [1, 2, 3], 1000, 5000)).toBe(5);
  expect(
    highWatermarkCandidate(
      10,
      new Map([
        [2, at(8, 0)],
        [3, at(5, 4500)],
      ]),
      [1, 2],
      1000,
      5000,
    ),
  ).toBe(5);
  expect(highWatermarkCandidate(10, new Map([[2, at(-1, 0)]]), [1, 2], 1000, 5000)).toBe(-1);
  expect(highWatermarkCandidate(10, new Map(), [1], 1000, 5000)).toBe(10);
});

test("who is at the leader's end is never out of sync, however long ago it fetched", () => {
  const replicas = new Map([
    [2, at(10, 0)],
    [3, at(9, 0)],
    [4, at(9, 4500)],
  ]);
  expect(outOfSync([1, 2, 3, 4], replicas, 10, 1000, 5000)).toEqual([3]);
  expect(isCaughtUp(at(10, 0), 10, 1000, 99999)).toBe(true);
});

test("F25: a follower joins the ISR only past the high watermark and past the start of the leader's epoch (KAFKA-7128)", () => {
  expect(mayJoinIsr(at(10, 0), 10, 10)).toBe(true);
  expect(mayJoinIsr(at(9, 0), 10, 0)).toBe(false);
  expect(mayJoinIsr(at(10, 0), 10, 12)).toBe(false);
});

test('an older epoch is fenced, a newer one unknown, none unchecked', () => {
  expect(leaderEpochProblem(4, 5)).toBe('FENCED_LEADER_EPOCH');
  expect(leaderEpochProblem(6, 5)).toBe('UNKNOWN_LEADER_EPOCH');
  expect(leaderEpochProblem(5, 5)).toBeUndefined();
  expect(leaderEpochProblem(-1, 5)).toBeUndefined();
});

test("truncation: by the leader's answer, by our own epochs, or to the high watermark where nothing is known", () => {
  expect(planTruncation({ epoch: -1, endOffset: -1 }, { epoch: -1, endOffset: -1 }, 20, 7)).toEqual({
    kind: 'done',
    offset: 7,
  });
  expect(planTruncation({ epoch: -1, endOffset: 15 }, { epoch: -1, endOffset: -1 }, 20, 7)).toEqual({
    kind: 'done',
    offset: 15,
  });
  expect(planTruncation({ epoch: 3, endOffset: 15 }, { epoch: 3, endOffset: 18 }, 20, 7)).toEqual({
    kind: 'done',
    offset: 15,
  });
  expect(planTruncation({ epoch: 3, endOffset: 15 }, { epoch: 2, endOffset: 9 }, 20, 7)).toEqual({
    kind: 'again',
    offset: 9,
  });
});
