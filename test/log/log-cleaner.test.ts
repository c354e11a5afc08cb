/** Compaction: what stays, what goes, and what a crash at any step leaves behind. */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Clock, Host } from '../../src/common/host';
import { NodeDisk } from '../../src/host/node-disk';
import { nodeClock, nodeRandom, silentLog } from '../../src/host/node-host';
import { cleanableOf, groupSegments } from '../../src/log/cleanable';
import { Log } from '../../src/log/log';
import { LogContext } from '../../src/log/log-context';
import { LogCleaner } from '../../src/log/log-cleaner';
import { LogConfig, logConfigTable, withOverrides } from '../../src/log/log-config';
import { openLog } from '../../src/log/log-recovery';
import { Md5 } from '../../src/log/md5';
import { OffsetMap } from '../../src/log/offset-map';
import { OpenFiles } from '../../src/log/open-files';
import { TailCache } from '../../src/log/tail-cache';
import { buildBatch, recompress } from '../../src/record/batch-builder';
import { CompressionType } from '../../src/record/compression';
import { recordsOf } from '../../src/record/record';
import { batchesOf, RecordBatch } from '../../src/record/record-batch';
import { Prng } from '../../src/simulation/prng';

const DEFAULTS = Object.fromEntries(
  Object.entries(logConfigTable).map(([name, row]) => [name, row.default]),
) as LogConfig;
const COMPACT = {
  'cleanup.policy': 'compact',
  'segment.bytes': '600',
  'index.interval.bytes': '100',
  'min.cleanable.dirty.ratio': '0',
  'file.delete.delay.ms': '0',
};
let directory: string;
let disk: NodeDisk;
const checkpoints: number[] = [];
const logs: Log[] = [];

function context(): LogContext {
  // Deletions that are far off would keep the process.
  const clock: Clock = {
    ...nodeClock,
    schedule: (delayMs, action) =>
      delayMs > 60000 ? { cancel: () => {} } : nodeClock.schedule(delayMs, action),
  };
  return {
    disk,
    clock,
    random: nodeRandom,
    files: new OpenFiles(disk, 100),
    tailCache: new TailCache(1 << 20),
    log: silentLog,
    onStorageError: (_, error) => {
      throw error;
    },
    onTruncated: () => {},
    onCorruption: () => false,
  };
}

async function open(overrides: Record<string, string> = {}, clean = false): Promise<Log> {
  const log = await openLog(context(), {
    directory,
    tp: { topic: 't', partition: 0 },
    config: withOverrides(DEFAULTS, { ...COMPACT, ...overrides }),
    cleanShutdown: clean,
    recoveryPoint: 0,
    logStartOffset: 0,
  });
  logs.push(log);
  return log;
}

const host = () =>
  ({ clock: nodeClock, random: nodeRandom, disk, log: silentLog, event: () => {} }) as unknown as Host;
function cleanerOf(log: Log, dedupeBufferBytes = 1 << 20): LogCleaner {
  return new LogCleaner({
    host: host(),
    log: silentLog,
    options: { enabled: true, backoffMs: 1, dedupeBufferBytes },
    logs: () => [log],
    onStorageError: (_path: string, error: unknown) => {
      throw error;
    },
    saveCheckpoint: (_, offsets) => {
      checkpoints.push(offsets.get('t-0')!);
    },
  });
}
const clean = (log: Log, checkpoint?: number, dedupeBufferBytes?: number) =>
  cleanerOf(log, dedupeBufferBytes).clean(log, cleanableOf(log, checkpoint, Date.now()));

function append(
  log: Log,
  entries: readonly (readonly [string, string | null])[],
  codec: CompressionType = 'none',
  fields = {},
): void {
  const plain = buildBatch(
    entries.map(([key, value]) => ({
      timestamp: Date.now(),
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
    })),
    fields,
  );
  log.appendAsLeader(codec === 'none' ? plain : recompress(new RecordBatch(plain), codec), 0);
  log.updateHighWatermark(log.logEndOffset);
}

