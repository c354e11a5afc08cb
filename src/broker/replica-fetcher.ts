/**
 * Follows the partitions that one other broker leads: truncates to where the logs diverge, then fetches and
 * appends.
 *
 * A partition starts as `truncating`: the fetcher asks the leader where our latest leader epoch ended
 * (KIP-101, KIP-279) and truncates the log there. Then it is `fetching`, always at our log end offset, so
 * that the fetch also reports our progress to the leader. There is one request at a time. A response has room
 * for some of the partitions only; those for which it had records go to the end of the queue.
 *
 * Invariants: a response is applied to a partition only if it is still followed in the leader epoch of the
 * request, which is checked after every wait. Records are appended only at the log end offset.
 *
 * Kafka: server/{AbstractFetcherThread,ReplicaFetcherThread}.scala@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { inBackground } from '../common/background';
import {
  errorCode,
  errorName,
  ErrorName,
  InvariantError,
  KafkaError,
  messageOf,
  stackOf,
} from '../common/errors';
import { Host, Log as Logger, sleep, Timer } from '../common/host';
import { fetch } from '../protocol/messages/produce-fetch';
import { TypeOf } from '../protocol/schema';
import { LeaderEndPoint } from './leader-end-point';
import { Partition } from './partition';
import { planTruncation } from './partition-state';

export interface FetcherOptions {
  readonly brokerId: number;
  readonly leaderId: number;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
  readonly backoffMs: number;
  /** The current broker epoch of this broker (design D17). */
  readonly brokerEpoch: () => number;
  /** LESSON: lab.truncate.to.high.watermark */
  readonly truncateToHighWatermark: boolean;
}

interface Followed {
  readonly partition: Partition;
  readonly leaderEpoch: number;
  state: 'truncating' | 'fetching' | 'failed';
  retryAtMs: number;
  /** The number of consecutive responses that had records for other partitions only. */
  passedOver: number;
}

const OFFSET_OUT_OF_RANGE = errorCode('OFFSET_OUT_OF_RANGE');
const LATEST = -1;
const EARLIEST = -2;

type FetchedPartition = TypeOf<typeof fetch.response>['responses'][number]['partitions'][number];

interface TopicRows<T> {
  readonly topic: string;
  readonly partitions: T[];
}

/**
 * Groups adjacent rows by topic, as the messages require. Rows of one topic that are not adjacent stay
 * separate, because their order matters.
 */
function byTopic<T>(rows: readonly { readonly topic: string; readonly row: T }[]): TopicRows<T>[] {
  const topics: TopicRows<T>[] = [];
  for (const { topic, row } of rows) {
    const last = topics.at(-1);
    if (last?.topic === topic) last.partitions.push(row);
    else topics.push({ topic, partitions: [row] });
  }
  return topics;
}

export class ReplicaFetcher {
  /** In the order in which they are fetched. */
  private readonly followed = new Map<string, Followed>();
  private running = false;
  private isClosed = false;
  private wake: (() => void) | undefined;

  constructor(
    private readonly host: Host,
    private readonly log: Logger,
    private readonly leader: LeaderEndPoint,
    private readonly options: FetcherOptions,
  ) {}

  get size(): number {
    return this.followed.size;
  }

  add(partition: Partition): void {
    this.putLast({
      partition,
      leaderEpoch: partition.leaderEpoch,
      state: 'truncating',
      retryAtMs: 0,
      passedOver: 0,
    });
    this.wake?.();
    if (!this.running) inBackground(this.log, 'Fetching', this.run());
  }

  private putLast(one: Followed): void {
    this.followed.delete(one.partition.name);
    this.followed.set(one.partition.name, one);
  }

  remove(tp: TopicPartition): void {
    this.followed.delete(tpName(tp));
  }

  get partitions(): Partition[] {
    return [...this.followed.values()].map((one) => one.partition);
  }

  /**
   * For the checkers: how many consecutive responses had records for other partitions, but none for this one.
   */
  get passedOver(): { readonly partition: Partition; readonly passedOver: number }[] {
    return [...this.followed.values()].map(({ partition, passedOver }) => ({ partition, passedOver }));
  }

  close(): void {
    this.isClosed = true;
    this.followed.clear();
    this.leader.close();
    this.wake?.();
  }

