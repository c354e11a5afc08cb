/**
 * Produce: append each batch, then answer: at once for acks 1, never for acks 0, and for acks -1 when the high
 * watermark has passed what was appended.
 *
 * Kafka: server/KafkaApis.scala#handleProduceRequest, server/DelayedProduce.scala@2.8.2
 */
import { TopicPartition } from '../../common/cluster-types';
import { errorCode, ErrorName, KafkaError } from '../../common/errors';
import { produce } from '../../protocol/messages/produce-fetch';
import { TypeOf } from '../../protocol/schema';
import { DelayedOperation } from '../purgatory';
import { ReplicaManager } from '../replica-manager';

type ProduceRequest = TypeOf<typeof produce.request>;
type ProduceResponse = TypeOf<typeof produce.response>;

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
  return { tp, error: error.errorName, message: error.message, baseOffset: -1, nextOffset: -1, logAppendTimeMs: -1, logStartOffset: -1, pending: false };
}

function append(replicas: ReplicaManager, tp: TopicPartition, records: Buffer, acks: number): PartitionResult {
  try {
    const partition = replicas.require(tp);
    const info = partition.appendAsLeader(records, acks);
    replicas.appended(tp);
    return {
      tp, error: 'NONE', message: null, baseOffset: info.firstOffset, nextOffset: info.lastOffset + 1, logAppendTimeMs: info.logAppendTimeMs,
      logStartOffset: partition.log.logStartOffset, pending: acks === -1,
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
    rows.push({ index: tp.partition, errorCode: errorCode(error), baseOffset, logAppendTimeMs, logStartOffset, errorMessage: message });
  }
  return { responses: [...topics].map(([name, partitionResponses]) => ({ name, partitionResponses })) };
}

class DelayedProduce implements DelayedOperation {
  constructor(private readonly replicas: ReplicaManager, private readonly results: readonly PartitionResult[], private readonly answer: (response: ProduceResponse) => void) {}

  tryComplete(): boolean {
    for (const result of this.results) {
      if (!result.pending) continue;
      const outcome = this.replicas.get(result.tp)?.replicationOutcome(result.nextOffset) ?? 'NOT_LEADER_OR_FOLLOWER';
      if (outcome === 'pending') return false;
      result.pending = false;
      result.error = outcome;
    }
    this.answer(respond(this.results));
    return true;
  }

  onExpire(): void {
    for (const result of this.results) if (result.pending) result.error = 'REQUEST_TIMED_OUT';
    this.answer(respond(this.results));
  }
}

export function handleProduce(replicas: ReplicaManager, request: ProduceRequest): ProduceResponse | Promise<ProduceResponse> | undefined {
  const { acks } = request;
  const tps = request.topicData.flatMap(({ name, partitionData }) => partitionData.map((row) => ({ tp: { topic: name, partition: row.index }, records: row.records[0]! })));
  if (acks !== 0 && acks !== 1 && acks !== -1) {
    const refused = new KafkaError('INVALID_REQUIRED_ACKS');
    return respond(tps.map(({ tp }) => failure(tp, refused)));
  }
  const results = tps.map(({ tp, records }) => append(replicas, tp, records, acks));
  if (acks === 0) return undefined;
  const pending = results.filter((result) => result.pending);
  if (pending.length === 0) return respond(results);
  return new Promise((resolve) => {
    const operation = new DelayedProduce(replicas, results, resolve);
    replicas.producePurgatory.tryCompleteElseWatch(operation, pending.map((result) => result.tp), request.timeoutMs);
  });
}
