/**
 * What a log manager is told by its broker: settings, and whom to ask and to tell.
 *
 * Kafka: log/LogManager.scala#apply@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { LogCleanerOptions } from './log-cleaner';
import { LogConfig } from './log-config';

export interface LogManagerOptions {
  readonly logDirs: readonly string[];
  readonly defaults: LogConfig;
  readonly retentionCheckIntervalMs: number;
  readonly initialTaskDelayMs: number;
  readonly flushCheckpointIntervalMs: number;
  readonly flushCheckIntervalMs: number;
  readonly maxOpenFiles: number;
  readonly tailCacheBytes: number;
  readonly cleaner: LogCleanerOptions;
  /** An idempotent producer that wrote nothing to a partition for so long is forgotten there. */
  readonly producerIdExpirationMs: number;
  /** Every log dir has failed while the broker serves: it cannot go on. */
  readonly onAllDirsFailed: (reason: string) => void;
  /** A log has damaged bytes; returns whether its leader may be another replica from now on. */
  readonly mayHandOver: (tp: TopicPartition) => boolean;
  /** Logs went offline while the broker serves: those of a log dir, or one. */
  readonly onLogsOffline: () => void;
}
