/**
 * A program that reads with the consumer of 0.8: no coordinator, its group is in ZooKeeper, and every member
 * rebalances by itself (src/consumer/zookeeper-consumer.ts).
 */
import { messageOf } from '../../src/common/errors';
import { ConsumerRecord } from '../../src/consumer/consumer-record';
import { ZooKeeperConsumer } from '../../src/consumer/zookeeper-consumer';
import { idOf } from '../../src/simulation/workload';
import { ConsumerSight } from '../shared/events';
import { ConsumerPlan, originOf } from './lab-consumer';
import { ClientContext } from './lab-producer';

export class OldConsumer {
  private readonly consumer: ZooKeeperConsumer;
  private readonly host: string;
  private readonly crash: () => void;
  private readonly positions = new Map<number, number>();
  private status: ConsumerSight['status'] = 'opening';
  private read = 0;
  private told = '';

  /** Throws KafkaError for a bad setting. */
  constructor(
    private readonly context: ClientContext,
    readonly plan: ConsumerPlan,
  ) {
    const environment = context.platform.environment();
    this.host = environment.hostName;
    this.crash = environment.crash ?? (() => this.stop());
    this.consumer = new ZooKeeperConsumer(environment, {
      'zookeeper.connect': 'zookeeper:2181',
      'zookeeper.session.timeout.ms': 6000,
      'group.id': plan.group ?? plan.name,
      'auto.offset.reset': 'smallest',
      'rebalance.backoff.ms': 500,
      'rebalance.max.retries': 100,
      'auto.commit.interval.ms': 2000,
      ...plan.settings,
    });
    this.run().catch((error) => this.ended(error));
  }

  get isRunning(): boolean {
    return this.status !== 'stopped';
  }
  get readCount(): number {
    return this.read;
  }

  private async run(): Promise<void> {
    const { topic } = this.plan;
    const streams = await this.consumer.createMessageStreams({ [topic]: 1 });
    this.status = 'running';
    for await (const record of streams.get(topic)![0]!) this.took(record);
  }

  /** Without ZooKeeper it does not start; nobody starts it again. */
  private ended(error: unknown): void {
    if (!this.isRunning) return;
    this.status = 'stopped';
    const { name: consumer } = this.plan;
    this.context.log.happened(this.host, 'consumer-ended', { consumer, error: messageOf(error) });
  }

  private took({ topic, partition, offset, value }: ConsumerRecord): void {
    const { ledger, log } = this.context;
    const { name: consumer } = this.plan;
    if (Buffer.isBuffer(value)) ledger.wasRead({ topic, partition }, offset, originOf(idOf(value)));
    this.positions.set(partition, offset + 1);
    this.read++;
    log.see(this.host, { what: 'read', consumer, topic, partition, from: offset, to: offset, count: 1 });
  }

  stop(): void {
    if (!this.isRunning) return;
    this.status = 'stopped';
    this.consumer.shutdown().catch(() => {});
  }

  /** kill -9. */
  kill(): void {
    if (!this.isRunning) return;
    this.status = 'stopped';
    this.context.log.happened(this.host, 'consumer-died', { consumer: this.plan.name, processed: null });
    this.crash();
  }

  /** Called after each action. */
  look(): void {
    const { name: consumer, topic, group } = this.plan;
    const assigned = this.isRunning
      ? this.consumer.assignment.map(({ partition }) => partition).sort((a, b) => a - b)
      : [];
    const now = `${this.status} ${this.read} ${assigned.join()}`;
    if (now === this.told) return;
    this.told = now;
    const lag = assigned.reduce((sum, one) => {
      const end = this.context.committedTo.get(`${topic}-${one}`) ?? 0;
      return sum + Math.max(0, end - (this.positions.get(one) ?? 0));
    }, 0);
    this.context.log.see(this.host, {
      what: 'consumer',
      consumer,
      host: this.host,
      status: this.status,
      topic,
      group,
      assigned,
      positions: [...this.positions].sort(([a], [b]) => a - b),
      read: this.read,
      lag,
    });
  }
}
