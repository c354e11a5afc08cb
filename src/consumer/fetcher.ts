/**
 * Keeps one fetch request in flight to each leader of assigned partitions, and holds the responses until they
 * are polled. It first looks up positions that have no value, and validates positions whose leader has
 * changed.
 *
 * Invariant: a response is used only if the partition's position is where the fetch started, and neither a
 * seek nor a new leader came in between. Records are decoded when poll takes them, not before. At most
 * `PREFETCH` responses of a partition wait.
 *
 * Kafka: clients/consumer/internals/Fetcher.java@2.8.2
 */
import { inBackground } from '../common/background';
import { tpName } from '../common/cluster-types';
import { KafkaError, messageOf } from '../common/errors';
import { Host, Log } from '../common/host';
import { ClusterMetadata, INVALID_METADATA } from '../client/cluster-metadata';
import { ConnectionPool } from '../network/connection-pool';
import { fetch } from '../protocol/messages/produce-fetch';
import { TypeOf } from '../protocol/schema';
import { loadZstd } from '../record/zstd';
import { AssignedPartition, ResetStrategy } from './assigned-partition';
import { CompletedFetch, Deserializers } from './completed-fetch';
import { ConsumerConfig } from './consumer-config';
import { ConsumerRecord } from './consumer-record';
import { Asked, fetchRequest } from './fetch-request';
import { OffsetFetcher } from './offset-fetcher';
import { SubscriptionState } from './subscription-state';

/** Responses of one partition that may wait: the one that is being read and the next one. */
const PREFETCH = 2;

/**
 * Not all partitions may fit into a response: busy ones must not starve the others
 * (SubscriptionState#movePartitionToEnd).
 */
const servedLongestAgo = (a: AssignedPartition, b: AssignedPartition) => a.lastServed - b.lastServed;

/** An error for the user. The next poll throws it, if `isCurrent` still holds. */
interface Failure {
  readonly error: KafkaError;
  readonly isCurrent: () => boolean;
}

export class Fetcher {
  readonly offsets: OffsetFetcher;
  private readonly completed: CompletedFetch[] = [];
  private readonly busyNodes = new Set<number>();
  private failure: Failure | undefined;
  private waiters: (() => void)[] = [];
  private served = 0;
  private isClosed = false;

  constructor(
    private readonly host: Host,
    private readonly log: Log,
    private readonly config: ConsumerConfig,
    private readonly subscription: SubscriptionState,
    private readonly metadata: ClusterMetadata,
    private readonly pool: ConnectionPool,
    private readonly deserializers: Deserializers,
  ) {
    this.offsets = new OffsetFetcher({
      log,
      metadata,
      pool,
      defaultReset: config['auto.offset.reset'] as ResetStrategy,
      onDone: () => this.wake(),
      onFailure: (partition, error, isCurrent) => this.failedPartition(partition, error, isCurrent),
    });
    metadata.onChange(() => this.wake());
  }

  private get now(): number {
    return this.host.clock.monotonicMs();
  }

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

