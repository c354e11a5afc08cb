/**
 * Selects the segments that retention may delete: from the oldest on, as long as they lie below the high
 * watermark and one of the rules (age, size, log start offset) applies.
 *
 * [p] Kafka: Log.scala#deleteOldSegments@2.8.2
 */
import { LogConfig } from './log-config';

interface Segment {
  readonly baseOffset: number;
  readonly size: number;
  readonly retentionTimestamp: number;
}

interface RetainedLog<S extends Segment> {
  readonly allSegments: readonly S[];
  readonly config: LogConfig;
  readonly highWatermark: number;
  readonly logEndOffset: number;
  readonly logStartOffset: number;
  readonly sizeInBytes: number;
}

type Rule<S> = (segment: S, nextBase: number) => boolean;

/** How many of the oldest segments satisfy the rule and lie below the high watermark. */
function prefix<S extends Segment>(log: RetainedLog<S>, rule: Rule<S>): number {
  const { allSegments: segments } = log;
  let count = 0;
  for (; count < segments.length; count++) {
    const segment = segments[count]!;
    const isLast = count === segments.length - 1;
    const upper = isLast ? log.logEndOffset : segments[count + 1]!.baseOffset;
    if (log.highWatermark < upper || (isLast && segment.size === 0) || !rule(segment, upper)) break;
  }
  return count;
}

export function deletableSegments<S extends Segment>(log: RetainedLog<S>, nowMs: number): S[] {
  const { config } = log;
  const byStart: Rule<S> = (segment, nextBase) =>
    nextBase <= log.logStartOffset && segment !== log.allSegments.at(-1);
  let count = prefix(log, byStart);
  if (config['cleanup.policy'].includes('delete')) {
    const retentionMs = config['retention.ms'];
    if (retentionMs >= 0)
      count = Math.max(
        count,
        prefix(log, (segment) => nowMs - segment.retentionTimestamp > retentionMs),
      );
    let excess = log.sizeInBytes - config['retention.bytes'];
    if (config['retention.bytes'] >= 0) {
      count = Math.max(
        count,
        prefix(log, (segment) => {
          excess -= segment.size;
          return excess >= 0;
        }),
      );
    }
  }
  return log.allSegments.slice(0, count);
}
