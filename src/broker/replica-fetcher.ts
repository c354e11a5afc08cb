/**
 * Follows the partitions that one other broker leads: finds where to truncate, then fetches and appends, for ever.
 *
 * A partition starts as `truncating`: the leader is asked where our latest leader epoch ended (KIP-101, KIP-279) and
 * the log is cut there. Then it is `fetching`: always at our log end offset, so that the fetch also tells the leader
 * what we have. One request is under way at a time.
 *
 * Invariant: a response is applied only if the partition is still followed with the epoch it was asked with, and what
 * is appended starts at the log end offset.
 *
 * Kafka: server/{AbstractFetcherThread,ReplicaFetcherThread}.scala@2.8.2
 */
import { HostPort, TopicPartition, tpName } from '../common/cluster-types';
import { errorCode, errorName, ErrorName, KafkaError, messageOf } from '../common/errors';
import { Host, Log as Logger, sleep, Timer } from '../common/host';
import { RpcConnection } from '../network/rpc-connection';
import { listOffsets } from '../protocol/messages/metadata';
import { fetch, offsetForLeaderEpoch } from '../protocol/messages/produce-fetch';
import { TypeOf } from '../protocol/schema';
import { Partition } from './partition';
import { planTruncation } from './partition-state';

export interface FetcherOptions {
  readonly brokerId: number;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
  readonly backoffMs: number;
  readonly socketTimeoutMs: number;
  /** Our broker epoch as registered now (design D17). */
  readonly brokerEpoch: () => number;
  /** LESSON: lab.truncate.to.high.watermark */
  readonly truncateToHighWatermark: boolean;
}

interface Followed {
  readonly partition: Partition;
  readonly leaderEpoch: number;
  state: 'truncating' | 'fetching' | 'failed';
  retryAtMs: number;
}

type FetchedPartition = TypeOf<typeof fetch.response>['responses'][number]['partitions'][number];

