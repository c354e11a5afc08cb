/**
 * The settings and callbacks that a broker passes to its log manager.
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
  /** A log forgets an idempotent producer that has not written to it for this long, ms. */
  readonly producerIdExpirationMs: number;
  /** Every log dir has failed while the broker was running: the broker cannot continue. */
  readonly onAllDirsFailed: (reason: string) => void;
  /** A log has damaged bytes. Returns whether another replica may become its leader. */
  readonly mayHandOver: (tp: TopicPartition) => boolean;
  /** Logs went offline while the broker was running: those of a log dir, or a damaged one. */
  readonly onLogsOffline: () => void;
}
