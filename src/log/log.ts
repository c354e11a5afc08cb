/**
 * The log of one partition: segments in order, with appends at the end and retention at the start.
 *
 * Invariants: offsets only increase. `logStartOffset ≤ highWatermark ≤ logEndOffset`. The log end offset is
 * raised after the write has returned. Bytes below the recovery point are durable. All calls come from one
 * event loop and are synchronous, so that no two of them overlap; only flushing is asynchronous.
 *
 * Kafka: log/Log.scala@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { inBackground } from '../common/background';
import { KafkaError } from '../common/errors';
import { NO_PRODUCER_ID, NO_TIMESTAMP, RecordBatch, TIMESTAMP_TYPE_MASK } from '../record/record-batch';
import { LeaderEpochCheckpoint } from './checkpoint-file';
import { LeaderEpochCache } from './leader-epoch-cache';
import { AppendInfo, repeatedAppend } from './log-append-info';
import { LogConfig } from './log-config';
import { LogContext } from './log-context';
import { LogFlusher } from './log-flusher';
import { LogSegment } from './log-segment';
import { LogSegments, OffsetAndTimestamp } from './log-segments';
import { LogStorage } from './log-storage';
import {
  CheckRecords,
  firstBatchAround,
  readProducedBatch,
  validateFetchedBatches,
  validateProducedBatch,
} from './log-validator';
import { ProducerStateFiles } from './producer-state-files';
import { deletableSegments } from './retention';
import { SegmentRolling } from './segment-rolling';
import { LogTail } from './tail-cache';

export { CheckRecords } from './log-validator';

export class Log {
  readonly epochs: LeaderEpochCache;
  private readonly tail: LogTail;
  private readonly storage: LogStorage;
  private endOffset: number;
  private watermark = 0;
  private readonly flusher: LogFlusher;
  private readonly rolling: SegmentRolling;
  private unflushedRecords = 0;
  private lastFlushMs: number;

  constructor(
    private readonly context: LogContext,
    readonly tp: TopicPartition,
    readonly directory: string,
    public config: LogConfig,
    private readonly segments: LogSegments,
    private readonly producers: ProducerStateFiles,
    public logStartOffset: number,
    recoveryPoint: number,
    endOffset: number,
  ) {
    this.storage = new LogStorage(context, tp, directory);
    const checkpoint = new LeaderEpochCheckpoint(context.disk, directory);
    this.epochs = new LeaderEpochCache(checkpoint.read(), (entries) =>
      this.storage.guard(() => checkpoint.write(entries)),
    );
    this.endOffset = endOffset;
    this.flusher = new LogFlusher(context, segments, checkpoint, Math.min(recoveryPoint, endOffset));
    this.tail = new LogTail(context.tailCache);
    this.lastFlushMs = context.clock.monotonicMs();
    this.rolling = new SegmentRolling(context, config);
    // Until the caller restores the checkpointed high watermark.
    this.watermark = logStartOffset;
  }

  get logEndOffset(): number {
    return this.endOffset;
  }
  get highWatermark(): number {
    return this.watermark;
  }
  /** Everything below this offset is durable. */
  get recoveryPoint(): number {
    return this.flusher.recoveryPoint;
  }
  /** Counts truncations. Asynchronous work on the log compares it to notice a change. */
  get truncations(): number {
    return this.flusher.truncations;
  }
  get activeSegment(): LogSegment {
    return this.segments.active;
  }
  get allSegments(): readonly LogSegment[] {
    return this.segments.all;
  }
  get sizeInBytes(): number {
    return this.segments.sizeInBytes;
  }
  get producerState(): ProducerStateFiles['state'] {
    return this.producers.state;
  }

  /** Sets the high watermark, within log start offset and log end offset. Returns whether it changed. */
  updateHighWatermark(offset: number): boolean {
    const next = Math.min(Math.max(offset, this.logStartOffset), this.endOffset);
    const moved = next !== this.watermark;
    this.watermark = next;
    return moved;
  }

  /**
   * Appends one produced batch: validates it, then assigns offsets and the leader epoch. A batch that the log
   * already contains is recognized before it is validated by the topic's settings. If these have changed, the
   * client would get MESSAGE_TOO_LARGE, split the batch, and write the records a second time.
   */
  appendAsLeader(records: Buffer, leaderEpoch: number, check?: CheckRecords): AppendInfo {
    const nowMs = this.context.clock.wallMs();
    const produced = readProducedBatch(records);
    const known = this.producers.state.findRepeated(produced);
    if (known) return repeatedAppend(known, this.config);
    const batch = validateProducedBatch(produced, this.config, nowMs, check);
    if (batch.sizeInBytes > this.config['segment.bytes']) {
      throw new KafkaError(
        'RECORD_LIST_TOO_LARGE',
        `a batch of ${batch.sizeInBytes} bytes exceeds segment.bytes ${this.config['segment.bytes']}`,
      );
    }
    if (batch.producerId !== NO_PRODUCER_ID) this.producers.state.check(batch);
    batch.setBaseOffset(this.endOffset);
    batch.setPartitionLeaderEpoch(leaderEpoch);
    this.append([batch]);
    const logAppendTimeMs = (batch.attributes & TIMESTAMP_TYPE_MASK) !== 0 ? nowMs : NO_TIMESTAMP;
    return {
      firstOffset: batch.baseOffset,
      lastOffset: batch.lastOffset,
      logAppendTimeMs,
      isDuplicate: false,
    };
  }

  /**
   * Appends fetched batches, byte for byte. An empty log may get a batch that begins below its start, if
   * records were deleted up to the middle of it. Then the log is started anew at the batch, and its start
   * offset restored (KAFKA-6975; Partition.scala#appendRecordsToFollowerOrFutureReplica).
   */
  appendAsFollower(records: Buffer): void {
    const start = this.logStartOffset;
    const covering = this.endOffset === start ? firstBatchAround(records, start) : undefined;
    if (covering !== undefined) this.truncateFullyAndStartAt(covering.baseOffset);
    const batches = validateFetchedBatches(records, this.endOffset);
    for (const group of this.groupsBySegment(batches)) this.append(group);
    if (covering !== undefined) this.maybeIncrementLogStartOffset(start);
  }

  /** Splits the batches where the segment has to be rolled, so that each group is written with one call. */
  private *groupsBySegment(batches: readonly RecordBatch[]): Generator<RecordBatch[]> {
    let group: RecordBatch[] = [];
    let bytes = 0;
    for (const batch of batches) {
      if (
        group.length > 0 &&
        this.activeSegment.size + bytes + batch.sizeInBytes > this.config['segment.bytes']
      ) {
        yield group;
        group = [];
        bytes = 0;
      }
      group.push(batch);
      bytes += batch.sizeInBytes;
    }
    if (group.length > 0) yield group;
  }

  private append(batches: readonly RecordBatch[]): void {
    const bytes = batches.reduce((sum, batch) => sum + batch.sizeInBytes, 0);
    const last = batches[batches.length - 1]!;
    // First, so that nothing is appended if the epoch checkpoint cannot be written.
    for (const batch of batches) this.assignEpoch(batch.partitionLeaderEpoch, batch.baseOffset);
    this.storage.guard(() => {
      if (this.rolling.isDue(this.activeSegment, this.config, bytes, last)) this.roll(batches[0]!.baseOffset);
      this.activeSegment.append(batches);
    });
    const nowMs = this.context.clock.wallMs();
    for (const batch of batches) {
      this.producers.state.update(batch, nowMs);
      this.tail.append(batch);
      this.unflushedRecords += batch.lastOffsetDelta + 1;
    }
    this.endOffset = last.nextOffset;
    if (this.unflushedRecords >= this.config['flush.messages']) this.flushNow();
  }

  /** Also for an epoch below the latest one: the batches decide, not the cache. -1: a batch without epoch. */
  private assignEpoch(epoch: number, offset: number): void {
    if (epoch >= 0 && epoch !== this.epochs.latestEpoch) this.epochs.assign(epoch, offset);
  }

  /** Starts a new active segment at `baseOffset`; the old one is flushed in the background. */
  roll(baseOffset = this.endOffset): void {
    const old = this.activeSegment;
    if (old.size === 0 && old.baseOffset === baseOffset) return;
    this.storage.guard(() => {
      old.onBecomeInactive();
      this.producers.takeSnapshot(baseOffset);
      this.segments.add(this.newSegment(baseOffset));
    });
    this.rolling.begin(this.config);
    const flushed = this.flusher.flushBehind(Math.min(baseOffset, this.endOffset), old);
    inBackground(this.context.log, `Flushing ${old.path}`, flushed);
  }

  private newSegment(baseOffset: number): LogSegment {
    const { disk, files, clock, log } = this.context;
    const settings = {
      indexIntervalBytes: this.config['index.interval.bytes'],
      maxIndexBytes: this.config['segment.index.bytes'],
    };
    return new LogSegment(disk, files, this.directory, baseOffset, settings, log, clock.wallMs());
  }

  /** Flushes everything below `offset`, one flush after the other; then raises the recovery point. */
  flushBehind(offset: number): Promise<void> {
    return this.flusher.flushBehind(Math.min(offset, this.endOffset));
  }

  flush(): Promise<void> {
    this.unflushedRecords = 0;
    this.lastFlushMs = this.context.clock.monotonicMs();
    return this.flushBehind(this.endOffset);
  }

  /** For flush.messages: the record that reaches the limit is durable before it is acknowledged. */
  private flushNow(): void {
    this.storage.guard(() => this.flusher.flushBytesNow());
    this.unflushedRecords = 0;
  }

  flushIfDue(): Promise<void> | undefined {
    return this.unflushedRecords > 0 &&
      this.context.clock.monotonicMs() - this.lastFlushMs >= this.config['flush.ms']
      ? this.flush()
      : undefined;
  }

  /**
   * Complete batches from the one that contains `offset` on, with base offsets below `limitOffset`; at most
   * `maxBytes` (with `atLeastOne` the first one even if larger). Throws OFFSET_OUT_OF_RANGE outside of [log
   * start, log end], CORRUPT_MESSAGE or KAFKA_STORAGE_ERROR for damaged bytes.
   */
  read(offset: number, limitOffset: number, maxBytes: number, atLeastOne: boolean): Buffer[] {
    if (offset < this.logStartOffset || offset > this.endOffset) {
      throw new KafkaError(
        'OFFSET_OUT_OF_RANGE',
        `offset ${offset} of ${this.tp.topic}-${this.tp.partition} lies outside [${this.logStartOffset}, ` +
          `${this.endOffset}]`,
      );
    }
    if (offset >= limitOffset || offset === this.endOffset) return [];
    return (
      this.tail.read(offset, limitOffset, maxBytes, atLeastOne) ??
      this.storage.read(() => this.segments.read(offset, limitOffset, maxBytes, atLeastOne))
    );
  }

  /** Bytes appended before the batch that contains `offset`; undefined if it left the tail cache. */
  positionOf(offset: number): number | undefined {
    return offset === this.endOffset ? this.tail.endPosition : this.tail.positionOf(offset);
  }

  /** The first record at or after the timestamp (ms), or undefined. Kafka: Log#fetchOffsetByTimestamp */
  offsetForTimestamp(timestamp: number): OffsetAndTimestamp | undefined {
    return this.storage.read(() => this.segments.offsetForTimestamp(timestamp, this.logStartOffset));
  }

  /**
   * Removes everything at `target` and above; returns whether there was anything. The epoch cache is
   * truncated in any case: an epoch that begins at the log end has no record here, and if its entry stayed,
   * this replica would later report it as the end of an older epoch whose records come next. A batch that
   * contains `target` is removed as a whole, so that the next fetched batch fits. (In Kafka the log ends at
   * `target`, and the leader's batch is refused for ever.)
   */
  truncateTo(target: number): boolean {
    if (target >= this.endOffset) {
      this.epochs.truncateFromEnd(this.endOffset);
      return false;
    }
    const around = this.storage.read(() => this.segments.startOfBatchAround(target));
    const offset = Math.max(around, Math.min(target, this.logStartOffset));
    this.context.log.info(`Truncating ${this.directory} from ${this.endOffset} to ${offset}`);
    if (offset < this.logStartOffset || offset <= this.segments.first.baseOffset) {
      this.truncateFullyAndStartAt(Math.max(offset, 0));
      return true;
    }
    this.storage.guardWhole(() => {
      for (let last = this.activeSegment; last.baseOffset > offset; last = this.activeSegment) {
        this.segments.remove(last);
        this.remove(last);
      }
      this.activeSegment.truncateTo(offset);
      this.activeSegment.saveIndexes();
      this.movedEnd(offset);
      this.epochs.truncateFromEnd(offset);
      // Reading what is left may find damage and throw; the log end offset has been lowered by then.
      try {
        this.producers.truncate(this.segments, offset);
      } finally {
        this.forgetRemoved();
      }
    });
    return true;
  }

  /** Removes all records; the log starts anew at `offset`. */
  truncateFullyAndStartAt(offset: number): void {
    this.context.log.info(`Dropping the log ${this.directory}, restarting at ${offset}`);
    this.storage.guardWhole(() => {
      // From the end to the start, so that a crash in between leaves a prefix of the log.
      for (const segment of this.segments.removeAll().reverse()) this.remove(segment);
      this.segments.add(this.newSegment(offset));
      this.producers.reset();
      this.forgetRemoved();
    });
    this.logStartOffset = offset;
    this.movedEnd(offset);
    this.epochs.clear();
  }

  private movedEnd(offset: number): void {
    this.endOffset = offset;
    this.flusher.truncated(offset);
    this.watermark = Math.min(Math.max(this.watermark, this.logStartOffset), offset);
    this.tail.clear();
    this.context.onTruncated(this.tp, offset);
  }

  /** Durably: a file that reappeared after a power failure would be taken for a part of the new log. */
  private forgetRemoved(): void {
    this.context.disk.syncDirectoryNow(this.directory);
  }

  /** At once, and not after file.delete.delay.ms: these records must not be read again. */
  private remove(segment: LogSegment): void {
    for (const path of segment.markDeleted()) this.context.disk.remove(path);
  }

  /** Forgets idempotent producers that wrote nothing for `expirationMs`. Kafka: Log#producerExpireCheck */
  expireProducers(expirationMs: number): void {
    this.producers.state.expire(this.context.clock.wallMs(), expirationMs);
  }

  /** Retention: deletes the oldest segments if the topic's settings no longer keep them; returns how many. */
  deleteOldSegments(): number {
    const deletable = this.storage.guard(() => deletableSegments(this, this.context.clock.wallMs()));
    if (deletable.length === 0) return 0;
    // Rolls first, because a log always has an active segment.
    if (deletable.length === this.segments.all.length) this.roll();
    for (const segment of deletable) {
      this.segments.remove(segment);
      const {
        path,
        size,
        largestTimestamp: { timestamp },
      } = segment;
      this.context.log.info(`Deleting segment ${path} (size ${size}, largest timestamp ${timestamp})`);
      const files = this.storage.guard(() => segment.markDeleted());
      this.storage.removeLater(files, this.config['file.delete.delay.ms']);
    }
    this.maybeIncrementLogStartOffset(this.segments.first.baseOffset);
    return deletable.length;
  }

  /** Replaces segments by their cleaned copy, which is complete and durable in the file `cleaned`. */
  replaceSegments(old: readonly LogSegment[], cleaned: string): void {
    const { disk } = this.context;
    const [first] = old;
    const modifiedMs = old[old.length - 1]!.modifiedMs;
    this.storage.guardWhole(() => {
      const swap = `${first!.path}.swap`;
      disk.rename(cleaned, swap);
      const replacedFiles = old.flatMap((segment) => segment.markDeleted());
      disk.rename(swap, first!.path);
      const fresh = this.newSegment(first!.baseOffset);
      fresh.buildIndexes();
      disk.setModified(fresh.path, modifiedMs);
      this.segments.replace(old, fresh);
      this.tail.dropBelow(this.segments.endOf(fresh, this.endOffset));
      fresh.flush().catch((error) => this.context.onStorageError(this.directory, error));
      this.storage.removeLater(replacedFiles, this.config['file.delete.delay.ms']);
    });
  }

  /** Raises the log start offset to `offset`, and with it a high watermark that is lower. */
  maybeIncrementLogStartOffset(offset: number): void {
    if (offset <= this.logStartOffset) return;
    this.logStartOffset = offset;
    this.watermark = Math.max(this.watermark, offset);
    this.epochs.truncateFromStart(offset);
  }

  /** For a clean shutdown: writes a producer snapshot, makes everything durable, closes the files. */
  async close(): Promise<void> {
    this.storage.guard(() => {
      this.activeSegment.onBecomeInactive();
      this.producers.takeSnapshot(this.endOffset);
    });
    await this.flusher.flushAll(this.endOffset, this.producers);
    this.closeFiles();
  }

  closeFiles(): void {
    this.flusher.close();
    for (const segment of this.segments.all) segment.closeFiles();
  }
}
