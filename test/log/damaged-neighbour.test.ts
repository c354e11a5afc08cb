/** A log that is damaged costs others nothing: neither their cleaning nor their retention. */
import { Host } from '../../src/common/host';
import { silentLog } from '../../src/host/node-host';
import { Log } from '../../src/log/log';
import { LogCleaner } from '../../src/log/log-cleaner';
import { LogManager } from '../../src/log/log-manager';
import { Prng } from '../../src/simulation/prng';
import { SimDisk } from '../../src/simulation/sim-disk';
import { LOG_DEFAULTS, LoneLog, manyTurns } from '../support/lone-log';

/**
 * The time index of the log's first segment speaks of another time, and the segment's first header is broken.
 */
function damage(disk: SimDisk, directory: string): void {
  const base = `${directory}/${'0'.repeat(20)}`;
  const index = disk.open(`${base}.timeindex`, 'write');
  index.write([Buffer.from([0, 0, 3])], index.size() - 12);
  disk.open(`${base}.log`, 'write').write([Buffer.from([99])], 16);
}

const SMALL = { ...LOG_DEFAULTS, 'segment.bytes': 2000, 'index.interval.bytes': 100, 'retention.ms': 1000 };

/** A log of a first segment full of records, and another one that has begun. */
function fill(lone: LoneLog, log: Log): void {
  for (let i = 0; i < 20; i++) {
    lone.nowMs++;
    log.appendAsLeader(lone.batch([`key=${i}`]), 0);
  }
  log.roll();
  log.appendAsLeader(lone.batch(['key=last']), 0);
  log.updateHighWatermark(log.logEndOffset);
}

test('a damaged log does not keep the cleaner from the others', async () => {
  const [bad, good] = [new LoneLog(), new LoneLog()];
  const logs: Log[] = [];
  for (const lone of [bad, good]) {
    let log = await lone.open({ overrides: { 'index.interval.bytes': '100', 'cleanup.policy': 'compact' } });
    fill(lone, log);
    await log.close();
    if (lone === bad) damage(lone.sim, '/data/t-0');
    log = await lone.open({ isClean: true, overrides: { 'cleanup.policy': 'compact' } });
    log.updateHighWatermark(log.logEndOffset);
    logs.push(log);
  }
  const cleaned: number[] = [];
  const timers: (() => void)[] = [];
  const clock = {
    ...good.clock,
    schedule: (delayMs: number, action: () => void) => {
      if (delayMs > 0) timers.push(action);
      return delayMs > 0 ? { cancel: () => {} } : good.clock.schedule(delayMs, action);
    },
  };
  const cleaner = new LogCleaner({
    host: { disk: good.sim, clock, event: () => {} } as unknown as Host,
    log: silentLog,
    options: { enabled: true, backoffMs: 1, dedupeBufferBytes: 1 << 20 },
    logs: () => logs,
    saveCheckpoint: () => {
      cleaned.push(logs[1]!.sizeInBytes);
    },
    onStorageError: () => {},
  });
  cleaner.start();
  timers.shift()!();
  await manyTurns();
  expect(cleaned.length).toBe(1);
  // And it comes again.
  expect(timers.length).toBe(1);
  await cleaner.close();
});

test('a damaged log does not keep retention from the others', async () => {
  const lone = new LoneLog();
  const tasks: { atMs: number; action: () => void }[] = [];
  const schedule = (delayMs: number, action: () => void) => {
    if (delayMs === 0) setImmediate(action);
    else tasks.push({ atMs: delayMs, action });
    return { cancel: () => {} };
  };
  const start = async () => {
    const host = {
      name: 'test',
      clock: { ...lone.clock, schedule },
      disk: lone.sim,
      random: new Prng('host'),
      log: silentLog,
      event: () => {},
      exit: () => {},
    } as unknown as Host;
    const manager = new LogManager(host, {
      logDirs: ['/data'],
      defaults: SMALL,
      retentionCheckIntervalMs: 7000,
      initialTaskDelayMs: 5000,
      flushCheckpointIntervalMs: 8000,
      flushCheckIntervalMs: 8000,
      maxOpenFiles: 50,
      tailCacheBytes: 0,
      cleaner: { enabled: false, backoffMs: 1000, dedupeBufferBytes: 1 << 20 },
      producerIdExpirationMs: 1 << 30,
      onAllDirsFailed: () => {},
      mayHandOver: () => false,
      onLogsOffline: () => {},
    });
    manager.lockDirs();
    await manager.load(new Map());
    return manager;
  };
  const first = await start();
  for (const partition of [0, 1]) fill(lone, await first.getOrCreate({ topic: 't', partition }, true));
  await first.close();
  first.releaseLocks();
  damage(lone.sim, '/data/t-0');
  const second = await start();
  for (const log of second.all) log.updateHighWatermark(log.logEndOffset);
  second.startBackgroundTasks();
  lone.nowMs += 10_000;
  for (const { action } of tasks.splice(0).filter(({ atMs }) => atMs === 5000)) action();
  expect(second.get({ topic: 't', partition: 1 })!.logStartOffset).toBe(21);
});
