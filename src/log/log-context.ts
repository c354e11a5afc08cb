/**
 * What all logs of a broker share: the disk, the clock, the budget of open files, and whom to tell of trouble.
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
  /** A disk error: the log dir that holds `path` is no longer to be trusted. */
  readonly onStorageError: (path: string, error: unknown) => void;
  /** Bytes on disk are damaged; returns whether another replica takes over, so that nobody has to read them here. */
  readonly onCorruption: (tp: TopicPartition, error: CorruptSegmentError) => boolean;
  /** A log was cut at the offset. */
  readonly onTruncated: (tp: TopicPartition, offset: number) => void;
}
