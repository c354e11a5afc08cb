/**
 * Determines which part of a compacted log may be cleaned, and how urgent it is.
 *
 *  log start … [clean] … first dirty offset … [dirty, cleanable] … first uncleanable offset … active segment
 *
 * [p] Kafka: log/LogCleanerManager.scala#{cleanableOffsets,grabFilthiestCompactedLog}@2.8.2
 */
import { LogConfig } from './log-config';

interface Segment {
  readonly baseOffset: number;
  readonly size: number;
  readonly retentionTimestamp: number;
}

export interface CleanableLog<S extends Segment> {
  readonly allSegments: readonly S[];
  readonly config: LogConfig;
  readonly highWatermark: number;
  readonly logStartOffset: number;
}

export interface Cleanable<S extends Segment> {
  readonly firstDirtyOffset: number;
  readonly firstUncleanableOffset: number;
  readonly cleanSegments: readonly S[];
  readonly dirtySegments: readonly S[];
  /** The share of the dirty segments in the bytes of the clean and the dirty segments. */
  readonly dirtyRatio: number;
  /** Whether the oldest dirty record has waited longer than max.compaction.lag.ms. */
  readonly isOverdue: boolean;
}

export function cleanableOf<S extends Segment>(
  log: CleanableLog<S>,
  checkpoint: number | undefined,
  nowMs: number,
): Cleanable<S> {
  const { allSegments, config } = log;
  const active = allSegments[allSegments.length - 1]!;
  const isSane =
    checkpoint !== undefined && checkpoint >= log.logStartOffset && checkpoint <= active.baseOffset;
  const firstDirtyOffset = isSane ? checkpoint : log.logStartOffset;
  const lagMs = config['min.compaction.lag.ms'];
  const tooYoung =
    lagMs > 0
      ? allSegments.find(
          (segment) => segment.baseOffset >= firstDirtyOffset && segment.retentionTimestamp > nowMs - lagMs,
        )
      : undefined;
  const nextBase = (i: number) => allSegments[i + 1]?.baseOffset ?? Infinity;
  const limit = Math.min(active.baseOffset, log.highWatermark, tooYoung?.baseOffset ?? Infinity);
  const cleanSegments = allSegments.filter((_, i) => nextBase(i) <= firstDirtyOffset);
  const dirtySegments = allSegments.filter((_, i) => nextBase(i) > firstDirtyOffset && nextBase(i) <= limit);
  const bytes = (segments: readonly S[]) => segments.reduce((sum, segment) => sum + segment.size, 0);
  const dirty = bytes(dirtySegments);
  const oldest = dirtySegments[0]?.retentionTimestamp ?? Infinity;
  // The high watermark may lie within a segment. Such a segment is not cleaned, so all of it stays dirty.
  const firstUncleanableOffset =
    allSegments.map((_, i) => nextBase(i)).findLast((end) => end > firstDirtyOffset && end <= limit) ??
    firstDirtyOffset;
  const dirtyRatio = dirty === 0 ? 0 : dirty / (bytes(cleanSegments) + dirty);
  return {
    firstDirtyOffset,
    firstUncleanableOffset,
    cleanSegments,
    dirtySegments,
    dirtyRatio,
    isOverdue: nowMs - oldest > config['max.compaction.lag.ms'],
  };
}

/**
 * Groups the segments so that each group can become one segment: at most segment.bytes in total, and with
 * relative offsets that fit into an int32.
 */
export function groupSegments<S extends Segment>(
  segments: readonly S[],
  endOffset: number,
  segmentBytes: number,
): S[][] {
  const groups: S[][] = [];
  let group: S[] = [];
  let bytes = 0;
  segments.forEach((segment, i) => {
    const last = (segments[i + 1]?.baseOffset ?? endOffset) - 1;
    if (
      group.length > 0 &&
      (bytes + segment.size > segmentBytes || last - group[0]!.baseOffset > 2 ** 31 - 1)
    ) {
      groups.push(group);
      group = [];
      bytes = 0;
    }
    group.push(segment);
    bytes += segment.size;
  });
  if (group.length > 0) groups.push(group);
  return groups;
}
