/**
 * What a leader's append tells who asked for it.
 *
 * [p] Kafka: log/Log.scala#LogAppendInfo@2.8.2
 */
import { NO_TIMESTAMP } from '../record/record-batch';
import { LogConfig } from './log-config';
import { BatchMetadata } from './producer-state';

export interface AppendInfo {
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** With LogAppendTime the time of appending in ms, else -1. */
  readonly logAppendTimeMs: number;
  /** The batch had been appended before, at these offsets; nothing was written. */
  readonly isDuplicate: boolean;
}

/** The answer to a batch that was sent again: where the first copy is. */
export function repeatedAppend({ lastOffset, offsetDelta, timestamp }: BatchMetadata, config: LogConfig): AppendInfo {
  const hasAppendTime = config['message.timestamp.type'] === 'LogAppendTime';
  const logAppendTimeMs = hasAppendTime && Number.isSafeInteger(timestamp) ? timestamp : NO_TIMESTAMP;
  return { firstOffset: lastOffset - offsetDelta, lastOffset, logAppendTimeMs, isDuplicate: true };
}
