/**
 * What a log does when its disk lets it down: an error of the disk takes the log dir offline, damaged bytes take the log
 * offline if another replica can go on, and whoever asked is told KAFKA_STORAGE_ERROR. Want of descriptors is no fault
 * of the disk: the log stays, unless the action was half done.
 *
 * Kafka: log/Log.scala#maybeHandleIOException@2.8.2 (KIP-112); that damage found by a read moves the leader is ours.
 */
import { TopicPartition } from '../common/cluster-types';
import { isDiskError, isDiskFault, KafkaError, messageOf } from '../common/errors';
import { CorruptSegmentError } from './batch-head';
import { LogContext } from './log-context';

export class LogStorage {
  constructor(private readonly context: LogContext, private readonly tp: TopicPartition, private readonly directory: string) {}

  /** Runs a disk call. Throws KAFKA_STORAGE_ERROR for an error of the disk; other errors pass. */
  guard<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (!isDiskError(error)) throw error;
      this.context.onStorageError(this.directory, error);
      throw new KafkaError('KAFKA_STORAGE_ERROR', `${this.directory}: ${messageOf(error)}`);
    }
  }

  /** As `guard`, for what must not be left half done: there any error of the disk takes the log dir offline. */
  guardWhole<T>(action: () => T): T {
    return this.guard(() => {
      try {
        return action();
      } catch (error) {
        throw isDiskError(error) && !isDiskFault(error) ? Object.assign(new Error(messageOf(error)), { code: 'EIO' }) : error;
      }
    });
  }

  /** As `guard`; damage becomes KAFKA_STORAGE_ERROR where another replica takes over, and stays CORRUPT_MESSAGE where none can. */
  read<T>(action: () => T): T {
    try {
      return this.guard(action);
    } catch (error) {
      if (!(error instanceof CorruptSegmentError) || !this.context.onCorruption(this.tp, error)) throw error;
      throw new KafkaError('KAFKA_STORAGE_ERROR', error.message);
    }
  }

  removeLater(paths: readonly string[], delayMs: number): void {
    this.context.clock.schedule(delayMs, () => {
      try {
        for (const path of paths) this.context.disk.remove(path);
      } catch (error) {
        this.context.onStorageError(this.directory, error);
      }
    });
  }
}
