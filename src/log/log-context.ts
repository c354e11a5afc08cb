/**
 * What all logs of a broker share: the disk, the clock, the open files, the tail cache, and callbacks for
 * errors.
 *
 * Kafka: what log/LogManager.scala hands to each Log@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { Clock, Disk, Log as Logger, Random } from '../common/host';
import { CorruptSegmentError } from './batch-head';
import { OpenFiles } from './open-files';
import { TailCache } from './tail-cache';

export interface LogContext {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly files: OpenFiles;
  readonly tailCache: TailCache;
  readonly log: Logger;
  /** A disk error occurred at `path`: the log dir that contains it can no longer be used. */
  readonly onStorageError: (path: string, error: unknown) => void;
  /**
   * Bytes of the log are damaged. Returns whether another replica takes over, so that this log goes offline.
   */
  readonly onCorruption: (tp: TopicPartition, error: CorruptSegmentError) => boolean;
  /** The log was truncated to the offset. */
  readonly onTruncated: (tp: TopicPartition, offset: number) => void;
  /** Recovery removed more than what a process leaves that is killed as it writes. */
  readonly onRecordsLost?: () => void;
}
