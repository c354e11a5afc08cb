/**
 * Opens the directory of one partition. After a crash it determines how much of the log is intact.
 *
 * After a clean shutdown the files are taken as they are. Otherwise every segment from the recovery point on
 * is read batch by batch. At the first batch that is incomplete or damaged the segment is truncated, and the
 * segments after it are removed. The indexes and the leader epoch checkpoint are rebuilt from what is left.
 * Large files are read in slices, so that the event loop (and with it the ZooKeeper session) is kept alive.
 *
 * Kafka: Log.scala#{loadSegments,recoverLog}, LogSegment.scala#recover@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { isDiskError, messageOf } from '../common/errors';
import { Disk, sleep } from '../common/host';
import { RecordBatch } from '../record/record-batch';
import { EpochEntry, LeaderEpochCheckpoint } from './checkpoint-file';
import { EpochRecovery, epochsOf } from './epoch-recovery';
import { LeaderEpochCache } from './leader-epoch-cache';
import { Log } from './log';
import { LogContext } from './log-context';
import { LogConfig } from './log-config';
import { fileName, LogSegment } from './log-segment';
import { LogSegments } from './log-segments';
import { recoverSegment, RecoveryResult, segmentRecovery } from './segment-recovery';
import { ProducerStateFiles } from './producer-state-files';
import { CorruptIndexError } from './sparse-index';

export interface OpenLogOptions {
  readonly directory: string;
  readonly tp: TopicPartition;
  readonly config: LogConfig;
  readonly cleanShutdown: boolean;
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  /**
   * Whether the cleaner has cleaned this log, even if the topic is not compacted any more: then gaps in its
   * offsets are legitimate.
   */
  readonly wasCleaned?: boolean;
  /** Called with the number of bytes that recovery has read since the last call, about every mebibyte. */
  readonly onRecovered?: (bytes: number) => void;
}

const SEGMENT_FILE = /^(\d{20})\.log$/;
const SWAP_FILE = /^(\d{20})\.log\.swap$/;
const LEFTOVER = /\.(deleted|cleaned|swap)$/;
const INDEX_FILE = /^(\d{20})\.(index|timeindex|txnindex|snapshot)$/;
/** How many bytes recovery reads before it gives the event loop a turn. */
const TURN_BYTES = 16 * 1024 * 1024;

export async function openLog(context: LogContext, options: OpenLogOptions): Promise<Log> {
  const { disk } = context;
  disk.makeDirectory(options.directory);
  completeSwaps(context, options);
  removeLeftovers(context, options.directory);
  const segments = listSegments(context, options);
  const isNew = segments.length === 0;
  if (options.cleanShutdown) openClean(context, options, segments);
  else await recover(context, options, segments);
  if (segments.length === 0) segments.push(newSegment(context, options, options.logStartOffset));
  let end = segments.at(-1)!.readNextOffset();
  let start = Math.max(options.logStartOffset, segments[0]!.baseOffset);
  if (end < start) {
    context.log.warn(
      `${options.directory}: log end ${end} lies below the log start ${start}; dropping all segments`,
    );
    for (const segment of segments.splice(0)) for (const path of segment.markDeleted()) disk.remove(path);
    segments.push(newSegment(context, options, start));
    end = start;
  }
  start = Math.min(start, end);
  trimEpochs(context, options.directory, start, end);
  const all = new LogSegments(segments, mayHaveGaps(options));
  const producers = new ProducerStateFiles(context.disk, options.directory, context.log);
  producers.load(all, end, options.cleanShutdown);
  // Files that recovery removed belong to records that are gone. They must not reappear after a power
  // failure, when new records have been written.
  if (!options.cleanShutdown && !isNew) disk.syncDirectoryNow(options.directory);
  return new Log(
    context,
    options.tp,
    options.directory,
    options.config,
    all,
    producers,
    start,
    options.cleanShutdown ? end : Math.min(options.recoveryPoint, end),
    end,
  );
}

function newSegment(
  context: LogContext,
  { directory, config }: OpenLogOptions,
  baseOffset: number,
): LogSegment {
  const settings = {
    indexIntervalBytes: config['index.interval.bytes'],
    maxIndexBytes: config['segment.index.bytes'],
  };
  return new LogSegment(
    context.disk,
    context.files,
    directory,
    baseOffset,
    settings,
    context.log,
    context.clock.wallMs(),
  );
}

/**
 * Completes the work of a cleaner that was interrupted. A `.swap` file is a cleaned segment, complete and
 * durable: the segments that it replaces are removed, and it gets its final name. A replaced segment that
 * lies above its last record is not recognized as such; it stays and is cleaned again.
 */
