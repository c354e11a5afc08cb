/**
 * What the cleaner may take away, and when: durability first, and nothing of a producer's older life stays.
 */
import { Host } from '../../src/common/host';
import { silentLog } from '../../src/host/node-host';
import { cleanableOf } from '../../src/log/cleanable';
import { Log } from '../../src/log/log';
import { LogCleaner } from '../../src/log/log-cleaner';
import { contentOf, LoneLog, manyTurns } from '../support/lone-log';

const COMPACT = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0',
  'file.delete.delay.ms': '0',
};

function clean(lone: LoneLog, log: Log): Promise<void> {
  const { clock, disk } = lone;
  const host = { clock, disk, log: silentLog, event: () => {} } as unknown as Host;
  const cleaner = new LogCleaner({
    host,
    log: silentLog,
    options: { enabled: true, backoffMs: 1, dedupeBufferBytes: 1 << 20 },
    logs: () => [log],
    saveCheckpoint: () => {},
    onStorageError: (_, error) => {
      throw error;
    },
  });
  log.updateHighWatermark(log.logEndOffset);
  return cleaner.clean(log, cleanableOf(log, undefined, lone.nowMs));
}

test('no record is taken away before the one that replaces it is on the platter', async () => {
  const lone = new LoneLog();
  const log = await lone.open({ overrides: COMPACT });
  log.appendAsLeader(lone.batch(['k=old']), 0);
  log.roll();
  await log.flush();
  lone.holdSyncs();
  log.appendAsLeader(lone.batch(['k=new']), 0);
  log.roll();
  const cleaned = clean(lone, log);
  await manyTurns();
  expect(lone.steps.filter((step) => step.endsWith('.swap'))).toEqual([]);
  lone.releaseSyncs();
  await cleaned;
  expect(contentOf(log)).toEqual(['1:new']);
});

test('of a producer whose sequence began anew no earlier batch stays (KAFKA-8335)', async () => {
  const lone = new LoneLog();
  const log = await lone.open({ overrides: COMPACT });
  const send = (producerEpoch: number, value: string) =>
    log.appendAsLeader(lone.batch([`k=${value}`], { producerId: 7, producerEpoch, baseSequence: 0 }), 0);
  send(0, 'first');
  send(1, 'second');
  send(2, 'third');
  log.roll();
  await clean(lone, log);
  expect(contentOf(log)).toEqual(['2:third']);
  expect(log.read(0, log.logEndOffset, 1 << 20, true).reduce((sum, one) => sum + one.length, 0)).toBe(
    log.read(2, log.logEndOffset, 1 << 20, true).reduce((sum, one) => sum + one.length, 0),
  );
});
