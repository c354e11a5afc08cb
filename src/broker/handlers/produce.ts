/**
 * Produce: appends each batch, then responds: at once for acks=1, when the high watermark has passed the
 * batches for acks=-1, and never for acks=0, where an error closes the connection. Clients cannot write to
 * internal topics.
 *
 * Usually all batches are appended synchronously. A batch that expands to many bytes is checked off the event
 * loop, and many batches are appended in slices. Until all are appended no later request of the connection is
 * started, so the order of the batches is kept. The decompressed size of a request's batches is limited
 * (docs/decisions/0016).
 *
 * Kafka: server/KafkaApis.scala#handleProduceRequest, server/DelayedProduce.scala@2.8.2
 */
import { isInternalTopic, TopicPartition, tpName } from '../../common/cluster-types';
import { errorCode, ErrorName, KafkaError } from '../../common/errors';
import { Clock, Log, OffLoop } from '../../common/host';
import { SLICE_MS } from '../../common/in-turns';
import { CheckOwner, checkOffLoop, IN_PLACE_BYTES } from '../../log/batch-check';
import { LogConfig } from '../../log/log-config';
import { CheckedRecords, checkRecords, recordRules } from '../../log/log-validator';
import { Asker, CloseConnection, RequestContext } from '../../network/server-connection';
import { produce } from '../../protocol/messages/produce-fetch';
import { TypeOf } from '../../protocol/schema';
import { ExpansionError } from '../../record/compression';
import { RecordBatch } from '../../record/record-batch';
import { DelayedOperation } from '../purgatory';
import { ReplicaManager } from '../replica-manager';
import { rowError } from '../row-error';

type ProduceRequest = TypeOf<typeof produce.request>;
type ProduceResponse = TypeOf<typeof produce.response>;
type ProduceContext = Pick<RequestContext, 'asker'> & {
  readonly header: { readonly clientId: string | null };
};

/**
 * A client with this client id may write to internal topics. Kafka:
 * admin/AdminUtils.scala#AdminClientId@2.8.2
 */
const ADMIN_CLIENT_ID = '__admin_client';

/** The methods of the replica manager that produce requests need. */
type Replicas = Pick<ReplicaManager, 'require' | 'appended' | 'replicationOutcome' | 'producePurgatory'>;

export interface ProduceDeps {
  readonly host: { readonly clock: Clock; readonly offLoop?: OffLoop };
  readonly log: Pick<Log, 'error'>;
  readonly replicas: Replicas;
  /** The limit for the decompressed size of all batches of a request, in bytes. */
  readonly maxExpandedBytes: number;
}

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
  /** Whether the result waits for the in-sync replicas. */
  pending: boolean;
}

function failure(tp: TopicPartition, { errorName, message }: KafkaError): PartitionResult {
  return {
    tp,
    error: errorName,
    message,
    baseOffset: -1,
    nextOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    pending: false,
  };
}

/**
 * Removes the records from the request, so that a request that waits in the purgatory keeps none of them in
 * memory. Kafka: requests/ProduceRequest.java#clearPartitionRecords@2.8.2
 */
function takeRecords(row: { records: readonly Buffer[] }): Buffer {
  const records = row.records[0]!;
  row.records = [];
  return records;
}

/** Appends the batches of one request, one after the other. */
class RequestAppend implements CheckOwner {
  readonly results: PartitionResult[] = [];
  private readonly rows: { readonly tp: TopicPartition; readonly records: Buffer }[] = [];
  private readonly rights: Rights;
  private readonly isValid: boolean;
  private readonly nextTurn: () => Promise<void>;
  private expandedLeft: number;
  /** The result of the check of the next row, if it was made off the event loop. */
  private checked: CheckedRecords | undefined;
  /** Whether nobody waits for a response: the remaining batches are neither checked nor appended. */
  isGone = false;

