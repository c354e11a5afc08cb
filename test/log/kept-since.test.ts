/** What a broker must not keep: what was lost before a stop, with a log dir, or with a damaged log. */
import { isDiskFull } from '../../src/common/errors';
import { LogManager } from '../../src/log/log-manager';
import { Prng } from '../../src/simulation/prng';
import { LoneLog } from '../support/lone-log';
import { startLogManager } from '../support/lone-log-manager';

const TP = { topic: 't', partition: 0 };
const DIRS = ['/data', '/more'];

function start(lone: LoneLog, bootId: string, logDirs: readonly string[] = DIRS): Promise<LogManager> {
  return startLogManager(lone, { bootId, logDirs });
}

async function stop(manager: LogManager): Promise<void> {
  await manager.close();
  manager.releaseLocks();
}

/** A process that registered with epoch 10, wrote `batches` batches and was killed, in boot `b1`. */
async function killed(logDirs: readonly string[] = DIRS, batches = 1): Promise<LoneLog> {
  const lone = new LoneLog();
  const first = await start(lone, 'b1', logDirs);
  const log = await first.getOrCreate(TP, true);
  for (let i = 0; i < batches; i++) log.appendAsLeader(lone.batch(['a']), 0);
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
  const third = await start(lone, 'b2');
  expect(third.history.at(30)).toEqual({ processEpoch: 30, keptSince: 30, flushedSince: 10 });
});

/** What the next process finds and tells if a log of two batches was changed after the kill. */
async function afterChange(change: (bytes: Buffer) => Buffer): Promise<{ end: number; keptSince: number }> {
  const lone = await killed(['/data'], 2);
  const file = lone.sim.open('/data/t-0/00000000000000000000.log', 'write');
  const bytes = Buffer.alloc(file.size());
  file.read(bytes, 0);
  file.truncate(0);
  file.write([change(bytes)], 0);
  file.close();
  const next = await start(lone, 'b1', ['/data']);
  const { logEndOffset: end } = next.get(TP)!;
  const { keptSince } = next.history.at(20);
  // What is written from then on is kept.
  next.history.registered(20);
  lone.sim.processDied();
  expect((await start(lone, 'b1', ['/data'])).history.at(30).keptSince).toBe(keptSince);
  return { end, keptSince };
}

test('a batch that recovery finds damaged after a kill is lost; the half of one at the end is not', async () => {
  expect(await afterChange((bytes) => bytes)).toEqual({ end: 2, keptSince: 10 });
  // A process that is killed as it writes leaves the beginning of a batch.
  for (const missing of [1, 30, 60])
    expect(await afterChange((bytes) => bytes.subarray(0, bytes.length - missing))).toEqual({
      end: 1,
      keptSince: 10,
    });
  const flipped = (at: number) => (bytes: Buffer) => {
    const changed = Buffer.from(bytes);
    changed[at < 0 ? bytes.length + at : at]! ^= 1;
    return changed;
  };
  expect(await afterChange(flipped(-1))).toEqual({ end: 1, keptSince: 20 });
  expect(await afterChange(flipped(65))).toEqual({ end: 0, keptSince: 20 });
});

test('a log of which a segment is missing after a kill counts as lost', async () => {
  const lone = await killed(['/data'], 2);
  const second = await start(lone, 'b1', ['/data']);
  const log = second.get(TP)!;
  second.history.registered(20);
  log.roll();
  log.appendAsLeader(lone.batch(['b']), 0);
  lone.sim.processDied();
  const file = lone.sim.open('/data/t-0/00000000000000000000.log', 'write');
  file.truncate(0);
  file.close();
  const third = await start(lone, 'b1', ['/data']);
  expect(third.get(TP)!.logEndOffset).toBeLessThan(3);
  expect(third.history.at(30).keptSince).toBe(30);
});

test('damage that was found before the registration, in a log that goes on, counts as lost', async () => {
  const lone = await killed();
  const second = await start(lone, 'b1');
  second.startBackgroundTasks();
  const file = lone.sim.open(second.get(TP)!.activeSegment.path, 'write');
  file.write([Buffer.alloc(20, 0xff)], 0);
  file.close();
  expect(() => second.get(TP)!.read(0, 1, 1000, true)).toThrow();
  expect(second.isOffline(TP)).toBe(false);
  expect(second.history.at(20).keptSince).toBe(20);
  second.history.registered(20);
  const { directory } = second.get(TP)!;
  await stop(second);
  lone.sim.remove(directory);
  expect((await start(lone, 'b1')).history.at(30).keptSince).toBe(30);
});

/** A process with `/more` full at its start, in boot `b1`. */
async function startFull(lone: LoneLog): Promise<LogManager> {
  const { lock } = lone.sim;
  const enospc = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC', syscall: 'write' });
  const spy = jest.spyOn(lone.sim, 'lock').mockImplementation((path) => {
    if (path.startsWith('/more/')) throw enospc;
    return lock.call(lone.sim, path);
  });
  const manager = await start(lone, 'b1');
  spy.mockRestore();
  expect(manager.offlineDirs.map(({ path }) => path)).toEqual(['/more']);
  return manager;
}

test('a process that found a log dir full, and was killed before it registered, has lost nothing', async () => {
  const lone = await killed();
  const full = await startFull(lone);
  // Of itself it says so: it does not have the logs of that dir.
  expect(full.history.at(20).keptSince).toBe(20);
  lone.sim.processDied();
  expect((await start(lone, 'b1')).history.at(30).keptSince).toBe(10);
});

test('so has one that stopped before that, unless a power cut met what was not flushed', async () => {
  for (const isCut of [false, true]) {
    const lone = await killed();
    await stop(await startFull(lone));
    if (isCut) lone.sim.powerCut(new Prng('cut'));
    expect((await start(lone, isCut ? 'b2' : 'b1')).history.at(30).keptSince).toBe(isCut ? 30 : 10);
  }
});

test('a process that registered with a full log dir, or found more than that, forgets', async () => {
  const registered = await killed();
  (await startFull(registered)).history.registered(20);
  registered.sim.processDied();
  expect((await start(registered, 'b1')).history.at(30).keptSince).toBe(30);
  const failed = await killed();
  const full = await startFull(failed);
  failed.sim.fail({ path: '/data', code: 'EIO', random: new Prng('disk') });
  full.checkpoint();
  failed.sim.heal();
  failed.sim.processDied();
  expect((await start(failed, 'b1')).history.at(30).keptSince).toBe(30);
  const other = await killed();
  other.sim.replace('/more/.samsa-kept', 'b1 5 5 2\n', { durable: true });
  (await startFull(other)).history.registered(20);
  other.sim.processDied();
  expect((await start(other, 'b1')).history.at(30).keptSince).toBe(30);
});

test('a flush that found no room may have lost what was written; a write has lost nothing', () => {
  const full = (code: string, syscall?: string) =>
    isDiskFull(Object.assign(new Error(code), { code, syscall }));
  for (const code of ['ENOSPC', 'EDQUOT']) {
    for (const syscall of ['write', 'open', 'mkdir', undefined]) expect(full(code, syscall)).toBe(true);
    for (const syscall of ['fsync', 'fdatasync', 'close']) expect(full(code, syscall)).toBe(false);
  }
  expect(full('EIO', 'write')).toBe(false);
});
