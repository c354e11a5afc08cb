/** The check of a leader's log finds what somebody else appended. */
import { foreignRecords } from '../../src/checkers/own-records';
import { simLog } from '../support/sim-log';

test("a batch of another epoch behind the start of the leader's own is found, and none before it", async () => {
  const one = await simLog();
  for (const epoch of [1, 2, 4, 4]) one.append(1, epoch);
  const { log } = one;
  expect(foreignRecords({ log, leaderEpoch: 4, leaderEpochStartOffset: 2 })).toEqual([]);
  expect(foreignRecords({ log, leaderEpoch: 5, leaderEpochStartOffset: 4 })).toEqual([]);
  expect(foreignRecords({ log, leaderEpoch: 5, leaderEpochStartOffset: 3 })).toEqual([
    'LeaderWritesItsOwn: it leads in epoch 5 from offset 3, and has a batch of epoch 4 at 3',
  ]);
});