  /** Throws the last failure, unless the user has moved the position meanwhile. */
  throwFailure(): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure?.isCurrent()) throw failure.error;
  }

  /** Up to `max` records. Throws the last failure. */
  take(max: number): ConsumerRecord<unknown, unknown>[] {
    this.throwFailure();
    const records: ConsumerRecord<unknown, unknown>[] = [];
    for (let i = 0; i < this.completed.length && records.length < max;) {
      const fetched = this.completed[i]!;
      const { partition } = fetched;
      const mayWait = this.isAssigned(partition) && (partition.paused || partition.revoked);
      if (mayWait || (this.isAssigned(partition) && fetched.isNext && this.drain(fetched, records, max))) i++;
      else {
        const at = this.completed.indexOf(fetched);
        if (at >= 0) this.completed.splice(at, 1);
      }
    }
    return records;
  }

  private isAssigned(partition: AssignedPartition): boolean {
    return this.subscription.find(partition.tp) === partition;
  }

  /**
   * Returns false when nothing is left of `fetched`. A corrupt batch is thrown after the records before it
   * were returned.
   */
  private drain(fetched: CompletedFetch, records: ConsumerRecord<unknown, unknown>[], max: number): boolean {
    try {
      while (records.length < max) {
        const record = fetched.next();
        if (record === undefined) return false;
        records.push(record);
      }
      return true;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      const { partition } = fetched;
      this.forget(partition);
      if (records.length === 0) throw error;
      const { position } = partition;
      this.failure = {
        error,
        isCurrent: () => this.isAssigned(partition) && partition.position === position,
      };
      return false;
    }
  }

  /** Drops the fetched records of a partition, because its position has moved. */
  forget(partition: AssignedPartition): void {
    for (let i = this.completed.length - 1; i >= 0; i--)
      if (this.completed[i]!.partition === partition) this.completed.splice(i, 1);
  }

  /** Sends the fetches, look-ups and validations that the partitions need. */
  sendFetches(): void {
    const byNode = new Map<number, AssignedPartition[]>();
    for (const partition of this.subscription.all) {
      if (partition.maybeValidate(this.metadata.leaderOf(partition.tp))) this.forget(partition);
      if (partition.retryAtMs > this.now || partition.needsCommitted) continue;
      if (partition.state !== 'fetching') this.askForPosition(partition);
      else if (partition.isFetchable && this.waitingOf(partition) < PREFETCH) {
        const { leader } = partition.currentLeader;
        if (leader < 0 || this.metadata.address(leader) === undefined) this.lookForLeader(partition);
        else if (byNode.has(leader)) byNode.get(leader)!.push(partition);
        else byNode.set(leader, [partition]);
      }
    }
    for (const [node, partitions] of byNode)
      if (!this.busyNodes.has(node)) this.later(this.fetchFrom(node, partitions.sort(servedLongestAgo)));
  }

  private askForPosition(partition: AssignedPartition): void {
    const leader = this.offsets.leaderOf(partition.tp);
    if (leader === undefined) this.lookForLeader(partition);
    else if (partition.state === 'await-reset') this.later(this.offsets.reset(partition, leader));
    else this.later(this.offsets.validate(partition, leader));
  }

  private later(work: Promise<void>): void {
    inBackground(this.log, 'Fetching', work);
  }

  private lookForLeader(partition: AssignedPartition): void {
    this.metadata.requestUpdate(partition.tp.topic);
    partition.retryAtMs = this.now + this.config['retry.backoff.ms'];
  }

  private waitingOf(partition: AssignedPartition): number {
    let count = 0;
    for (const fetched of this.completed) if (fetched.partition === partition) count++;
    return count;
  }

  /** The end of what was fetched already, or the position. */
  private nextFetchOffset(partition: AssignedPartition): number | undefined {
    let next = partition.position;
    for (const fetched of this.completed) if (fetched.partition === partition) next = fetched.endOffset;
    return next;
  }

  private async fetchFrom(node: number, partitions: readonly AssignedPartition[]): Promise<void> {
    this.busyNodes.add(node);
    let hasRecords = false;
    const asked = partitions.map((partition) => ({
      partition,
      fetchOffset: this.nextFetchOffset(partition)!,
      since: partition.lastMove,
    }));
    try {
      const response = await this.pool.request(
        this.metadata.address(node)!,
        fetch,
        fetchRequest(asked, this.config),
      );
      if (response.errorCode !== 0) throw KafkaError.ofCode(response.errorCode);
      if (!this.isClosed) hasRecords = await this.accept(asked, response);
    } catch (error) {
      if (this.isClosed) return;
      for (const one of asked) this.failedFetch(one, error as KafkaError);
    } finally {
      this.busyNodes.delete(node);
      this.wake();
      // Fetches the next records while the user processes these. Without records the next poll sends the
      // fetch.
      if (hasRecords && !this.isClosed) this.sendFetches();
    }
  }

  /** The position has not moved since the request, and the response follows what is waiting here. */
  private isCurrent({ partition, fetchOffset, since }: Asked): boolean {
    return (
      this.isAssigned(partition) &&
      partition.lastMove === since &&
      this.nextFetchOffset(partition) === fetchOffset
    );
  }

  /** Returns whether there were records. */
  private async accept(asked: readonly Asked[], response: TypeOf<typeof fetch.response>): Promise<boolean> {
    let hasRecords = false;
    const rows = new Map(
      response.responses.flatMap(({ topic, partitions }) =>
        partitions.map((row) => [tpName({ topic, partition: row.partitionIndex }), row]),
      ),
    );
    for (const one of asked) {
      const row = rows.get(tpName(one.partition.tp));
      if (!row)
        this.failedFetch(
          one,
          new KafkaError('UNKNOWN_SERVER_ERROR', 'the response does not mention the partition'),
        );
      else if (row.errorCode !== 0) this.failedFetch(one, KafkaError.ofCode(row.errorCode));
      else if (row.records[0]!.length > 0) hasRecords = (await this.keep(one, row.records[0]!)) || hasRecords;
    }
    return hasRecords;
  }

  private async keep(asked: Asked, bytes: Buffer): Promise<boolean> {
    if (!this.isCurrent(asked)) return false;
    const { partition, fetchOffset } = asked;
    const fetched = new CompletedFetch(partition, fetchOffset, bytes, {
      checkCrcs: this.config['check.crcs'],
      maxBatchBytes: this.config['fetch.max.decompressed.bytes'],
      deserializers: this.deserializers,
    });
    if (fetched.endOffset === fetchOffset) {
      const why =
        `No whole batch at or after offset ${fetchOffset} of ${tpName(partition.tp)} came back in ` +
        `${bytes.length} bytes`;
      this.failedFetch(asked, new KafkaError('CORRUPT_MESSAGE', why));
      return false;
    }
    if (fetched.usesZstd) await loadZstd();
    if (!this.isCurrent(asked)) return false;
    this.completed.push(fetched);
    partition.lastServed = ++this.served;
    return true;
  }

  private failedFetch(asked: Asked, error: KafkaError): void {
    const { partition, fetchOffset } = asked;
    if (!this.isAssigned(partition) || partition.lastMove !== asked.since) return;
    const isCurrent = () =>
      this.isAssigned(partition) && partition.lastMove === asked.since && partition.position === fetchOffset;
    if (error instanceof KafkaError && error.errorName === 'OFFSET_OUT_OF_RANGE') {
      partition.retryAtMs = this.now + this.config['retry.backoff.ms'];
      // If fetched records are still waiting, the error is ignored: the offset is fetched again after they
      // are taken.
      if (isCurrent()) this.outOfRange(partition, isCurrent);
    } else this.failedPartition(partition, error, isCurrent);
  }

  /** Retries after a backoff, or passes the error to the user. */
  private failedPartition(partition: AssignedPartition, error: KafkaError, isCurrent: () => boolean): void {
    partition.retryAtMs = this.now + this.config['retry.backoff.ms'];
    if (!(error instanceof KafkaError))
      this.failure = {
        error: new KafkaError('UNKNOWN_SERVER_ERROR', messageOf(error)),
        isCurrent: () => true,
      };
    else if (INVALID_METADATA.includes(error.errorName)) this.metadata.requestUpdate(partition.tp.topic);
    else if (error.errorName === 'UNKNOWN_SERVER_ERROR')
      this.log.warn(`Asking about ${tpName(partition.tp)} failed: ${messageOf(error)}`);
    else this.failure ??= { error, isCurrent };
  }

  private outOfRange(partition: AssignedPartition, isCurrent: () => boolean): void {
    const { tp, position } = partition;
    const strategy = this.config['auto.offset.reset'];
    const what = `Fetch position ${position} is out of range for partition ${tpName(tp)}`;
    if (strategy === 'none') {
      this.failure ??= { error: new KafkaError('OFFSET_OUT_OF_RANGE', what), isCurrent };
      return;
    }
    this.log.info(`${what}, resetting to ${strategy}`);
    this.subscription.requestReset(tp);
  }

  close(): void {
    this.isClosed = true;
    this.completed.length = 0;
    this.wake();
  }
}