function read(log: Log): { offset: number; key: string; value: string | null }[] {
  const found: { offset: number; key: string; value: string | null }[] = [];
  for (let at = log.logStartOffset; at < log.logEndOffset;) {
    for (const batch of batchesOf(Buffer.concat(log.read(at, log.logEndOffset, 500, true)))) {
      expect(batch.computeCrc()).toBe(batch.crc);
      for (const { offset, key, value } of recordsOf(batch))
        found.push({ offset, key: key!.toString(), value: value?.toString() ?? null });
      at = batch.nextOffset;
    }
  }
  return found;
}

const lastOf = (records: readonly { key: string; value: string | null }[]) =>
  new Map(records.map(({ key, value }) => [key, value]));

beforeEach(() => {
  directory = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-clean-')), 't-0');
  disk = new NodeDisk();
  checkpoints.length = 0;
});
afterEach(async () => {
  for (const log of logs.splice(0)) await log.flushBehind(0);
  fs.rmSync(path.dirname(directory), { recursive: true, force: true });
});

test.each(['none', 'gzip', 'snappy', 'lz4'] as const)(
  'of every key the last value stays, at its own offset, in order (%s)',
  async (codec) => {
    const random = new Prng(`clean ${codec}`);
    const log = await open();
    for (let i = 0; i < 150; i++)
      append(
        log,
        Array.from(
          { length: random.between(1, 3) },
          (_, n) => [`k${random.below(20)}`, `${i}.${n}`] as const,
        ),
        codec,
      );
    const before = read(log);
    await clean(log);
    const after = read(log);
    const active = log.activeSegment.baseOffset;
    expect(lastOf(after)).toEqual(lastOf(before));
    for (const record of after) expect(before).toContainEqual(record);
    const cleaned = after.filter(({ offset }) => offset < active);
    expect(new Set(cleaned.map(({ key }) => key)).size).toBe(cleaned.length);
    expect(after.map(({ offset }) => offset)).toEqual(
      [...after.map(({ offset }) => offset)].sort((a, b) => a - b),
    );
    expect(checkpoints).toEqual([active]);
    // What was cleaned opens again as it is, with and without a clean end.
    await log.close();
    expect(read(await open({}, true))).toEqual(after);
    expect(read(await open())).toEqual(after);
  },
);

test('a key whose last record is a tombstone goes, once delete.retention.ms is over and not before', async () => {
  const log = await open({ 'delete.retention.ms': '3600000' });
  append(log, [
    ['a', '1'],
    ['b', '1'],
    ['a', null],
  ]);
  log.roll();
  await clean(log);
  expect(read(log).map(({ key, value }) => [key, value])).toEqual([
    ['b', '1'],
    ['a', null],
  ]);
  // Later something else is cleaned: the tombstone's segment lies an hour before the clean part's end.
  disk.setModified(log.allSegments[0]!.path, Date.now() - 2 * 3600000);
  append(log, [['c', '1']]);
  log.roll();
  await clean(log, checkpoints.at(-1));
  expect(read(log).map(({ key }) => key)).toEqual(['b', 'a', 'c']);
  log.config = { ...log.config, 'delete.retention.ms': 0 };
  append(log, [['d', '1']]);
  log.roll();
  await clean(log, checkpoints.at(-1));
  expect(read(log).map(({ key }) => key)).toEqual(['b', 'c', 'd']);
});

test('what is above the high watermark, younger than min.compaction.lag.ms, or active is left alone', async () => {
  const log = await open();
  for (let i = 0; i < 30; i++) append(log, [['k', String(i)]]);
  const keep = log.allSegments[2]!.baseOffset;
  const limited = (overrides: object) =>
    cleanableOf(
      {
        allSegments: log.allSegments,
        config: log.config,
        highWatermark: log.highWatermark,
        logStartOffset: 0,
        ...overrides,
      },
      undefined,
      Date.now(),
    );
  expect(limited({ highWatermark: keep }).firstUncleanableOffset).toBe(keep);
  expect(limited({ config: { ...log.config, 'min.compaction.lag.ms': 3600000 } }).dirtySegments).toEqual([]);
  expect(limited({}).firstUncleanableOffset).toBe(log.activeSegment.baseOffset);
  expect(limited({}).dirtyRatio).toBe(1);
});

