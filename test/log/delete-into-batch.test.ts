/**
 * Records deleted up to the middle of a batch: the batch stays whole, and an empty replica can begin with it.
 */
import { buildBatch } from '../../src/record/batch-builder';
import { batchesOf } from '../../src/record/record-batch';
import { simLog, SimLog } from '../support/sim-log';

function appendBatch({ log, nowMs }: SimLog, records: number): void {
  const values = Array.from({ length: records }, (_, i) => ({
    timestamp: nowMs,
    value: Buffer.from(`value ${i}`),
  }));
  log.appendAsLeader(buildBatch(values), 3);
}

async function leaderWithStartInBatch(): Promise<SimLog> {
  const leader = await simLog();
  for (let i = 0; i < 3; i++) appendBatch(leader, 5);
  leader.log.updateHighWatermark(15);
  leader.log.maybeIncrementLogStartOffset(7);
  return leader;
}

test('an empty replica whose start lies in the middle of a batch takes the whole batch (KAFKA-6975)', async () => {
  const leader = await leaderWithStartInBatch();
  const one = await simLog();
  one.log.truncateFullyAndStartAt(7);
  one.fetchFrom(leader);
  const { log } = one;
  expect([log.logStartOffset, log.logEndOffset, log.highWatermark]).toEqual([7, 15, 7]);
  expect(log.allSegments.map(({ baseOffset }) => baseOffset)).toEqual([5]);
  expect(
    [...batchesOf(Buffer.concat(log.read(7, 15, 1 << 20, true)))].map(({ baseOffset }) => baseOffset),
  ).toEqual([5, 10]);
  // Where it begins does not change what it says of the epoch, nor what a restart finds.
  expect(log.epochs.endOffsetFor(3, log.logEndOffset)).toEqual({ epoch: 3, endOffset: 15 });
  await log.flush();
  log.closeFiles();
  await one.open({ recoveryPoint: log.recoveryPoint, logStartOffset: 7 });
  expect([one.log.logStartOffset, one.log.logEndOffset]).toEqual([7, 15]);
});

test('a replica that is not empty, and a batch that does not reach the end, are refused as before', async () => {
  const leader = await leaderWithStartInBatch();
  const fetched = Buffer.concat(leader.log.read(7, 15, 1 << 20, true));
  const one = await simLog();
  one.log.truncateFullyAndStartAt(7);
  one.append(1, 3);
  expect(() => one.log.appendAsFollower(fetched)).toThrow('fetched offset 5 lies below 8');
  const other = await simLog();
  other.log.truncateFullyAndStartAt(10);
  expect(() => other.log.appendAsFollower(fetched)).toThrow('fetched offset 5 lies below 10');
  expect(other.log.logEndOffset).toBe(10);
});
