/**
 * High watermark, log start, recovery point and epochs of a log, where it is truncated, starts anew or is
 * damaged.
 */
import { KafkaError } from '../../src/common/errors';
import { Log } from '../../src/log/log';
import { batchesOf, CRC_OFFSET } from '../../src/record/record-batch';
import { contentOf, LoneLog, manyTurns } from '../support/lone-log';

function appendEach(lone: LoneLog, log: Log, texts: readonly string[], epoch = 0): void {
  for (const text of texts) log.appendAsLeader(lone.batch([text]), epoch);
}

const errorOf = (action: () => void): string => {
  try {
    action();
    return 'NONE';
  } catch (error) {
    return (error as KafkaError).errorName;
  }
};

test('after a truncation nothing above the new end counts as committed', async () => {
  const lone = new LoneLog();
  const log = await lone.open();
  appendEach(lone, log, ['a', 'b', 'c', 'd']);
  log.updateHighWatermark(4);
  log.truncateTo(2);
  expect([log.highWatermark, log.logEndOffset]).toEqual([2, 2]);
});

test('the high watermark stays within the log, whatever it is told (KAFKA-3978)', async () => {
  const lone = new LoneLog();
  const log = await lone.open();
  appendEach(lone, log, ['a', 'b', 'c', 'd']);
  log.updateHighWatermark(4);
  log.maybeIncrementLogStartOffset(3);
  for (const told of [-1, 0, 2]) {
    log.updateHighWatermark(told);
    expect(log.highWatermark).toBe(3);
  }
  log.updateHighWatermark(99);
  expect(log.highWatermark).toBe(4);
});

test('a log that starts anew at a later offset has its high watermark there (KAFKA-9491)', async () => {
  const lone = new LoneLog();
  const log = await lone.open();
  appendEach(lone, log, ['a', 'b']);
  log.truncateFullyAndStartAt(100);
  expect([log.logStartOffset, log.highWatermark, log.logEndOffset]).toEqual([100, 100, 100]);
});

test('truncated records are not read from memory either, and new ones take their offsets', async () => {
  const lone = new LoneLog();
  const log = await lone.open({ tailBytes: 1 << 20 });
  appendEach(lone, log, ['a', 'b', 'c', 'd']);
  log.truncateTo(2);
  appendEach(lone, log, ['C', 'D']);
  expect(contentOf(log)).toEqual(['0:a', '1:b', '2:C', '3:D']);
});

test('a flush that began before a truncation does not vouch for what was written after it', async () => {
  const lone = new LoneLog();
  const log = await lone.open();
  appendEach(lone, log, ['a', 'b', 'c', 'd']);
  lone.holdSyncs();
  const flushed = log.flush();
  await manyTurns();
  log.truncateTo(1);
  appendEach(lone, log, ['B', 'C', 'D']);
  lone.releaseSyncs();
  await flushed;
  expect(log.recoveryPoint).toBeLessThanOrEqual(1);
  await log.flush();
  expect(log.recoveryPoint).toBe(4);
});

test('the recovery point moves after the fsync, never before it', async () => {
  const lone = new LoneLog();
  const log = await lone.open();
  appendEach(lone, log, ['a', 'b']);
  lone.holdSyncs();
  const flushed = log.flush();
  await manyTurns();
  expect(log.recoveryPoint).toBe(0);
  lone.releaseSyncs();
  await flushed;
  expect(log.recoveryPoint).toBe(2);
});

test('a follower refuses batches that begin below its end, or are damaged', async () => {
  const lone = new LoneLog();
  const log = await lone.open();
  appendEach(lone, log, ['a', 'b', 'c', 'd']);
  const before = contentOf(log);
  const overlapping = lone.batch(['B', 'C', 'D', 'E']);
  overlapping.writeBigInt64BE(1n, 0);
  expect(errorOf(() => log.appendAsFollower(overlapping))).not.toBe('NONE');
  const rotten = lone.batch(['e']);
  rotten.writeBigInt64BE(4n, 0);
  rotten.writeUInt32BE((rotten.readUInt32BE(CRC_OFFSET) + 1) >>> 0, CRC_OFFSET);
  expect(errorOf(() => log.appendAsFollower(rotten))).toBe('CORRUPT_MESSAGE');
  expect(contentOf(log)).toEqual(before);
});

