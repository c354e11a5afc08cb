/**
 * The result of a leader's append.
 *
 * [p] Kafka: log/Log.scala#LogAppendInfo@2.8.2
 */
import { NO_TIMESTAMP } from '../record/record-batch';
import { LogConfig } from './log-config';
import { BatchMetadata } from './producer-state';

export interface AppendInfo {
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** With LogAppendTime the time of the append in ms, else -1. */
  readonly logAppendTimeMs: number;
  /**
   * Whether the batch had been appended before. Then the offsets are those of the first append, and nothing
   * was written.
   */
  readonly isDuplicate: boolean;
}

/** The result for a batch that the log already contains: the offsets of the stored batch. */
export function repeatedAppend(
  { lastOffset, offsetDelta, timestamp }: BatchMetadata,
  config: LogConfig,
): AppendInfo {
  const hasAppendTime = config['message.timestamp.type'] === 'LogAppendTime';
  const logAppendTimeMs = hasAppendTime && Number.isSafeInteger(timestamp) ? timestamp : NO_TIMESTAMP;
  return { firstOffset: lastOffset - offsetDelta, lastOffset, logAppendTimeMs, isDuplicate: true };
}