test('a deletion stays one when it was cleaned while the high watermark lay within its segment', async () => {
  const log = await open({ 'delete.retention.ms': '0' });
  append(log, [['a', '1']]);
  log.roll();
  append(log, [
    ['b', '1'],
    ['a', null],
  ]);
  append(log, [['b', '2']]);
  log.roll();
  // The segment of the tombstone is closed, and the last batch in it is not committed yet.
  const { allSegments, config, logStartOffset } = log;
  const behind = cleanableOf(
    { allSegments, config, logStartOffset, highWatermark: 3 },
    undefined,
    Date.now(),
  );
  await cleanerOf(log).clean(log, behind);
  for (const key of ['c', 'd']) {
    append(log, [[key, '1']]);
    log.roll();
    disk.setModified(log.allSegments[0]!.path, Date.now() - 3600000);
    disk.setModified(log.allSegments[1]!.path, Date.now() - 3600000);
    await clean(log, checkpoints.at(-1));
  }
  expect(read(log).map(({ key, value }) => [key, value])).toEqual([
    ['b', '2'],
    ['c', '1'],
    ['d', '1'],
  ]);
});

test('a map that is too small cleans what it can; the rest waits for the next round', async () => {
  const log = await open();
  for (let i = 0; i < 120; i++) append(log, [[`key-${i % 60}`, String(i)]]);
  const before = lastOf(read(log));
  let checkpoint: number | undefined;
  for (let round = 0; round < 30 && checkpoint !== log.activeSegment.baseOffset; round++) {
    await clean(log, checkpoint, 24 * 12);
    expect(checkpoints.at(-1)!).toBeGreaterThan(checkpoint ?? -1);
    checkpoint = checkpoints.at(-1);
    expect(lastOf(read(log))).toEqual(before);
  }
  expect(checkpoint).toBe(log.activeSegment.baseOffset);
});

test('the last batch of an idempotent producer stays, if need be without records, and is recognised after a restart', async () => {
  const log = await open();
  for (let i = 0; i < 5; i++)
    append(log, [['k', String(i)]], 'none', { producerId: 9, producerEpoch: 0, baseSequence: i });
  for (let i = 0; i < 30; i++) append(log, [['k', `later ${i}`]]);
  log.roll();
  await clean(log);
  expect(read(log).map(({ value }) => value)).toEqual(['later 29']);
  for (const name of fs.readdirSync(directory))
    if (name.endsWith('.snapshot')) fs.rmSync(path.join(directory, name));
  const again = await open();
  expect(
    again.appendAsLeader(
      buildBatch([{ timestamp: 1, key: Buffer.from('k'), value: Buffer.from('4') }], {
        producerId: 9,
        producerEpoch: 0,
        baseSequence: 4,
      }),
      0,
    ),
  ).toMatchObject({ isDuplicate: true, firstOffset: 4 });
});

test('a crash at any step of the swap leaves the old segments or the complete new one', async () => {
  let recording = false;
  const moments: string[] = [];
  const real = new NodeDisk();
  // Keeps a copy of the directory as it is before each step that a crash could come between.
  disk = new Proxy(real, {
    get: (target, name: keyof NodeDisk) =>
      name !== 'rename' && name !== 'remove'
        ? (target[name] as unknown)
        : (...args: string[]) => {
            if (recording) {
              moments.push(`${directory}-${moments.length}`);
              fs.cpSync(directory, moments.at(-1)!, { recursive: true });
            }
            return (target[name] as (...all: string[]) => void).apply(target, args);
          },
  });
  const log = await open({ 'file.delete.delay.ms': '3600000' });
  for (let i = 0; i < 60; i++) append(log, [[`k${i % 7}`, String(i)]]);
  await log.flush();
  const expected = lastOf(read(log));
  recording = true;
  await clean(log);
  recording = false;
  disk = real;
  const own = directory;
  const seen = new Set<number>();
  for (const moment of moments) {
    directory = moment;
    const again = await open();
    expect([path.basename(moment), lastOf(read(again))]).toEqual([path.basename(moment), expected]);
    expect(fs.readdirSync(directory).filter((name) => /\.(cleaned|swap|deleted)$/.test(name))).toEqual([]);
    seen.add(read(again).length);
  }
  directory = own;
  // Some found the old segments, some the new one.
  expect(moments.length).toBeGreaterThan(10);
  expect(Math.max(...seen)).toBe(60);
  expect(Math.min(...seen)).toBeLessThan(20);
});

