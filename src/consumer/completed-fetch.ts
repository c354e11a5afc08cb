/**
 * The records of one partition from one fetch response, decoded one by one.
 *
 * Invariant: it moves the partition's position only forward, and only from where it ends itself. The caller
 * first checks with `isNext` that the partition's position is still there.
 *
 * Kafka: clients/consumer/internals/Fetcher.java#CompletedFetch@2.8.2
 */
import { tpName } from '../common/cluster-types';
import { KafkaError, messageOf } from '../common/errors';
import { Deserializer } from '../common/serialization';
import { compressionId, ExpansionError } from '../record/compression';
import { Header, RecordReader } from '../record/record';
import { batchesOf, RecordBatch } from '../record/record-batch';
import { AssignedPartition } from './assigned-partition';
import { ConsumerRecord } from './consumer-record';

/** How records are decoded. */
export interface FetchedOptions {
  readonly checkCrcs: boolean;
  /** The limit for one decompressed batch. */
  readonly maxBatchBytes: number;
  readonly deserializers: Deserializers;
}

/** Convert the bytes of keys and values to the application's types. */
export interface Deserializers {
  readonly key: Deserializer;
  readonly value: Deserializer;
}

const ZSTD = compressionId('zstd');

export class CompletedFetch {
  private reader: RecordReader | undefined;
  private leaderEpoch = -1;
  private batchEnd = 0;
  private nextOffset: number;
  private readonly batches: Iterator<RecordBatch>;
  private readonly since: object;
  usesZstd = false;
  /** The offset at which the next fetch of the partition starts. */
  readonly endOffset: number;

  constructor(
    readonly partition: AssignedPartition,
    fetchOffset: number,
    bytes: Buffer,
    private readonly options: FetchedOptions,
  ) {
    this.nextOffset = fetchOffset;
    this.since = partition.lastMove;
    let last = fetchOffset;
    for (const batch of batchesOf(bytes)) {
      last = Math.max(last, batch.nextOffset);
      this.usesZstd ||= batch.compression === ZSTD;
    }
    this.endOffset = last;
    this.batches = batchesOf(bytes);
  }

  /**
   * Whether the partition's position is where this fetch continues, and neither a seek nor a new leader came
   * in between.
   */
  get isNext(): boolean {
    const { partition } = this;
    return (
      partition.state === 'fetching' &&
      partition.position === this.nextOffset &&
      partition.lastMove === this.since
    );
  }

  private readonly make = (
    offset: number,
    timestamp: number,
    key: Buffer | null,
    value: Buffer | null,
    headers: readonly Header[],
  ): ConsumerRecord<unknown, unknown> | number => {
    // Records below the position are only here because they share a batch with it.
    if (offset < this.nextOffset) return offset;
    const { topic, partition } = this.partition.tp;
    const {
      leaderEpoch,
      options: { deserializers },
    } = this;
    try {
      return {
        topic,
        partition,
        offset,
        timestamp,
        key: deserializers.key.deserialize(topic, key, headers),
        value: deserializers.value.deserialize(topic, value, headers),
        headers,
        leaderEpoch,
      };
    } catch (error) {
      const where = `partition ${tpName(this.partition.tp)} at offset ${offset}`;
      throw new KafkaError(
        'SERIALIZATION',
        `Error deserializing key/value for ${where}. If needed, please seek past the record to continue ` +
          `consumption. ${messageOf(error)}`,
      );
    }
  };

  /**
   * The next record at or after the position; undefined at the end. Moves the position. Throws
   * CORRUPT_MESSAGE.
   */
  next(): ConsumerRecord<unknown, unknown> | undefined {
    for (;;) {
      if (this.reader === undefined && !this.openBatch()) return undefined;
      const record = this.reader?.next(this.make);
      if (record === undefined) {
        this.passTo(this.batchEnd);
        this.reader = undefined;
      } else if (typeof record !== 'number') {
        this.passTo(record.offset + 1);
        return record;
      }
    }
  }

  private passTo(offset: number): void {
    if (offset <= this.nextOffset) return;
    this.nextOffset = offset;
    this.partition.advance(offset, this.leaderEpoch);
  }

  /**
   * A small batch may decompress to gigabytes: beyond the limit it is not decompressed, and the error names
   * its offset.
   */
  private open(batch: RecordBatch): RecordReader {
    const { maxBatchBytes } = this.options;
    try {
      return new RecordReader(batch, maxBatchBytes);
    } catch (error) {
      if (!(error instanceof ExpansionError)) throw error;
      const where = `partition ${tpName(this.partition.tp)} at offset ${batch.baseOffset}`;
      const what = `The record batch of ${batch.sizeInBytes} bytes of ${where} is larger than`;
      const way = `If needed, please seek past it, to offset ${batch.nextOffset}, to continue consumption.`;
      const limit = `fetch.max.decompressed.bytes (${maxBatchBytes}) when decompressed`;
      throw new KafkaError('RECORD_TOO_LARGE', `${what} ${limit}. ${way}`);
    }
  }

  private openBatch(): boolean {
    for (let step = this.batches.next(); !step.done; step = this.batches.next()) {
      const batch = step.value;
      if (this.options.checkCrcs && batch.computeCrc() !== batch.crc) {
        throw new KafkaError(
          'CORRUPT_MESSAGE',
          `Record batch for partition ${tpName(this.partition.tp)} at offset ${batch.baseOffset} is ` +
            `invalid: its CRC does not match`,
        );
      }
      this.leaderEpoch = batch.partitionLeaderEpoch;
      this.batchEnd = batch.nextOffset;
      if (!batch.isControl) {
        this.reader = this.open(batch);
        return true;
      }
      this.passTo(this.batchEnd);
    }
    return false;
  }
}
