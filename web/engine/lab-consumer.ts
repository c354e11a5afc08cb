/**
 * A program that reads: our consumer on a host of its own, in a group, or alone with all partitions of its
 * topic.
 */
import { TopicPartition } from '../../src/common/cluster-types';
import { messageOf } from '../../src/common/errors';
import { sleep } from '../../src/common/host';
import { Consumer } from '../../src/consumer/consumer';
import { ConsumerRecord } from '../../src/consumer/consumer-record';
import { idOf } from '../../src/simulation/workload';
import { ConsumerSight, partitionName } from '../shared/events';
import { ClientContext } from './lab-producer';

const POLL_MS = 1000;
const RETRY_MS = 500;

export interface ConsumerPlan {
  readonly name: string;
  readonly topic: string;
  readonly group: string | null;
  readonly commits?: 'before' | 'after';
  readonly processMs?: number;
  readonly era?: '0.8';
  readonly settings: Readonly<Record<string, string>>;
}

/** `NAME-NUMBER` taken apart; what somebody else wrote has the number 0. */
export function originOf(id: string): { id: string; producer: string; sequence: number } {
  const match = /^(.+)-(\d+)$/.exec(id);
  return match ? { id, producer: match[1]!, sequence: Number(match[2]) } : { id, producer: '', sequence: 0 };
}

export class LabConsumer {
  private readonly consumer: Consumer;
  private readonly host: string;
  private readonly crash: () => void;
  private readonly positions = new Map<number, number>();
  private assigned: readonly number[] = [];
  private owned: readonly { readonly partition: number; readonly name: string }[] = [];
  private status: ConsumerSight['status'] = 'opening';
  private read = 0;
  /** It is to die between two records. */
  private isDoomed = false;
  private told: Pick<ConsumerSight, 'status' | 'assigned' | 'read' | 'lag'> | undefined;

  /** Throws KafkaError for a bad setting. */
  constructor(
    private readonly context: ClientContext,
    readonly plan: ConsumerPlan,
  ) {
    const environment = context.platform.environment();
    this.host = environment.hostName;
    this.crash = environment.crash ?? (() => this.stop());
    this.consumer = new Consumer(environment, {
      ...context.clientSettings,
      'client.id': plan.name,
      'auto.offset.reset': 'earliest',
      'session.timeout.ms': 6000,
      'heartbeat.interval.ms': 2000,
      'auto.commit.interval.ms': 2000,
      ...(plan.group === null ? {} : { 'group.id': plan.group }),
      ...(plan.commits === undefined ? {} : { 'enable.auto.commit': 'false' }),
      ...plan.settings,
    });
    const { clock } = environment.host;
    this.run((ms) => sleep(clock, ms)).catch((error) => this.ended(error));
  }

  get isRunning(): boolean {
    return this.status !== 'stopped';
  }
  /** Records read so far. */
  get readCount(): number {
    return this.read;
  }

  private async run(wait: (ms: number) => Promise<void>): Promise<void> {
    await this.untilDone(wait, () => this.begin());
    this.status = 'running';
    while (this.isRunning) {
      const records = await this.untilDone(wait, () => this.consumer.poll(POLL_MS));
      if (records.length === 0) continue;
      this.took(records);
      if (this.plan.processMs !== undefined) await this.process(records, wait);
    }
  }

  /** Processes what a poll returned, and commits before or after that. */
  private async process(
    records: readonly ConsumerRecord[],
    wait: (ms: number) => Promise<void>,
  ): Promise<void> {
    const { name, commits, processMs } = this.plan;
    if (commits === 'before') await this.untilDone(wait, () => this.consumer.commitSync());
    for (const [i, { topic, partition, offset }] of records.entries()) {
      await wait(processMs!);
      if (!this.isRunning) return;
      this.context.log.happened(this.host, 'processed', { consumer: name, topic, partition, offset });
      if (this.isDoomed && i < records.length - 1) return this.die(offset);
    }
    if (commits === 'after') await this.untilDone(wait, () => this.consumer.commitSync());
  }

  /** `processed`: the last offset that it has processed; null: that takes it no time. */
  private die(processed: number | null): void {
    this.status = 'stopped';
    this.own([]);
    this.context.log.happened(this.host, 'consumer-died', { consumer: this.plan.name, processed });
    this.crash();
  }

