/** What a log finds after a power cut that took, or gave back, single files. */
import { LogManager } from '../../src/log/log-manager';
import { Host } from '../../src/common/host';
import { silentLog } from '../../src/host/node-host';
import { LogSegment } from '../../src/log/log-segment';
import { BatchFields } from '../../src/record/batch-builder';
import { Prng } from '../../src/simulation/prng';
import { LOG_DEFAULTS, LOG_DIRECTORY, SimLog, simLog } from '../support/sim-log';

const EPOCHS = `${LOG_DIRECTORY}/leader-epoch-checkpoint`;
const SMALL = { 'segment.bytes': '400' };
const entries = ({ log }: SimLog) => log.epochs.all.map(({ epoch, startOffset }) => [epoch, startOffset]);

/** Ends the process and opens the log again, as after a crash with this recovery point. */
async function crash(one: SimLog, recoveryPoint: number): Promise<void> {
  await one.log.flush();
  one.log.closeFiles();
  await one.open({ recoveryPoint });
}

describe('the epoch checkpoint', () => {
  test('an older one is made right from the log, whatever the recovery point', async () => {
    for (const recoveryPoint of [0, 3, 6, 7]) {
      const one = await simLog(SMALL);
      one.append(3, 1);
      const older = one.disk.readText(EPOCHS);
      one.append(4, 2);
      one.append(2, 4);
      const right = entries(one);
      expect(right).toEqual([
        [1, 0],
        [2, 3],
        [4, 7],
      ]);
      if (recoveryPoint <= 3) one.disk.replace(EPOCHS, older, { durable: true });
      await crash(one, recoveryPoint);
      expect({ recoveryPoint, found: entries(one) }).toEqual({ recoveryPoint, found: right });
    }
  });

  test('entries of a history that was truncated do not come back with it', async () => {
    const one = await simLog(SMALL);
    one.append(3, 1);
    one.append(4, 2);
    one.append(2, 4);
    const older = one.disk.readText(EPOCHS);
    one.log.truncateTo(3);
    one.append(9, 5);
    one.disk.replace(EPOCHS, older, { durable: true });
    await crash(one, 3);
    expect(entries(one)).toEqual([
      [1, 0],
      [5, 3],
    ]);
  });

  test('one that is torn, empty, missing or contradicts the log is made anew from all batches', async () => {
    for (const text of ['0\n2\n1 0\n2', '0\n3', '', '0\n2\n1 0\n9 2\n', undefined]) {
      const one = await simLog(SMALL);
      one.append(3, 1);
      one.append(9, 2);
      if (text === undefined) one.disk.remove(EPOCHS);
      else one.disk.replace(EPOCHS, text, { durable: true });
      await crash(one, 11);
      expect({ text, found: entries(one) }).toEqual({
        text,
        found: [
          [1, 0],
          [2, 3],
        ],
      });
    }
  });

  test('an older one beside a clean shutdown is noticed', async () => {
    const one = await simLog();
    one.append(3, 1);
    const older = one.disk.readText(EPOCHS);
    one.append(3, 2);
    await one.log.close();
    one.disk.replace(EPOCHS, older, { durable: true });
    await one.open({ cleanShutdown: true });
    expect(entries(one)).toEqual([
      [1, 0],
      [2, 3],
    ]);
  });

  test('it is durable before the recovery point moves, and so are the names of the segments', async () => {
    const one = await simLog(SMALL);
    const atSync: number[] = [];
    one.disk.syncTime = async () => {
      atSync.push(one.log.recoveryPoint);
    };
    for (const epoch of [1, 2, 3, 4]) one.append(3, epoch);
    await one.log.flush();
    expect(one.log.recoveryPoint).toBe(12);
    expect(Math.max(...atSync)).toBeLessThan(12);
    const { allSegments } = one.log;
    for (let seed = 0; seed < 20; seed++) one.disk.powerCut(new Prng(String(seed)));
    await one.open({ recoveryPoint: 12 });
    expect(one.log.logEndOffset).toBe(12);
    expect(one.log.allSegments.map(({ baseOffset }) => baseOffset)).toEqual(
      allSegments.map(({ baseOffset }) => baseOffset),
    );
    expect(entries(one)).toEqual([
      [1, 0],
      [2, 3],
      [3, 6],
      [4, 9],
    ]);
    expect(one.warnings).toEqual([]);
  });
});