test('a lost epoch checkpoint is made anew from the batches, also after a clean end', async () => {
  const lone = new LoneLog();
  const log = await lone.open();
  appendEach(lone, log, ['a', 'b'], 3);
  appendEach(lone, log, ['c'], 5);
  const epochs = log.epochs.all;
  expect(epochs).toEqual([
    { epoch: 3, startOffset: 0 },
    { epoch: 5, startOffset: 2 },
  ]);
  await log.close();
  lone.sim.remove('/data/t-0/leader-epoch-checkpoint');
  expect((await lone.open({ isClean: true })).epochs.all).toEqual(epochs);
});

test('a write that failed is reported, even if the disk works again at once (KAFKA-10778)', async () => {
  const lone = new LoneLog();
  const log = await lone.open();
  appendEach(lone, log, ['a']);
  lone.sim.fail({ path: '/data/t-0', code: 'EIO', random: lone.context().random as never });
  expect(errorOf(() => appendEach(lone, log, ['b']))).toBe('KAFKA_STORAGE_ERROR');
  lone.sim.heal();
  expect(lone.storageErrors.length).toBeGreaterThan(0);
});

test('after a truncation producer state and snapshots know only what is left', async () => {
  const lone = new LoneLog();
  const batch = (sequence: number) =>
    lone.batch([`s${sequence}`], { producerId: 7, producerEpoch: 0, baseSequence: sequence });
  const first = await lone.open();
  for (let i = 0; i < 6; i++) first.appendAsLeader(batch(i), 0);
  await first.close();
  const log = await lone.open({ isClean: true });
  log.truncateTo(2);
  expect(log.producerState.get(7)!.batches.at(-1)!.lastSequence).toBe(1);
  expect(log.appendAsLeader(batch(2), 0).isDuplicate).toBe(false);
  expect(log.appendAsLeader(batch(1), 0).isDuplicate).toBe(true);
});

test('after a truncation no index leads to what is gone', async () => {
  const lone = new LoneLog();
  const log = await lone.open({
    overrides: { 'index.interval.bytes': '1', 'message.timestamp.type': 'CreateTime' },
  });
  for (let i = 0; i < 20; i++) {
    lone.nowMs += 1000;
    appendEach(lone, log, [`v${i}`]);
  }
  const laterMs = lone.nowMs;
  log.truncateTo(5);
  expect(log.offsetForTimestamp(laterMs)).toBeUndefined();
  expect(log.activeSegment.largestTimestamp.offset).toBe(4);
  lone.nowMs = laterMs - 10_000;
  appendEach(lone, log, ['a', 'b']);
  expect(log.activeSegment.index.lookup(99).offset).toBeLessThan(log.logEndOffset);
  expect(contentOf(log).slice(-3)).toEqual(['4:v4', '5:a', '6:b']);
  expect(log.offsetForTimestamp(laterMs - 10_000)).toEqual({ offset: 5, timestamp: laterMs - 10_000 });
});

test('a read ends at its limit, whether it comes from memory or from the disk', async () => {
  for (const tailBytes of [0, 1 << 20]) {
    const lone = new LoneLog();
    const log = await lone.open({ tailBytes });
    appendEach(lone, log, ['a', 'b', 'c', 'd']);
    const bytes = Buffer.concat(log.read(0, 2, 1 << 20, true));
    expect([...batchesOf(bytes)].map(({ baseOffset }) => baseOffset)).toEqual([0, 1]);
  }
});
