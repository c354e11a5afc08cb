/**
 * Keeps fetches under way to the leaders of the assigned partitions, one a leader, and holds what came back until it is
 * polled. Positions without a value are looked up first.
 *
 * Invariant: a fetched batch is used only if the partition's position is still where the fetch began; records are
 * decoded when they are taken, not before; at most `PREFETCH` responses of a partition wait here.
 *
 * Kafka: clients/consumer/internals/Fetcher.java@2.8.2
 */
import { HostPort, TopicPartition, tpName } from '../common/cluster-types';
import { errorName, ErrorName, KafkaError, messageOf } from '../common/errors';
import { Host, Log } from '../common/host';
import { ClusterMetadata } from '../client/cluster-metadata';
import { ConnectionPool } from '../network/connection-pool';
import { listOffsets } from '../protocol/messages/metadata';
import { fetch } from '../protocol/messages/produce-fetch';
import { TypeOf } from '../protocol/schema';
import { compressionId } from '../record/compression';
import { batchesOf, RecordBatch } from '../record/record-batch';
import { Header, RecordReader } from '../record/record';
import { loadZstd } from '../record/zstd';
import { Deserializer } from '../common/serialization';
import { ConsumerRecord } from './consumer-record';
import { ConsumerConfig } from './consumer-config';
import { AssignedPartition, SubscriptionState } from './subscription-state';

/** Turns bytes into what the program wants. */
export interface Deserializers {
  readonly key: Deserializer;
  readonly value: Deserializer;
}

export interface OffsetAndTimestamp {
  readonly offset: number;
  /** ms since 1970, or -1. */
  readonly timestamp: number;
}

const CONSUMER = -1;
const ZSTD = compressionId('zstd');
/** Responses of one partition that may wait: one being read, one behind it. */
const PREFETCH = 2;
const TIMESTAMPS = { earliest: -2, latest: -1 } as const;
const STALE_METADATA: readonly ErrorName[] = [
  'NOT_LEADER_OR_FOLLOWER', 'UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE', 'REPLICA_NOT_AVAILABLE', 'KAFKA_STORAGE_ERROR', 'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH', 'OFFSET_NOT_AVAILABLE', 'DISCONNECTED', 'REQUEST_TIMED_OUT',
];

/** What one fetch brought for one partition, taken record by record. */
class Fetched {
  private reader: RecordReader | undefined;
  private leaderEpoch = -1;
  private batchEnd = 0;
  private readonly batches: Iterator<RecordBatch>;
  usesZstd = false;
  /** Where the next fetch of the partition begins. */
  readonly nextOffset: number;

  constructor(readonly partition: AssignedPartition, fetchOffset: number, bytes: Buffer, private readonly checkCrcs: boolean, private readonly deserializers: Deserializers) {
    let last = fetchOffset;
    for (const batch of batchesOf(bytes)) {
      last = batch.nextOffset;
      this.usesZstd ||= batch.compression === ZSTD;
    }
    this.nextOffset = last;
    this.batches = batchesOf(bytes);
  }

  private readonly make = (offset: number, timestamp: number, key: Buffer | null, value: Buffer | null, headers: readonly Header[]): ConsumerRecord<unknown, unknown> | number => {
    // What lies before the position only shares a batch with it.
    if (offset < (this.partition.position ?? 0)) return offset;
    const { topic, partition } = this.partition.tp;
    try {
      return {
        topic, partition, offset, timestamp, key: this.deserializers.key.deserialize(topic, key, headers), value: this.deserializers.value.deserialize(topic, value, headers),
        headers, leaderEpoch: this.leaderEpoch,
      };
    } catch (error) {
      const where = `partition ${tpName(this.partition.tp)} at offset ${offset}`;
      throw new KafkaError('SERIALIZATION', `Error deserializing key/value for ${where}. If needed, please seek past the record to continue consumption. ${messageOf(error)}`);
    }
  };

  /** The next record at or after the position; undefined at the end. Moves the position. Throws CORRUPT_MESSAGE. */
  next(): ConsumerRecord<unknown, unknown> | undefined {
    for (;;) {
      if (this.reader === undefined && !this.openBatch()) return undefined;
      const record = this.reader?.next(this.make);
      if (record === undefined) {
        this.partition.position = Math.max(this.partition.position ?? 0, this.batchEnd);
        this.reader = undefined;
      } else if (typeof record !== 'number') {
        this.partition.position = record.offset + 1;
        this.partition.lastEpoch = this.leaderEpoch;
        return record;
      }
    }
  }

  private openBatch(): boolean {
    const step = this.batches.next();
    if (step.done) return false;
    const batch = step.value;
    if (this.checkCrcs && batch.computeCrc() !== batch.crc) {
      throw new KafkaError('CORRUPT_MESSAGE', `Record batch for partition ${tpName(this.partition.tp)} at offset ${batch.baseOffset} is invalid: its CRC does not match`);
    }
    this.leaderEpoch = batch.partitionLeaderEpoch;
    this.batchEnd = batch.nextOffset;
    if (!batch.isControl) this.reader = new RecordReader(batch);
    else this.partition.position = Math.max(this.partition.position ?? 0, this.batchEnd);
    return batch.isControl ? this.openBatch() : true;
  }
}

