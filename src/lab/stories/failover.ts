/**
 * The main story: it produces a real file line by line, kills the leader and later the controller with kill
 * -9, restarts both, and reads the file back byte for byte.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { TopicPartition } from '../../common/cluster-types';
import { Producer } from '../../producer/producer';
import { controllerFailoverSpans, leaderFailoverSpans, showSpans, Spans } from '../spans';
import { Story, StoryContext, StoryResult } from '../story';
import { until } from '../wait';
import { account, numberOf, openProducer, readAll, SendLog, sendNumbered } from '../workload';

const TP: TopicPartition = { topic: 'lines', partition: 0 };
const NEWLINE = 0x0a;

/** The lines of a file as views, without newlines. The last one is what follows the last newline. */
export function splitLines(file: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let at = file.indexOf(NEWLINE); at >= 0; at = file.indexOf(NEWLINE, start)) {
    lines.push(file.subarray(start, at));
    start = at + 1;
  }
  lines.push(file.subarray(start));
  return lines;
}

export function joinLines(lines: readonly Buffer[]): Buffer {
  const newline = Buffer.of(NEWLINE);
  return Buffer.concat(lines.flatMap((line, i) => (i === 0 ? [line] : [newline, line])));
}

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

interface FaultReport {
  readonly fault: string;
  readonly broker: number;
  readonly before: string;
  readonly after: string;
  readonly spans: Spans;
}

class Failover {
  private readonly log = new SendLog();

  constructor(private readonly context: StoryContext) {}

  /** Sends the lines from `from` to `to` (exclusive). Calls `during` when half of them are acknowledged. */
  private async phase(
    producer: Producer,
    lines: readonly Buffer[],
    from: number,
    to: number,
    during?: () => Promise<void>,
  ): Promise<void> {
    const ackedBefore = this.log.acked.size;
    const half = ackedBefore + Math.floor((to - from) / 2);
    const fault =
      during && until('half of this part acknowledged', () => this.log.acked.size >= half).then(during);
    const progress = setInterval(
      () =>
        this.context.say(
          `${this.log.acked.size.toLocaleString('en')} of ${lines.length.toLocaleString('en')} lines ` +
            `acknowledged`,
        ),
      2000,
    );
    try {
      for (let i = from; i < to; i++) await sendNumbered(producer, this.log, TP, i, lines[i]!);
      await producer.flush();
      await fault;
    } finally {
      clearInterval(progress);
    }
  }

  private async killLeader(): Promise<{ broker: number; atMs: number; epoch: number }> {
    const { cluster } = this.context;
    const state = (await cluster.state(TP))!;
    const atMs = this.context.event('kill -9', { broker: state.leader, role: 'leader' });
    this.context.say(
      `kill -9 broker ${state.leader}, the leader (leader epoch ${state.leaderEpoch}, ISR ${state.isr})`,
    );
    await cluster.broker(state.leader).kill9();
    return { broker: state.leader, atMs, epoch: state.leaderEpoch };
  }

  private async killController(): Promise<{ broker: number; atMs: number; epoch: number }> {
    const { cluster } = this.context;
    const broker = await cluster.controllerId();
    const epoch = await cluster.controllerEpoch();
    const atMs = this.context.event('kill -9', { broker, role: 'controller' });
    this.context.say(
      `kill -9 broker ${broker}, the controller (epoch ` +
        `${epoch})${broker === (await cluster.leaderOf(TP)) ? ', which also leads the partition' : ''}`,
    );
    await cluster.broker(broker).kill9();
    return { broker, atMs, epoch };
  }

  private async bringBack(broker: number): Promise<void> {
    const { cluster } = this.context;
    this.context.say(`starting broker ${broker} again`);
    await cluster.broker(broker).start();
    const state = await cluster.untilIsr(TP, [1, 2, 3]);
    this.context.say(`broker ${broker} is back in the ISR: ${state.isr}`);
  }

