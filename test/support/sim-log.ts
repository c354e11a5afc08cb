/** Logs on simulated disks, for tests of the log alone. */
import { Clock } from '../../src/common/host';
import { silentLog } from '../../src/host/node-host';
import { Log } from '../../src/log/log';
import { LogContext } from '../../src/log/log-context';
import { LogConfig, logConfigTable, withOverrides } from '../../src/log/log-config';
import { openLog, OpenLogOptions } from '../../src/log/log-recovery';
import { OpenFiles } from '../../src/log/open-files';
import { TailCache } from '../../src/log/tail-cache';
import { BatchFields, buildBatch } from '../../src/record/batch-builder';
import { Prng } from '../../src/simulation/prng';
import { SimDisk } from '../../src/simulation/sim-disk';

export const LOG_DEFAULTS = Object.fromEntries(
  Object.entries(logConfigTable).map(([name, row]) => [name, row.default]),
) as LogConfig;
export const LOG_TP = { topic: 't', partition: 0 };
export const LOG_DIRECTORY = '/data/t-0';
const NOW_MS = 1_700_000_000_000;

/** One log on a disk of its own, which can be opened again and again. */
export class SimLog {
  readonly disk: SimDisk;
  readonly warnings: string[] = [];
  nowMs = NOW_MS;
  log!: Log;

  constructor(private readonly overrides: Readonly<Record<string, string>> = {}) {
    this.disk = new SimDisk(() => this.nowMs);
    this.disk.makeDirectory('/data');
  }

  get context(): LogContext {
    const clock: Clock = {
      wallMs: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      schedule: (delayMs, action) => {
        if (delayMs === 0) setImmediate(action);
        return { cancel: () => {} };
      },
    };
    return {
      disk: this.disk,
      clock,
      random: new Prng('log'),
      files: new OpenFiles(this.disk, 100),
      tailCache: new TailCache(0),
      log: {
        ...silentLog,
        warn: (message) => {
          this.warnings.push(message);
        },
      },
      onTruncated: () => {},
      onCorruption: () => false,
      onStorageError: (_, error) => {
        throw error;
      },
    };
  }

  async open(options: Partial<OpenLogOptions> = {}): Promise<Log> {
    this.log = await openLog(this.context, {
      directory: LOG_DIRECTORY,
      tp: LOG_TP,
      config: withOverrides(LOG_DEFAULTS, this.overrides),
      cleanShutdown: false,
      recoveryPoint: 0,
      logStartOffset: 0,
      ...options,
    });
    return this.log;
  }

  /** `count` batches of one record, as the leader of the epoch. */
  append(count: number, leaderEpoch: number, options: BatchFields = {}): void {
    for (let i = 0; i < count; i++) {
      const value = Buffer.from(`value ${this.log.logEndOffset}`);
      this.log.appendAsLeader(buildBatch([{ timestamp: this.nowMs, value }], options), leaderEpoch);
    }
  }

  /** Everything from this log's end on that the leader has, as a follower fetches it. */
  fetchFrom(leader: SimLog): void {
    while (this.log.logEndOffset < leader.log.logEndOffset) {
      const end = leader.log.logEndOffset;
      this.log.appendAsFollower(Buffer.concat(leader.log.read(this.log.logEndOffset, end, 1 << 20, true)));
    }
  }
}

export async function simLog(overrides: Readonly<Record<string, string>> = {}): Promise<SimLog> {
  const one = new SimLog(overrides);
  await one.open();
  return one;
}