  constructor(
    private readonly deps: ProduceDeps,
    { acks, topicData }: ProduceRequest,
    { header: { clientId }, asker }: ProduceContext,
  ) {
    this.nextTurn = () => asker.nextTurn();
    this.rights = { acks, mayWriteInternal: clientId === ADMIN_CLIENT_ID };
    this.isValid = acks === 0 || acks === 1 || acks === -1;
    this.expandedLeft = deps.maxExpandedBytes;
    for (const { name, partitionData } of topicData)
      for (const row of partitionData)
        this.rows.push({ tp: { topic: name, partition: row.index }, records: takeRecords(row) });
  }

  /**
   * Appends batches until all are appended. Returns undefined then, or a promise to wait for before the next
   * call.
   */
  run(): Promise<void> | undefined {
    const { clock } = this.deps.host;
    const startMs = clock.monotonicMs();
    while (!this.isGone && this.results.length < this.rows.length) {
      const { tp, records } = this.rows[this.results.length]!;
      const result = this.isValid
        ? this.append(tp, records)
        : failure(tp, new KafkaError('INVALID_REQUIRED_ACKS'));
      if (result instanceof Promise) return result;
      this.results.push(result);
      const isOver = this.results.length < this.rows.length && clock.monotonicMs() - startMs >= SLICE_MS;
      if (isOver) return this.nextTurn();
    }
    return undefined;
  }

  /** All is appended. Who listens for the end of the connection keeps no records in memory afterwards. */
  forgetRecords(): void {
    this.rows.length = 0;
  }

  /** With acks=0 the client waits for nothing: its batches are appended even if its connection has ended. */
  clientIsGone(): void {
    this.isGone = this.rights.acks !== 0;
  }

  private append(tp: TopicPartition, records: Buffer): PartitionResult | Promise<void> {
    const { replicas } = this.deps;
    const { acks, mayWriteInternal } = this.rights;
    const { checked } = this;
    this.checked = undefined;
    let offLoop: Promise<void> | undefined;
    try {
      if (isInternalTopic(tp.topic) && !mayWriteInternal)
        throw new KafkaError('INVALID_TOPIC_EXCEPTION', `Cannot append to internal topic ${tp.topic}`);
      const partition = replicas.require(tp);
      const info = partition.appendAsLeader(records, acks, (batch, config) => {
        if (checked) return checked;
        try {
          return this.checkInPlace(batch, config);
        } catch (error) {
          if (!(error instanceof ExpansionError)) throw error;
          if (this.expandedLeft <= IN_PLACE_BYTES) throw this.tooMuch(error);
          offLoop = this.checkLater(batch, config);
          throw error;
        }
      });
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
      return offLoop ?? this.failed(tp, error);
    }
  }

  private failed(tp: TopicPartition, error: unknown): PartitionResult {
    return failure(tp, rowError(this.deps.log, 'Produce', tp, error));
  }

  /** What a batch expands to counts, whether it is refused afterwards or not: the work is done. */
  onExpanded(bytes: number): void {
    this.expandedLeft = Math.max(0, this.expandedLeft - bytes);
  }

  private checkInPlace(batch: RecordBatch, config: LogConfig): CheckedRecords {
    const rules = recordRules(config, Math.min(IN_PLACE_BYTES, this.expandedLeft));
    return checkRecords(batch, rules, (bytes) => this.onExpanded(bytes));
  }

  /**
   * Checks the batch off the event loop. Then the same row is appended with the result, or fails with its
   * error.
   */
  private async checkLater(batch: RecordBatch, config: LogConfig): Promise<void> {
    const { tp } = this.rows[this.results.length]!;
    try {
      const rules = recordRules(config, this.expandedLeft);
      this.checked = await checkOffLoop(this.deps.host.offLoop, batch, rules, this);
    } catch (error) {
      if (this.isGone) return;
      this.results.push(this.failed(tp, error instanceof ExpansionError ? this.tooMuch(error) : error));
    }
  }

