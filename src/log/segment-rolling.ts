/**
 * Decides when the active segment of a log is rolled: by its size, by the time since its first batch, by the
 * range of its offsets, or when an index is full.
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

  constructor(
    private readonly context: LogContext,
    config: LogConfig,
  ) {
    this.begin(config);
  }

  /**
   * Called for each new segment: draws how much earlier than segment.ms it is rolled, so that not all logs
   * roll at once.
   */
  begin(config: LogConfig): void {
    const most = Math.min(config['segment.jitter.ms'], maxSegmentMs(config), 2 ** 31);
    this.jitterMs = most > 0 ? this.context.random.below(most) : 0;
  }

  /** Whether `bytes` more bytes, the last batch of which is `last`, belong into a new segment. */
  isDue(segment: LogSegment, config: LogConfig, bytes: number, last: RecordBatch): boolean {
    if (segment.size > config['segment.bytes'] - bytes) return true;
    if (last.lastOffset - segment.baseOffset > MAX_RELATIVE_OFFSET) return true;
    if (segment.size === 0) return false;
    // Time counts from the timestamp of the segment's first batch.
    const { firstBatchTimestamp: first } = segment;
    const waitedMs = first >= 0 ? last.maxTimestamp - first : this.context.clock.wallMs() - segment.createdMs;
    if (waitedMs > maxSegmentMs(config) - this.jitterMs) return true;
    return segment.index.isFull || segment.timeIndex.length >= segment.timeIndex.maxEntries - 1;
  }
}
