/**
 * Produce: append each batch, then answer: at once for acks 1, for acks -1 when the high watermark has passed
 * what was appended, and for acks 0 never, except that an error closes the connection. Internal topics are
 * not for clients.
 *
 * Kafka: server/KafkaApis.scala#handleProduceRequest, server/DelayedProduce.scala@2.8.2
 */
import { isInternalTopic, TopicPartition, tpName } from '../../common/cluster-types';
import { errorCode, ErrorName, KafkaError } from '../../common/errors';
import { CloseConnection, RequestContext } from '../../network/server-connection';
import { produce } from '../../protocol/messages/produce-fetch';
import { TypeOf } from '../../protocol/schema';
import { DelayedOperation } from '../purgatory';
import { ReplicaManager } from '../replica-manager';

type ProduceRequest = TypeOf<typeof produce.request>;
type ProduceResponse = TypeOf<typeof produce.response>;
type ProduceContext = Pick<RequestContext, 'asker'> & {
  readonly header: { readonly clientId: string | null };
};

/** Who calls himself so may write to internal topics. Kafka: admin/AdminUtils.scala#AdminClientId@2.8.2 */
const ADMIN_CLIENT_ID = '__admin_client';

/** What produce requests need of the replica manager. */
type Replicas = Pick<ReplicaManager, 'require' | 'appended' | 'replicationOutcome' | 'producePurgatory'>;

interface Rights {
  readonly acks: number;
  readonly mayWriteInternal: boolean;
}

interface PartitionResult {
  readonly tp: TopicPartition;
  error: ErrorName;
  message: string | null;
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** Waiting for the in-sync replicas. */
  pending: boolean;
}

function failure(tp: TopicPartition, error: unknown): PartitionResult {
  if (!(error instanceof KafkaError)) throw error;
  return {
    tp,
    error: error.errorName,
    message: error.message,
    baseOffset: -1,
    nextOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    pending: false,
  };
}

function append(
  replicas: Replicas,
  tp: TopicPartition,
  records: Buffer,
  { acks, mayWriteInternal }: Rights,
): PartitionResult {
  try {
    if (isInternalTopic(tp.topic) && !mayWriteInternal)
      throw new KafkaError('INVALID_TOPIC_EXCEPTION', `Cannot append to internal topic ${tp.topic}`);
    const partition = replicas.require(tp);
    const info = partition.appendAsLeader(records, acks);
    replicas.appended(tp);
    return {
      tp,
      error: 'NONE',
      message: null,
      baseOffset: info.firstOffset,
      nextOffset: info.lastOffset + 1,
      logAppendTimeMs: info.logAppendTimeMs,
      logStartOffset: partition.log.logStartOffset,
      pending: acks === -1,
    };
  } catch (error) {
    return failure(tp, error);
  }
}

function respond(results: readonly PartitionResult[]): ProduceResponse {
  const topics = new Map<string, ProduceResponse['responses'][number]['partitionResponses'][number][]>();
  for (const { tp, error, message, baseOffset, logAppendTimeMs, logStartOffset } of results) {
    const rows = topics.get(tp.topic) ?? [];
    topics.set(tp.topic, rows);
    rows.push({
      index: tp.partition,
      errorCode: errorCode(error),
      baseOffset,
      logAppendTimeMs,
      logStartOffset,
      errorMessage: message,
    });
  }
  return { responses: [...topics].map(([name, partitionResponses]) => ({ name, partitionResponses })) };
}

/**
 * Looks at every partition: one that is acknowledged stays so, whatever becomes of its leader while others
 * wait.
 */
function delayedProduce(
  replicas: Replicas,
  results: readonly PartitionResult[],
): DelayedOperation<ProduceResponse> {
  return {
    tryComplete: () => {
      for (const result of results) {
        if (!result.pending) continue;
        const outcome = replicas.replicationOutcome(result.tp, result.nextOffset);
        if (outcome === 'pending') continue;
        result.pending = false;
        result.error = outcome;
      }
      return results.some(({ pending }) => pending) ? undefined : respond(results);
    },
    onExpire: () => {
      for (const result of results) if (result.pending) result.error = 'REQUEST_TIMED_OUT';
      return respond(results);
    },
  };
}

function appendAll(
  replicas: Replicas,
  { acks, topicData }: ProduceRequest,
  clientId: string | null,
): PartitionResult[] {
  const isValid = acks === 0 || acks === 1 || acks === -1;
  const rights = { acks, mayWriteInternal: clientId === ADMIN_CLIENT_ID };
  return topicData.flatMap(({ name, partitionData }) =>
    partitionData.map(({ index, records }) => {
      const tp = { topic: name, partition: index };
      return isValid
        ? append(replicas, tp, records[0]!, rights)
        : failure(tp, new KafkaError('INVALID_REQUIRED_ACKS'));
    }),
  );
}

/**
 * With acks 0 nobody reads an answer. That something failed is told by closing the connection: the producer
 * looks anew.
 */
function answerNothing(results: readonly PartitionResult[]): CloseConnection | undefined {
  const failed = results
    .filter(({ error }) => error !== 'NONE')
    .map(({ tp, error }) => `${tpName(tp)}: ${error}`);
  return failed.length === 0
    ? undefined
    : new CloseConnection(`error during a produce request with acks=0 (${failed.join(', ')})`);
}

/** What waits in the purgatory holds no record: the request's memory is free as soon as this returns. */
export function handleProduce(
  replicas: Replicas, request: ProduceRequest, { header, asker }: ProduceContext,
): ProduceResponse | Promise<ProduceResponse> | CloseConnection | undefined {
  const { acks, timeoutMs } = request;
  const results = appendAll(replicas, request, header.clientId);
  if (acks === 0) return answerNothing(results);
  const pending = results.filter((result) => result.pending).map(({ tp }) => tp);
  if (pending.length === 0) return respond(results);
  return replicas.producePurgatory.tryCompleteElseWatch(
    delayedProduce(replicas, results),
    pending,
    timeoutMs,
    asker,
  );
}
