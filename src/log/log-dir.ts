/**
 * One log dir: its lock, its checkpoints, and whether its disk works.
 *
 * Invariant: a log dir goes offline with the first error of its disk and stays offline until the broker
 * restarts. Nothing is written to it any more, so that a restart finds it as it was.
 *
 * Kafka: log/LogManager.scala#{createAndValidateLogDirs,lockLogDirs}, server/LogDirFailureChannel.scala@2.8.2
 * (KIP-112)
 */
import { TopicPartition } from '../common/cluster-types';
import { Disk } from '../common/host';
import { messageOf } from '../common/errors';
import { OffsetCheckpoint } from './checkpoint-file';

export const CLEAN_MARKER = '.kafka_cleanshutdown';

/** The fields of a log that the checkpoints contain. */
interface CheckpointedLog {
  readonly tp: TopicPartition;
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  readonly allSegments: readonly { readonly baseOffset: number }[];
}

export class LogDir {
  readonly recoveryPoints: OffsetCheckpoint;
  readonly logStartOffsets: OffsetCheckpoint;
  readonly highWatermarks: OffsetCheckpoint;
  readonly cleanerOffsets: OffsetCheckpoint;
  /** Why the dir is offline; undefined while its disk works. */
  failure: string | undefined;
  private lock: { release(): void } | undefined;

  constructor(
    private readonly disk: Disk,
    readonly path: string,
  ) {
    this.recoveryPoints = new OffsetCheckpoint(disk, `${path}/recovery-point-offset-checkpoint`);
    this.logStartOffsets = new OffsetCheckpoint(disk, `${path}/log-start-offset-checkpoint`);
    this.highWatermarks = new OffsetCheckpoint(disk, `${path}/replication-offset-checkpoint`);
    this.cleanerOffsets = new OffsetCheckpoint(disk, `${path}/cleaner-offset-checkpoint`);
  }

  get isOffline(): boolean {
    return this.failure !== undefined;
  }

  holds(path: string): boolean {
    return path === this.path || path.startsWith(`${this.path}/`);
  }

  /**
   * Creates the dir if it does not exist, and locks it. Throws a disk error, or an Error that explains if
   * another broker uses it.
   */
  take(): void {
    this.disk.makeDirectory(this.path);
    this.lock = this.disk.lock(`${this.path}/.lock`);
  }

  /** Writes the recovery points and log start offsets of its logs. */
  checkpoint(logs: readonly CheckpointedLog[]): void {
    this.recoveryPoints.write(logs.map((log) => ({ ...log.tp, offset: log.recoveryPoint })));
    const moved = logs.filter((log) => log.logStartOffset > log.allSegments[0]!.baseOffset);
    this.logStartOffsets.write(moved.map((log) => ({ ...log.tp, offset: log.logStartOffset })));
  }

  fail(error: unknown): void {
    this.failure = messageOf(error);
  }

  /**
   * Whether the previous run of the broker shut down cleanly. Removes the marker, durably: a marker that
   * reappeared after a power failure would make recovery skip logs that were written to since.
   */
  takeCleanMarker(): boolean {
    const marker = `${this.path}/${CLEAN_MARKER}`;
    const isThere = this.disk.exists(marker);
    this.disk.remove(marker);
    if (isThere) this.disk.syncDirectoryNow(this.path);
    return isThere;
  }

  leaveCleanMarker(): void {
    this.disk.replace(`${this.path}/${CLEAN_MARKER}`, '', { durable: true });
  }

  /** The lock file of an offline dir is not touched. It names this process, which will have ended. */
  release(): void {
    if (!this.isOffline) this.lock?.release();
    this.lock = undefined;
  }
}
