/**
 * Opens the logs of one log dir at start, and logs the progress of recovery, which may read many gigabytes
 * after a crash.
 *
 * Kafka: log/LogManager.scala#{loadLogs,loadLog}@2.8.2
 */
import { parseTpName, TopicPartition } from '../common/cluster-types';
import { isDiskError, messageOf } from '../common/errors';
import { Host, Log as Logger } from '../common/host';
import { OffsetCheckpoint } from './checkpoint-file';
import { LogDir } from './log-dir';
import { bytesToRecover, OpenLogOptions } from './log-recovery';

const DELETED_DIR = /^.+\.[0-9a-f]{32}-delete$/;
const FUTURE_DIR = /^.+\.[0-9a-f]{32}-future$/;
/** The time between two log lines about the progress of recovery. */
const REPORT_EVERY_MS = 2000;

export interface LoaderDeps {
  readonly host: Host;
  readonly log: Logger;
  /** Opens the log of a partition; the manager adds the topic's config. */
  readonly open: (tp: TopicPartition, options: Omit<OpenLogOptions, 'tp' | 'config'>) => Promise<void>;
  /** Called for the directory of a deleted partition. */
  readonly onDeleted: (path: string) => void;
}

/** The checkpoint by `topic-partition`. A malformed one counts as empty, which only makes recovery longer. */
export function readCheckpoint(log: Logger, checkpoint: OffsetCheckpoint): Map<string, number> {
  try {
    return checkpoint.read();
  } catch (error) {
    if (isDiskError(error)) throw error;
    log.warn(`${messageOf(error)}; starting without it`);
    return new Map();
  }
}

interface Found {
  readonly name: string;
  readonly tp: TopicPartition;
  readonly directory: string;
}

function partitionsIn({ host, onDeleted }: LoaderDeps, dir: LogDir): Found[] {
  return host.disk
    .list(dir.path)
    .filter((entry) => entry.directory)
    .flatMap(({ name }) => {
      const directory = `${dir.path}/${name}`;
      if (DELETED_DIR.test(name)) onDeleted(directory);
      if (DELETED_DIR.test(name) || FUTURE_DIR.test(name)) return [];
      const tp = parseTpName(name);
      if (tp === undefined)
        throw new Error(`Found directory ${directory}, '${name}' is not in the form of topic-partition`);
      return [{ name, tp, directory }];
    });
}

/** How much of the dir has to be recovered, and how much of it is done. */
class Progress {
  private bytes = 0;
  private lastReportMs: number;

  constructor(
    private readonly deps: LoaderDeps,
    private readonly path: string,
    private readonly logs: number,
    private readonly totalBytes: number,
  ) {
    this.lastReportMs = deps.host.clock.monotonicMs();
    deps.log.info(`No clean shutdown of ${path} found: recovering ${logs} logs, ${megabytes(totalBytes)}`);
  }

  recovered(bytes: number, name: string, nth: number): void {
    this.bytes += bytes;
    const nowMs = this.deps.host.clock.monotonicMs();
    if (nowMs - this.lastReportMs < REPORT_EVERY_MS) return;
    this.lastReportMs = nowMs;
    this.deps.log.info(
      `Recovering log ${nth} of ${this.logs} in ${this.path} (${name}): ${megabytes(this.bytes)} of ` +
        `${megabytes(this.totalBytes)}`,
    );
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/**
 * Opens every log of the dir, one after the other. Throws a disk error, or an Error that names a directory
 * which is not a partition's.
 */
export async function loadLogDir(
  deps: LoaderDeps,
  dir: LogDir,
  cleanerOffsets: ReadonlyMap<string, number>,
): Promise<void> {
  const { host, log } = deps;
  const cleanShutdown = dir.takeCleanMarker();
  const recoveryPoints = readCheckpoint(log, dir.recoveryPoints);
  const logStartOffsets = readCheckpoint(log, dir.logStartOffsets);
  const found = partitionsIn(deps, dir);
  const pointOf = ({ name }: Found) => recoveryPoints.get(name) ?? 0;
  const progress =
    cleanShutdown || found.length === 0
      ? undefined
      : new Progress(
          deps,
          dir.path,
          found.length,
          found.reduce((sum, one) => sum + bytesToRecover(host.disk, one.directory, pointOf(one)), 0),
        );
  for (const [i, one] of found.entries()) {
    await deps.open(one.tp, {
      directory: one.directory,
      cleanShutdown,
      recoveryPoint: pointOf(one),
      logStartOffset: logStartOffsets.get(one.name) ?? 0,
      wasCleaned: cleanerOffsets.has(one.name),
      onRecovered: (bytes) => progress?.recovered(bytes, one.name, i + 1),
    });
  }
}
