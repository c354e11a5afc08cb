/**
 * Compaction: keeps the last record of each key and removes the earlier ones. Offsets do not change, so that
 * the log has gaps afterwards.
 *
 * The cleaner works in rounds, on the log with the highest dirty ratio first. Pass one stores the last offset
 * of each key in the dirty part in a map. Pass two copies the segments without the records that a later
 * record replaces. A copy is written to a `.cleaned` file and made durable. Then it is renamed to `.swap`,
 * the old files are renamed to `.deleted`, and the `.swap` file gets its final name. After a crash at any
 * point recovery finds either the old segments or the complete new one.
 *
 * Invariants: the active segment and what is above the high watermark are never cleaned. A tombstone is
 * removed only if its segment was last written `delete.retention.ms` before the newest clean segment was. The
 * last batch of each idempotent producer stays, without records if need be. If the log is truncated
 * meanwhile, its cleaning is given up.
 *
 * Kafka: log/{LogCleaner,LogCleanerManager}.scala@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { isDiskError, KafkaError, messageOf } from '../common/errors';
import { Host, Log as Logger, sleep, Timer } from '../common/host';
import { BATCH_HEADER_BYTES, RecordBatch } from '../record/record-batch';
import { RecordReader, SkimmedRecord } from '../record/record';
import { filterBatch } from '../record/filter-batch';
import { CorruptSegmentError, headProblem } from './batch-head';
import { Cleanable, cleanableOf, groupSegments } from './cleanable';
import { Log } from './log';
import { LogSegment } from './log-segment';
import { OffsetMap } from './offset-map';

export interface LogCleanerOptions {
  readonly enabled: boolean;
  readonly backoffMs: number;
  readonly dedupeBufferBytes: number;
}

export interface CleanerDeps {
  readonly host: Host;
  readonly log: Logger;
  readonly options: LogCleanerOptions;
  /** The logs that are online. */
  readonly logs: () => readonly Log[];
  /** Writes the first dirty offsets of all logs in the log dir of `tp`. */
  readonly saveCheckpoint: (tp: TopicPartition, firstDirty: ReadonlyMap<string, number>) => void;
  readonly onStorageError: (path: string, error: unknown) => void;
}

const SLICE_BYTES = 1024 * 1024;

/**
 * The log was truncated, deleted or taken offline during its cleaning, or the cleaner is being closed. A
 * later round tries again.
 */
class CleaningAborted extends Error {}

/**
 * Whether the error means damaged bytes, or a batch with a valid CRC but malformed records. A later round
 * would fail in the same way.
 */
function isCorrupt(error: unknown): boolean {
  return error instanceof KafkaError && error.errorName === 'CORRUPT_MESSAGE';
}

export class LogCleaner {
  private readonly firstDirty = new Map<string, number>();
  /**
   * Logs with damaged bytes; they are not cleaned until the broker restarts.
   * Kafka: LogCleanerManager#markPartitionUncleanable
   */
  private readonly uncleanable = new WeakSet<Log>();
  private timer: Timer | undefined;
  private isClosed = false;
  private cleaning: Promise<void> = Promise.resolve();

  constructor(private readonly deps: CleanerDeps) {}

  /** Takes over the first dirty offsets of a checkpoint, by `topic-partition`. */
  restore(offsets: ReadonlyMap<string, number>): void {
    for (const [name, offset] of offsets) this.firstDirty.set(name, offset);
  }

