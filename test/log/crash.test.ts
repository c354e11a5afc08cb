/**
 * A crash at any write to the disk, by seed: in the middle of appending, rolling, cleaning, deleting,
 * truncating, writing a checkpoint, with an fsync under way. What is found at the next start is what was
 * written, up to some end that is not below what was promised, and epochs, indexes and producers fit it.
 */
import { scanLog } from '../../src/checkers/log-scan';
import { Disk, DiskFile, Host } from '../../src/common/host';
import { silentLog } from '../../src/host/node-host';
import { cleanableOf } from '../../src/log/cleanable';
import { BatchMetadata } from '../../src/log/producer-state';
import { Log } from '../../src/log/log';
import { LogConfig, logConfigTable, TopicOverrides } from '../../src/log/log-config';
import { LogManager } from '../../src/log/log-manager';
import { buildBatch } from '../../src/record/batch-builder';
import { recordsOf } from '../../src/record/record';
import { batchesOf } from '../../src/record/record-batch';
import { Prng } from '../../src/simulation/prng';
import { SimDisk } from '../../src/simulation/sim-disk';

const DEFAULTS = Object.fromEntries(
  Object.entries(logConfigTable).map(([name, row]) => [name, row.default]),
) as LogConfig;
const SMALL = { 'segment.bytes': '300', 'index.interval.bytes': '60', 'file.delete.delay.ms': '0' };
const TOPICS = new Map<string, TopicOverrides>([
  ['deleted', { ...SMALL, 'retention.bytes': '900' }],
  ['compacted', { ...SMALL, 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01' }],
]);
const KEYS = 5;

class Crash extends Error {
  readonly code = 'ECRASH';
}

/** Lets `left` writes through; the one after them gets through in part, and from then on nothing does. */
class CrashingDisk {
  hasCrashed = false;

  constructor(
    private readonly disk: SimDisk,
    private left: number,
    private readonly random: Prng,
  ) {}

  private mutate<T>(action: () => T, part: () => void = () => {}): T {
    if (this.hasCrashed) throw new Crash();
    if (this.left-- > 0) return action();
    this.hasCrashed = true;
    part();
    throw new Crash();
  }

  asDisk(): Disk {
    const { disk } = this;
    const mutate = this.mutate.bind(this);
    return {
      open: (path, mode) =>
        this.file(
          mode === 'create' && !disk.exists(path)
            ? mutate(() => disk.open(path, mode))
            : disk.open(path, mode),
        ),
      exists: (path) => disk.exists(path),
      stat: (path) => disk.stat(path),
      list: (path) => disk.list(path),
      readText: (path) => disk.readText(path),
      lock: (path) => disk.lock(path),
      makeDirectory: (path) => (disk.exists(path) ? undefined : mutate(() => disk.makeDirectory(path))),
      rename: (from, to) => mutate(() => disk.rename(from, to)),
      setModified: (path, ms) => mutate(() => disk.setModified(path, ms)),
      remove: (path) => (disk.exists(path) ? mutate(() => disk.remove(path)) : undefined),
      replace: (path, text, options) => mutate(() => disk.replace(path, text, options)),
      syncDirectory: async (path) => mutate(() => disk.syncDirectory(path)),
      syncDirectoryNow: (path) => mutate(() => disk.syncDirectoryNow(path)),
    };
  }

  private file(file: DiskFile): DiskFile {
    const part = (chunks: readonly Buffer[], position: number) => {
      const bytes = Buffer.concat(chunks);
      file.write([bytes.subarray(0, this.random.below(bytes.length + 1))], position);
    };
    return {
      size: () => file.size(),
      read: (target, position) => file.read(target, position),
      close: () => file.close(),
      write: (chunks, position) =>
        this.mutate(
          () => file.write(chunks, position),
          () => part(chunks, position),
        ),
      truncate: (size) => this.mutate(() => file.truncate(size)),
      sync: async () => this.mutate(() => file.sync()),
      syncNow: () => this.mutate(() => file.syncNow()),
    };
  }
}

function boot(disk: Disk, nowMs: () => number): LogManager {
  const clock: Host['clock'] = {
    wallMs: nowMs,
    monotonicMs: nowMs,
    schedule: (delayMs, action) => {
      if (delayMs <= 0) setImmediate(action);
      return { cancel: () => {} };
    },
  };
  const host = {
    name: 'test',
    clock,
    disk,
    random: new Prng('host'),
    log: silentLog,
    network: undefined as never,
    event: () => {},
    exit: () => {},
  } as Host;
  return new LogManager(host, {
    logDirs: ['/data'],
    defaults: DEFAULTS,
    retentionCheckIntervalMs: 1000,
    initialTaskDelayMs: 1000,
    flushCheckpointIntervalMs: 1000,
    flushCheckIntervalMs: 1000,
    maxOpenFiles: 50,
    tailCacheBytes: 0,
    producerIdExpirationMs: 1 << 30,
    cleaner: { enabled: false, backoffMs: 1000, dedupeBufferBytes: 1 << 20 },
    onAllDirsFailed: () => {},
    mayHandOver: () => false,
    onLogsOffline: () => {},
  });
}

interface Entry {
  readonly key: string;
  readonly value: string;
}

function read(log: Log): Map<number, Entry> {
  const found = new Map<number, Entry>();
  for (let offset = log.logStartOffset; offset < log.logEndOffset;) {
    const chunks = log.read(offset, log.logEndOffset, 4096, true);
    if (chunks.length === 0) break;
    for (const batch of batchesOf(Buffer.concat(chunks))) {
      for (const record of recordsOf(batch))
        if (record.offset >= offset)
          found.set(record.offset, { key: record.key!.toString(), value: record.value!.toString() });
      offset = batch.nextOffset;
    }
  }
  return found;
}

/** What an idempotent producer that goes on in this log sends next. */
function sequenceOf(
  log: Log,
  producerId: number,
): { producerId: number; producerEpoch: number; baseSequence: number } {
  const last = log.producerState.get(producerId)?.batches.at(-1)?.lastSequence ?? -1;
  return { producerId, producerEpoch: 0, baseSequence: last + 1 };
}

/**
 * One topic as it ought to be: every record that was ever at an offset, and the last one that was promised.
 */
class Model {
  readonly written: Entry[] = [];
  /** What was being appended or cut off when the disk crashed: some of it may be there. */
  pending: Entry[] = [];
  startOffset = 0;
  epoch = 0;
  /** Below it everything is on the platter. */
  flushedOffset = 0;
  private readonly lost = new Set<number>();

  /** `lowest`: the end that was promised. */
  check(log: Log, isCompacted: boolean, lowest: number, context: unknown): void {
    const found = read(log);
    const all = [...this.written, ...this.pending];
    expect({ context, end: Math.max(lowest, Math.min(log.logEndOffset, all.length)) }).toEqual({
      context,
      end: log.logEndOffset,
    });
    expect({ context, start: log.logStartOffset <= this.startOffset }).toEqual({ context, start: true });
    for (const [offset, entry] of found)
      expect({ context, offset, entry }).toEqual({ context, offset, entry: all[offset] });
    // A compacted log may have lost the end of a segment that was not flushed and have kept the next one:
    // gaps are right there.
    if (isCompacted)
      for (let offset = lowest; offset < log.logEndOffset; offset++)
        if (!found.has(offset)) this.lost.add(offset);
    for (let offset = log.logStartOffset; offset < log.logEndOffset; offset++) {
      const isLast = all
        .slice(offset + 1, log.logEndOffset)
        .every(({ key }, i) => key !== all[offset]!.key || this.lost.has(offset + 1 + i));
      const mustBeThere = !this.lost.has(offset) && (!isCompacted || isLast);
      if (mustBeThere)
        expect({ context, offset, isThere: found.has(offset) }).toEqual({ context, offset, isThere: true });
    }
  }
}

/** Random work until the disk crashes; the models say what must be there. */
async function work(
  logs: LogManager,
  models: ReadonlyMap<string, Model>,
  disk: CrashingDisk,
  random: Prng,
  tick: () => void,
): Promise<string> {
  for (let step = 0; ; step++) {
    tick();
    const topic = random.pick([...models.keys()]);
    const model = models.get(topic)!;
    const log = logs.get({ topic, partition: 0 })!;
    const action = random.pick([
      'append',
      'append',
      'append',
      'append',
      'flush',
      'checkpoint',
      'retention',
      'clean',
      'truncate',
      'delete-records',
      'high-watermarks',
      'elect',
    ] as const);
    try {
      if (action === 'append') {
        model.pending = Array.from({ length: 1 + random.below(3) }, (_, i) => ({
          key: `k${random.below(KEYS)}`,
          value: `v${model.written.length + i}/${step}`,
        }));
        const records = model.pending.map(({ key, value }) => ({
          timestamp: 1_700_000_000_000 + step,
          key: Buffer.from(key),
          value: Buffer.from(value),
        }));
        log.appendAsLeader(buildBatch(records, sequenceOf(log, random.below(3))), model.epoch);
        model.written.push(...model.pending.splice(0));
        log.updateHighWatermark(log.logEndOffset);
      } else if (action === 'flush') {
        const [end, { truncations }] = [log.logEndOffset, log];
        const flushed = log.flush().then(() => {
          if (!disk.hasCrashed && log.truncations === truncations)
            model.flushedOffset = Math.max(model.flushedOffset, end);
        });
        // Or work goes on while the device is busy.
        if (random.chance(0.5)) await flushed;
      } else if (action === 'elect') log.epochs.assign(++model.epoch, log.logEndOffset);
      if (action === 'checkpoint') logs.checkpoint();
      else if (action === 'high-watermarks')
        logs.checkpointHighWatermarks(
          logs.all.map(({ tp, highWatermark }) => ({ ...tp, offset: highWatermark })),
        );
      else if (action === 'retention') log.deleteOldSegments();
      else if (action === 'clean' && topic === 'compacted')
        await logs.cleaner.clean(log, cleanableOf(log, undefined, 1_800_000_000_000));
      else if (action === 'delete-records' && topic === 'deleted')
        log.maybeIncrementLogStartOffset(
          log.logStartOffset + random.below(log.highWatermark - log.logStartOffset + 1),
        );
      else if (action === 'truncate' && topic === 'deleted' && log.logEndOffset > log.logStartOffset) {
        // As followers do, between batches; what is cut may still be there after a crash in the middle of it.
        const near = log.logEndOffset - 1 - random.below(Math.min(4, log.logEndOffset - log.logStartOffset));
        const cut = [...batchesOf(Buffer.concat(log.read(near, log.logEndOffset, 4096, true)))][0]!
          .baseOffset;
        if (cut <= log.logStartOffset) continue;
        model.pending = model.written.splice(cut);
        model.flushedOffset = Math.min(model.flushedOffset, cut);
        log.truncateTo(cut);
        model.pending = [];
      }
      model.startOffset = Math.max(model.startOffset, log.logStartOffset);
    } catch (error) {
      if (!disk.hasCrashed) throw error;
      // Retention may have got as far as the active segment.
      model.startOffset = Math.max(
        model.startOffset,
        action === 'retention' ? log.activeSegment.baseOffset : log.logStartOffset,
      );
      return action;
    }
    // A checkpoint that cannot be written takes the log dir offline and is no error of the caller.
    if (disk.hasCrashed) return action;
    // What runs in the background fails by itself.
    await new Promise((resolve) => setImmediate(resolve));
    if (disk.hasCrashed) return 'background';
  }
}

async function run(seed: number, losesPower: boolean, crashedIn: Map<string, number>): Promise<void> {
  const random = new Prng(`crash/${seed}`);
  let nowMs = 1_700_000_000_000;
  const disk = new SimDisk(() => nowMs);
  const slow = new Prng(`slow/${seed}`);
  // An fsync takes a few turns, in which work may go on and the power may go.
  disk.syncTime = async () => {
    for (let turns = slow.below(4) * slow.below(4); turns > 0; turns--)
      await new Promise((resolve) => setImmediate(resolve));
  };
  const models = new Map([
    ['deleted', new Model()],
    ['compacted', new Model()],
  ]);
  // Two lives, each with a crash, and a third to look.
  for (let life = 0; life < 3; life++) {
    const crashing = new CrashingDisk(
      disk,
      life === 2 ? Infinity : random.below(life === 0 ? 400 : 150),
      random,
    );
    const logs = boot(crashing.asDisk(), () => nowMs);
    let crashed = 'start';
    try {
      logs.lockDirs();
      await logs.load(TOPICS);
      for (const [topic, model] of models) {
        const log = await logs.getOrCreate({ topic, partition: 0 }, true);
        expect({ seed, life, scan: scanLog(log, { mayIndexesHeal: losesPower }) }).toEqual({
          seed,
          life,
          scan: [],
        });
        model.check(log, topic === 'compacted', losesPower ? model.flushedOffset : model.written.length, {
          seed,
          life,
        });
        Object.assign(model, {
          written: [...model.written, ...model.pending].slice(0, log.logEndOffset),
          pending: [],
          startOffset: log.logStartOffset,
        });
        log.updateHighWatermark(log.logEndOffset);
      }
      if (life < 2)
        crashed = await work(logs, models, crashing, random, () => {
          nowMs += 10;
        });
      else
        await endCleanly(logs, {
          disk,
          models,
          seed,
          random: losesPower ? random : undefined,
          nowMs: () => nowMs,
        });
    } catch (error) {
      if (!crashing.hasCrashed) throw error;
    }
    if (life < 2) crashedIn.set(crashed, (crashedIn.get(crashed) ?? 0) + 1);
    await new Promise((resolve) => setImmediate(resolve));
    if (losesPower) disk.powerCut(random);
    else disk.processDied();
  }
}

interface CleanEnd {
  readonly disk: SimDisk;
  readonly models: ReadonlyMap<string, Model>;
  readonly seed: number;
  /** For the power cut that follows, if one does. */
  readonly random: Prng | undefined;
  readonly nowMs: () => number;
}

/** After a clean end nothing is missing, whatever happens to the machine, and no recovery is needed. */
async function endCleanly(logs: LogManager, { disk, models, seed, random, nowMs }: CleanEnd): Promise<void> {
  for (const [topic] of models) {
    const log = logs.get({ topic, partition: 0 })!;
    log.appendAsLeader(
      buildBatch(
        [{ timestamp: 1_800_000_000_000, key: Buffer.from('last'), value: Buffer.from(topic) }],
        sequenceOf(log, 1),
      ),
      99,
    );
  }
  // A snapshot has the time when the producer wrote in the place of the batch's.
  const placeOf = (batch: BatchMetadata | undefined) => ({ ...batch, timestamp: undefined });
  const stateOf = (log: Log) => [
    log.logEndOffset,
    log.epochs.all,
    [...log.producerState.all].map(({ producerId, batches }) => [producerId, placeOf(batches.at(-1))]),
    [...read(log)],
  ];
  const statesOf = (manager: LogManager) =>
    [...models.keys()].map((topic) => stateOf(manager.get({ topic, partition: 0 })!));
  const before = statesOf(logs);
  await logs.close();
  logs.releaseLocks();
  if (random) disk.powerCut(random);
  const again = boot(disk, nowMs);
  again.lockDirs();
  await again.load(TOPICS);
  expect({ seed, after: statesOf(again) }).toEqual({ seed, after: before });
  for (const log of again.all)
    expect({ seed, scan: scanLog(log, { mayIndexesHeal: random !== undefined }) }).toEqual({
      seed,
      scan: [],
    });
}

const ACTIONS = ['append', 'clean', 'retention', 'truncate', 'checkpoint', 'high-watermarks', 'start'];

test('a kill at any write: what was appended is there, in order, compaction has lost no last value, and a clean end loses nothing', async () => {
  const crashedIn = new Map<string, number>();
  for (let seed = 0; seed < 250; seed++) await run(seed, false, crashedIn);
  for (const action of ACTIONS) expect([action, crashedIn.has(action)]).toEqual([action, true]);
});

test('a power cut at any write: the same up to what had been flushed, and beyond it a prefix', async () => {
  const crashedIn = new Map<string, number>();
  for (let seed = 1000; seed < 1250; seed++) await run(seed, true, crashedIn);
  for (const action of ACTIONS) expect([action, crashedIn.has(action)]).toEqual([action, true]);
});