test('a log that is cut while it is cleaned is left alone', async () => {
  const log = await open();
  for (let i = 0; i < 40; i++) append(log, [[`k${i % 5}`, String(i)]]);
  const cleaning = clean(log);
  log.truncateTo(25);
  await expect(cleaning).rejects.toThrow();
  expect(read(log).length).toBe(25);
  expect(fs.readdirSync(directory).filter((name) => name.endsWith('.cleaned'))).toEqual([]);
});

test('the offset map remembers the last offset of each key, within its memory', () => {
  const map = new OffsetMap(0, 1000, 1 << 20);
  for (let i = 0; i < 3000; i++) map.put(i, Buffer.from(`key-${i % 1000}`));
  expect([map.size, map.latestOffset, map.get(Buffer.from('key-7')), map.get(Buffer.from('nobody'))]).toEqual(
    [1000, 2999, 2007, -1],
  );
  const small = new OffsetMap(0, 1000, 24 * 10);
  let n = 0;
  while (!small.isFull) small.put(n, Buffer.from(String(n++)));
  expect(n).toBe(9);
});

test("the hash of a key is Node's MD5, whatever its length", () => {
  const md5 = new Md5();
  for (let length = 0; length < 260; length++) {
    const bytes = new Prng(`md5/${length}`).bytes(length + 5);
    md5.digest(bytes, 3, length);
    expect([length, Buffer.from(md5.words.buffer).toString('hex')]).toEqual([
      length,
      createHash('md5')
        .update(bytes.subarray(3, 3 + length))
        .digest('hex'),
    ]);
  }
});

test("an offset's bit and the lookup of its key say the same, also where the bits end", () => {
  const random = new Prng('bits');
  for (const keys of [3, 40, 500]) {
    const map = new OffsetMap(1000, 600, 24 * 600);
    const keyAt: Buffer[] = [];
    for (let i = 0; i < 500; i++) {
      keyAt.push(Buffer.from(`k${random.below(keys)}`));
      map.put(1000 + i, keyAt[i]!);
    }
    for (let i = 0; i < 500; i++)
      expect([i, map.isLatest(1000 + i)]).toEqual([i, map.get(keyAt[i]!) === 1000 + i]);
    expect([map.isLatest(999), map.isLatest(1000 + 2 ** 33)]).toEqual([undefined, undefined]);
    // An offset far behind the others is remembered by its key alone, and marks nothing else.
    map.put(1000 + 2 ** 33, keyAt[499]!);
    map.put(1001 + 2 ** 33, keyAt[499]!);
    expect(map.get(keyAt[499]!)).toBe(1001 + 2 ** 33);
    expect(Array.from({ length: 499 }, (_, i) => map.isLatest(1000 + i))).toEqual(
      Array.from({ length: 499 }, (_, i) => keyAt.findLastIndex((key) => key.equals(keyAt[i]!)) === i),
    );
  }
});

test('neighbouring segments become one as long as they fit', () => {
  const segment = (baseOffset: number, size: number) => ({ baseOffset, size, retentionTimestamp: 0 });
  const groups = groupSegments(
    [segment(0, 40), segment(10, 50), segment(20, 30), segment(30, 90), segment(40, 5)],
    50,
    100,
  );
  expect(groups.map((group) => group.map((one) => one.baseOffset))).toEqual([[0, 10], [20], [30, 40]]);
  expect(groupSegments([segment(0, 1), segment(2 ** 31, 1)], 2 ** 31 + 5, 100).length).toBe(2);
});