/** Groups rows by topic into the nested form of the messages. */
function byTopic<T>(rows: readonly { topic: string; row: T }[]): { topic: string; partitions: T[] }[] {
  const topics = new Map<string, T[]>();
  for (const { topic, row } of rows) {
    const list = topics.get(topic);
    if (list) list.push(row);
    else topics.set(topic, [row]);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

export class ReplicaFetcher {
  private readonly followed = new Map<string, Followed>();
  private connection: RpcConnection | undefined;
  private running = false;
  private isClosed = false;
  private wake: (() => void) | undefined;

  constructor(private readonly host: Host, private readonly log: Logger, private readonly leaderId: number, readonly address: HostPort, private readonly options: FetcherOptions) {}

  get size(): number { return this.followed.size; }

  add(partition: Partition): void {
    this.followed.set(partition.name, { partition, leaderEpoch: partition.leaderEpoch, state: 'truncating', retryAtMs: 0 });
    this.wake?.();
    if (!this.running) void this.run();
  }

  remove(tp: TopicPartition): void {
    this.followed.delete(tpName(tp));
  }

  close(): void {
    this.isClosed = true;
    this.followed.clear();
    this.connection?.close();
    this.wake?.();
  }

  private get now(): number { return this.host.clock.monotonicMs(); }

  private due(state: Followed['state']): Followed[] {
    return [...this.followed.values()].filter((one) => one.state === state && one.retryAtMs <= this.now);
  }

  private async run(): Promise<void> {
    this.running = true;
    while (!this.isClosed && this.followed.size > 0) {
      try {
        const truncating = this.due('truncating');
        if (truncating.length > 0) await this.truncate(truncating);
        const fetching = this.due('fetching');
        if (fetching.length > 0) await this.fetch(fetching);
        else if (this.due('truncating').length === 0) await this.pause();
      } catch (error) {
        if (this.isClosed) break;
        if (!(error instanceof KafkaError)) throw error;
        this.log.info(`Fetching from broker ${this.leaderId} failed: ${messageOf(error)}`);
        await sleep(this.host.clock, this.options.backoffMs);
      }
    }
    this.running = false;
  }

  /** Until the next partition is due, or one is added. */
  private pause(): Promise<void> {
    const waits = [...this.followed.values()].filter((one) => one.state !== 'failed').map((one) => one.retryAtMs - this.now);
    const delayMs = Math.max(1, Math.min(this.options.backoffMs, ...waits));
    return new Promise((resolve) => {
      const done = (timer: Timer) => { timer.cancel(); this.wake = undefined; resolve(); };
      const timer: Timer = this.host.clock.schedule(delayMs, () => done(timer));
      this.wake = () => done(timer);
    });
  }

  private async connected(): Promise<RpcConnection> {
    if (this.connection?.isOpen) return this.connection;
    const connection = await RpcConnection.open(this.host, this.address, { clientId: `broker-${this.options.brokerId}-fetcher`, requestTimeoutMs: this.options.socketTimeoutMs });
    if (this.isClosed) connection.close();
    return (this.connection = connection);
  }

  private isCurrent(one: Followed): boolean {
    return this.followed.get(one.partition.name) === one && one.partition.leaderEpoch === one.leaderEpoch && !one.partition.isOffline;
  }

  private delay(one: Followed): void {
    one.retryAtMs = this.now + this.options.backoffMs;
  }

  private async truncate(all: readonly Followed[]): Promise<void> {
    const asking: Followed[] = [];
    for (const one of all) {
      const { log } = one.partition;
      if (log.epochs.latestEpoch === -1 || this.options.truncateToHighWatermark) this.finishTruncation(one, log.highWatermark);
      else asking.push(one);
    }
    if (asking.length === 0) return;
    const topics = byTopic(asking.map(({ partition, leaderEpoch }) => ({
      topic: partition.tp.topic,
      row: { partition: partition.tp.partition, currentLeaderEpoch: leaderEpoch, leaderEpoch: partition.log.epochs.latestEpoch },
    })));
    const response = await (await this.connected()).request(offsetForLeaderEpoch, { replicaId: this.options.brokerId, topics });
    const answers = new Map(response.topics.flatMap(({ topic, partitions }) => partitions.map((row) => [tpName({ topic, partition: row.partition }), row])));
    for (const one of asking) {
      const answer = answers.get(one.partition.name);
      if (answer === undefined || !this.isCurrent(one)) continue;
      if (answer.errorCode !== 0) this.partitionError(one, errorName(answer.errorCode));
      else this.applyTruncation(one, { epoch: answer.leaderEpoch, endOffset: answer.endOffset });
    }
  }

  private applyTruncation(one: Followed, leader: { epoch: number; endOffset: number }): void {
    const { log } = one.partition;
    const step = planTruncation(leader, one.partition.endOffsetFor(leader.epoch), log.logEndOffset, log.highWatermark);
    if (step.kind === 'done') return this.finishTruncation(one, step.offset);
    const before = log.epochs.latestEpoch;
    this.cut(one, step.offset);
    // Nothing left to compare: the epochs cannot go down for ever.
    if (log.epochs.latestEpoch === before) this.finishTruncation(one, step.offset);
  }

  private finishTruncation(one: Followed, offset: number): void {
    this.cut(one, offset);
    one.state = 'fetching';
  }

  private cut(one: Followed, offset: number): void {
    const { log } = one.partition;
    const from = log.logEndOffset;
    if (offset < log.highWatermark) this.log.warn(`Truncating ${one.partition.name} to offset ${offset} below high watermark ${log.highWatermark}`);
    const highWatermark = log.highWatermark;
    if (log.truncateTo(offset)) this.truncated(one, from, offset, highWatermark);
  }

  private truncated({ partition: { tp, leaderEpoch } }: Followed, from: number, to: number, highWatermark: number): void {
    this.host.event({ what: 'truncated', broker: this.options.brokerId, ...tp, leaderEpoch, from, to, highWatermark });
  }

  private async fetch(all: readonly Followed[]): Promise<void> {
    const topics = byTopic(all.map(({ partition, leaderEpoch }) => ({
      topic: partition.tp.topic,
      row: {
        partition: partition.tp.partition, currentLeaderEpoch: leaderEpoch, fetchOffset: partition.log.logEndOffset,
        logStartOffset: partition.log.logStartOffset, partitionMaxBytes: this.options.partitionMaxBytes,
      },
    })));
    const response = await (await this.connected()).request(fetch, {
      replicaId: this.options.brokerId, replicaEpoch: this.options.brokerEpoch(), maxWaitMs: this.options.maxWaitMs, minBytes: this.options.minBytes,
      maxBytes: this.options.maxBytes, isolationLevel: 0, topics,
    });
    if (response.errorCode !== 0) throw KafkaError.ofCode(response.errorCode);
    const asked = new Map(all.map((one) => [one.partition.name, one]));
    for (const { topic, partitions } of response.responses) {
      for (const row of partitions) {
        const one = asked.get(tpName({ topic, partition: row.partitionIndex }));
        if (one && this.isCurrent(one)) this.apply(one, row);
      }
    }
    await this.handleOutOfRange();
  }

  private readonly outOfRange = new Set<Followed>();

  private apply(one: Followed, row: FetchedPartition): void {
    if (row.errorCode === errorCode('OFFSET_OUT_OF_RANGE')) return void this.outOfRange.add(one);
    if (row.errorCode !== 0) return this.partitionError(one, errorName(row.errorCode));
    const { log } = one.partition;
    const records = row.records[0]!;
    try {
      if (records.length > 0) log.appendAsFollower(records);
      log.updateHighWatermark(Math.min(row.highWatermark, log.logEndOffset));
      log.maybeIncrementLogStartOffset(Math.min(row.logStartOffset, log.highWatermark));
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.log.error(`Could not append to ${one.partition.name}: ${messageOf(error)}`);
      this.delay(one);
    }
  }

  /** Our end lies outside the leader's log: truncate to its end, or start over at its start. */
  private async handleOutOfRange(): Promise<void> {
    for (const one of this.outOfRange) {
      this.outOfRange.delete(one);
      if (!this.isCurrent(one)) continue;
      const { log } = one.partition;
      const end = await this.leaderOffset(one, -1);
      if (end < log.logEndOffset) {
        this.cut(one, end);
        continue;
      }
      const start = await this.leaderOffset(one, -2);
      if (start <= log.logEndOffset || !this.isCurrent(one)) continue;
      const from = log.logEndOffset;
      const { highWatermark } = log;
      log.truncateFullyAndStartAt(start);
      this.truncated(one, from, start, highWatermark);
    }
  }

  private async leaderOffset({ partition, leaderEpoch }: Followed, timestamp: number): Promise<number> {
    const response = await (await this.connected()).request(listOffsets, {
      replicaId: this.options.brokerId, isolationLevel: 0,
      topics: [{ name: partition.tp.topic, partitions: [{ partitionIndex: partition.tp.partition, currentLeaderEpoch: leaderEpoch, timestamp }] }],
    });
    const row = response.topics[0]!.partitions[0]!;
    if (row.errorCode !== 0) throw KafkaError.ofCode(row.errorCode);
    return row.offset;
  }

  private partitionError(one: Followed, error: ErrorName): void {
    if (this.log.debugOn) this.log.debug(`Broker ${this.leaderId} answered ${error} for ${one.partition.name} at epoch ${one.leaderEpoch}`);
    // A newer leader epoch exists: the LeaderAndIsr that tells of it is on its way, and adds the partition again.
    if (error === 'FENCED_LEADER_EPOCH') one.state = 'failed';
    else this.delay(one);
  }
}
