/**
 * Fetch: records the progress of a follower, waits until enough data is available, and reads what the client
 * may see.
 *
 * A follower may read up to the log end offset, a consumer up to the high watermark. The first partition with
 * data always returns one whole batch, however large, so that a client with small limits still makes
 * progress. Records are read only when the response is next to be sent (docs/decisions/0016).
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
  /** Whether to read one whole batch even if it exceeds `maxBytes`. */
  readonly atLeastOne: boolean;
}

/**
 * The limit for one read of the disk, whatever the client asks for, because the read blocks all other
 * requests.
 */
const MAX_READ_BYTES = 4 * 1024 * 1024;
/** After this time a response is sent with what was read so far; the client fetches the rest. */
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
    return (
      delayed.tryComplete() ??
      this.replicas.fetchPurgatory.watch(delayed, delayed.tps, request.maxWaitMs, asker)
    );
  }

  /**
   * Records a follower's progress: everything below its fetch offset is in its log, and agrees with ours if
   * it fetches in this leader epoch. A fetch that gets an error does not count.
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

  /** Reads at most `maxBytes` of records, but at least one batch. */
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
          let size = 0;
          for (const chunk of row.records) size += chunk.length;
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
    replicaId: number,
    topic: string,
    asked: FetchedPartition,
    { maxBytes, atLeastOne }: ReadLimits,
  ): FetchRow {
    const { partition: partitionIndex, fetchOffset } = asked;
    const tp = { topic, partition: partitionIndex };
    const partition = this.replicas.get(tp);
    if (partition === undefined) return errorRow(partitionIndex, errorCode(this.replicas.absence(tp)));
    partition.requireLeader(asked.currentLeaderEpoch);
    const { log } = partition;
    const { highWatermark, logStartOffset } = log;
    // There are no transactions, so the last stable offset is the high watermark.
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