  private get now(): number {
    return this.host.clock.monotonicMs();
  }

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
        if (error instanceof InvariantError) throw error;
        const from = `Fetching from broker ${this.options.leaderId}`;
        if (error instanceof KafkaError) this.log.info(`${from} failed: ${messageOf(error)}`);
        else this.log.error(`${from} failed unexpectedly: ${stackOf(error)}`);
        await sleep(this.host.clock, this.options.backoffMs);
      }
    }
    this.running = false;
  }

  /** Waits until the next partition is due, or one is added. */
  private pause(): Promise<void> {
    const waiting = [...this.followed.values()].filter((one) => one.state !== 'failed');
    const waits = waiting.map((one) => one.retryAtMs - this.now);
    const delayMs = Math.max(1, Math.min(this.options.backoffMs, ...waits));
    return new Promise((resolve) => {
      const done = (timer: Timer) => {
        timer.cancel();
        this.wake = undefined;
        resolve();
      };
      const timer: Timer = this.host.clock.schedule(delayMs, () => done(timer));
      this.wake = () => done(timer);
    });
  }

  private isCurrent(one: Followed): boolean {
    const { name, leaderEpoch, isOffline } = one.partition;
    return this.followed.get(name) === one && leaderEpoch === one.leaderEpoch && !isOffline;
  }

  private delay(one: Followed): void {
    one.retryAtMs = this.now + this.options.backoffMs;
  }

  private async truncate(all: readonly Followed[]): Promise<void> {
    const asking: Followed[] = [];
    for (const one of all) {
      const { log } = one.partition;
      if (log.epochs.latestEpoch !== -1 && !this.options.truncateToHighWatermark) asking.push(one);
      else this.locally(one, () => this.finishTruncation(one, log.highWatermark));
    }
    if (asking.length === 0) return;
    const topics = byTopic(
      asking.map(({ partition, leaderEpoch }) => ({
        topic: partition.tp.topic,
        row: {
          partition: partition.tp.partition,
          currentLeaderEpoch: leaderEpoch,
          leaderEpoch: partition.log.epochs.latestEpoch,
        },
      })),
    );
    const response = await this.leader.offsetsForLeaderEpoch({ replicaId: this.options.brokerId, topics });
    const asked = new Map(asking.map((one) => [one.partition.name, one]));
    for (const { topic, partitions } of response.topics) {
      for (const answer of partitions) {
        const one = asked.get(tpName({ topic, partition: answer.partition }));
        if (one === undefined || !this.isCurrent(one)) continue;
        const { leaderEpoch: epoch, endOffset } = answer;
        if (answer.errorCode !== 0) this.partitionError(one, errorName(answer.errorCode));
        else this.locally(one, () => this.applyTruncation(one, { epoch, endOffset }));
      }
    }
  }

  /**
   * Runs an action on one partition's log. An error there affects this partition only. Kafka:
   * #markPartitionFailed
   */
  private locally(one: Followed, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      const isGone = !(error instanceof KafkaError) || error.errorName === 'KAFKA_STORAGE_ERROR';
      const step = one.state === 'truncating' ? 'truncated' : 'appended to';
      const text = `The log of ${one.partition.name} could not be ${step}${isGone ? ', and is left' : ''}`;
      this.log.error(`${text}: ${error instanceof KafkaError ? messageOf(error) : stackOf(error)}`);
      if (isGone) one.state = 'failed';
      else this.delay(one);
    }
  }

  private applyTruncation(one: Followed, leader: { epoch: number; endOffset: number }): void {
    const { log } = one.partition;
    const own = one.partition.endOffsetFor(leader.epoch);
    const step = planTruncation(leader, own, log.logEndOffset, log.highWatermark);
    if (step.kind === 'done') return this.finishTruncation(one, step.offset);
    const before = log.epochs.latestEpoch;
    this.truncateTo(one, step.offset);
    // Truncation removed no epoch, so asking again would change nothing.
    if (log.epochs.latestEpoch === before) this.finishTruncation(one, step.offset);
  }

  private finishTruncation(one: Followed, offset: number): void {
    this.truncateTo(one, offset);
    one.state = 'fetching';
  }

  private truncateTo(one: Followed, offset: number): void {
    const { log, name } = one.partition;
    const { logEndOffset: from, highWatermark } = log;
    if (offset < highWatermark) {
      this.log.warn(`Truncating ${name} to offset ${offset} below high watermark ${highWatermark}`);
    }
    if (log.truncateTo(offset)) this.truncated(one, from, highWatermark);
  }

  private truncated({ partition }: Followed, from: number, highWatermark: number): void {
    const {
      tp,
      leaderEpoch,
      log: { logEndOffset: to },
    } = partition;
    const broker = this.options.brokerId;
    this.host.event({ what: 'truncated', broker, ...tp, leaderEpoch, from, to, highWatermark });
  }

  private async fetch(all: readonly Followed[]): Promise<void> {
    const topics = byTopic(
      all.map(({ partition, leaderEpoch }) => ({
        topic: partition.tp.topic,
        row: {
          partition: partition.tp.partition,
          currentLeaderEpoch: leaderEpoch,
          fetchOffset: partition.log.logEndOffset,
          logStartOffset: partition.log.logStartOffset,
          partitionMaxBytes: this.options.partitionMaxBytes,
        },
      })),
    );
    const asked = new Map(
      all.map((one) => {
        return [one.partition.name, { one, fetchOffset: one.partition.log.logEndOffset }];
      }),
    );
    const { brokerId, maxWaitMs, minBytes, maxBytes } = this.options;
    const response = await this.leader.fetch({
      replicaId: brokerId,
      replicaEpoch: this.options.brokerEpoch(),
      maxWaitMs,
      minBytes,
      maxBytes,
      isolationLevel: 0,
      topics,
    });
    if (response.errorCode !== 0) throw KafkaError.ofCode(response.errorCode);
    const outOfRange: Followed[] = [];
    const isFilled = response.responses.some(({ partitions }) =>
      partitions.some((row) => row.records[0]?.length),
    );
    for (const { topic, partitions } of response.responses) {
      for (const row of partitions) {
        const found = asked.get(tpName({ topic, partition: row.partitionIndex }));
        if (!found || !this.isCurrent(found.one)) continue;
        const { one, fetchOffset } = found;
        if (row.errorCode !== 0 || row.records[0]?.length) one.passedOver = 0;
        else if (isFilled) one.passedOver++;
        if (one.partition.log.logEndOffset !== fetchOffset) continue;
        if (row.errorCode === OFFSET_OUT_OF_RANGE) outOfRange.push(one);
        else if (row.errorCode !== 0) this.partitionError(one, errorName(row.errorCode));
        else this.locally(one, () => this.append(one, row));
      }
    }
    for (const one of outOfRange) await this.handleOutOfRange(one);
  }

  private append(one: Followed, row: FetchedPartition): void {
    const { log } = one.partition;
    const records = row.records[0]!;
    if (records.length > 0) {
      // A partition that got records goes last; otherwise those behind it would starve
      // (PartitionStates#updateAndMoveToEnd).
      this.putLast(one);
      // The leader has deleted every offset that we have. Our records may diverge from its log, and its first
      // batch may begin before they end.
      if (row.logStartOffset >= log.logEndOffset) log.maybeIncrementLogStartOffset(log.logEndOffset);
      log.appendAsFollower(records);
    }
    log.updateHighWatermark(Math.min(row.highWatermark, log.logEndOffset));
    log.maybeIncrementLogStartOffset(Math.min(row.logStartOffset, log.highWatermark));
  }

  /**
   * Our log end offset is outside the leader's log: truncates to the leader's end, or restarts the log at its
   * start. Kafka: AbstractFetcherThread#fetchOffsetAndTruncate
   */
  private async handleOutOfRange(one: Followed): Promise<void> {
    const { log } = one.partition;
    const end = await this.leaderOffset(one, LATEST);
    if (end === undefined) return;
    if (end < log.logEndOffset) return this.locally(one, () => this.truncateTo(one, end));
    const start = await this.leaderOffset(one, EARLIEST);
    // Our log end offset is within the leader's log by now: the next fetch succeeds.
    if (start === undefined || start <= log.logEndOffset) return;
    this.locally(one, () => {
      const { logEndOffset: from, highWatermark } = log;
      log.truncateFullyAndStartAt(start);
      this.truncated(one, from, highWatermark);
    });
  }

  /** The offset, or undefined if the leader answers with an error or the partition is no longer followed. */
  private async leaderOffset(one: Followed, timestamp: number): Promise<number | undefined> {
    if (!this.isCurrent(one)) return undefined;
    const { topic: name, partition: partitionIndex } = one.partition.tp;
    const { topics } = await this.leader.listOffsets({
      replicaId: this.options.brokerId,
      isolationLevel: 0,
      topics: [{ name, partitions: [{ partitionIndex, currentLeaderEpoch: one.leaderEpoch, timestamp }] }],
    });
    const row = topics[0]?.partitions[0];
    if (row === undefined || !this.isCurrent(one)) return undefined;
    if (row.errorCode === 0) return row.offset;
    this.partitionError(one, errorName(row.errorCode));
    return undefined;
  }

  private partitionError(one: Followed, error: ErrorName): void {
    if (this.log.debugOn) {
      const asked = `${one.partition.name} at epoch ${one.leaderEpoch}`;
      this.log.debug(`Broker ${this.options.leaderId} answered ${error} for ${asked}`);
    }
    // There is a newer leader epoch: its LeaderAndIsr adds the partition again.
    if (error === 'FENCED_LEADER_EPOCH') one.state = 'failed';
    else this.delay(one);
  }
}
