/** The first record at or after a time is found, whatever happened to the batch it was expected in. */
import { buildBatch } from '../../src/record/batch-builder';
import { LogCleaner } from '../../src/log/log-cleaner';
import { cleanableOf } from '../../src/log/cleanable';
import { Host } from '../../src/common/host';
import { silentLog } from '../../src/host/node-host';
import { LoneLog } from '../support/lone-log';

test('a look-up by time goes on behind a batch whose latest record was deleted', async () => {
  const lone = new LoneLog();
  const log = await lone.open();
  const value = Buffer.from('v');
  log.appendAsLeader(
    buildBatch([
      { timestamp: 100, value },
      { timestamp: 50, value },
    ]),
    0,
  );
  log.appendAsLeader(buildBatch([{ timestamp: 90, value }]), 0);
  log.updateHighWatermark(3);
  expect(log.offsetForTimestamp(80)).toEqual({ offset: 0, timestamp: 100 });
  log.maybeIncrementLogStartOffset(1);
  expect(log.offsetForTimestamp(80)).toEqual({ offset: 2, timestamp: 90 });
  expect(log.offsetForTimestamp(95)).toBeUndefined();
});

test('a look-up by time goes on behind a batch that compaction has left without records', async () => {
  const lone = new LoneLog();
  const log = await lone.open({ overrides: { 'cleanup.policy': 'compact' } });
  const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
  log.appendAsLeader(lone.batch(['a=1'], producer), 0);
  for (const text of ['a=2', 'b=1']) {
    lone.nowMs += 10;
    log.appendAsLeader(lone.batch([text]), 0);
  }
  log.roll();
  log.updateHighWatermark(3);
  const first = lone.nowMs - 20;
  expect(log.offsetForTimestamp(first)).toEqual({ offset: 0, timestamp: first });
  const cleaner = new LogCleaner({
    host: { disk: lone.sim, clock: lone.clock, event: () => {} } as unknown as Host,
    log: silentLog,
    options: { enabled: true, backoffMs: 1, dedupeBufferBytes: 1 << 20 },
    logs: () => [log],
    saveCheckpoint: () => {},
    onStorageError: () => {},
  });
  await cleaner.clean(log, cleanableOf(log, undefined, lone.nowMs));
  // The producer's last batch is still there, for its sequence, and names its time.
  expect(log.offsetForTimestamp(first)).toEqual({ offset: 1, timestamp: first + 10 });
});