test('a record that flush.messages made durable is there after a power cut, in a segment that was just begun', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const one = await simLog({ ...SMALL, 'flush.messages': '1' });
    one.append(8, 0);
    one.disk.powerCut(new Prng(String(seed)));
    await one.open();
    expect({ seed, end: one.log.logEndOffset }).toEqual({ seed, end: 8 });
  }
});

test('segments that were truncated do not come back behind what was written since', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const one = await simLog(SMALL);
    one.append(20, 1);
    await one.log.flush();
    const [, second, third] = one.log.allSegments;
    one.log.truncateTo(second!.baseOffset);
    one.append(third!.baseOffset - second!.baseOffset, 2);
    // Whatever the device wrote by itself.
    one.disk.open(second!.path, 'write').syncNow();
    one.disk.powerCut(new Prng(String(seed)));
    await one.open({ recoveryPoint: second!.baseOffset });
    expect({ seed, end: one.log.logEndOffset }).toEqual({ seed, end: third!.baseOffset });
  }
});

/** A log of 20 batches that lost the end of its second segment, opened again: what followed was dropped. */
async function recovered(
  options: BatchFields = {},
): Promise<{ one: SimLog; second: LogSegment; third: LogSegment }> {
  const one = await simLog(SMALL);
  for (let i = 0; i < 20; i++)
    one.append(1, 1, { ...options, baseSequence: 'producerId' in options ? i : -1 });
  await one.log.flush();
  const [, second, third] = one.log.allSegments;
  one.log.closeFiles();
  const file = one.disk.open(second!.path, 'write');
  file.truncate(70);
  file.syncNow();
  await one.open({ recoveryPoint: second!.baseOffset });
  expect(one.log.logEndOffset).toBe(second!.baseOffset);
  return { one, second: second!, third: third! };
}

test('segments that recovery dropped do not come back behind what was written since', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const { one, second, third } = await recovered();
    one.append(third.baseOffset - second.baseOffset, 2);
    one.disk.open(second.path, 'write').syncNow();
    one.disk.powerCut(new Prng(String(seed)));
    await one.open({ recoveryPoint: second.baseOffset });
    expect({ seed, end: one.log.logEndOffset }).toEqual({ seed, end: third.baseOffset });
  }
});

describe('the producer snapshot', () => {
  const SEQUENCE = { producerId: 7, producerEpoch: 0 };

  test('one of batches that recovery cut off does not come back: nothing is acknowledged that is not there', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { one, second, third } = await recovered(SEQUENCE);
      one.append(third.baseOffset - second.baseOffset, 2);
      one.disk.open(second.path, 'write').syncNow();
      one.disk.powerCut(new Prng(String(seed)));
      await one.open({ recoveryPoint: second.baseOffset });
      const last = one.log.producerState.get(7)!.batches.at(-1)!;
      expect({ seed, last: last.lastOffset }).toEqual({ seed, last: second.baseOffset - 1 });
    }
  });

  test('one that is torn, beside a clean shutdown, is made up for by the log: a repeated batch is recognised', async () => {
    const one = await simLog();
    for (let i = 0; i < 3; i++) one.append(1, 0, { ...SEQUENCE, baseSequence: i });
    await one.log.close();
    const path = `${LOG_DIRECTORY}/00000000000000000003.snapshot`;
    const file = one.disk.open(path, 'write');
    file.truncate(20);
    file.close();
    await one.open({ cleanShutdown: true });
    one.append(1, 0, { ...SEQUENCE, baseSequence: 2 });
    expect(one.log.logEndOffset).toBe(3);
  });

  test('a clean end makes it durable: a power cut after it costs nothing', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const one = await simLog(SMALL);
      for (let i = 0; i < 9; i++) one.append(1, i, { ...SEQUENCE, baseSequence: i });
      await one.log.close();
      const before = [entries(one), one.log.producerState.all];
      one.disk.powerCut(new Prng(String(seed)));
      await one.open({ cleanShutdown: true });
      expect({ seed, end: one.log.logEndOffset }).toEqual({ seed, end: 9 });
      expect([entries(one), one.log.producerState.all]).toEqual(before);
      expect(one.warnings).toEqual([]);
    }
  });
});

