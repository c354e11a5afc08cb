/**
 * Sends batches that are ready to the leaders of their partitions, and completes or fails them by the
 * responses.
 *
 * A batch is ready when it is full, has waited `linger.ms`, a caller waits for memory, or `flush` was called.
 * A request has at most one batch of a partition. Invariant: every batch is completed or failed exactly once,
 * at the latest `delivery.timeout.ms` after it was opened.
 *
 * Kafka: clients/producer/internals/Sender.java@2.8.2
 */
import { inBackground } from '../common/background';
import { HostPort, TopicPartition } from '../common/cluster-types';
import { errorName, ErrorName, KafkaError, messageOf } from '../common/errors';
import { Host, Log, Timer } from '../common/host';
import { ClusterMetadata, INVALID_METADATA } from '../client/cluster-metadata';
import { ConnectionPool } from '../network/connection-pool';
import { RpcConnection } from '../network/rpc-connection';
import { initProducerId, produce } from '../protocol/messages/produce-fetch';
import { TypeOf } from '../protocol/schema';
import { ProducerBatch } from './producer-batch';
import { ProducerConfig } from './producer-config';
import { SenderMetrics } from './sender-metrics';
import { PartitionQueue, RecordAccumulator } from './record-accumulator';
import { TransactionManager } from './transaction-manager';

const ACKS: Record<string, number> = { '0': 0, '1': 1, '-1': -1, 'all': -1 };
/** After one of these errors the broker may or may not have written the batch. */
const UNKNOWN_FATE: readonly ErrorName[] = [
  'DISCONNECTED',
  'REQUEST_TIMED_OUT',
  'TIMEOUT',
  'NETWORK_EXCEPTION',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'NOT_LEADER_OR_FOLLOWER',
  'UNKNOWN_SERVER_ERROR',
  'KAFKA_STORAGE_ERROR',
];

export class Sender {
  private readonly acks: number;
  private readonly inFlight = new Map<number, number>();
  private readonly inFlightBatches = new Set<ProducerBatch>();
  private readonly transactions: TransactionManager | undefined;
  private readonly watched = new WeakSet<RpcConnection>();
  private drained = 0;
  private askingForId = false;
  private scheduled = false;
  private timer: Timer | undefined;
  private timerAtMs = Infinity;
  private flushing = 0;
  private closed = false;
  private flushes: { readonly open: readonly ProducerBatch[]; readonly resolve: () => void }[] = [];

  constructor(
    private readonly host: Host,
    private readonly log: Log,
    private readonly config: ProducerConfig,
    private readonly accumulator: RecordAccumulator,
    private readonly metadata: ClusterMetadata,
    private readonly pool: ConnectionPool,
    readonly metrics: SenderMetrics,
  ) {
    this.acks = ACKS[config.acks]!;
    this.transactions = config['enable.idempotence'] ? new TransactionManager() : undefined;
    metadata.onChange(() => this.wakeup());
  }

  get requestsInFlight(): number {
    return [...this.inFlight.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Schedules a check of the queues for the end of the current turn of the event loop. */
  wakeup(): void {
    if (this.scheduled || this.closed) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.runOnce();
    });
  }

  /**
   * Rounds up to whole milliseconds. With a smaller remainder the clock would not advance and the timer would
   * fire for ever.
   */
  private wakeupIn(remainingMs: number): void {
    const delayMs = Math.max(1, Math.ceil(remainingMs));
    const atMs = this.host.clock.monotonicMs() + delayMs;
    if (atMs >= this.timerAtMs) return;
    this.timer?.cancel();
    this.timerAtMs = atMs;
    this.timer = this.host.clock.schedule(delayMs, () => {
      this.timerAtMs = Infinity;
      this.wakeup();
    });
  }

  private runOnce(): void {
    if (this.closed) return;
    const now = this.host.clock.monotonicMs();
    this.expire(now);
    if (this.transactions?.resolve())
      this.log.info(`Raised the producer epoch to ${this.transactions.producerEpoch}: a sequence was broken`);
    const ready = new Map<number, PartitionQueue[]>();
    for (const queue of this.accumulator.all) {
      if (queue.batches.length === 0 || queue.muted || !this.isReady(queue, now)) continue;
      const { leader } = this.metadata.leaderOf(queue.tp);
      if (leader < 0 || this.metadata.address(leader) === undefined) {
        this.metadata.requestUpdate(queue.tp.topic);
        this.wakeupIn(this.config['retry.backoff.ms']);
        continue;
      }
      const list = ready.get(leader);
      if (list) list.push(queue);
      else ready.set(leader, [queue]);
    }
    if (ready.size > 0 && this.transactions && !this.transactions.hasProducerId) {
      inBackground(this.log, 'Asking for a producer id', this.askForProducerId(this.transactions));
    }
    for (const [node, queues] of ready) this.drain(node, queues, now);
    this.endFlushes();
  }

