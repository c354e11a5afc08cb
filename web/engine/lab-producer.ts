/**
 * A program that writes: our producer on a host of its own, which sends a record every so often, or when it
 * is told. A record's value begins with its id, `NAME-NUMBER`.
 */
import { RawConfig } from '../../src/common/config-def';
import { KafkaError } from '../../src/common/errors';
import { Producer } from '../../src/producer/producer';
import { ClientEnvironment } from '../../src/client/client-config';
import { TopicPartition } from '../../src/common/cluster-types';
import { BatchSight, ProducerSight } from '../shared/events';
import { EventTeller } from './event-log';
import { Ledger } from './ledger';
import { partsOfProducer } from './peek';

/** A program that waits for so many answers sends no more on its own. */
const MAX_WAITING = 500;
/** More batches of a partition are not told one by one. */
const MAX_BATCHES = 20;

export interface ProducerPlan {
  readonly name: string;
  readonly topic: string;
  readonly acks: string;
  readonly isIdempotent: boolean;
  readonly everyMs: number;
  readonly bytes: number;
  readonly keys?: number;
  readonly settings: Readonly<Record<string, string>>;
}

/** What the programs run on: virtual hosts and time, or this process. */
export interface ClientPlatform {
  nowMs(): number;
  schedule(delayMs: number, run: () => void): void;
  /**
   * For a program of its own; `hostName` is a host of the picture. `crash` ends its process; without it that
   * cannot be done.
   */
  environment(): ClientEnvironment & { readonly hostName: string; readonly crash?: () => void };
}

/** Who judges what the programs are told. */
export interface ClientChecks {
  /** A record was acknowledged by the whole ISR. */
  acked(tp: TopicPartition, offset: number): void;
  read(reader: string, tp: TopicPartition, offset: number): void;
  readerBegins(reader: string, tp: TopicPartition): void;
}

export interface ClientContext {
  readonly platform: ClientPlatform;
  readonly log: EventTeller;
  readonly ledger: Ledger;
  readonly checks: ClientChecks;
  readonly clientSettings: RawConfig;
  /** By partition, how far its leader has committed. */
  readonly committedTo: ReadonlyMap<string, number>;
}

export interface RecordWish {
  readonly partition?: number;
  readonly key?: string;
  readonly value?: string;
}

export class LabProducer {
  private readonly producer: Producer;
  private readonly host: string;
  private readonly counts = { sent: 0, acked: 0, failed: 0, unknown: 0, waiting: 0 };
  private isStopped = false;
  private hasChanged = true;
  private retries = 0;
  /** What it held when it was looked at last, and batches that were sent, to count retries. */
  private held = { buffered: -1, drained: -1, inFlight: -1 };

  /** Throws KafkaError for a bad setting. */
  constructor(
    private readonly context: ClientContext,
    readonly plan: ProducerPlan,
  ) {
    const environment = context.platform.environment();
    this.host = environment.hostName;
    const { acks, isIdempotent, settings } = plan;
    this.producer = new Producer(environment, {
      ...context.clientSettings,
      'client.id': plan.name,
      acks,
      'enable.idempotence': isIdempotent,
      'max.in.flight.requests.per.connection': isIdempotent ? 5 : 1,
      'delivery.timeout.ms': 120_000,
      'max.block.ms': 60_000,
      'linger.ms': 5,
      ...settings,
    });
    this.sendLater();
  }

  get isRunning(): boolean {
    return !this.isStopped;
  }

  private sendLater(): void {
    this.context.platform.schedule(this.plan.everyMs, () => {
      if (this.isStopped) return;
      if (this.counts.waiting < MAX_WAITING) this.send({});
      this.sendLater();
    });
  }

