/**
 * Fetch: read what the reader may see, record what a follower has, and wait when there is nothing yet.
 *
 * A follower may read to the log end offset, a consumer to the high watermark. The first partition that has
 * data always yields one whole batch, however large, so that a reader with small limits still gets on. What is
 * read is read when the answer is next to be sent, never before (docs/decisions/0016).
 *
 * Kafka: server/ReplicaManager.scala#{fetchMessages,readFromLocalLog}@2.8.2
 */
import { errorCode } from '../../common/errors';
import { Clock, Log } from '../../common/host';
import { Asker, DeferredResponse } from '../../network/server-connection';
import { DelayedFetch } from '../delayed-fetch';
import { CONSUMER, FetchedPartition, FetchRequest, FetchResponse, mergedFetch } from '../fetch-request';
import { ReplicaManager } from '../replica-manager';
import { rowError } from '../row-error';

type FetchRow = FetchResponse['responses'][number]['partitions'][number];

interface ReadLimits {
  readonly maxBytes: number;
  /** A whole batch is read, however large. */
  readonly atLeastOne: boolean;
}

/** One read of the disk brings no more, whatever the reader asks for: it holds up all others. */
const MAX_READ_BYTES = 4 * 1024 * 1024;
/** A response is sent with what it has when it took so long to read; the reader asks for the rest. */
const MAX_READING_MS = 20;

function errorRow(partitionIndex: number, errorCode: number): FetchRow {
  const nothing = { highWatermark: -1, lastStableOffset: -1, logStartOffset: -1, records: [] };
  return { partitionIndex, errorCode, ...nothing };
}

export class FetchHandler {
  constructor(
    private readonly clock: Clock,
    private readonly replicas: ReplicaManager,
    private readonly maxResponseBytes: number,
    private readonly log: Pick<Log, 'error'>,
  ) {}

  handle(asked: FetchRequest, asker?: Asker): DeferredResponse | Promise<DeferredResponse> {
    const request = mergedFetch(asked);
    if (request.replicaId !== CONSUMER) this.recordFollower(request);
    const answer = () => new DeferredResponse((maxBytes) => this.read(request, maxBytes));
    if (request.maxWaitMs <= 0 || request.topics.length === 0) return answer();
    const delayed = new DelayedFetch(this.replicas, request, answer);
    return delayed.tryComplete()
      ?? this.replicas.fetchPurgatory.watch(delayed, delayed.tps, request.maxWaitMs, asker);
  }

  /**
   * What the follower asks for is what it does not have: everything below is on its disk, and agrees with
   * ours if it follows us in this epoch. A fetch that is answered with an error says nothing.
   */
  private recordFollower({ replicaId, replicaEpoch: brokerEpoch, topics }: FetchRequest): void {
    if (!this.replicas.followerEpochs.isKnown(replicaId, brokerEpoch)) return;
    for (const { topic, partitions } of topics) {
      for (const { partition: index, currentLeaderEpoch, fetchOffset, logStartOffset } of partitions) {
        const partition = this.replicas.get({ topic, partition: index });
        if (!partition?.isLeader || currentLeaderEpoch !== partition.leaderEpoch) continue;
        if (fetchOffset < partition.log.logStartOffset || fetchOffset > partition.log.logEndOffset) continue;
        partition.recordFollowerFetch(replicaId, { fetchOffset, logStartOffset, brokerEpoch });
      }
    }
  }

  /** At most `maxBytes` of records, or one batch. */
  private read(request: FetchRequest, maxBytes: number): FetchResponse {
    let left = Math.min(request.maxBytes, this.maxResponseBytes, maxBytes);
    let bytes = 0;
    const startMs = this.clock.monotonicMs();
    const responses = request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map((asked) => {
        try {
          const limit = Math.min(left, asked.partitionMaxBytes, MAX_READ_BYTES);
          const limits = { maxBytes: limit, atLeastOne: bytes === 0 };
          const row = this.readPartition(request.replicaId, topic, asked, limits);
          if (row.records.length === 0) return row;
          const size = row.records.reduce((sum, chunk) => sum + chunk.length, 0);
          left -= size;
          bytes += size;
          if (this.clock.monotonicMs() - startMs > MAX_READING_MS) left = 0;
          return row;
        } catch (error) {
          const tp = { topic, partition: asked.partition };
          return errorRow(asked.partition, rowError(this.log, 'Fetch', tp, error).code);
        }
      }),
    }));
    return { errorCode: 0, responses };
  }

  private readPartition(
    replicaId: number, topic: string, asked: FetchedPartition, { maxBytes, atLeastOne }: ReadLimits,
  ): FetchRow {
    const { partition: partitionIndex, fetchOffset } = asked;
    const tp = { topic, partition: partitionIndex };
    const partition = this.replicas.get(tp);
    if (partition === undefined) return errorRow(partitionIndex, errorCode(this.replicas.absence(tp)));
    partition.requireLeader(asked.currentLeaderEpoch);
    const { log } = partition;
    const { highWatermark, logStartOffset } = log;
    const position = { highWatermark, lastStableOffset: highWatermark, logStartOffset };
    const isFollower = replicaId !== CONSUMER;
    if (isFollower && !partition.assignment.includes(replicaId)) {
      return { partitionIndex, errorCode: 0, ...position, records: [] };
    }
    const limit = isFollower ? log.logEndOffset : highWatermark;
    const records = maxBytes > 0 || atLeastOne ? log.read(fetchOffset, limit, maxBytes, atLeastOne) : [];
    return { partitionIndex, errorCode: 0, ...position, records };
  }
}
