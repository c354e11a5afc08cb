/**
 * Compaction: of every key the last record stays, in place; offsets never change, so the log has gaps afterwards.
 *
 * In rounds: the filthiest log is taken; pass one remembers the last offset of each key in its dirty part, pass two copies
 * its segments without the records that a later one replaces. A copy is written to `.cleaned`, made durable, renamed to
 * `.swap`, the old files are marked `.deleted`, and the swap file gets its name: whatever moment a crash picks, recovery
 * finds either the old segments or the complete new one.
 *
 * Invariants: the active segment and what is above the high watermark are never touched; a tombstone stays
 * `delete.retention.ms` longer than the last cleaning that saw it; the last batch of each idempotent producer stays, if
 * need be without records; a log that was cut meanwhile is left alone.
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
  /** Logs that may be cleaned: online ones. */
  readonly logs: () => readonly Log[];
  /** Writes the first dirty offsets of the log's dir. */
  readonly saveCheckpoint: (tp: TopicPartition, firstDirty: ReadonlyMap<string, number>) => void;
  readonly onStorageError: (path: string, error: unknown) => void;
}

const SLICE_BYTES = 1024 * 1024;

/** The log changed under the cleaner: it begins again another time. */
class CleaningAborted extends Error {}

/** Damaged bytes, or sound ones whose records are not what they claim: no later round will read them. */
function isCorrupt(error: unknown): boolean {
  return error instanceof KafkaError && error.errorName === 'CORRUPT_MESSAGE';
}

export class LogCleaner {
  private readonly firstDirty = new Map<string, number>();
  /** Logs with damaged bytes: they are not cleaned any more. Kafka: LogCleanerManager#markPartitionUncleanable */
  private readonly uncleanable = new WeakSet<Log>();
  private timer: Timer | undefined;
  private isClosed = false;
  private cleaning: Promise<void> = Promise.resolve();

  constructor(private readonly deps: CleanerDeps) {}

  /** First dirty offsets, as the checkpoints had them. */
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

