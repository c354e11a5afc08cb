/**
 * When the active segment of a log ends: by size, by the time since its first batch, by the span of its offsets, or
 * with its indexes.
 *
 * Kafka: log/LogSegment.scala#shouldRoll, LogConfig.scala#randomSegmentJitter@2.8.2
 */
import { RecordBatch } from '../record/record-batch';
import { LogConfig, maxSegmentMs } from './log-config';
import { LogContext } from './log-context';
import { LogSegment } from './log-segment';

const MAX_RELATIVE_OFFSET = 2 ** 31 - 1;

export class SegmentRolling {
  private jitterMs = 0;

  constructor(private readonly context: LogContext, config: LogConfig) {
    this.begin(config);
  }

  /** A new segment begins: draws how much earlier than segment.ms it ends, so that not all logs roll at once. */
  begin(config: LogConfig): void {
    const most = Math.min(config['segment.jitter.ms'], maxSegmentMs(config), 2 ** 31);
    this.jitterMs = most > 0 ? this.context.random.below(most) : 0;
  }

  /** Whether `bytes` more, of which `last` is the last batch, belong into a new segment. */
  isDue(segment: LogSegment, config: LogConfig, bytes: number, last: RecordBatch): boolean {
    if (segment.size > config['segment.bytes'] - bytes) return true;
    if (last.lastOffset - segment.baseOffset > MAX_RELATIVE_OFFSET) return true;
    if (segment.size === 0) return false;
    // Time counts from the first batch's own timestamp.
    const { firstBatchTimestamp: first } = segment;
    const waitedMs = first >= 0 ? last.maxTimestamp - first : this.context.clock.wallMs() - segment.createdMs;
    if (waitedMs > maxSegmentMs(config) - this.jitterMs) return true;
    return segment.index.isFull || segment.timeIndex.length >= segment.timeIndex.maxEntries - 1;
  }
}
