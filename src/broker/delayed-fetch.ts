/**
 * A fetch that waits until `minBytes` are available. While it waits it compares offsets and positions; it
 * reads no records.
 *
 * For each partition it keeps the byte position of the fetch offset in the log. When a partition changes,
 * only that one is checked. The wait ends at once when a comparison is not possible: the leader, the epoch or
 * the log changed, the log was truncated, the offset is out of range, or its position is unknown because it
 * is older than the batches kept in memory; in the last case at least one batch can be read.
 *
 * Kafka: server/DelayedFetch.scala@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { InvariantError } from '../common/errors';
import { Log } from '../log/log';
import { CONSUMER, FetchedPartition, FetchRequest } from './fetch-request';
import { DelayedOperation } from './purgatory';
import { ReplicaManager } from './replica-manager';

/** Ends the wait at once, regardless of `minBytes`. */
const ANSWER = Infinity;

type Replicas = Pick<ReplicaManager, 'require'>;
type ReadLog = Pick<Log, 'highWatermark' | 'logEndOffset' | 'logStartOffset' | 'truncations' | 'positionOf'>;

class Watched {
  /** The bytes available at the last check. */
  bytes = 0;
  private start:
    { readonly log: ReadLog; readonly truncations: number; readonly position: number } | undefined;

  constructor(
    private readonly replicas: Replicas,
    private readonly replicaId: number,
    readonly tp: TopicPartition,
    private readonly asked: FetchedPartition,
  ) {}

  look(): number {
    try {
      return (this.bytes = this.available());
    } catch (error) {
      // The response reports the error for this partition.
      if (error instanceof InvariantError) throw error;
      return (this.bytes = ANSWER);
    }
  }

  /** Kafka: DelayedFetch#tryComplete, cases A to G. */
  private available(): number {
    const { fetchOffset, currentLeaderEpoch, partitionMaxBytes } = this.asked;
    const partition = this.replicas.require(this.tp);
    partition.requireLeader(currentLeaderEpoch);
    const isFollower = this.replicaId !== CONSUMER;
    if (isFollower && !partition.assignment.includes(this.replicaId)) return 0;
    const log: ReadLog = partition.log;
    if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) return ANSWER;
    const from = this.startIn(log);
    const end = isFollower ? log.logEndOffset : log.highWatermark;
    if (from === undefined) return fetchOffset < end ? ANSWER : 0;
    if (from === ANSWER) return ANSWER;
    if (fetchOffset >= end) return 0;
    const to = log.positionOf(end);
    return to === undefined ? ANSWER : Math.max(1, Math.min(to - from, partitionMaxBytes));
  }

  /**
   * The position of the fetch offset; ANSWER if the log was replaced or truncated since the position was
   * taken.
   */
  private startIn(log: ReadLog): number | undefined {
    const { start } = this;
    if (start !== undefined)
      return start.log === log && start.truncations === log.truncations ? start.position : ANSWER;
    const position = log.positionOf(this.asked.fetchOffset);
    if (position !== undefined) this.start = { log, truncations: log.truncations, position };
    return position;
  }
}

export class DelayedFetch<T> implements DelayedOperation<T> {
  private readonly watched = new Map<string, Watched>();
  readonly tps: TopicPartition[] = [];
  private bytes = 0;
  private isLooked = false;

  /** `answer` reads the records and builds the response. */
  constructor(
    replicas: Replicas,
    private readonly request: FetchRequest,
    private readonly answer: () => T,
  ) {
    for (const { topic, partitions } of request.topics) {
      for (const row of partitions) {
        const tp = { topic, partition: row.partition };
        this.tps.push(tp);
        this.watched.set(tpName(tp), new Watched(replicas, request.replicaId, tp, row));
      }
    }
  }

  /** `changed`: the partition that changed since the last check. Without it, all partitions are checked. */
  tryComplete(changed?: string): T | undefined {
    const one = changed === undefined || !this.isLooked ? undefined : this.watched.get(changed);
    for (const watched of one ? [one] : this.watched.values()) {
      this.bytes -= watched.bytes;
      this.bytes += watched.look();
      if (this.bytes === ANSWER) return this.answer();
    }
    this.isLooked = true;
    return this.bytes >= this.request.minBytes ? this.answer() : undefined;
  }

  onExpire(): T {
    return this.answer();
  }
}