  /** The batch does not fit: the work for it uses up what the request may expand to. */
  private tooMuch({ message }: ExpansionError): KafkaError {
    this.expandedLeft = 0;
    return new KafkaError('MESSAGE_TOO_LARGE', message);
  }
}

type PartitionRow = ProduceResponse['responses'][number]['partitionResponses'][number];

function respond(results: readonly PartitionResult[]): ProduceResponse {
  const responses: { name: string; partitionResponses: PartitionRow[] }[] = [];
  const byTopic = new Map<string, PartitionRow[]>();
  for (const { tp, error, message, baseOffset, logAppendTimeMs, logStartOffset } of results) {
    let rows = byTopic.get(tp.topic);
    if (rows === undefined) {
      byTopic.set(tp.topic, (rows = []));
      responses.push({ name: tp.topic, partitionResponses: rows });
    }
    rows.push({
      index: tp.partition,
      errorCode: errorCode(error),
      baseOffset,
      logAppendTimeMs,
      logStartOffset,
      errorMessage: message,
    });
  }
  return { responses };
}

/**
 * Waits for all partitions. A partition whose batch is committed keeps its result, even if its leader changes
 * while the others wait.
 */
function delayedProduce(
  replicas: Replicas,
  results: readonly PartitionResult[],
): DelayedOperation<ProduceResponse> {
  return {
    tryComplete: () => {
      let isPending = false;
      for (const result of results) {
        if (!result.pending) continue;
        const outcome = replicas.replicationOutcome(result.tp, result.nextOffset);
        if (outcome === 'pending') isPending = true;
        else {
          result.pending = false;
          result.error = outcome;
        }
      }
      return isPending ? undefined : respond(results);
    },
    onExpire: () => {
      for (const result of results) if (result.pending) result.error = 'REQUEST_TIMED_OUT';
      return respond(results);
    },
  };
}

/**
 * acks=0: there is no response. An error closes the connection, so that the producer refreshes its metadata.
 */
function answerNothing(results: readonly PartitionResult[]): CloseConnection | undefined {
  const failed = results
    .filter(({ error }) => error !== 'NONE')
    .map(({ tp, error }) => `${tpName(tp)}: ${error}`);
  return failed.length === 0
    ? undefined
    : new CloseConnection(`error during a produce request with acks=0 (${failed.join(', ')})`);
}

type Answer = ProduceResponse | CloseConnection | undefined;

/** The memory of the request's records is free as soon as all batches are appended. */
export function handleProduce(
  deps: ProduceDeps,
  request: ProduceRequest,
  context: ProduceContext,
): Answer | Promise<Answer> {
  const appends = new RequestAppend(deps, request, context);
  const waiting = appends.run();
  const { acks, timeoutMs } = request;
  const answer = () => answerTo(deps.replicas, { acks, timeoutMs }, appends.results, context.asker);
  return waiting === undefined ? answer() : inOrder(appends, waiting, context.asker).then(answer);
}

/** Appends the remaining batches. No later request of the connection is started in the meantime. */
async function inOrder(appends: RequestAppend, first: Promise<void>, asker: Asker): Promise<void> {
  const release = asker.hold();
  asker.onGone(() => appends.clientIsGone());
  try {
    for (let waiting: Promise<void> | undefined = first; waiting; waiting = appends.run()) await waiting;
  } finally {
    appends.forgetRecords();
    release();
  }
}

function answerTo(
  replicas: Replicas,
  { acks, timeoutMs }: Pick<ProduceRequest, 'acks' | 'timeoutMs'>,
  results: readonly PartitionResult[],
  asker: Asker,
): Answer | Promise<Answer> {
  if (acks === 0) return answerNothing(results);
  const pending: TopicPartition[] = [];
  for (const result of results) if (result.pending) pending.push(result.tp);
  if (pending.length === 0) return respond(results);
  const operation = delayedProduce(replicas, results);
  return replicas.producePurgatory.tryCompleteElseWatch(operation, pending, timeoutMs, asker);
}
