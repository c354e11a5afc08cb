/**
 * The bystanders: clients that have nothing to do with the attack. They are a producer with acks=all, a
 * consumer, and a group of two members that commits. Their waits measure every attack.
 *
 * They run on any host. A record that was acknowledged and cannot be read counts as lost.
 */
import { ClientEnvironment } from '../client/client-config';
import { TopicPartition } from '../common/cluster-types';
import { RawConfig } from '../common/config-def';
import { Clock } from '../common/host';
import { Consumer } from '../consumer/consumer';
import { Producer } from '../producer/producer';
import { pause } from './ground';
import { Figures, Latencies } from './latencies';

export const BYSTANDER_TOPIC = 'bystander';
export const BYSTANDER_GROUP = 'bystander-group';
export const BYSTANDER_PARTITIONS = 3;
const SEND_EVERY_MS = 10;
const COMMIT_EVERY_MS = 50;
const POLL_MS = 200;
const MEMBERS = 2;

/** What the bystanders experienced in one phase. */
export interface Experience {
  readonly produce: Figures;
  readonly consume: Figures;
  readonly commit: Figures;
  readonly errors: readonly string[];
  /** How often a member lost its partitions. */
  readonly rebalances: number;
}

export class Bystanders {
  private readonly produced = new Latencies();
  private readonly consumed = new Latencies();
  private readonly committed = new Latencies();
  private errors: string[] = [];
  private rebalances = 0;
  private isRunning = true;
  private next = 0;
  /** The time of the send, by record number. */
  private readonly unacknowledged = new Map<number, number>();
  private readonly unread = new Map<number, number>();
  private readonly committing = new Map<number, number>();
  private readonly read = new Set<number>();
  private readonly work: Promise<void>[] = [];

  private constructor(
    private readonly clock: Clock,
    private readonly producer: Producer,
    private readonly consumer: Consumer,
    private readonly members: readonly Consumer[],
  ) {}

  /** The topic must exist. */
  static async open(environment: ClientEnvironment, config: RawConfig): Promise<Bystanders> {
    const producer = await Producer.open(environment, {
      ...config,
      acks: 'all',
      'linger.ms': 0,
      'client.id': 'bystander',
    });
    const consumer = await Consumer.open(environment, {
      ...config,
      'auto.offset.reset': 'earliest',
      'client.id': 'bystander',
    });
    const group = {
      ...config,
      'group.id': BYSTANDER_GROUP,
      'auto.offset.reset': 'earliest',
      'enable.auto.commit': false,
    };
    const members = await Promise.all(
      Array.from({ length: MEMBERS }, () => Consumer.open(environment, group)),
    );
    const bystanders = new Bystanders(environment.host.clock, producer, consumer, members);
    await bystanders.begin();
    return bystanders;
  }

  private async begin(): Promise<void> {
    const tps: TopicPartition[] = Array.from({ length: BYSTANDER_PARTITIONS }, (_, partition) => ({
      topic: BYSTANDER_TOPIC,
      partition,
    }));
    this.consumer.assign(tps);
    for (const member of this.members) {
      await member.subscribe([BYSTANDER_TOPIC], {
        onPartitionsRevoked: () => {
          this.rebalances++;
        },
      });
    }
    this.work.push(
      this.produceOn(),
      this.consumeOn(),
      ...this.members.map((member, i) => this.commitOn(member, i)),
    );
  }

  private now(): number {
    return this.clock.monotonicMs();
  }

  private note(error: unknown): void {
    if (this.errors.length < 20) this.errors.push(String(error));
  }

  private async produceOn(): Promise<void> {
    while (this.isRunning) {
      const number = this.next++;
      const sentMs = this.now();
      this.unacknowledged.set(number, sentMs);
      const record = {
        topic: BYSTANDER_TOPIC,
        partition: number % BYSTANDER_PARTITIONS,
        value: `${number} ${sentMs}`,
      };
      await this.producer.produce(record, (error) => this.acknowledged(number, error));
      await pause(this.clock, SEND_EVERY_MS);
    }
  }

  private acknowledged(number: number, error: unknown): void {
    const sentMs = this.unacknowledged.get(number) ?? this.now();
    this.unacknowledged.delete(number);
    this.produced.add(this.now() - sentMs);
    if (error) this.note(error);
    else if (!this.read.has(number)) this.unread.set(number, sentMs);
  }

  private async consumeOn(): Promise<void> {
    while (this.isRunning) {
      try {
        for (const { value } of await this.consumer.poll(POLL_MS)) this.received(String(value));
      } catch (error) {
        this.note(error);
        await pause(this.clock, POLL_MS);
      }
    }
  }

  private received(value: string): void {
    const [number = 0, sentMs = 0] = value.split(' ').map(Number);
    if (this.read.has(number)) return;
    this.read.add(number);
    this.unread.delete(number);
    this.consumed.add(this.now() - sentMs);
  }

  private async commitOn(member: Consumer, index: number): Promise<void> {
    while (this.isRunning) {
      try {
        const records = await member.poll(COMMIT_EVERY_MS);
        if (records.length === 0) continue;
        this.committing.set(index, this.now());
        await member.commitSync();
        this.committed.add(this.now() - this.committing.get(index)!);
      } catch (error) {
        this.note(error);
        await pause(this.clock, COMMIT_EVERY_MS);
      } finally {
        this.committing.delete(index);
      }
    }
  }

  /** Starts a phase: resets the measurements; waits in progress continue. */
  startPhase(): void {
    for (const latencies of [this.produced, this.consumed, this.committed]) latencies.reset();
    this.errors = [];
    this.rebalances = 0;
  }

  /** The measurements since the start of the phase. */
  experience(): Experience {
    const ages = (waiting: ReadonlyMap<number, number>) =>
      [...waiting.values()].map((sinceMs) => this.now() - sinceMs);
    return {
      produce: this.produced.figures(ages(this.unacknowledged)),
      consume: this.consumed.figures(ages(this.unread)),
      commit: this.committed.figures(ages(this.committing)),
      errors: this.errors,
      rebalances: this.rebalances,
    };
  }

  /** Waits until all records acknowledged so far were read. Returns the numbers of those that were not. */
  async missing(withinMs: number): Promise<number[]> {
    const wanted = [...this.unread.keys()];
    const deadlineMs = this.now() + withinMs;
    while (wanted.some((number) => this.unread.has(number)) && this.now() < deadlineMs)
      await pause(this.clock, 50);
    return wanted.filter((number) => this.unread.has(number));
  }

  async close(): Promise<void> {
    this.isRunning = false;
    await Promise.race([Promise.all(this.work), pause(this.clock, 5000)]);
    await Promise.all(
      [this.consumer, ...this.members].map((consumer) => consumer.close(2000).catch(() => {})),
    );
    await this.producer.close(2000).catch(() => {});
  }
}