  private endFlushes(): void {
    const ended = this.flushes.filter(({ open }) => open.every((batch) => batch.isSettled));
    this.flushes = this.flushes.filter((flush) => !ended.includes(flush));
    for (const { resolve } of ended) resolve();
  }

  /** Every broker can allocate producer ids. Kafka: Sender#maybeSendAndPollTransactionalRequest */
  private async askForProducerId(transactions: TransactionManager): Promise<void> {
    if (this.askingForId) return;
    this.askingForId = true;
    try {
      const brokers = this.metadata.addresses();
      const broker = brokers[this.host.random.below(brokers.length)]!;
      const answer = await this.pool.request(broker, initProducerId, {
        transactionalId: null,
        transactionTimeoutMs: 0,
        producerId: -1,
        producerEpoch: -1,
      });
      if (answer.errorCode !== 0) throw KafkaError.ofCode(answer.errorCode);
      transactions.setProducerId(answer.producerId, answer.producerEpoch);
      this.log.info(`ProducerId set to ${answer.producerId} with epoch ${answer.producerEpoch}`);
      this.wakeup();
    } catch (error) {
      this.log.debug(`No producer id yet: ${messageOf(error)}`);
      this.wakeupIn(this.config['retry.backoff.ms']);
    } finally {
      this.askingForId = false;
    }
  }

  private isReady(queue: PartitionQueue, now: number): boolean {
    const head = queue.batches[0]!;
    if (head.attempts > 0) {
      if (head.isForNewLeader(this.metadata.leaderOf(queue.tp).epoch)) return true;
      const waitMs = head.lastAttemptMs + this.config['retry.backoff.ms'] - now;
      if (waitMs > 0) this.wakeupIn(waitMs);
      return waitMs <= 0;
    }
    if (queue.batches.length > 1 || head.isClosed || head.sizeInBytes >= this.config['batch.size'])
      return true;
    if (this.flushing > 0 || this.accumulator.isExhausted) return true;
    const waitMs = head.createdMs + this.config['linger.ms'] - now;
    if (waitMs > 0) this.wakeupIn(waitMs);
    return waitMs <= 0;
  }

  /** Fails all batches, waiting and in flight, that are older than delivery.timeout.ms. */
  private expire(now: number): void {
    const limitMs = this.config['delivery.timeout.ms'];
    const expired = (batch: ProducerBatch) => now - batch.createdMs >= limitMs;
    const giveUp = (batch: ProducerBatch) =>
      this.fail(
        batch,
        new KafkaError(
          'TIMEOUT',
          `Expiring ${batch.recordCount} record(s) for ${batch.tp.topic}-${batch.tp.partition}: ` +
            `${Math.round(now - batch.createdMs)} ms has passed since batch creation`,
        ),
      );
    for (const queue of this.accumulator.all) {
      while (queue.batches[0] && expired(queue.batches[0])) giveUp(queue.batches.shift()!);
      if (queue.batches[0]) this.wakeupIn(queue.batches[0].createdMs + limitMs - now);
    }
    for (const batch of this.inFlightBatches) {
      if (expired(batch)) giveUp(batch);
      else this.wakeupIn(batch.createdMs + limitMs - now);
    }
  }

  /** Sends requests to one node until no batch is ready or the limit of requests in flight is reached. */
  private drain(node: number, queues: PartitionQueue[], now: number): void {
    while ((this.inFlight.get(node) ?? 0) < this.config['max.in.flight.requests.per.connection']) {
      const batches: ProducerBatch[] = [];
      let bytes = 0;
      // Not all batches may fit into the request: the queue that was drained longest ago goes first
      // (RecordAccumulator#drainIndex).
      queues.sort((a, b) => a.lastDrained - b.lastDrained);
      for (const queue of queues) {
        if (queue.batches.length === 0 || queue.muted || !this.isReady(queue, now)) continue;
        const at = this.sendable(queue);
        const head = queue.batches[at];
        if (!head || (batches.length > 0 && bytes + head.sizeInBytes > this.config['max.request.size']))
          continue;
        queue.batches.splice(at, 1);
        queue.lastDrained = ++this.drained;
        head.close();
        this.transactions?.assignSequence(head);
        bytes += head.sizeInBytes;
        batches.push(head);
        if (this.config['max.in.flight.requests.per.connection'] === 1) queue.muted = true;
      }
      if (batches.length === 0) return;
      inBackground(this.log, 'Sending', this.send(node, this.metadata.address(node)!, batches, now));
    }
  }

