/**
 * How a log handles errors of its disk. An I/O error takes the log dir offline. Damaged bytes take the log
 * offline if another replica can take over. In both cases the caller gets KAFKA_STORAGE_ERROR. A lack of file
 * descriptors is not a fault of the disk: the log stays online, unless an operation was left half done.
 *
 * Kafka: log/Log.scala#maybeHandleIOException@2.8.2 (KIP-112); that damage found by a read moves the leader
 * is ours.
 */
import { TopicPartition } from '../common/cluster-types';
import { isDiskError, isDiskFault, KafkaError, messageOf } from '../common/errors';
import { CorruptSegmentError } from './batch-head';
import { LogContext } from './log-context';

export class LogStorage {
  constructor(
    private readonly context: LogContext,
    private readonly tp: TopicPartition,
    private readonly directory: string,
  ) {}

  /**
   * Runs an operation of the disk. Throws KAFKA_STORAGE_ERROR for a disk error; other errors pass through.
   */
  guard<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (!isDiskError(error)) throw error;
      this.context.onStorageError(this.directory, error);
      throw new KafkaError('KAFKA_STORAGE_ERROR', `${this.directory}: ${messageOf(error)}`);
    }
  }

  /**
   * As `guard`, for operations that must not be left half done: there every disk error takes the log dir
   * offline, even a lack of descriptors.
   */
  guardWhole<T>(action: () => T): T {
    return this.guard(() => {
      try {
        return action();
      } catch (error) {
        throw isDiskError(error) && !isDiskFault(error)
          ? Object.assign(new Error(messageOf(error)), { code: 'EIO' })
          : error;
      }
    });
  }

  /**
   * As `guard`, for reads. Damage becomes KAFKA_STORAGE_ERROR if another replica takes over, else it stays
   * CORRUPT_MESSAGE.
   */
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
