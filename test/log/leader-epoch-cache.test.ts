/** Leader epochs: what a leader answers, and how two logs that diverged find their common point. */
import { LeaderEpochCache } from '../../src/log/leader-epoch-cache';
import { planTruncation } from '../../src/broker/partition-state';
import { Prng } from '../../src/simulation/prng';

const cache = (...entries: [number, number][]) =>
  new LeaderEpochCache(entries.map(([epoch, startOffset]) => ({ epoch, startOffset })));

test('the end of an epoch is the start of the next, or the log end for the latest', () => {
  const one = cache([1, 0], [3, 10], [5, 20]);
  expect(one.endOffsetFor(5, 30)).toEqual({ epoch: 5, endOffset: 30 });
  expect(one.endOffsetFor(3, 30)).toEqual({ epoch: 3, endOffset: 20 });
  expect(one.endOffsetFor(4, 30)).toEqual({ epoch: 3, endOffset: 20 });
  expect(one.endOffsetFor(0, 30)).toEqual({ epoch: 0, endOffset: 0 });
  expect(one.endOffsetFor(6, 30)).toEqual({ epoch: -1, endOffset: -1 });
  expect(cache().endOffsetFor(1, 30)).toEqual({ epoch: -1, endOffset: -1 });
});

test('assigning drops entries that contradict, truncation keeps the rest', () => {
  const one = cache([1, 0], [3, 10], [5, 20]);
  one.assign(4, 15);
  expect(one.all).toEqual([
    { epoch: 1, startOffset: 0 },
    { epoch: 3, startOffset: 10 },
    { epoch: 4, startOffset: 15 },
  ]);
  one.truncateFromEnd(12);
  expect(one.latestEpoch).toBe(3);
  one.truncateFromStart(5);
  expect(one.all).toEqual([
    { epoch: 1, startOffset: 5 },
    { epoch: 3, startOffset: 10 },
  ]);
});

/** A log as the list of the epochs of its records. */
function epochsOf(log: readonly number[]): LeaderEpochCache {
  const result = cache();
  log.forEach((epoch, offset) => result.assign(epoch, offset));
  return result;
}

test('F4: after fast leader changes a follower repeats with lower epochs until the common point, and ends (KIP-279)', () => {
  const random = new Prng('f4');
  let again = 0;
  for (let run = 0; run < 3000; run++) {
    const draw = () => {
      const log: number[] = [];
      for (let epoch = 0; epoch < 8; epoch++)
        if (random.chance(0.5)) log.push(...(Array(random.below(4)).fill(epoch) as number[]));
      return log;
    };
    const common = draw().filter((epoch) => epoch < 3);
    const leader = [...common, ...draw().filter((epoch) => epoch >= 3 && epoch % 2 === 0)];
    let follower = [...common, ...draw().filter((epoch) => epoch >= 3 && epoch % 2 === 1)];
    const leaderEpochs = epochsOf(leader);
    // Whoever leads now began an epoch of its own when it was elected.
    leaderEpochs.assign(100, leader.length);
    for (let round = 0; ; round++) {
      expect(round).toBeLessThan(10);
      const own = epochsOf(follower);
      const answer =
        own.latestEpoch === -1
          ? { epoch: -1, endOffset: 0 }
          : leaderEpochs.endOffsetFor(own.latestEpoch, leader.length);
      const end = answer.endOffset === -1 ? { epoch: -1, endOffset: leader.length } : answer;
      const step = planTruncation(end, own.endOffsetFor(end.epoch, follower.length), follower.length, 0);
      follower = follower.slice(0, step.offset);
      if (step.kind === 'done') break;
      again++;
    }
    expect(follower).toEqual(leader.slice(0, follower.length));
    expect(follower.length).toBeGreaterThanOrEqual(Math.min(common.length, follower.length));
  }
  expect(again).toBeGreaterThan(0);
});

test('an epoch that starts where the log now ends goes with the truncation; no start is at or after a later one', () => {
  const one = cache([1, 0], [3, 10], [5, 20]);
  one.truncateFromEnd(20);
  expect(one.all.map(({ epoch }) => epoch)).toEqual([1, 3]);
  one.assign(4, 10);
  expect(one.all).toEqual([
    { epoch: 1, startOffset: 0 },
    { epoch: 4, startOffset: 10 },
  ]);
});