  /** The log was cut, or made anew: what comes after that is dirty, after a crash too. */
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
        if (error instanceof CleaningAborted) this.deps.log.info(`Cleaning of ${tpName(next.log.tp)} was given up: the log changed meanwhile`);
        else this.failed(next.log, error);
      }
    }
  }

  private failed(log: Log, error: unknown): void {
    this.deps.log.error(`Cleaning of ${tpName(log.tp)} failed: ${messageOf(error)}`);
    if (isDiskError(error)) this.deps.onStorageError(log.directory, error);
    if (isCorrupt(error)) this.uncleanable.add(log);
  }

  /** Undefined if that cannot be said: the other logs are cleaned all the same. */
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
      if (tried.has(log) || this.uncleanable.has(log) || !log.config['cleanup.policy'].includes('compact')) continue;
      const cleanable = this.cleanableOf(log, nowMs);
      if (cleanable === undefined) {
        tried.add(log);
        continue;
      }
      const needed = cleanable.dirtyRatio > log.config['min.cleanable.dirty.ratio'] || (cleanable.isOverdue && cleanable.dirtySegments.length > 0);
      if (needed && (best === undefined || cleanable.dirtyRatio > best.cleanable.dirtyRatio)) best = { log, cleanable };
    }
    return best;
  }

  /** Cleans what is cleanable now. */
  async clean(log: Log, { cleanSegments, dirtySegments, firstDirtyOffset, firstUncleanableOffset }: Cleanable<LogSegment>): Promise<void> {
    const bytesBefore = [...cleanSegments, ...dirtySegments].reduce((sum, segment) => sum + segment.size, 0);
    const stamp = log.truncations;
    // What replaces an older record is on the platter before that one goes.
    await log.flushBehind(firstUncleanableOffset);
    const map = new OffsetMap(firstDirtyOffset, firstUncleanableOffset - firstDirtyOffset, this.deps.options.dedupeBufferBytes);
    const endOffset = await this.fill(map, log, dirtySegments, firstDirtyOffset, firstUncleanableOffset);
    const horizonMs = cleanSegments.length > 0 ? cleanSegments[cleanSegments.length - 1]!.modifiedMs - log.config['delete.retention.ms'] : 0;
    const segments = [...cleanSegments, ...dirtySegments].filter((segment) => segment.baseOffset < endOffset);
    let bytesAfter = 0;
    for (const group of groupSegments(segments, endOffset, log.config['segment.bytes'])) bytesAfter += await this.cleanGroup(log, group, map, horizonMs, stamp);
    this.firstDirty.set(tpName(log.tp), endOffset);
    this.deps.saveCheckpoint(log.tp, this.firstDirty);
    this.deps.log.info(`Cleaned ${tpName(log.tp)} up to offset ${endOffset}: ${bytesBefore} bytes in ${segments.length} segments became ${bytesAfter}, ${map.size} keys`);
    this.deps.host.event({ what: 'log-cleaned', ...log.tp, endOffset, bytesBefore, bytesAfter, keys: map.size });
  }

  /** Pass one. The offset up to which the map speaks for the log. */
  private async fill(map: OffsetMap, log: Log, segments: readonly LogSegment[], from: number, until: number): Promise<number> {
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

  /** Whole, sound batches of a segment, valid until the next slice; the event loop gets a turn between slices. Throws CleaningAborted, CorruptSegmentError. */
  private async *slices(log: Log, segment: LogSegment): AsyncGenerator<readonly RecordBatch[]> {
    const { truncations } = log;
    const { size } = segment;
    let buffer: Buffer = Buffer.allocUnsafeSlow(Math.min(size, SLICE_BYTES));
    let nextOffset = segment.baseOffset;
    for (let position = 0; position < size;) {
      const block = buffer.subarray(0, segment.readInto(buffer.subarray(0, Math.min(buffer.length, size - position)), position));
      const batches: RecordBatch[] = [];
      let at = 0;
      while (at < block.length) {
        const problem = headProblem(block, at, size - position - at, nextOffset);
        if (problem !== undefined && (at === 0 || block.length - at >= BATCH_HEADER_BYTES)) throw new CorruptSegmentError(segment.path, position + at, problem);
        const batch = new RecordBatch(block, at);
        if (problem !== undefined || batch.sizeInBytes > block.length - at) break;
        // A copy would get a fresh CRC, and the damage would pass for data.
        if (batch.computeCrc() !== batch.crc) throw new CorruptSegmentError(segment.path, position + at, 'the CRC does not match');
        batches.push(batch);
        nextOffset = batch.nextOffset;
        at += batch.sizeInBytes;
      }
      position += at;
      if (at === 0) buffer = Buffer.allocUnsafeSlow(new RecordBatch(block).sizeInBytes);
      yield batches;
      await sleep(this.deps.host.clock, 0);
      if (this.isClosed || log.truncations !== truncations || !log.allSegments.includes(segment) || !this.deps.logs().includes(log)) throw new CleaningAborted();
    }
  }

  /** Pass two: the group's segments become one. Returns its size in bytes. */
  private async cleanGroup(log: Log, group: readonly LogSegment[], map: OffsetMap, horizonMs: number, stamp: number): Promise<number> {
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
    if (this.isClosed || log.truncations !== stamp || !this.deps.logs().includes(log) || !group.every((segment) => log.allSegments.includes(segment))) {
      disk.remove(path);
      throw new CleaningAborted();
    }
    log.replaceSegments(group, path);
    return size;
  }

  private cleanBatch(log: Log, batch: RecordBatch, map: OffsetMap, keepsTombstones: boolean): Buffer | undefined {
    if (batch.isControl) return batch.bytes();
    const isLastOfProducer = log.producerState.get(batch.producerId)?.batches.at(-1)?.lastOffset === batch.lastOffset;
    return filterBatch(batch, (record, reader) => {
      if (record.keyLength < 0) return false;
      if (record.offset > map.latestOffset) return true;
      if (!record.hasValue && !keepsTombstones) return false;
      return map.isLatest(record.offset) ?? record.offset >= map.get(reader.section, record.keyStart, record.keyLength);
    }, isLastOfProducer);
  }
}
