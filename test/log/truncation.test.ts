/** After a truncation the log is what it would be if what was truncated had never been there. */
import { buildBatch } from '../../src/record/batch-builder';
import { SimLog, simLog } from '../support/sim-log';

function appendBatch({ log, nowMs }: SimLog, records: number): void {
  log.appendAsLeader(
    buildBatch(Array.from({ length: records }, () => ({ timestamp: nowMs, value: Buffer.from('v') }))),
    0,
  );
}

test("a batch that spans the offset goes as a whole, the log ends where it began, and the leader's batch fits", async () => {
  const [leader, one] = [await simLog(), await simLog()];
  for (const log of [leader, one]) for (let i = 0; i < 3; i++) appendBatch(log, 5);
  one.log.truncateTo(7);
  expect(one.log.logEndOffset).toBe(5);
  one.fetchFrom(leader);
  expect(one.log.logEndOffset).toBe(15);
});

test('where the log start lies in that batch, nothing is left, and the log begins there again', async () => {
  const [leader, one] = [await simLog(), await simLog()];
  for (const log of [leader, one]) for (let i = 0; i < 3; i++) appendBatch(log, 5);
  for (const { log } of [leader, one]) {
    log.updateHighWatermark(15);
    log.maybeIncrementLogStartOffset(6);
  }
  one.log.truncateTo(8);
  expect([one.log.logStartOffset, one.log.logEndOffset]).toEqual([6, 6]);
  one.fetchFrom(leader);
  expect([one.log.logStartOffset, one.log.logEndOffset]).toEqual([6, 15]);
});

test('a record is found by its time after a truncation, though no index entry was left', async () => {
  const one = await simLog();
  for (let i = 0; i < 4; i++) {
    one.nowMs += 10;
    appendBatch(one, 1);
  }
  one.log.truncateTo(2);
  expect(one.log.offsetForTimestamp(one.nowMs - 20)).toEqual({ offset: 1, timestamp: one.nowMs - 20 });
});

test('a producer whose records were deleted goes on with its sequence after a crash', async () => {
  const one = await simLog();
  for (let i = 0; i < 4; i++) one.append(1, 0, { producerId: 7, producerEpoch: 0, baseSequence: i });
  one.log.roll();
  for (let i = 4; i < 8; i++) one.append(1, 0, { producerId: 7, producerEpoch: 0, baseSequence: i });
  one.log.updateHighWatermark(8);
  one.log.maybeIncrementLogStartOffset(8);
  await one.log.flush();
  one.log.closeFiles();
  await one.open({ logStartOffset: 8 });
  one.append(1, 0, { producerId: 7, producerEpoch: 0, baseSequence: 8 });
  expect(one.log.logEndOffset).toBe(9);
});

test('a truncation that finds damage in what it leaves has truncated all the same, and what is fetched next fits', async () => {
  const one = await simLog({ 'index.interval.bytes': '100' });
  for (let i = 0; i < 20; i++) one.append(1, 1, { producerId: 7, producerEpoch: 0, baseSequence: i });
  const leader = await simLog();
  leader.append(15, 1);
  leader.append(5, 2);
  // The header of the first batch, which the producer state is made from.
  one.disk.open(one.log.activeSegment.path, 'write').write([Buffer.from([99])], 16);
  expect(() => one.log.truncateTo(15)).toThrow('is damaged at position 0');
  expect([one.log.logEndOffset, one.log.epochs.all]).toEqual([15, [{ epoch: 1, startOffset: 0 }]]);
  one.fetchFrom(leader);
  expect(one.log.logEndOffset).toBe(20);
  expect(one.log.epochs.all).toEqual(leader.log.epochs.all);
  expect(one.log.read(15, 20, 1 << 20, true)).toEqual(leader.log.read(15, 20, 1 << 20, true));
});
