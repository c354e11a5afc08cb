/**
 * One log dir: its lock, its checkpoints, and whether its disk still works.
 *
 * Invariant: a dir goes offline with the first error of its disk and stays so for the life of the broker; nothing is
 * written to it any more, so what it holds is what a restart will find.
 *
 * Kafka: log/LogManager.scala#{createAndValidateLogDirs,lockLogDirs}, server/LogDirFailureChannel.scala@2.8.2 (KIP-112)
 */
import { TopicPartition } from '../common/cluster-types';
import { Disk } from '../common/host';
import { messageOf } from '../common/errors';
import { OffsetCheckpoint } from './checkpoint-file';

export const CLEAN_MARKER = '.kafka_cleanshutdown';

/** What the checkpoints of a dir say about a log. */
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
  /** Why it is offline; undefined while it works. */
  failure: string | undefined;
  private lock: { release(): void } | undefined;

  constructor(private readonly disk: Disk, readonly path: string) {
    this.recoveryPoints = new OffsetCheckpoint(disk, `${path}/recovery-point-offset-checkpoint`);
    this.logStartOffsets = new OffsetCheckpoint(disk, `${path}/log-start-offset-checkpoint`);
    this.highWatermarks = new OffsetCheckpoint(disk, `${path}/replication-offset-checkpoint`);
    this.cleanerOffsets = new OffsetCheckpoint(disk, `${path}/cleaner-offset-checkpoint`);
  }

  get isOffline(): boolean { return this.failure !== undefined; }

  holds(path: string): boolean {
    return path === this.path || path.startsWith(`${this.path}/`);
  }

  /** Makes the dir if need be and takes it; throws a disk error, or a sentence if another broker has it. */
  take(): void {
    this.disk.makeDirectory(this.path);
    this.lock = this.disk.lock(`${this.path}/.lock`);
  }

  /** Writes recovery points and log start offsets of its logs. */
  checkpoint(logs: readonly CheckpointedLog[]): void {
    this.recoveryPoints.write(logs.map((log) => ({ ...log.tp, offset: log.recoveryPoint })));
    const moved = logs.filter((log) => log.logStartOffset > log.allSegments[0]!.baseOffset);
    this.logStartOffsets.write(moved.map((log) => ({ ...log.tp, offset: log.logStartOffset })));
  }

  fail(error: unknown): void {
    this.failure = messageOf(error);
  }

  /**
   * Whether the former life ended cleanly. Says it once: from now on the dir is in use, and a power cut does not bring
   * the marker back beside a log that was written to.
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

  /** A dir that failed keeps its lock file: it names a process that will be gone. */
  release(): void {
    if (!this.isOffline) this.lock?.release();
    this.lock = undefined;
  }
}