function completeSwaps(context: LogContext, { directory }: OpenLogOptions): void {
  const { disk, log } = context;
  const bases = disk
    .list(directory)
    .flatMap((entry) => SWAP_FILE.exec(entry.name)?.[1] ?? [])
    .filter((base) => Number.isSafeInteger(Number(base)));
  for (const base of bases) {
    const path = `${directory}/${base}.log`;
    log.info(`Completing the swap of the cleaned segment ${path}`);
    for (const suffix of ['.log', '.index', '.timeindex']) disk.remove(`${directory}/${base}${suffix}`);
    disk.rename(`${path}.swap`, path);
    const end = endOf(context, directory, Number(base));
    for (const { name } of disk.list(directory)) {
      const other = SEGMENT_FILE.exec(name)?.[1];
      if (other === undefined || Number(other) <= Number(base) || Number(other) >= end) continue;
      for (const suffix of ['.log', '.index', '.timeindex', '.snapshot'])
        disk.remove(`${directory}/${other}${suffix}`);
    }
  }
}

function endOf({ disk, files, clock, log }: LogContext, directory: string, base: number): number {
  const segment = new LogSegment(
    disk,
    files,
    directory,
    base,
    { indexIntervalBytes: 4096, maxIndexBytes: 10485760 },
    log,
    clock.wallMs(),
  );
  recoverSegment(segment, { mayHaveGaps: true });
  const end = segment.readNextOffset();
  segment.closeFiles();
  return end;
}

/** Removes the rest of interrupted deletions, and index files without a segment. */
function removeLeftovers({ disk, log }: LogContext, directory: string): void {
  const names = disk.list(directory).map((entry) => entry.name);
  const bases = new Set(names.flatMap((name) => SEGMENT_FILE.exec(name)?.[1] ?? []));
  for (const name of names) {
    const orphan = INDEX_FILE.exec(name);
    if (LEFTOVER.test(name) || (orphan && !name.endsWith('.snapshot') && !bases.has(orphan[1]!))) {
      if (LEFTOVER.test(name)) log.info(`Removing left-over file ${directory}/${name}`);
      else log.warn(`Found an orphaned index file ${directory}/${name}: its segment is gone; removing it`);
      disk.remove(`${directory}/${name}`);
    }
  }
}

function listSegments(context: LogContext, options: OpenLogOptions): LogSegment[] {
  return segmentBases(context.disk, options.directory).map((base) => newSegment(context, options, base));
}

/**
 * The base offsets of the segments in the directory, in order. A name beyond 2^53 cannot be an offset that
 * was assigned.
 */
function segmentBases(disk: Disk, directory: string): number[] {
  return disk
    .list(directory)
    .flatMap((entry) => SEGMENT_FILE.exec(entry.name)?.[1] ?? [])
    .map(Number)
    .filter(Number.isSafeInteger)
    .sort((a, b) => a - b);
}

function mayHaveGaps({ config, wasCleaned }: OpenLogOptions): boolean {
  return wasCleaned === true || config['cleanup.policy'].includes('compact');
}

/**
 * For a clean shutdown. The leader epoch checkpoint is kept if it has the right epoch for the last batch,
 * which an outdated one has not; otherwise it is rebuilt.
 */
function openClean(context: LogContext, options: OpenLogOptions, segments: readonly LogSegment[]): void {
  checkIndexes(segments);
  if (segments.length === 0) return;
  const all = new LogSegments([...segments], mayHaveGaps(options));
  const checkpoint = new LeaderEpochCheckpoint(context.disk, options.directory);
  const known = readEpochs(context, checkpoint);
  const last = all.lastBatch();
  const isRight = (entries: readonly EpochEntry[]) =>
    last === undefined ||
    new LeaderEpochCache(entries).epochOf(last.baseOffset) === last.partitionLeaderEpoch;
  if (known !== undefined && isRight(known)) return;
  restoreEpochs(context, checkpoint, all);
}

/**
 * For segments that are not recovered: rebuilds an index that is missing or corrupt. The log file is not
 * changed.
 */
function checkIndexes(segments: readonly LogSegment[]): void {
  for (const segment of segments) {
    try {
      segment.index.sanityCheck();
      segment.timeIndex.sanityCheck();
      if (segment.size === 0) continue;
      const missing =
        [segment.index, segment.timeIndex].find((index) => !index.exists()) ??
        (segment.timeIndex.length === 0 ? segment.timeIndex : undefined);
      if (missing) segment.rebuildIndexes(`${missing.path} is missing or empty`);
    } catch (error) {
      if (!(error instanceof CorruptIndexError)) throw error;
      segment.rebuildIndexes(error.message);
    }
  }
}

function report(context: LogContext, segment: LogSegment, result: RecoveryResult): void {
  if (result.truncatedBytes === 0) return;
  context.log.warn(
    `Recovery of ${segment.path}: ${result.problem}; cut ${result.truncatedBytes} bytes, ${segment.size} ` +
      `are left`,
  );
}