  /** Sends a record; `key` decides its partition if none is named. */
  send({ partition, key, value }: RecordWish): void {
    const { platform, ledger } = this.context;
    const { name, topic, bytes, keys } = this.plan;
    const ownKey = keys === undefined ? undefined : `k${this.counts.sent % keys}`;
    const record = `${name}-${this.counts.sent++}`;
    const sentMs = platform.nowMs();
    const text = value === undefined ? record : `${record}|${value}`;
    const padding =
      text.length < bytes ? `${value === undefined ? '|' : ''}${'x'.repeat(bytes - text.length)}` : '';
    ledger.sent();
    this.counts.waiting++;
    this.hasChanged = true;
    const wish = {
      topic,
      ...(partition === undefined ? {} : { partition }),
      key: key ?? ownKey ?? record,
      value: text + padding,
    };
    this.producer
      .send(wish)
      .then(
        (metadata) => this.acked(record, sentMs, metadata),
        (error) => this.failed(record, sentMs, error),
      )
      .finally(() => {
        this.counts.waiting--;
        this.hasChanged = true;
      });
  }

  private acked(
    record: string,
    sentMs: number,
    { topic, partition, offset }: Readonly<{ topic: string; partition: number; offset: number }>,
  ): void {
    const { log, ledger, checks } = this.context;
    const tp = { topic, partition };
    const { name: producer, acks } = this.plan;
    this.counts.acked++;
    ledger.wasAcked(tp, offset, record);
    if (acks === 'all' && offset >= 0) checks.acked(tp, offset);
    log.see(this.host, { what: 'acked', producer, record, topic, partition, offset, sentMs });
  }

  /** What was never sent has failed; of the rest nobody knows. */
  private failed(record: string, sentMs: number, error: unknown): void {
    const name = error instanceof KafkaError ? error.errorName : String(error);
    if (name === 'ILLEGAL_STATE') this.counts.failed++;
    else this.counts.unknown++;
    this.context.log.see(this.host, {
      what: 'send-failed',
      producer: this.plan.name,
      record,
      error: name,
      sentMs,
    });
  }

  stop(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.hasChanged = true;
    this.producer.close(0).catch(() => {});
  }

  /** Whether batches have come, were sent or settled; compares numbers, because it is asked very often. */
  private hasMoved(): boolean {
    const { accumulator, sender } = partsOfProducer(this.producer);
    const now = {
      buffered: accumulator.bufferedBytes,
      drained: sender.drained,
      inFlight: sender.inFlightBatches.size,
    };
    const { held } = this;
    const isSame =
      held.buffered === now.buffered && held.drained === now.drained && held.inFlight === now.inFlight;
    this.held = now;
    if (now.drained !== held.drained) {
      // Of those that were just drained, which had been sent before.
      const fresh = [...sender.inFlightBatches].slice(held.drained - now.drained);
      this.retries += fresh.filter(({ attempts }) => attempts > 1).length;
    }
    return !isSame;
  }

  private batches(): Pick<ProducerSight, 'accumulated' | 'inFlight' | 'producerId' | 'producerEpoch'> {
    const { accumulator, sender } = partsOfProducer(this.producer);
    const told = (batch: (typeof accumulator.all)[number]['batches'][number]): BatchSight => ({
      partition: batch.tp.partition,
      records: batch.recordCount,
      sequence: batch.baseSequence,
      attempts: batch.attempts,
    });
    return {
      accumulated: accumulator.all.flatMap(({ batches }) => batches.slice(0, MAX_BATCHES).map(told)),
      inFlight: [...sender.inFlightBatches].slice(0, MAX_BATCHES).map(told),
      producerId: sender.transactions?.producerId ?? -1,
      producerEpoch: sender.transactions?.producerEpoch ?? -1,
    };
  }

  /** Called after each action. */
  look(): void {
    if (!this.hasMoved() && !this.hasChanged) return;
    this.hasChanged = false;
    const { name: producer, topic, acks, isIdempotent, everyMs } = this.plan;
    const sight: ProducerSight = {
      what: 'producer',
      producer,
      host: this.host,
      status: this.isStopped ? 'stopped' : 'running',
      topic,
      acks,
      isIdempotent,
      everyMs,
      ...this.counts,
      ...this.batches(),
      retries: this.retries,
    };
    this.context.log.see(this.host, sight);
  }
}
