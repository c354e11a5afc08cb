/**
 * A consumer group of real processes: members join, one is killed with SIGKILL, one leaves, one returns.
 * Counts how often each record was processed, and by which member.
 */
import { TopicPartition, tpName } from '../../common/cluster-types';
import { Consumer } from '../../consumer/consumer';
import { MemberEvent, MemberProcess } from '../member-process';
import { Story, StoryContext, StoryResult } from '../story';
import { until } from '../wait';
import { openProducer } from '../workload';

const TOPIC = 'orders';
const GROUP = 'workers';
const TPS: readonly TopicPartition[] = Array.from({ length: 6 }, (_, partition) => ({
  topic: TOPIC,
  partition,
}));
const SEND_EVERY_MS = 4;
const BAR = 24;

class GroupStory {
  private readonly members: MemberProcess[] = [];
  /** The members that processed a record, in order, by `partition@offset`. */
  private readonly processed = new Map<string, string[]>();
  private readonly acked = new Set<string>();
  private producing = true;
  private failures = 0;
  private rebalances = 0;

  constructor(private readonly context: StoryContext) {}

  private get alive(): MemberProcess[] {
    return this.members.filter((member) => member.isAlive);
  }

  private start(name: string): MemberProcess {
    this.context.event('member-started', { member: name });
    const args = [
      '--zookeeper',
      this.context.cluster.connect,
      '--topic',
      TOPIC,
      '--group-id',
      GROUP,
      '--session-timeout',
      '6000',
    ];
    const member = new MemberProcess(name, args, (who, event) => this.onEvent(who, event));
    this.members.push(member);
    return member;
  }

  private onEvent(member: MemberProcess, event: MemberEvent): void {
    if (event.name === 'record_data') {
      const key = `${event.partition}@${event.offset}`;
      this.processed.set(key, [...(this.processed.get(key) ?? []), member.name]);
    } else if (event.name === 'partitions_assigned') {
      this.rebalances++;
      this.context.event('assigned', { member: member.name, partitions: member.partitions });
    }
  }

  private async produce(): Promise<void> {
    const producer = await openProducer(this.context.cluster, {
      'enable.idempotence': true,
      'max.in.flight.requests.per.connection': 5,
    });
    for (let i = 0; this.producing; i++) {
      const { partition } = TPS[i % TPS.length]!;
      await producer.produce({ topic: TOPIC, partition, value: `order ${i}` }, (error, metadata) => {
        if (error) this.failures++;
        else this.acked.add(`${partition}@${metadata!.offset}`);
      });
      await new Promise((resolve) => setTimeout(resolve, SEND_EVERY_MS));
    }
    await producer.close();
  }

  /** Waits until every partition has one owner and the partitions are spread evenly. */
  private async untilShared(count: number, what: string): Promise<void> {
    const shares = () => this.alive.map((member) => member.partitions.length);
    const most = Math.ceil(TPS.length / count);
    await until(
      what,
      () =>
        this.alive.length === count &&
        shares().reduce((sum, share) => sum + share, 0) === TPS.length &&
        Math.max(...shares()) <= most,
    );
    this.context.say(
      `${what}: ` +
        `${this.alive
          .map((member) => `${member.name} has ${member.partitions.join(',') || 'nothing'}`)
          .join(' ' + '· ')}`,
    );
    await this.showLag();
  }

  private async showLag(): Promise<void> {
    const consumer = await Consumer.open(this.context.cluster.environment, {
      ...this.context.cluster.clientConfig,
      'group.id': GROUP,
      'enable.auto.commit': false,
    });
    try {
      const committed = await consumer.committed(TPS);
      const ends = await consumer.endOffsets(TPS);
      for (const tp of TPS) {
        const end = ends.get(tpName(tp))!;
        const done = committed.get(tpName(tp))?.offset ?? 0;
        const filled = end === 0 ? BAR : Math.round((BAR * done) / end);
        this.context.say(
          `  ${tpName(tp)} ${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${done} of ${end}, lag ` +
            `${end - done}`,
        );
      }
    } finally {
      await consumer.close();
    }
  }

  async run(): Promise<StoryResult> {
    const { context } = this;
    await context.cluster.createTopic(
      TOPIC,
      new Map(TPS.map(({ partition }) => [partition, [1, 2, 3].map((id) => ((id + partition - 1) % 3) + 1)])),
      { 'min.insync.replicas': '2' },
    );
    context.say(`topic ${TOPIC}: 6 partitions; group ${GROUP}; members commit after every poll`);
    const producing = this.produce();
    try {
      await this.play();
      this.producing = false;
      await producing;
      context.say(`the producer has stopped: ${this.acked.size} records acknowledged`);
      await until('every record to be processed', () =>
        [...this.acked].every((key) => this.processed.has(key)),
      );
      await this.showLag();
    } finally {
      this.producing = false;
      await Promise.all(this.members.map((member) => (member.isAlive ? member.kill9() : undefined)));
    }
    return this.judge();
  }

  private async play(): Promise<void> {
    const { context } = this;
    const ann = this.start('ann');
    const bob = this.start('bob');
    const cid = this.start('cid');
    await this.untilShared(3, 'three members share');
    await until('everybody to have processed something', () =>
      this.alive.every((member) => member.processed > 20),
    );
    context.event('SIGKILL', { member: bob.name });
    context.say(
      "SIGKILL to bob: the coordinator learns of it when bob's session (6 s) is over; until then nobody " +
        'reads his partitions',
    );
    await bob.kill9();
    await this.untilShared(2, 'two members share');
    this.start('bob2');
    context.say('bob comes back, as a new member');
    await this.untilShared(3, 'three share again');
    context.event('SIGTERM', { member: cid.name });
    context.say(
      'SIGTERM to cid: he commits and leaves; the others hear of it with their next heartbeat (3 s)',
    );
    await cid.terminate();
    await this.untilShared(2, 'two share without waiting for a session');
    void ann;
  }

  private judge(): StoryResult {
    const times = [...this.processed.values()].map((names) => names.length);
    const lost = [...this.acked].filter((key) => !this.processed.has(key)).length;
    const repeated = times.filter((count) => count > 1).length;
    const by = Object.fromEntries(this.members.map((member) => [member.name, member.processed]));
    this.context.say(
      `processed by: ${Object.entries(by)
        .map(([name, count]) => `${name} ${count}`)
        .join(', ')}`,
    );
    this.context.say(
      `${times.length - repeated} records once, ${repeated} more than once (read and not yet committed ` +
        `when bob was killed)`,
    );
    return {
      problems: [
        ...(lost > 0 ? [`${lost} acknowledged records were processed by nobody`] : []),
        ...(this.failures > 0 ? [`${this.failures} sends failed`] : []),
      ],
      acked: this.acked.size,
      read: times.reduce((sum, count) => sum + count, 0),
      lost,
      repeated,
      most: Math.max(0, ...times),
      processedBy: by,
      assignments: this.rebalances,
    };
  }
}

export const groups: Story = {
  name: 'groups',
  title: 'groups: members come and go, and every record is processed',
  question:
    'Three members share six partitions. One is killed with SIGKILL, one ends with SIGTERM. After which of ' +
    'the two does the group wait, and for what?',
  brokers: 3,
  settings: { 'group.initial.rebalance.delay.ms': 500, 'offsets.topic.num.partitions': 5 },
  run: (context) => new GroupStory(context).run(),
};