  start(): void {
    if (!this.deps.options.enabled || this.isClosed) return;
    this.timer = this.deps.host.clock.schedule(this.deps.options.backoffMs, () => {
      this.cleaning = this.round().then(() => this.start());
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.timer?.cancel();
    await this.cleaning;
  }

  /**
   * The log was truncated to `offset`, or was created again (0): records above it are dirty. The checkpoint
   * is written at once, because after a crash an outdated one would count unread records as clean.
   */
  truncated(tp: TopicPartition, offset: number): void {
    const name = tpName(tp);
    const known = this.firstDirty.get(name);
    if (known === undefined || known <= offset) return;
    this.firstDirty.set(name, offset);
    this.deps.saveCheckpoint(tp, this.firstDirty);
  }

  private async round(): Promise<void> {
    const tried = new Set<Log>();
    for (let next = this.filthiest(tried); next && !this.isClosed; next = this.filthiest(tried)) {
      tried.add(next.log);
      try {
        await this.clean(next.log, next.cleanable);
      } catch (error) {
        if (error instanceof CleaningAborted)
          this.deps.log.info(`Cleaning of ${tpName(next.log.tp)} was given up: the log changed meanwhile`);
        else this.failed(next.log, error);
      }
    }
  }

  private failed(log: Log, error: unknown): void {
    this.deps.log.error(`Cleaning of ${tpName(log.tp)} failed: ${messageOf(error)}`);
    if (isDiskError(error)) this.deps.onStorageError(log.directory, error);
    if (isCorrupt(error)) this.uncleanable.add(log);
  }

  /** Undefined if the segments cannot be read; the other logs are cleaned all the same. */
  private cleanableOf(log: Log, nowMs: number): Cleanable<LogSegment> | undefined {
    try {
      return cleanableOf(log, this.firstDirty.get(tpName(log.tp)), nowMs);
    } catch (error) {
      this.failed(log, error);
      return undefined;
    }
  }

  private filthiest(tried: Set<Log>): { log: Log; cleanable: Cleanable<LogSegment> } | undefined {
    const nowMs = this.deps.host.clock.wallMs();
    let best: { log: Log; cleanable: Cleanable<LogSegment> } | undefined;
    for (const log of this.deps.logs()) {
      if (tried.has(log) || this.uncleanable.has(log) || !log.config['cleanup.policy'].includes('compact'))
        continue;
      const cleanable = this.cleanableOf(log, nowMs);
      if (cleanable === undefined) {
        tried.add(log);
        continue;
      }
      const needed =
        cleanable.dirtyRatio > log.config['min.cleanable.dirty.ratio'] ||
        (cleanable.isOverdue && cleanable.dirtySegments.length > 0);
      if (needed && (best === undefined || cleanable.dirtyRatio > best.cleanable.dirtyRatio))
        best = { log, cleanable };
    }
    return best;
  }

  /** Cleans the cleanable part of one log. */
  async clean(
    log: Log,
    { cleanSegments, dirtySegments, firstDirtyOffset, firstUncleanableOffset }: Cleanable<LogSegment>,
  ): Promise<void> {
    const bytesBefore = [...cleanSegments, ...dirtySegments].reduce((sum, segment) => sum + segment.size, 0);
    const stamp = log.truncations;
    // The records that replace older ones must be durable before the older ones are removed.
    await log.flushBehind(firstUncleanableOffset);
    const map = new OffsetMap(
      firstDirtyOffset,
      firstUncleanableOffset - firstDirtyOffset,
      this.deps.options.dedupeBufferBytes,
    );
    const endOffset = await this.fill(map, log, dirtySegments, firstDirtyOffset, firstUncleanableOffset);
    // A segment written before this time is so much older than the newest clean one that its tombstones may
    // go.
    const horizonMs =
      cleanSegments.length > 0
        ? cleanSegments[cleanSegments.length - 1]!.modifiedMs - log.config['delete.retention.ms']
        : 0;
    const segments = [...cleanSegments, ...dirtySegments].filter((segment) => segment.baseOffset < endOffset);
    let bytesAfter = 0;
    for (const group of groupSegments(segments, endOffset, log.config['segment.bytes']))
      bytesAfter += await this.cleanGroup(log, group, map, horizonMs, stamp);
    this.firstDirty.set(tpName(log.tp), endOffset);
    this.deps.saveCheckpoint(log.tp, this.firstDirty);
    this.deps.log.info(
      `Cleaned ${tpName(log.tp)} up to offset ${endOffset}: ${bytesBefore} bytes in ${segments.length} ` +
        `segments became ${bytesAfter}, ${map.size} keys`,
    );
    this.deps.host.event({
      what: 'log-cleaned',
      ...log.tp,
      endOffset,
      bytesBefore,
      bytesAfter,
      keys: map.size,
    });
  }

  /**
   * Pass one: fills the map. Returns the offset up to which the map contains the last offset of every key.
   */
  private async fill(
    map: OffsetMap,
    log: Log,
    segments: readonly LogSegment[],
    from: number,
    until: number,
  ): Promise<number> {
    const record = new SkimmedRecord();
    for (const segment of segments) {
      for await (const slice of this.slices(log, segment)) {
        for (const batch of slice) {
          if (batch.isControl || batch.lastOffset < from) continue;
          const reader = new RecordReader(batch);
          while (reader.skim(record)) {
            if (record.keyLength < 0 || record.offset < from) continue;
            if (map.isFull) return map.latestOffset + 1;
            map.put(record.offset, reader.section, record.keyStart, record.keyLength);
          }
        }
      }
    }
    return until;
  }

  /**
   * The batches of a segment in slices, with the event loop given a turn after each slice. A batch is valid
   * until the next slice. Throws CorruptSegmentError for a damaged batch, CleaningAborted if the log changed.
   */
  private async *slices(log: Log, segment: LogSegment): AsyncGenerator<readonly RecordBatch[]> {
    const { truncations } = log;
    const { size } = segment;
    let buffer: Buffer = Buffer.allocUnsafeSlow(Math.min(size, SLICE_BYTES));
    let nextOffset = segment.baseOffset;
    for (let position = 0; position < size;) {
      const block = buffer.subarray(
        0,
        segment.readInto(buffer.subarray(0, Math.min(buffer.length, size - position)), position),
      );
      const batches: RecordBatch[] = [];
      let at = 0;
      while (at < block.length) {
        const problem = headProblem(block, at, size - position - at, nextOffset);
        if (problem !== undefined && (at === 0 || block.length - at >= BATCH_HEADER_BYTES))
          throw new CorruptSegmentError(segment.path, position + at, problem);
        const batch = new RecordBatch(block, at);
        if (problem !== undefined || batch.sizeInBytes > block.length - at) break;
        // The copy would get a new CRC, and the damage would no longer be detectable.
        if (batch.computeCrc() !== batch.crc)
          throw new CorruptSegmentError(segment.path, position + at, 'the CRC does not match');
        batches.push(batch);
        nextOffset = batch.nextOffset;
        at += batch.sizeInBytes;
      }
      position += at;
      if (at === 0) buffer = Buffer.allocUnsafeSlow(new RecordBatch(block).sizeInBytes);
      yield batches;
      await sleep(this.deps.host.clock, 0);
      if (
        this.isClosed ||
        log.truncations !== truncations ||
        !log.allSegments.includes(segment) ||
        !this.deps.logs().includes(log)
      )
        throw new CleaningAborted();
    }
  }

  /** Pass two: copies the segments of the group into one new segment. Returns its size in bytes. */
  private async cleanGroup(
    log: Log,
    group: readonly LogSegment[],
    map: OffsetMap,
    horizonMs: number,
    stamp: number,
  ): Promise<number> {
    const { disk } = this.deps.host;
    const path = `${group[0]!.path}.cleaned`;
    const file = disk.open(path, 'create');
    let size = 0;
    try {
      file.truncate(0);
      for (const segment of group) {
        const keepsTombstones = segment.modifiedMs > horizonMs;
        for await (const slice of this.slices(log, segment)) {
          const kept = slice.flatMap((batch) => this.cleanBatch(log, batch, map, keepsTombstones) ?? []);
          file.write(kept, size);
          size += kept.reduce((sum, bytes) => sum + bytes.length, 0);
        }
      }
      await file.sync();
    } catch (error) {
      if (error instanceof CleaningAborted) disk.remove(path);
      throw error;
    } finally {
      file.close();
    }
    if (
      this.isClosed ||
      log.truncations !== stamp ||
      !this.deps.logs().includes(log) ||
      !group.every((segment) => log.allSegments.includes(segment))
    ) {
      disk.remove(path);
      throw new CleaningAborted();
    }
    log.replaceSegments(group, path);
    return size;
  }

  private cleanBatch(
    log: Log,
    batch: RecordBatch,
    map: OffsetMap,
    keepsTombstones: boolean,
  ): Buffer | undefined {
    if (batch.isControl) return batch.bytes();
    const isLastOfProducer =
      log.producerState.get(batch.producerId)?.batches.at(-1)?.lastOffset === batch.lastOffset;
    return filterBatch(
      batch,
      (record, reader) => {
        // As in Kafka, a record without a key is removed: no later record could replace it.
        if (record.keyLength < 0) return false;
        if (record.offset > map.latestOffset) return true;
        if (!record.hasValue && !keepsTombstones) return false;
        return (
          map.isLatest(record.offset) ??
          record.offset >= map.get(reader.section, record.keyStart, record.keyLength)
        );
      },
      isLastOfProducer,
    );
  }
}
