/** What a broker must not keep: what was lost before a stop, with a log dir, or with a damaged log. */
import { Host } from '../../src/common/host';
import { silentLog } from '../../src/host/node-host';
import { LogManager } from '../../src/log/log-manager';
import { Prng } from '../../src/simulation/prng';
import { LOG_DEFAULTS, LoneLog } from '../support/lone-log';

const TP = { topic: 't', partition: 0 };
const DIRS = ['/data', '/more'];

async function start(lone: LoneLog, bootId: string, logDirs: readonly string[] = DIRS): Promise<LogManager> {
  const host = {
    name: 'test',
    bootId,
    clock: lone.clock,
    disk: lone.sim,
    random: new Prng('host'),
    log: silentLog,
    event: () => {},
    exit: () => {},
  } as unknown as Host;
  const manager = new LogManager(host, {
    logDirs,
    defaults: LOG_DEFAULTS,
    retentionCheckIntervalMs: 1000,
    initialTaskDelayMs: 1000,
    flushCheckpointIntervalMs: 1000,
    flushCheckIntervalMs: 1000,
    maxOpenFiles: 50,
    tailCacheBytes: 0,
    cleaner: { enabled: false, backoffMs: 1000, dedupeBufferBytes: 1 << 20 },
    producerIdExpirationMs: 1 << 30,
    onAllDirsFailed: () => {},
    mayHandOver: () => false,
    onLogsOffline: () => manager.history.forget(),
  });
  manager.lockDirs();
  await manager.load(new Map());
  return manager;
}

async function stop(manager: LogManager): Promise<void> {
  await manager.close();
  manager.releaseLocks();
}

/** A process that registered with epoch 10 and was killed, in boot `b1`. */
async function killed(logDirs: readonly string[] = DIRS): Promise<LoneLog> {
  const lone = new LoneLog();
  const first = await start(lone, 'b1', logDirs);
  (await first.getOrCreate(TP, true)).appendAsLeader(lone.batch(['a']), 0);
  first.history.registered(10);
  lone.sim.processDied();
  return lone;
}

test('what was written is kept over a kill in one boot, and over a clean stop in any', async () => {
  const lone = await killed();
  const second = await start(lone, 'b1');
  expect(second.history.at(20)).toEqual({ processEpoch: 20, keptSince: 10 });
  second.history.registered(20);
  await stop(second);
  expect((await start(lone, 'b2')).history.at(30)).toEqual({ processEpoch: 30, keptSince: 10 });
});

test('a clean stop before the registration does not undo a power cut before it', async () => {
  const lone = await killed();
  lone.sim.powerCut(new Prng('cut'));
  await stop(await start(lone, 'b2'));
  expect((await start(lone, 'b2')).history.at(30)).toEqual({ processEpoch: 30, keptSince: 30 });
});

test('a log dir that is not among log.dirs any more counts as lost with what was in it', async () => {
  const lone = await killed();
  expect((await start(lone, 'b1', ['/data'])).history.at(20)).toEqual({ processEpoch: 20, keptSince: 20 });
});

test('a log that was found damaged counts as lost, though it be removed before the next start', async () => {
  for (const isRegistered of [true, false]) {
    const lone = await killed();
    const second = await start(lone, 'b1');
    const { directory, activeSegment } = second.get(TP)!;
    await stop(second);
    // A byte of the last batch flips below the recovery point.
    const file = lone.sim.open(activeSegment.path, 'write');
    file.write([Buffer.from([0xff])], file.size() - 1);
    file.close();
    const third = await start(lone, 'b1');
    expect(third.isOffline(TP)).toBe(true);
    if (isRegistered) third.history.registered(20);
    await stop(third);
    lone.sim.remove(directory);
    expect((await start(lone, 'b1')).history.at(30)).toEqual({ processEpoch: 30, keptSince: 30 });
  }
});

test('so does one whose damage was found while nobody else could lead it', async () => {
  const lone = await killed();
  const second = await start(lone, 'b1');
  second.history.registered(20);
  second.startBackgroundTasks();
  const { directory, activeSegment } = second.get(TP)!;
  const file = lone.sim.open(activeSegment.path, 'write');
  file.write([Buffer.alloc(20, 0xff)], 0);
  file.close();
  expect(() => second.get(TP)!.read(0, 1, 1000, true)).toThrow();
  expect(second.isOffline(TP)).toBe(false);
  lone.sim.processDied();
  lone.sim.remove(directory);
  expect((await start(lone, 'b1')).history.at(30)).toEqual({ processEpoch: 30, keptSince: 30 });
});

test('a disk that fails in one place counts as lost, though it be the only one, and work again', async () => {
  const lone = await killed(['/data']);
  const second = await start(lone, 'b1', ['/data']);
  second.history.registered(20);
  second.startBackgroundTasks();
  const log = second.get(TP)!;
  lone.sim.fail({ path: log.directory, code: 'EIO', random: new Prng('disk') });
  expect(() => log.appendAsLeader(lone.batch(['b']), 0)).toThrow('EIO');
  lone.sim.heal();
  lone.sim.processDied();
  expect((await start(lone, 'b1', ['/data'])).history.at(30)).toEqual({ processEpoch: 30, keptSince: 30 });
});

test('without a descriptor to close a log with nobody says that all is on the disk', async () => {
  const lone = await killed();
  const second = await start(lone, 'b1');
  second.history.registered(20);
  second.startBackgroundTasks();
  const log = second.get(TP)!;
  log.appendAsLeader(lone.batch(['b']), 0);
  const emfile = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  jest.spyOn(log, 'close').mockRejectedValue(emfile);
  await stop(second);
  const isMarked = (dir: string) => lone.sim.exists(`${dir}/.kafka_cleanshutdown`);
  expect(DIRS.map((dir) => isMarked(dir) === log.directory.startsWith(`${dir}/`))).toEqual([false, false]);
  lone.sim.powerCut(new Prng('cut'));
  expect((await start(lone, 'b2')).history.at(30)).toEqual({ processEpoch: 30, keptSince: 30 });
});
