/** The log on real files: appending, reading, rolling, truncating, retention, and what survives a crash. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Clock } from '../../src/common/host';
import { NodeDisk } from '../../src/host/node-disk';
import { nodeRandom, silentLog } from '../../src/host/node-host';
import { Log } from '../../src/log/log';
import { LogContext } from '../../src/log/log-context';
import { LogConfig, logConfigTable, withOverrides } from '../../src/log/log-config';
import { openLog } from '../../src/log/log-recovery';
import { OpenFiles } from '../../src/log/open-files';
import { TailCache } from '../../src/log/tail-cache';
import { buildBatch, recompress } from '../../src/record/batch-builder';
import { recordsOf } from '../../src/record/record';
import { batchesOf, RecordBatch } from '../../src/record/record-batch';
import { Prng } from '../../src/simulation/prng';

const DEFAULTS = Object.fromEntries(
  Object.entries(logConfigTable).map(([name, row]) => [name, row.default]),
) as LogConfig;
const TP = { topic: 't', partition: 0 };
let directory: string;
let nowMs = 1_700_000_000_000;
const warnings: string[] = [];
const timers: { atMs: number; action: () => void }[] = [];
const clock: Clock = {
  wallMs: () => nowMs,
  monotonicMs: () => nowMs,
  schedule: (delayMs, action) => {
    if (delayMs === 0) setImmediate(action);
    else timers.push({ atMs: nowMs + delayMs, action });
    return { cancel: () => {} };
  },
};

function context(tailBytes = 0, maxFiles = 100): LogContext {
  const disk = new NodeDisk();
  const log = {
    ...silentLog,
    warn: (message: string) => {
      warnings.push(message);
    },
  };
  return {
    disk,
    clock,
    random: nodeRandom,
    files: new OpenFiles(disk, maxFiles),
    tailCache: new TailCache(tailBytes),
    log,
    onTruncated: () => {},
    onCorruption: () => false,
    onStorageError: (_, error) => {
      if (fs.existsSync(directory)) throw error;
    },
  };
}

const opened: Log[] = [];

async function open(
  overrides: Record<string, string> = {},
  options: { clean?: boolean; recoveryPoint?: number; context?: LogContext } = {},
): Promise<Log> {
  const log = await openLog(options.context ?? context(), {
    directory,
    tp: TP,
    config: withOverrides(DEFAULTS, overrides),
    cleanShutdown: options.clean ?? false,
    recoveryPoint: options.recoveryPoint ?? 0,
    logStartOffset: 0,
  });
  opened.push(log);
  return log;
}

const batch = (values: string[], timestamp = nowMs) =>
  buildBatch(values.map((value) => ({ timestamp, value: Buffer.from(value) })));
const append = (log: Log, ...values: string[]) => log.appendAsLeader(batch(values), 0);

function values(log: Log, from = log.logStartOffset): string[] {
  const found: string[] = [];
  for (let offset = from; offset < log.logEndOffset;) {
    const chunks = log.read(offset, log.logEndOffset, 300, true);
    for (const one of batchesOf(Buffer.concat(chunks))) {
      for (const record of recordsOf(one)) if (record.offset >= offset) found.push(record.value!.toString());
      offset = one.nextOffset;
    }
  }
  return found;
}

beforeEach(() => {
  directory = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-log-')), 't-0');
  warnings.length = 0;
  timers.length = 0;
});
afterEach(async () => {
  // Rolled segments are flushed in the background.
  for (const log of opened.splice(0)) await log.flushBehind(0);
  fs.rmSync(path.dirname(directory), { recursive: true, force: true });
});

const SMALL = { 'segment.bytes': '500', 'index.interval.bytes': '100' };
const many = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `value-${i + from}`);

test('what was appended is read back from every offset, over many segments and few open files', async () => {
  const log = await open(SMALL, { context: context(0, 3) });
  const all = many(100);
  for (const value of all) append(log, value);
  expect(log.allSegments.length).toBeGreaterThan(10);
  for (let offset = 0; offset < 100; offset += 9) expect(values(log, offset)).toEqual(all.slice(offset));
  await log.flush();
  expect(log.recoveryPoint).toBe(100);
});

test('the tail cache and the disk give the same answers', async () => {
  const cached = await open(SMALL, { context: context(1 << 20) });
  for (const value of many(60)) append(cached, value, `${value}-b`);
  const fromDisk = await open(SMALL);
  for (let offset = 0; offset < 120; offset += 7) {
    for (const limit of [120, offset + 5])
      expect(Buffer.concat(cached.read(offset, limit, 1 << 20, true)).subarray(0, 80)).toEqual(
        Buffer.concat(fromDisk.read(offset, limit, 1 << 20, true)).subarray(0, 80),
      );
  }
});

test('a reader never gets a batch at or beyond the limit, and gets one larger than its maximum only if asked', async () => {
  const log = await open();
  for (const value of many(10)) append(log, value);
  expect([...batchesOf(Buffer.concat(log.read(0, 4, 1 << 20, true)))].map((b) => b.baseOffset)).toEqual([
    0, 1, 2, 3,
  ]);
  expect(Buffer.concat(log.read(2, 10, 10, false)).length).toBe(0);
  expect([...batchesOf(Buffer.concat(log.read(2, 10, 10, true)))].map((b) => b.baseOffset)).toEqual([2]);
  expect(() => log.read(11, 20, 10, true)).toThrow(
    expect.objectContaining({ errorName: 'OFFSET_OUT_OF_RANGE' }),
  );
});

test('an index entry names the last offset of a batch and where that batch begins', async () => {
  const log = await open({ 'index.interval.bytes': '100' });
  for (const value of many(50)) append(log, value, 'second');
  const segment = log.activeSegment;
  const positions = new Map(
    [...segment.batchesFrom(0)].map(({ batch: one, position }) => [one.lastOffset, position]),
  );
  expect(segment.index.length).toBeGreaterThan(10);
  for (let i = 0; i < segment.index.length; i++)
    expect(positions.get(segment.index.entry(i).offset)).toBe(segment.index.entry(i).position);
});

test('truncation cuts whole batches, across segments, and the log goes on from there', async () => {
  const log = await open(SMALL);
  for (const value of many(50)) append(log, value);
  log.truncateTo(17);
  expect(log.logEndOffset).toBe(17);
  append(log, 'after');
  expect(values(log)).toEqual([...many(17), 'after']);
  const again = await open(SMALL, { clean: false });
  expect(values(again)).toEqual([...many(17), 'after']);
});

describe('after a crash', () => {
  test('a torn last batch is cut, and said', async () => {
    const log = await open();
    for (const value of many(20)) append(log, value);
    const file = log.activeSegment.path;
    fs.truncateSync(file, fs.statSync(file).size - 7);
    const recovered = await open();
    expect(values(recovered)).toEqual(many(19));
    expect(warnings.join()).toContain('cut');
  });

  test('whatever bytes are damaged above the recovery point, what is left is a prefix of what was written', async () => {
    const random = new Prng('damage');
    for (let run = 0; run < 25; run++) {
      fs.rmSync(directory, { recursive: true, force: true });
      const log = await open(SMALL);
      for (const value of many(40)) append(log, value);
      const segments = fs.readdirSync(directory).filter((name) => name.endsWith('.log'));
      const file = path.join(directory, random.pick(segments));
      const bytes = fs.readFileSync(file);
      if (bytes.length === 0) continue;
      if (random.chance(0.3)) fs.truncateSync(file, random.below(bytes.length));
      else {
        bytes[random.below(bytes.length)]! ^= 1 + random.below(255);
        fs.writeFileSync(file, bytes);
      }
      const recovered = await open(SMALL);
      const left = values(recovered);
      expect(left).toEqual(many(left.length));
      append(recovered, 'next');
      expect(values(recovered).at(-1)).toBe('next');
    }
  });

  test('missing, short and garbage indexes are rebuilt', async () => {
    const log = await open(SMALL);
    for (const value of many(60)) append(log, value);
    await log.close();
    const indexes = fs.readdirSync(directory).filter((name) => name.endsWith('index'));
    fs.rmSync(path.join(directory, indexes[0]!));
    fs.writeFileSync(path.join(directory, indexes[2]!), 'xyz');
    fs.writeFileSync(path.join(directory, indexes[4]!), Buffer.alloc(24, 0xff));
    for (const clean of [true, false]) {
      const again = await open(SMALL, { clean, recoveryPoint: 60 });
      for (let offset = 0; offset < 60; offset += 5)
        expect(values(again, offset)).toEqual(many(60).slice(offset));
    }
  });

  test('damage below the recovery point is reported when it is read, and never served', async () => {
    const log = await open();
    for (const value of many(5)) append(log, value);
    await log.close();
    const file = log.activeSegment.path;
    const bytes = fs.readFileSync(file);
    bytes[(bytes.length / 5) * 4 - 3]! ^= 0xff;
    fs.writeFileSync(file, bytes);
    const again = await open({}, { clean: true });
    expect(() => again.read(3, 5, 1000, true)).toThrow(
      expect.objectContaining({ errorName: 'CORRUPT_MESSAGE' }),
    );
    expect([...batchesOf(Buffer.concat(again.read(0, 5, 1 << 20, true)))].map((b) => b.baseOffset)).toEqual([
      0, 1, 2,
    ]);
    // The log goes on behind the last batch: if that one is damaged, it is not opened at all.
    bytes[bytes.length - 3]! ^= 0xff;
    fs.writeFileSync(file, bytes);
    await expect(open({}, { clean: true })).rejects.toMatchObject({ errorName: 'CORRUPT_MESSAGE' });
  });

  test('the leader epochs are rebuilt from the batches', async () => {
    const log = await open();
    log.appendAsLeader(batch(['a']), 0);
    log.epochs.assign(3, 1);
    log.appendAsLeader(batch(['b']), 3);
    fs.writeFileSync(path.join(directory, 'leader-epoch-checkpoint'), '');
    const again = await open();
    expect(again.epochs.all).toEqual([
      { epoch: 0, startOffset: 0 },
      { epoch: 3, startOffset: 1 },
    ]);
  });
});

describe('retention', () => {
  test('segments older than retention.ms go, never beyond the high watermark, and their files after the delay', async () => {
    const log = await open({ ...SMALL, 'retention.ms': '1000', 'file.delete.delay.ms': '50' });
    for (const value of many(20)) append(log, value);
    nowMs += 500;
    for (const value of many(20, 20)) append(log, value);
    nowMs += 700;
    expect(log.deleteOldSegments()).toBe(0);
    log.updateHighWatermark(40);
    expect(log.deleteOldSegments()).toBeGreaterThan(0);
    expect(log.logStartOffset).toBeGreaterThan(0);
    expect(values(log)).toEqual(many(40).slice(log.logStartOffset));
    expect(fs.readdirSync(directory).some((name) => name.endsWith('.deleted'))).toBe(true);
    for (const { action } of timers) action();
    expect(fs.readdirSync(directory).some((name) => name.endsWith('.deleted'))).toBe(false);
  });

  test('by size the oldest segments go until the rest fits', async () => {
    const log = await open({ ...SMALL, 'retention.bytes': '1500' });
    for (const value of many(60)) append(log, value);
    log.updateHighWatermark(60);
    log.deleteOldSegments();
    expect(log.sizeInBytes).toBeGreaterThanOrEqual(1500);
    expect(log.sizeInBytes - log.allSegments[0]!.size).toBeLessThan(1500);
  });

  test('when everything is old a new empty segment stays, and the offsets go on', async () => {
    const log = await open({ 'retention.ms': '10' });
    append(log, 'old');
    log.updateHighWatermark(1);
    nowMs += 100;
    expect(log.deleteOldSegments()).toBe(1);
    expect([log.logStartOffset, log.logEndOffset]).toEqual([1, 1]);
    expect(append(log, 'new').firstOffset).toBe(1);
  });
});

test("a segment is rolled by its records' own time", async () => {
  const log = await open({ 'segment.ms': '1000' });
  log.appendAsLeader(batch(['a'], 5_000), 0);
  log.appendAsLeader(batch(['b'], 5_900), 0);
  log.appendAsLeader(batch(['c'], 6_500), 0);
  expect(log.allSegments.map((segment) => segment.baseOffset)).toEqual([0, 2]);
});

describe('a segment is rolled', () => {
  const bases = (log: Log) => log.allSegments.map((segment) => segment.baseOffset);

  test('when its index is full', async () => {
    const log = await open({ 'segment.index.bytes': '24', 'index.interval.bytes': '0' });
    for (const value of many(10)) append(log, value);
    // The time index holds 24 / 12 entries, of which the last is kept for the end of the segment.
    expect(bases(log).length).toBeGreaterThan(2);
    for (const segment of log.allSegments) expect(segment.timeIndex.length).toBeLessThanOrEqual(2);
    expect(values(log)).toEqual(many(10));
  });

  test('before a relative offset would overflow 31 bits', async () => {
    const log = await open();
    append(log, 'first');
    const far = batch(['far']);
    far.writeBigInt64BE(2n ** 31n, 0);
    log.appendAsFollower(far);
    expect(bases(log)).toEqual([0, 2 ** 31]);
    const near = batch(['near']);
    near.writeBigInt64BE(2n ** 31n + 1n, 0);
    log.appendAsFollower(near);
    expect(bases(log)).toEqual([0, 2 ** 31]);
  });

  test('at segment.ms less a random part of segment.jitter.ms', async () => {
    const rolledAt = new Set<number>();
    for (let run = 0; run < 12; run++) {
      fs.rmSync(directory, { recursive: true, force: true });
      const log = await open({ 'segment.ms': '1000', 'segment.jitter.ms': '500' });
      let time = 0;
      while (log.allSegments.length === 1) log.appendAsLeader(batch(['x'], 10_000 + (time += 50)), 0);
      expect(time).toBeGreaterThanOrEqual(550);
      expect(time).toBeLessThanOrEqual(1150);
      rolledAt.add(time);
    }
    expect(rolledAt.size).toBeGreaterThan(1);
  });

  test('by the clock where no record has a time, from the making of the file', async () => {
    const log = await open({ 'segment.ms': '1000' });
    log.appendAsLeader(batch(['a'], -1), 0);
    log.appendAsLeader(batch(['b'], -1), 0);
    nowMs += 1001;
    log.appendAsLeader(batch(['c'], -1), 0);
    expect(bases(log)).toEqual([0, 2]);
  });

  test('at max.compaction.lag.ms, if that is shorter and the topic is compacted', async () => {
    const keyed = (timestamp: number) =>
      buildBatch([{ timestamp, key: Buffer.from('k'), value: Buffer.from('v') }]);
    for (const [policy, expected] of [
      ['compact', [0, 1]],
      ['delete', [0]],
    ] as const) {
      fs.rmSync(directory, { recursive: true, force: true });
      const log = await open({ 'cleanup.policy': policy, 'max.compaction.lag.ms': '1000' });
      log.appendAsLeader(keyed(5_000), 0);
      log.appendAsLeader(keyed(6_500), 0);
      expect(bases(log)).toEqual(expected);
    }
  });
});

test('an offset is found by timestamp, also after a restart', async () => {
  const log = await open(SMALL);
  for (let i = 0; i < 50; i++) log.appendAsLeader(batch([`v${i}`], 1000 + i * 10), 0);
  await log.close();
  const again = await open(SMALL, { clean: true });
  for (const one of [again]) {
    expect(one.offsetForTimestamp(0)).toEqual({ offset: 0, timestamp: 1000 });
    expect(one.offsetForTimestamp(1201)).toEqual({ offset: 21, timestamp: 1210 });
    expect(one.offsetForTimestamp(9999)).toBeUndefined();
  }
});

describe('what a producer may not send', () => {
  const refused = async (bytes: Buffer, overrides: Record<string, string> = {}) => {
    fs.rmSync(directory, { recursive: true, force: true });
    const log = await open(overrides);
    let name = 'accepted';
    try {
      log.appendAsLeader(bytes, 0);
    } catch (error) {
      name = (error as { errorName: string }).errorName;
    }
    expect(log.logEndOffset).toBe(name === 'accepted' ? 1 : 0);
    expect(log.sizeInBytes === 0).toBe(name !== 'accepted');
    return name;
  };
  const patched = (patch: (bytes: Buffer) => void, fixCrc = true) => {
    const bytes = Buffer.from(batch(['x']));
    patch(bytes);
    if (fixCrc) bytes.writeUInt32BE([...batchesOf(bytes)][0]?.computeCrc() ?? 0, 17);
    return bytes;
  };

  test("each is refused by Kafka's name, and nothing is written", async () => {
    expect(await refused(batch(['x']))).toBe('accepted');
    expect(
      await refused(
        patched((b) => {
          b[66]! ^= 1;
        }, false),
      ),
    ).toBe('CORRUPT_MESSAGE');
    expect(await refused(Buffer.alloc(10))).toBe('CORRUPT_MESSAGE');
    expect(
      await refused(
        patched((b) => {
          b.writeInt32BE(1000, 8);
        }, false),
      ),
    ).toBe('CORRUPT_MESSAGE');
    expect(
      await refused(
        patched((b) => {
          b.writeInt32BE(2, 57);
          b.writeInt32BE(1, 23);
        }),
      ),
    ).toBe('INVALID_RECORD');
    expect(
      await refused(
        patched((b) => {
          b.writeInt32BE(5, 23);
        }),
      ),
    ).toBe('INVALID_RECORD');
    expect(
      await refused(
        patched((b) => {
          b.writeInt16BE(0x20, 21);
        }),
      ),
    ).toBe('INVALID_RECORD');
    expect(await refused(Buffer.concat([batch(['x']), batch(['y'])]))).toBe('INVALID_RECORD');
    expect(await refused(batch(['x'.repeat(2000)]), { 'max.message.bytes': '1000' })).toBe(
      'MESSAGE_TOO_LARGE',
    );
    expect(await refused(batch(['x']), { 'cleanup.policy': 'compact' })).toBe('INVALID_RECORD');
    expect(await refused(batch(['x'], 1), { 'message.timestamp.difference.max.ms': '1000' })).toBe(
      'INVALID_TIMESTAMP',
    );
    expect(await refused(batch(['x'.repeat(600)]), SMALL)).toBe('RECORD_LIST_TOO_LARGE');
  });
});

test('a segment too small for an index entry has index files all the same', async () => {
  const log = await open();
  append(log, 'one');
  await log.close();
  expect(
    fs
      .readdirSync(directory)
      .filter((name) => name.startsWith('0000'))
      .sort(),
  ).toEqual(['.index', '.log', '.timeindex'].map((suffix) => `00000000000000000000${suffix}`));
});

describe('idempotent producers', () => {
  const of = (sequence: number, value: string) =>
    buildBatch([{ timestamp: nowMs, value: Buffer.from(value) }], {
      producerId: 7,
      producerEpoch: 0,
      baseSequence: sequence,
    });

  test('a batch that is sent again is answered with its first offset and not appended, also after a roll', async () => {
    const log = await open(SMALL);
    for (let i = 0; i < 20; i++) log.appendAsLeader(of(i, `value-${i}`), 0);
    expect(log.appendAsLeader(of(17, 'value-17'), 0)).toMatchObject({
      firstOffset: 17,
      lastOffset: 17,
      isDuplicate: true,
    });
    expect(log.logEndOffset).toBe(20);
    expect(() => log.appendAsLeader(of(21, 'gap'), 0)).toThrow(
      expect.objectContaining({ errorName: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }),
    );
  });

  test.each([[true], [false]])(
    'after a restart (clean: %s) all of the last five batches are still recognised',
    async (clean) => {
      const log = await open(SMALL);
      for (let i = 0; i < 20; i++) log.appendAsLeader(of(i, `value-${i}`), 0);
      if (clean) await log.close();
      expect(fs.readdirSync(directory).some((name) => name.endsWith('.snapshot'))).toBe(true);
      const again = await open(SMALL, { clean, recoveryPoint: 0 });
      for (let i = 15; i < 20; i++)
        expect(again.appendAsLeader(of(i, `value-${i}`), 0)).toMatchObject({
          firstOffset: i,
          isDuplicate: true,
        });
      expect(again.appendAsLeader(of(20, 'next'), 0)).toMatchObject({ firstOffset: 20, isDuplicate: false });
    },
  );

  test('a damaged or missing snapshot costs a scan, nothing else', async () => {
    const log = await open(SMALL);
    for (let i = 0; i < 20; i++) log.appendAsLeader(of(i, `value-${i}`), 0);
    await log.close();
    const snapshots = fs.readdirSync(directory).filter((name) => name.endsWith('.snapshot'));
    for (const name of snapshots) fs.writeFileSync(path.join(directory, name), 'garbage');
    const again = await open(SMALL);
    expect(warnings.length).toBe(snapshots.length);
    expect(again.appendAsLeader(of(19, 'value-19'), 0)).toMatchObject({ firstOffset: 19, isDuplicate: true });
  });

  test('what is truncated is forgotten: the sequence goes on from what is left', async () => {
    const log = await open(SMALL);
    for (let i = 0; i < 20; i++) log.appendAsLeader(of(i, `value-${i}`), 0);
    log.truncateTo(10);
    expect(log.appendAsLeader(of(9, 'value-9'), 0)).toMatchObject({ firstOffset: 9, isDuplicate: true });
    expect(log.appendAsLeader(of(10, 'other'), 0)).toMatchObject({ firstOffset: 10, isDuplicate: false });
    log.truncateFullyAndStartAt(0);
    expect(log.appendAsLeader(of(0, 'first'), 0)).toMatchObject({ firstOffset: 0, isDuplicate: false });
  });
});

test('compression.type of the topic decides how a batch is stored; the records stay', async () => {
  const log = await open({ 'compression.type': 'gzip' });
  log.appendAsLeader(batch(many(50)), 0);
  expect(new RecordBatch(Buffer.concat(log.read(0, 50, 1e6, true))).compression).toBe(1);
  expect(values(log)).toEqual(many(50));
  log.config = { ...log.config, 'compression.type': 'uncompressed' };
  log.appendAsLeader(recompress(new RecordBatch(batch(many(5))), 'snappy'), 0);
  expect(new RecordBatch(Buffer.concat(log.read(50, 55, 1e6, true))).compression).toBe(0);
});