  async run(): Promise<StoryResult> {
    const { context } = this;
    const { cluster } = context;
    const file = fs.readFileSync(context.options.input);
    const lines = splitLines(file);
    context.say(
      `input ${context.options.input}: ${file.length.toLocaleString('en')} bytes, ` +
        `${lines.length.toLocaleString('en')} lines`,
    );
    // The controller is the last replica, so that the failures of the leader and of the controller are
    // separate.
    const controller = await cluster.controllerId();
    await cluster.createTopic(
      TP.topic,
      new Map([[0, [...[1, 2, 3].filter((id) => id !== controller), controller]]]),
      { 'min.insync.replicas': '2' },
    );
    context.say(
      'topic lines: 1 partition, replication factor 3, min.insync.replicas 2; the producer is idempotent: ' +
        'acks=all, five requests in flight',
    );
    const producer = await openProducer(cluster, {
      'enable.idempotence': true,
      'max.in.flight.requests.per.connection': 5,
      'linger.ms': 5,
      'batch.size': 32768,
      'buffer.memory': 4 * 1024 * 1024,
      'request.timeout.ms': 10000,
      'delivery.timeout.ms': 300000,
    });
    const third = Math.max(1, Math.floor(lines.length / 3));
    const faults: FaultReport[] = [];

    let dead = { broker: -1, atMs: 0, epoch: 0 };
    await this.phase(producer, lines, 0, Math.min(lines.length, 2 * third), async () => {
      dead = await this.killLeader();
    });
    const state = (await cluster.state(TP))!;
    const leaderSpans = leaderFailoverSpans(
      context.timeline(),
      dead.atMs,
      dead.broker,
      this.log.recoveredAfter(dead.atMs),
    );
    faults.push({
      fault: 'kill -9 of the leader',
      broker: dead.broker,
      before: `leader ${dead.broker}, epoch ${dead.epoch}`,
      after: `leader ${state.leader}, epoch ${state.leaderEpoch}`,
      spans: leaderSpans,
    });
    context.say(
      `leader is now broker ${state.leader} (leader epoch ${state.leaderEpoch}): ${showSpans(leaderSpans)}`,
    );
    await this.bringBack(dead.broker);

    const killed = await this.killController();
    await this.phase(producer, lines, Math.min(lines.length, 2 * third), lines.length);
    const { next, epoch } = await until('another controller', async () => {
      const id = await cluster.controllerId();
      return id >= 0 && id !== killed.broker && { next: id, epoch: await cluster.controllerEpoch() };
    });
    await cluster.untilIsr(
      TP,
      [1, 2, 3].filter((id) => id !== killed.broker),
    );
    const controllerSpans = controllerFailoverSpans(
      context.timeline(),
      killed.atMs,
      this.log.recoveredAfter(killed.atMs),
    );
    faults.push({
      fault: 'kill -9 of the controller',
      broker: killed.broker,
      before: `controller ${killed.broker}, epoch ${killed.epoch}`,
      after: `controller ${next}, epoch ${epoch}`,
      spans: controllerSpans,
    });
    context.say(`controller is now broker ${next} (epoch ${epoch}): ${showSpans(controllerSpans)}`);
    await this.bringBack(killed.broker);
    await producer.close();
    return this.judge(file, faults);
  }

  private async judge(file: Buffer, faults: readonly FaultReport[]): Promise<StoryResult> {
    this.context.say('reading everything back');
    const numbers: number[] = [];
    const values = new Map<number, Buffer>();
    await readAll(this.context.cluster, TP, (record) => {
      const number = numberOf(record);
      numbers.push(number);
      if (!values.has(number)) values.set(number, record.value ?? Buffer.alloc(0));
    });
    const counts = account(this.log, numbers);
    const rebuilt = joinLines([...values].sort(([a], [b]) => a - b).map(([, value]) => value));
    const expected = sha256(file);
    const actual = sha256(rebuilt);
    const problems = [
      ...(counts.lost > 0 ? [`${counts.lost} acknowledged lines were lost`] : []),
      ...(counts.duplicated > 0
        ? [`${counts.duplicated} lines stand in the log twice, although the producer is idempotent`]
        : []),
      ...(counts.reordered > 0 ? [`${counts.reordered} lines are out of order`] : []),
      ...(this.log.errorCount > 0
        ? [`${this.log.errorCount} sends failed: ${[...this.log.errors.keys()].join(', ')}`]
        : []),
      ...(actual === expected ? [] : ['the rebuilt file differs from the input']),
    ];
    return {
      problems,
      ...counts,
      sha256: { input: expected, rebuilt: actual },
      faults,
      input: this.context.options.input,
    };
  }
}

export const failover: Story = {
  name: 'failover',
  title: 'failover: the leader dies, then the controller, and the file survives',
  question:
    'three replicas, acks=all, min.insync.replicas=2. Two brokers die by kill -9. How many acknowledged ' +
    'lines are lost, and how many are duplicated?',
  brokers: 3,
  run: (context) => new Failover(context).run(),
};