  /** kill -9. */
  kill(): void {
    if (!this.isRunning) return;
    if (this.plan.processMs === undefined) this.die(null);
    else this.isDoomed = true;
  }

  /** During faults calls may come to nothing: they are made again. */
  private async untilDone<T>(wait: (ms: number) => Promise<void>, call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!this.isRunning) throw error;
        const { name } = this.plan;
        this.context.log.happened(this.host, 'consumer-error', {
          consumer: name,
          error: messageOf(error),
        });
        await wait(RETRY_MS);
      }
    }
  }

  private async begin(): Promise<void> {
    const { topic, group } = this.plan;
    if (group !== null) {
      return this.consumer.subscribe([topic], {
        onPartitionsAssigned: (tps) => this.got(tps),
        onPartitionsRevoked: (tps) => this.gave(tps),
        onPartitionsLost: (tps) => this.gave(tps),
      });
    }
    const tps = (await this.consumer.partitionsFor(topic)).map(({ partition }) => ({ topic, partition }));
    this.consumer.assign(tps);
    this.got(tps);
  }

  private got(tps: readonly TopicPartition[]): void {
    const { name } = this.plan;
    for (const tp of tps) this.context.checks.readerBegins(name, tp);
    const assigned = new Set([...this.assigned, ...tps.map(({ partition }) => partition)]);
    this.own([...assigned].sort((a, b) => a - b));
    const partitions = tps.map(({ partition }) => partition);
    this.context.log.happened(this.host, 'assigned', {
      consumer: name,
      topic: this.plan.topic,
      partitions,
    });
  }

  private own(partitions: readonly number[]): void {
    this.assigned = partitions;
    const { topic } = this.plan;
    this.owned = partitions.map((partition) => ({ partition, name: partitionName(topic, partition) }));
  }

  private gave(tps: readonly TopicPartition[]): void {
    const partitions = tps.map(({ partition }) => partition);
    this.own(this.assigned.filter((one) => !partitions.includes(one)));
    for (const one of partitions) this.positions.delete(one);
    const { name: consumer, topic } = this.plan;
    this.context.log.happened(this.host, 'revoked', { consumer, topic, partitions });
  }

  private took(records: readonly ConsumerRecord[]): void {
    const { checks, ledger, log } = this.context;
    const { name: consumer } = this.plan;
    const spans = new Map<number, { topic: string; from: number; to: number; count: number }>();
    for (const { topic, partition, offset, value } of records) {
      const tp = { topic, partition };
      checks.read(consumer, tp, offset);
      if (Buffer.isBuffer(value)) ledger.wasRead(tp, offset, originOf(idOf(value)));
      this.positions.set(partition, offset + 1);
      const span = spans.get(partition) ?? { topic, from: offset, to: offset, count: 0 };
      spans.set(partition, { topic, from: span.from, to: offset, count: span.count + 1 });
    }
    this.read += records.length;
    for (const [partition, span] of spans) {
      log.see(this.host, { what: 'read', consumer, partition, ...span });
    }
  }

  private ended(error: unknown): void {
    if (this.status === 'stopped') return;
    this.status = 'stopped';
    this.context.log.happened(this.host, 'consumer-ended', {
      consumer: this.plan.name,
      error: messageOf(error),
    });
  }

  stop(): void {
    if (!this.isRunning) return;
    this.status = 'stopped';
    this.own([]);
    this.consumer.close(5000).catch(() => {});
  }

  /** How many records that may be read it has not read. */
  private lag(): number {
    let lag = 0;
    for (const { partition, name } of this.owned) {
      const end = this.context.committedTo.get(name) ?? 0;
      lag += Math.max(0, end - (this.positions.get(partition) ?? 0));
    }
    return lag;
  }

  /** Called after each action. */
  look(): void {
    const lag = this.lag();
    const { status, assigned, read, told } = this;
    const isSame = told?.lag === lag && told.read === read && told.status === status;
    if (isSame && told.assigned === assigned) return;
    this.told = { status, assigned, read, lag };
    const { name: consumer, topic, group } = this.plan;
    const positions = [...this.positions].sort(([a], [b]) => a - b);
    this.context.log.see(this.host, {
      what: 'consumer',
      consumer,
      host: this.host,
      status: this.status,
      topic,
      group,
      assigned: this.assigned,
      positions,
      read: this.read,
      lag,
    });
  }
}