test('a flush that is under way when the log is closed and its directory renamed takes no log dir offline', async () => {
  const one = await simLog(SMALL);
  let release = () => {};
  one.disk.syncTime = () =>
    new Promise((resolve) => {
      release = resolve;
    });
  one.append(8, 0);
  const flushed = one.log.flush();
  await new Promise((resolve) => setImmediate(resolve));
  one.log.closeFiles();
  one.disk.rename(LOG_DIRECTORY, '/data/t-0.deleted');
  release();
  one.disk.syncTime = undefined;
  await flushed;
  expect(one.log.recoveryPoint).toBe(0);
});

test('idempotent producers are forgotten after transactional.id.expiration.ms, on the timer of the log manager', async () => {
  const one = await simLog();
  const timers: { atMs: number; action: () => void }[] = [];
  const clock: Host['clock'] = {
    wallMs: () => one.nowMs,
    monotonicMs: () => one.nowMs,
    schedule: (delayMs, action) => {
      timers.push({ atMs: one.nowMs + delayMs, action });
      return { cancel: () => {} };
    },
  };
  const passed = (ms: number) => {
    const untilMs = one.nowMs + ms;
    for (;;) {
      timers.sort((a, b) => a.atMs - b.atMs);
      if (timers.length === 0 || timers[0]!.atMs > untilMs) break;
      const { atMs, action } = timers.shift()!;
      one.nowMs = atMs;
      action();
    }
    one.nowMs = untilMs;
  };
  const host = {
    name: 'test',
    clock,
    disk: one.disk,
    random: new Prng('host'),
    log: silentLog,
    event: () => {},
    exit: () => {},
  } as unknown as Host;
  const DAY_MS = 86_400_000;
  const manager = new LogManager(host, {
    logDirs: ['/other'],
    defaults: LOG_DEFAULTS,
    retentionCheckIntervalMs: DAY_MS,
    initialTaskDelayMs: 30_000,
    flushCheckpointIntervalMs: DAY_MS,
    flushCheckIntervalMs: DAY_MS,
    maxOpenFiles: 50,
    tailCacheBytes: 0,
    cleaner: { enabled: false, backoffMs: DAY_MS, dedupeBufferBytes: 1 << 20 },
    producerIdExpirationMs: DAY_MS,
    onAllDirsFailed: () => {},
    mayHandOver: () => false,
    onLogsOffline: () => {},
  });
  manager.lockDirs();
  await manager.load(new Map());
  manager.startBackgroundTasks();
  one.log = await manager.getOrCreate({ topic: 'u', partition: 0 }, true);
  one.append(1, 0, { producerId: 7, producerEpoch: 0, baseSequence: 0 });
  passed(DAY_MS / 2);
  one.append(1, 0, { producerId: 8, producerEpoch: 0, baseSequence: 0 });
  const ids = () => one.log.producerState.all.map(({ producerId }) => producerId);
  passed(DAY_MS / 2 - 1);
  expect(ids()).toEqual([7, 8]);
  passed(600_001);
  expect(ids()).toEqual([8]);
});

test('a segment that retention or a truncation removes while it is flushed takes no log dir offline', async () => {
  for (const remove of [
    (one: SimLog) => one.log.truncateTo(2),
    (one: SimLog) => one.log.deleteOldSegments(),
  ]) {
    const one = await simLog({ ...SMALL, 'retention.bytes': '500' });
    one.append(20, 0);
    one.log.updateHighWatermark(20);
    let release: (() => void) | undefined;
    one.disk.syncTime = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    const flushed = one.log.flush();
    await new Promise((resolve) => setImmediate(resolve));
    remove(one);
    one.disk.syncTime = undefined;
    release!();
    await flushed;
    expect(one.log.allSegments.length).toBeLessThan(4);
  }
});