  /**
   * The index of the batch to send next, or -1. It is the head of the queue, or a batch behind refused ones
   * if its outcome has to be found out first.
   */
  private sendable(queue: PartitionQueue): number {
    if (this.transactions === undefined) return 0;
    const { transactions } = this;
    return queue.batches.findIndex(
      (batch, i) => (i === 0 || batch.hasSequence) && transactions.maySend(batch),
    );
  }

  private async send(
    node: number,
    address: HostPort,
    batches: readonly ProducerBatch[],
    now: number,
  ): Promise<void> {
    this.inFlight.set(node, (this.inFlight.get(node) ?? 0) + 1);
    for (const batch of batches) {
      batch.sent(this.metadata.leaderOf(batch.tp).epoch, now);
      this.inFlightBatches.add(batch);
      this.metrics.sent(batch, now);
    }
    const request = {
      acks: this.acks,
      timeoutMs: this.config['request.timeout.ms'],
      topicData: topicData(batches),
    };
    try {
      const connection = await this.pool.get(address);
      this.lookAnewOnceClosed(connection);
      if (this.acks === 0) {
        await connection.send(produce, request);
        for (const batch of batches) this.complete(batch, -1, -1, false);
      } else {
        // The broker may take `request.timeout.ms` to respond; the network gets as much again.
        this.settle(
          batches,
          await connection.request(produce, request, this.config['request.timeout.ms'] * 2),
        );
      }
    } catch (error) {
      const known =
        error instanceof KafkaError ? error : new KafkaError('UNKNOWN_SERVER_ERROR', messageOf(error));
      for (const batch of batches) this.failedAttempt(batch, known, -1);
    } finally {
      this.inFlight.set(node, this.inFlight.get(node)! - 1);
      for (const batch of batches) this.accumulator.queue(batch.tp.topic, batch.tp.partition).muted = false;
      this.wakeup();
    }
  }

  /**
   * A broker that closes a connection may no longer lead the partitions. With acks=0 there is no other sign
   * of an error. Kafka: NetworkClient#processDisconnection, DefaultMetadataUpdater#handleServerDisconnect
   */
  private lookAnewOnceClosed(connection: RpcConnection): void {
    if (this.watched.has(connection)) return;
    this.watched.add(connection);
    connection.onClose(() => {
      if (this.closed) return;
      for (const topic of new Set(this.accumulator.all.map(({ tp }) => tp.topic)))
        this.metadata.requestUpdate(topic);
    });
  }

  private settle(batches: readonly ProducerBatch[], response: TypeOf<typeof produce.response>): void {
    const rows = response.responses.flatMap(({ name, partitionResponses }) =>
      partitionResponses.map((row) => ({ name, row })),
    );
    for (const batch of batches) {
      const row = rows.find(
        (one) => one.name === batch.tp.topic && one.row.index === batch.tp.partition,
      )?.row;
      if (!row)
        this.failedAttempt(
          batch,
          new KafkaError('UNKNOWN_SERVER_ERROR', 'the response does not mention the partition'),
          -1,
        );
      else if (row.errorCode === 0) this.complete(batch, row.baseOffset, row.logAppendTimeMs, true);
      else
        this.failedAttempt(
          batch,
          new KafkaError(errorName(row.errorCode), row.errorMessage ?? undefined),
          row.logStartOffset,
        );
    }
  }

  private complete(
    batch: ProducerBatch,
    baseOffset: number,
    logAppendTimeMs: number,
    mayReuse: boolean,
  ): void {
    this.inFlightBatches.delete(batch);
    if (batch.isDone) return;
    this.transactions?.completed(batch, baseOffset);
    this.metrics.callbacks(batch, (onThrow) => batch.complete(baseOffset, logAppendTimeMs, onThrow));
    this.accumulator.release(batch, mayReuse && batch.attempts === 1);
  }

