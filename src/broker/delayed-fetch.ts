/**
 * A fetch that waits until there are `minBytes` for its reader: it compares offsets and sizes and reads nothing.
 *
 * Of each partition it remembers where in the log its offset lies, as a count of bytes. When a partition changes,
 * only that one is looked at. What cannot be answered by comparing ends the waiting: another leader, epoch or
 * log, a truncation, an offset outside of the log, or one whose position is not known, as it lies behind what
 * was appended lately; then there is at least one batch to read.
 *
 * Kafka: server/DelayedFetch.scala@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { InvariantError } from '../common/errors';
import { Log } from '../log/log';
import { CONSUMER, FetchedPartition, FetchRequest } from './fetch-request';
import { DelayedOperation } from './purgatory';
import { ReplicaManager } from './replica-manager';

/** Ends the waiting at once, however many bytes are wanted. */
const ANSWER = Infinity;

type Replicas = Pick<ReplicaManager, 'require'>;
type ReadLog = Pick<
  Log,
  'highWatermark' | 'logEndOffset' | 'logStartOffset' | 'truncations' | 'positionOf'
>;

class Watched {
  /** What is there, as of the last look. */
  bytes = 0;
  private start: { readonly log: ReadLog; readonly truncations: number; readonly position: number } | undefined;

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
      // Whatever it is, the answer tells it of this partition alone.
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

  /** The position of the offset; ANSWER if the log is no longer the one it was taken from. */
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
  private bytes = 0;
  private isLooked = false;

  /** `answer` reads. */
  constructor(
    replicas: Replicas,
    private readonly request: FetchRequest,
    private readonly answer: () => T,
  ) {
    for (const { topic, partitions } of request.topics) {
      for (const row of partitions) {
        const tp = { topic, partition: row.partition };
        this.watched.set(tpName(tp), new Watched(replicas, request.replicaId, tp, row));
      }
    }
  }

  get tps(): TopicPartition[] {
    return [...this.watched.values()].map(({ tp }) => tp);
  }

  /** `changed`: the partition that changed since the last look; none: all are looked at. */
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
