/**
 * Fetch: read what the reader may see, record what a follower has, and wait when there is nothing yet.
 *
 * A follower may read to the log end offset, a consumer to the high watermark. The first partition that has
 * data always yields one whole batch, however large, so that a reader with small limits still gets on.
 *
 * Kafka: server/ReplicaManager.scala#{fetchMessages,readFromLocalLog}, server/DelayedFetch.scala@2.8.2
 */
import { KafkaError } from '../../common/errors';
import { Asker } from '../../network/server-connection';
import { fetch } from '../../protocol/messages/produce-fetch';
import { TypeOf } from '../../protocol/schema';
import { DelayedOperation } from '../purgatory';
import { ReplicaManager } from '../replica-manager';

type FetchRequest = TypeOf<typeof fetch.request>;
type AskedPartition = FetchRequest['topics'][number]['partitions'][number];
type FetchResponse = TypeOf<typeof fetch.response>;
type FetchRow = FetchResponse['responses'][number]['partitions'][number];

interface ReadLimits {
  readonly maxBytes: number;
  /** A whole batch is read, however large. */
  readonly atLeastOne: boolean;
}

interface Read {
  readonly response: FetchResponse;
  readonly bytes: number;
  readonly hasError: boolean;
}

const CONSUMER = -1;

function errorRow(partitionIndex: number, error: KafkaError): FetchRow {
  const nothing = { highWatermark: -1, lastStableOffset: -1, logStartOffset: -1, records: [] };
  return { partitionIndex, errorCode: error.code, ...nothing };
}

export class FetchHandler {
  constructor(private readonly replicas: ReplicaManager, private readonly maxResponseBytes: number) {}

  handle(request: FetchRequest, asker?: Asker): FetchResponse | Promise<FetchResponse> {
    if (request.replicaId !== CONSUMER) this.recordFollower(request);
    const tps = request.topics.flatMap(({ topic, partitions }) => {
      return partitions.map(({ partition }) => ({ topic, partition }));
    });
    const read = this.read(request);
    if (request.maxWaitMs <= 0 || tps.length === 0 || isEnough(request, read)) return read.response;
    const operation: DelayedOperation<FetchResponse> = {
      tryComplete: () => {
        const again = this.read(request);
        return isEnough(request, again) ? again.response : undefined;
      },
      onExpire: () => this.read(request).response,
    };
    return this.replicas.fetchPurgatory.watch(operation, tps, request.maxWaitMs, asker);
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

  private read(request: FetchRequest): Read {
    let left = Math.min(request.maxBytes, this.maxResponseBytes);
    let bytes = 0;
    let hasError = false;
    const responses = request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map((asked) => {
        try {
          const limits = { maxBytes: Math.min(left, asked.partitionMaxBytes), atLeastOne: bytes === 0 };
          const row = this.readPartition(request.replicaId, topic, asked, limits);
          const size = row.records.reduce((sum, chunk) => sum + chunk.length, 0);
          left -= size;
          bytes += size;
          return row;
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error;
          hasError = true;
          return errorRow(asked.partition, error);
        }
      }),
    }));
    return { response: { errorCode: 0, responses }, bytes, hasError };
  }

  private readPartition(
    replicaId: number, topic: string, asked: AskedPartition, { maxBytes, atLeastOne }: ReadLimits,
  ): FetchRow {
    const { partition: partitionIndex, fetchOffset } = asked;
    const partition = this.replicas.require({ topic, partition: partitionIndex });
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

function isEnough(request: FetchRequest, read: Read): boolean {
  return read.hasError || read.bytes >= request.minBytes;
}