  private fail(batch: ProducerBatch, error: KafkaError): void {
    this.inFlightBatches.delete(batch);
    if (batch.isDone) return;
    this.transactions?.failed(batch, error);
    this.metrics.failed(batch);
    this.metrics.callbacks(batch, (onThrow) => batch.fail(error, onThrow));
    this.accumulator.release(batch, false);
  }

  private failedAttempt(batch: ProducerBatch, error: KafkaError, logStartOffset: number): void {
    this.inFlightBatches.delete(batch);
    if (batch.isDone) return;
    // A leader that is cut off from the cluster has too few in-sync replicas, too. There may be a new leader.
    if (INVALID_METADATA.includes(error.errorName) || error.errorName === 'NOT_ENOUGH_REPLICAS')
      this.metadata.requestUpdate(batch.tp.topic);
    // The broker has written the batch, but no longer knows its offset.
    if (error.errorName === 'DUPLICATE_SEQUENCE_NUMBER') return this.complete(batch, -1, -1, false);
    if (!UNKNOWN_FATE.includes(error.errorName)) batch.refusedWith(error.errorName);
    const mayBeSplit = error.errorName === 'MESSAGE_TOO_LARGE' && batch.recordCount > 1 && !this.closed;
    // A batch that may have been written must not be split. A broker detects only whole batches as repeated,
    // so it would append the halves again.
    if (mayBeSplit && !(this.transactions && batch.fate === 'unknown')) return this.split(batch);
    const now = this.host.clock.monotonicMs();
    const expired = now - batch.createdMs >= this.config['delivery.timeout.ms'];
    const verdict =
      this.transactions?.verdictOn(batch, error, logStartOffset) ?? (error.retriable ? 'retry' : 'fail');
    if (verdict === 'fail' || expired || batch.attempts > this.config.retries || this.closed)
      return this.fail(batch, error);
    this.log.debug(
      `Batch for ${batch.tp.topic}-${batch.tp.partition} is sent again after ${messageOf(error)}`,
    );
    batch.lastAttemptMs = now;
    this.metrics.retried(batch);
    this.reenqueue(batch);
  }

  private reenqueue(batch: ProducerBatch): void {
    if (!batch.hasSequence) return this.accumulator.reenqueue(batch);
    this.accumulator.reenqueue(
      batch,
      (other) =>
        !other.hasSequence ||
        other.producerEpoch !== batch.producerEpoch ||
        other.baseSequence > batch.baseSequence,
    );
  }

  /** The broker refuses a batch of this size, but may accept its halves. Does not count as an attempt. */
  private split(batch: ProducerBatch): void {
    this.log.warn(
      `A batch of ${batch.recordCount} records for ${batch.tp.topic}-${batch.tp.partition} is too large ` +
        `for the broker; sending it in halves`,
    );
    const parts = batch.split();
    batch.replaceBy(parts);
    if (batch.hasSequence) this.transactions?.split(batch, parts);
    for (const part of batch.hasSequence ? parts : [...parts].reverse()) this.reenqueue(part);
  }

  /** Resolves when all batches that exist now are completed or failed; it does not wait for later ones. */
  async flush(): Promise<void> {
    const open = [...this.accumulator.all.flatMap((queue) => queue.batches), ...this.inFlightBatches];
    if (open.length === 0) return;
    this.flushing++;
    this.wakeup();
    await new Promise<void>((resolve) => this.flushes.push({ open, resolve }));
    this.flushing--;
  }

  /** Fails all batches that are left. */
  close(): void {
    this.closed = true;
    this.timer?.cancel();
    const error = new KafkaError('ILLEGAL_STATE', 'Producer is closed forcefully.');
    for (const queue of this.accumulator.all)
      for (const batch of queue.batches.splice(0)) this.fail(batch, error);
    for (const batch of [...this.inFlightBatches]) this.fail(batch, error);
    this.endFlushes();
  }
}

function topicData(batches: readonly ProducerBatch[]): TypeOf<typeof produce.request>['topicData'] {
  const topics = new Map<string, { index: number; records: readonly Buffer[] }[]>();
  for (const batch of batches) {
    const { topic, partition }: TopicPartition = batch.tp;
    const rows = topics.get(topic) ?? [];
    topics.set(topic, rows);
    rows.push({ index: partition, records: [batch.close()] });
  }
  return [...topics].map(([name, partitionData]) => ({ name, partitionData }));
}
