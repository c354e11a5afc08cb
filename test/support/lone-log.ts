/**
 * One log on a simulated disk: the test moves the clock, holds fsyncs back and sees which disk errors were
 * reported.
 */
import { Clock, Disk, DiskFile } from '../../src/common/host';
import { silentLog } from '../../src/host/node-host';
import { Log } from '../../src/log/log';
import { LogConfig, logConfigTable, withOverrides } from '../../src/log/log-config';
import { LogContext } from '../../src/log/log-context';
import { openLog } from '../../src/log/log-recovery';
import { OpenFiles } from '../../src/log/open-files';
import { TailCache } from '../../src/log/tail-cache';
import { buildBatch } from '../../src/record/batch-builder';
import { recordsOf } from '../../src/record/record';
import { batchesOf } from '../../src/record/record-batch';
import { Prng } from '../../src/simulation/prng';
import { SimDisk } from '../../src/simulation/sim-disk';

export const LOG_DEFAULTS = Object.fromEntries(
  Object.entries(logConfigTable).map(([name, row]) => [name, row.default]),
) as LogConfig;

const DIRECTORY = '/data/t-0';

interface OpenOptions {
  readonly overrides?: Readonly<Record<string, string>>;
  readonly isClean?: boolean;
  readonly tailBytes?: number;
}

export class LoneLog {
  nowMs = 1_700_000_000_000;
  readonly sim = new SimDisk(() => this.nowMs);
  /** Renames and fsyncs, in their order. */
  readonly steps: string[] = [];
  readonly storageErrors: string[] = [];
  private held: (() => void)[] | undefined;

  readonly clock: Clock = {
    wallMs: () => this.nowMs,
    monotonicMs: () => this.nowMs,
    schedule: (delayMs, action) => {
      if (delayMs === 0) setImmediate(action);
      return { cancel: () => {} };
    },
  };

  constructor() {
    this.sim.makeDirectory('/data');
  }

  /** From now on an fsync of a segment waits until `releaseSyncs`. */
  holdSyncs(): void {
    this.held = [];
  }

  releaseSyncs(): void {
    for (const release of this.held ?? []) release();
    this.held = undefined;
  }

  readonly disk: Disk = this.watched();

  private watched(): Disk {
    const { sim } = this;
    const methods: Disk = {
      open: (path, mode) => this.file(path, sim.open(path, mode)),
      exists: (path) => sim.exists(path),
      stat: (path) => sim.stat(path),
      list: (path) => sim.list(path),
      readText: (path) => sim.readText(path),
      lock: (path) => sim.lock(path),
      makeDirectory: (path) => sim.makeDirectory(path),
      rename: (from, to) => {
        this.steps.push(`rename ${to}`);
        sim.rename(from, to);
      },
      setModified: (path, ms) => sim.setModified(path, ms),
      remove: (path) => sim.remove(path),
      replace: (path, text, options) => sim.replace(path, text, options),
      syncDirectory: (path) => sim.syncDirectory(path),
      syncDirectoryNow: (path) => sim.syncDirectoryNow(path),
    };
    // What the disk learns to do later is passed on as it is.
    return new Proxy(methods, {
      get: (target, name) => {
        const own = target[name as keyof Disk] as unknown;
        const other = (sim as unknown as Record<PropertyKey, unknown>)[name];
        return own ?? (typeof other === 'function' ? (other as () => unknown).bind(sim) : other);
      },
    });
  }

  private file(path: string, file: DiskFile): DiskFile {
    return {
      ...file,
      sync: async () => {
        if (this.held && path.endsWith('.log'))
          await new Promise<void>((resolve) => this.held!.push(resolve));
        this.steps.push(`sync ${path}`);
        await file.sync();
      },
    };
  }

  context(tailBytes = 0): LogContext {
    return {
      disk: this.disk,
      clock: this.clock,
      random: new Prng('log'),
      files: new OpenFiles(this.disk, 100),
      tailCache: new TailCache(tailBytes),
      log: silentLog,
      onTruncated: () => {},
      onCorruption: () => false,
      onStorageError: (path) => {
        this.storageErrors.push(path);
      },
    };
  }

  open({ overrides = {}, isClean = false, tailBytes = 0 }: OpenOptions = {}): Promise<Log> {
    return openLog(this.context(tailBytes), {
      directory: DIRECTORY,
      tp: { topic: 't', partition: 0 },
      config: withOverrides(LOG_DEFAULTS, overrides),
      cleanShutdown: isClean,
      recoveryPoint: 0,
      logStartOffset: 0,
    });
  }

  /** A batch with these keys, or records without key if there is none: `k=v` or `v`. */
  batch(texts: readonly string[], fields = {}): Buffer {
    const records = texts.map((text) => {
      const [key, value] = text.includes('=') ? text.split('=') : [undefined, text];
      return {
        timestamp: this.nowMs,
        key: key === undefined ? null : Buffer.from(key),
        value: value === '' ? null : Buffer.from(value!),
      };
    });
    return buildBatch(records, fields);
  }
}

/** A few dozen turns of the event loop: enough for what needs no more than that. */
export async function manyTurns(): Promise<void> {
  for (let i = 0; i < 100; i++)
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
}

/** `offset:value` of every record. */
export function contentOf(log: Log): string[] {
  const found: string[] = [];
  for (let offset = log.logStartOffset; offset < log.logEndOffset;) {
    const chunks = log.read(offset, log.logEndOffset, 1 << 20, true);
    if (chunks.length === 0) break;
    for (const batch of batchesOf(Buffer.concat(chunks))) {
      for (const record of recordsOf(batch)) found.push(`${record.offset}:${record.value?.toString() ?? ''}`);
      offset = batch.nextOffset;
    }
  }
  return found;
}
