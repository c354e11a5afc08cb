/**
 * DeleteRecords: the leader's log start offset moves, followers hear of it with their next fetch, and the answer waits
 * until every live replica has moved. Segments below it are deleted by the next round of retention.
 *
 * Kafka: server/ReplicaManager.scala#deleteRecords, server/DelayedDeleteRecords.scala@2.8.2
 */
import { isInternalTopic, TopicPartition } from '../../common/cluster-types';
import { errorCode, ErrorName, KafkaError } from '../../common/errors';
import { Log } from '../../common/host';
import { RequestContext } from '../../network/server-connection';
import { deleteRecords } from '../../protocol/messages/log-admin';
import { TypeOf } from '../../protocol/schema';
import { DelayedOperation } from '../purgatory';
import { ReplicaManager } from '../replica-manager';
import { rowError } from '../row-error';

type Request = TypeOf<typeof deleteRecords.request>;
type Response = TypeOf<typeof deleteRecords.response>;

export interface DeleteRecordsDeps {
  readonly replicas: Pick<ReplicaManager, 'require' | 'deleteRecordsPurgatory'>;
  readonly log: Pick<Log, 'error'>;
}

/** One partition of the request: refused, or waiting until its low watermark reaches `wanted`. */
class Deletion {
  lowWatermark = -1;
  error: ErrorName = 'NONE';
  private wanted = 0;
  isDone = false;

  constructor(private readonly deps: DeleteRecordsDeps, readonly tp: TopicPartition, offset: number) {
    this.attempt(() => {
      if (isInternalTopic(tp.topic)) throw new KafkaError('INVALID_TOPIC_EXCEPTION', `Cannot delete records of internal topic ${tp.topic}`);
      this.wanted = deps.replicas.require(tp).deleteRecordsOnLeader(offset);
    });
  }

  /** Looks again; returns whether the answer is known. */
  check(): boolean {
    this.attempt(() => {
      const partition = this.deps.replicas.require(this.tp);
      partition.requireLeader();
      this.lowWatermark = partition.lowWatermark;
      this.isDone = this.lowWatermark >= this.wanted;
    });
    return this.isDone;
  }

  private attempt(step: () => void): void {
    if (this.isDone) return;
    try {
      step();
    } catch (error) {
      this.finish(rowError(this.deps.log, 'DeleteRecords', this.tp, error).errorName);
    }
  }

  finish(error: ErrorName): void {
    if (this.isDone) return;
    this.isDone = true;
    this.error = error;
    this.lowWatermark = -1;
  }
}

function respond(request: Request, deletions: readonly Deletion[]): Response {
  let next = 0;
  return {
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => {
        const { lowWatermark, error } = deletions[next++]!;
        return { partitionIndex, lowWatermark, errorCode: errorCode(error) };
      }),
    })),
  };
}

export function handleDeleteRecords(
  deps: DeleteRecordsDeps, request: Request, { asker }: Pick<RequestContext, 'asker'>,
): Promise<Response> {
  const deletions = request.topics.flatMap(({ name, partitions }) => partitions.map((row) => (
    new Deletion(deps, { topic: name, partition: row.partitionIndex }, row.offset)
  )));
  const operation: DelayedOperation<Response> = {
    tryComplete: () => (deletions.map((one) => one.check()).every(Boolean) ? respond(request, deletions) : undefined),
    onExpire: () => {
      for (const one of deletions) if (!one.check()) one.finish('REQUEST_TIMED_OUT');
      return respond(request, deletions);
    },
  };
  const tps = deletions.map(({ tp }) => tp);
  return deps.replicas.deleteRecordsPurgatory.tryCompleteElseWatch(operation, tps, request.timeoutMs, asker);
}