export class Fetcher {
  private readonly completed: Fetched[] = [];
  private readonly busyNodes = new Set<number>();
  private readonly lookingUp = new Set<string>();
  private failure: KafkaError | undefined;
  private waiters: (() => void)[] = [];
  private isClosed = false;

  constructor(
    private readonly host: Host, private readonly log: Log, private readonly config: ConsumerConfig,
    private readonly subscription: SubscriptionState, private readonly metadata: ClusterMetadata, private readonly pool: ConnectionPool,
    private readonly deserializers: Deserializers,
  ) {
    metadata.onChange(() => this.wake());
  }

  private get now(): number { return this.host.clock.monotonicMs(); }

  wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  /** Resolves when something may have changed, or after `timeoutMs`. */
  wait(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        this.waiters = this.waiters.filter((waiter) => waiter !== done);
        resolve();
      };
      const timer = this.host.clock.schedule(timeoutMs, done);
      this.waiters.push(done);
    });
  }

  /** Up to `max` records; throws what went wrong meanwhile. */
  take(max: number): ConsumerRecord<unknown, unknown>[] {
    if (this.failure) {
      const failure = this.failure;
      this.failure = undefined;
      throw failure;
    }
    const records: ConsumerRecord<unknown, unknown>[] = [];
    for (let i = 0; i < this.completed.length && records.length < max;) {
      const fetched = this.completed[i]!;
      if (this.subscription.find(fetched.partition.tp) !== fetched.partition) {
        this.completed.splice(i, 1);
      } else if (fetched.partition.paused || fetched.partition.revoked) {
        i++;
      } else if (!this.drain(fetched, records, max)) {
        const at = this.completed.indexOf(fetched);
        if (at >= 0) this.completed.splice(at, 1);
      } else i++;
    }
    return records;
  }

  /** False when nothing is left of it. A corrupt batch is reported after the records before it were returned. */
  private drain(fetched: Fetched, records: ConsumerRecord<unknown, unknown>[], max: number): boolean {
    try {
      while (records.length < max) {
        const record = fetched.next();
        if (record === undefined) return false;
        records.push(record);
      }
      return true;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (records.length === 0) {
        this.forget(fetched.partition);
        throw error;
      }
      this.failure = error;
      return false;
    }
  }

  /** Drops what was fetched of a partition: its position moved. */
  forget(partition: AssignedPartition): void {
    for (let i = this.completed.length - 1; i >= 0; i--) if (this.completed[i]!.partition === partition) this.completed.splice(i, 1);
  }

  /** Sends fetches and look-ups for every partition that needs one. */
  sendFetches(): void {
    const byNode = new Map<number, AssignedPartition[]>();
    for (const partition of this.subscription.all) {
      if (partition.retryAtMs > this.now) continue;
      const { topic } = partition.tp;
      const leader = this.leaderOf(partition.tp);
      if (leader === undefined) {
        this.metadata.requestUpdate(topic);
        partition.retryAtMs = this.now + this.config['retry.backoff.ms'];
      } else if (partition.position === undefined) {
        if (!partition.needsCommitted) void this.lookUp(partition, leader.id);
      } else if (!partition.paused && !partition.revoked && this.waitingOf(partition) < PREFETCH) {
        const list = byNode.get(leader.id);
        if (list) list.push(partition);
        else byNode.set(leader.id, [partition]);
      }
    }
    for (const [node, partitions] of byNode) if (!this.busyNodes.has(node)) void this.fetchFrom(node, partitions);
  }

  private waitingOf(partition: AssignedPartition): number {
    let count = 0;
    for (const fetched of this.completed) if (fetched.partition === partition) count++;
    return count;
  }

  /** Behind what is already here, or at the position. */
  private nextFetchOffset(partition: AssignedPartition): number | undefined {
    let next = partition.position;
    for (const fetched of this.completed) if (fetched.partition === partition) next = fetched.nextOffset;
    return next;
  }

  private leaderOf({ topic, partition }: TopicPartition): { id: number; address: HostPort; epoch: number } | undefined {
    const info = this.metadata.topic(topic)?.partitions[partition];
    const address = info && info.leader >= 0 ? this.metadata.address(info.leader) : undefined;
    return address && { id: info!.leader, address, epoch: info!.leaderEpoch };
  }

  private async lookUp(partition: AssignedPartition, node: number): Promise<void> {
    const name = tpName(partition.tp);
    if (this.lookingUp.has(name)) return;
    if (partition.reset === 'none') {
      this.failure = new KafkaError('NO_OFFSET_FOR_PARTITION', `Undefined offset with no reset policy for partition: ${name}`);
      return;
    }
    this.lookingUp.add(name);
    try {
      const { offset } = await this.listOffset(partition.tp, TIMESTAMPS[partition.reset]);
      if (partition.position === undefined) partition.position = offset;
    } catch (error) {
      this.failedPartition(partition, error as KafkaError);
    } finally {
      this.lookingUp.delete(name);
      this.wake();
    }
    if (this.log.debugOn) this.log.debug(`Position of ${name} at node ${node} is ${partition.position}`);
  }

  /** Asks the leader for the offset of a timestamp (-1 latest, -2 earliest); offset -1 where there is none. */
  async listOffset(tp: TopicPartition, timestamp: number): Promise<OffsetAndTimestamp> {
    const leader = this.leaderOf(tp);
    if (!leader) throw new KafkaError('LEADER_NOT_AVAILABLE');
    const request = { replicaId: CONSUMER, isolationLevel: 0, topics: [{ name: tp.topic, partitions: [{ partitionIndex: tp.partition, currentLeaderEpoch: leader.epoch, timestamp }] }] };
    const row = (await this.pool.request(leader.address, listOffsets, request)).topics[0]!.partitions[0]!;
    if (row.errorCode !== 0) throw KafkaError.ofCode(row.errorCode);
    return { offset: row.offset, timestamp: row.timestamp };
  }

  private async fetchFrom(node: number, partitions: readonly AssignedPartition[]): Promise<void> {
    this.busyNodes.add(node);
    let hasRecords = false;
    const asked = partitions.map((partition) => ({ partition, fetchOffset: this.nextFetchOffset(partition)! }));
    try {
      const topics = new Map<string, TypeOf<typeof fetch.request>['topics'][number]['partitions'][number][]>();
      for (const { partition: { tp }, fetchOffset } of asked) {
        const rows = topics.get(tp.topic) ?? [];
        topics.set(tp.topic, rows);
        rows.push({ partition: tp.partition, currentLeaderEpoch: this.leaderOf(tp)?.epoch ?? -1, fetchOffset, logStartOffset: -1, partitionMaxBytes: this.config['max.partition.fetch.bytes'] });
      }
      const response = await this.pool.request(this.metadata.address(node)!, fetch, {
        replicaId: CONSUMER, replicaEpoch: -1, maxWaitMs: this.config['fetch.max.wait.ms'], minBytes: this.config['fetch.min.bytes'],
        maxBytes: this.config['fetch.max.bytes'], isolationLevel: 0, topics: [...topics].map(([topic, rows]) => ({ topic, partitions: rows })),
      });
      if (!this.isClosed) hasRecords = await this.accept(asked, response);
    } catch (error) {
      if (this.isClosed) return;
      for (const { partition } of asked) this.failedPartition(partition, error as KafkaError);
    } finally {
      this.busyNodes.delete(node);
      this.wake();
      // While the records are worked on the broker is at the next ones; where there were none the next poll asks again.
      if (hasRecords && !this.isClosed) this.sendFetches();
    }
  }

  /** Returns whether there were records. */
  private async accept(asked: readonly { partition: AssignedPartition; fetchOffset: number }[], response: TypeOf<typeof fetch.response>): Promise<boolean> {
    let hasRecords = false;
    const rows = new Map(response.responses.flatMap(({ topic, partitions }) => partitions.map((row) => [tpName({ topic, partition: row.partitionIndex }), row])));
    for (const { partition, fetchOffset } of asked) {
      const row = rows.get(tpName(partition.tp));
      if (!row || this.nextFetchOffset(partition) !== fetchOffset || this.subscription.find(partition.tp) !== partition) continue;
      if (row.errorCode !== 0) this.failedPartition(partition, KafkaError.ofCode(row.errorCode));
      else if (row.records[0]!.length > 0) {
        const fetched = new Fetched(partition, fetchOffset, row.records[0]!, this.config['check.crcs'], this.deserializers);
        if (fetched.usesZstd) await loadZstd();
        this.completed.push(fetched);
        hasRecords = true;
      }
    }
    return hasRecords;
  }

  private failedPartition(partition: AssignedPartition, error: KafkaError): void {
    const name = error instanceof KafkaError ? error.errorName : errorName(-1);
    partition.retryAtMs = this.now + this.config['retry.backoff.ms'];
    if (name === 'OFFSET_OUT_OF_RANGE') this.outOfRange(partition);
    else if (STALE_METADATA.includes(name)) this.metadata.requestUpdate(partition.tp.topic);
    else this.failure = error instanceof KafkaError ? error : new KafkaError('UNKNOWN_SERVER_ERROR', messageOf(error));
  }

  private outOfRange(partition: AssignedPartition): void {
    const { tp, position } = partition;
    if (this.config['auto.offset.reset'] === 'none') {
      this.failure = new KafkaError('OFFSET_OUT_OF_RANGE', `Fetch position ${position} is out of range for partition ${tpName(tp)}`);
      return;
    }
    this.log.info(`Fetch position ${position} is out of range for partition ${tpName(tp)}, resetting to ${this.config['auto.offset.reset']}`);
    this.subscription.requestReset(tp);
  }

  close(): void {
    this.isClosed = true;
    this.completed.length = 0;
    this.wake();
  }
}