async function recover(context: LogContext, options: OpenLogOptions, segments: LogSegment[]): Promise<void> {
  const bases = segments.map(({ baseOffset }) => baseOffset);
  const from = Math.max(0, firstUnflushed(bases, options.recoveryPoint));
  const checkpoint = new LeaderEpochCheckpoint(context.disk, options.directory);
  const known = readEpochs(context, checkpoint);
  // If the log is read from its beginning, the batches show all epochs, except those of which compaction has
  // removed all records. Only these are taken from the checkpoint.
  const epochs = new EpochRecovery(known ?? [], segments[from]?.baseOffset ?? 0);
  const onBatch = (batch: RecordBatch) => epochs.onBatch(batch);
  let sinceTurn = 0;
  let gaps = mayHaveGaps(options);
  checkIndexes(segments.slice(0, from));
  for (let i = from; i < segments.length; i++) {
    const steps = segmentRecovery(segments[i]!, {
      onBatch,
      limitOffset: segments[i + 1]?.baseOffset,
      mayHaveGaps: gaps,
    });
    let step = steps.next();
    for (; !step.done; step = steps.next()) {
      options.onRecovered?.(step.value);
      if ((sinceTurn += step.value) < TURN_BYTES) continue;
      sinceTurn = 0;
      await sleep(context.clock, 0);
    }
    gaps ||= step.value.hasGaps;
    report(context, segments[i]!, step.value);
    if (step.value.truncatedBytes > 0 || (!gaps && endsEarly(step.value.nextOffset, segments[i + 1]))) {
      if (!step.value.isTorn || i + 1 < segments.length) context.onRecordsLost?.();
      dropAfter(context, segments, i);
    }
  }
  const isUsable =
    from === 0 || (known !== undefined && knowsStart(known, new LogSegments(segments, gaps), options));
  const found = isUsable ? epochs.result : undefined;
  if (found !== undefined) saveEpochs(checkpoint, known, found);
  else restoreEpochs(context, checkpoint, new LogSegments(segments, gaps));
}

/**
 * The index of the segment that contains the recovery point. This segment and those after it are read again.
 */
function firstUnflushed(baseOffsets: readonly number[], recoveryPoint: number): number {
  return baseOffsets.findLastIndex((base) => base <= recoveryPoint);
}

/** How many bytes recovery of the directory will read. */
export function bytesToRecover(disk: Disk, directory: string, recoveryPoint: number): number {
  const bases = segmentBases(disk, directory);
  return bases
    .slice(Math.max(0, firstUnflushed(bases, recoveryPoint)))
    .reduce((sum, base) => sum + disk.stat(`${directory}/${fileName(base, '.log')}`).size, 0);
}

/**
 * Whether batches are missing between this segment and the next one, in a log without gaps. After a power
 * failure the next segment may be on disk although the end of this one is not.
 */
function endsEarly(nextOffset: number, next: LogSegment | undefined): boolean {
  return next !== undefined && nextOffset < next.baseOffset && !next.hasGaps();
}

function dropAfter(context: LogContext, segments: LogSegment[], index: number): void {
  for (const segment of segments.splice(index + 1)) {
    context.log.warn(`Recovery drops ${segment.path}: it follows a damaged segment`);
    for (const path of segment.markDeleted()) context.disk.remove(path);
  }
}

function epochCacheOf(context: LogContext, directory: string): LeaderEpochCache {
  const checkpoint = new LeaderEpochCheckpoint(context.disk, directory);
  return new LeaderEpochCache(checkpoint.read(), (changed) => checkpoint.write(changed));
}

/** The entries of the checkpoint; undefined if it is missing or malformed. */
function readEpochs(context: LogContext, checkpoint: LeaderEpochCheckpoint): EpochEntry[] | undefined {
  try {
    return context.disk.exists(checkpoint.path) ? checkpoint.read() : undefined;
  } catch (error) {
    if (isDiskError(error)) throw error;
    context.log.warn(`${messageOf(error)}; rebuilding it from the log`);
    return undefined;
  }
}

/**
 * Whether the entries cover the first batch from the log start offset on. They may not: after a crash the log
 * start offset may be lower than it was when they were written.
 */
function knowsStart(
  known: readonly EpochEntry[],
  segments: LogSegments,
  { logStartOffset }: OpenLogOptions,
): boolean {
  const start = Math.max(logStartOffset, segments.first.baseOffset);
  for (const { baseOffset } of segments.batchesFrom(start)) {
    return new LeaderEpochCache(known).epochOf(Math.max(baseOffset, start)) >= 0;
  }
  return known.length > 0;
}

function saveEpochs(
  checkpoint: LeaderEpochCheckpoint,
  known: readonly EpochEntry[] | undefined,
  found: readonly EpochEntry[],
): void {
  const isSame =
    known?.length === found.length &&
    known.every(
      ({ epoch, startOffset }, i) => epoch === found[i]!.epoch && startOffset === found[i]!.startOffset,
    );
  if (!isSame) checkpoint.write(found);
}

/** Rebuilds the checkpoint from all batches. */
function restoreEpochs(context: LogContext, checkpoint: LeaderEpochCheckpoint, segments: LogSegments): void {
  if (segments.sizeInBytes === 0) return checkpoint.write([]);
  context.log.warn(`${checkpoint.path} does not fit the log; making it anew from all batches`);
  checkpoint.write(epochsOf(segments.batchesFrom(segments.first.baseOffset)));
}

function trimEpochs(context: LogContext, directory: string, start: number, end: number): void {
  const cache = epochCacheOf(context, directory);
  cache.truncateFromStart(start);
  // An epoch that begins at the log end has no record in this replica; records of an older epoch may come
  // next.
  cache.truncateFromEnd(end);
}
