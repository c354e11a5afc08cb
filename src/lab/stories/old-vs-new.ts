/**
 * The same group twice: with the consumer of 0.8, where every member watches ZooKeeper and rebalances by
 * itself, and with a coordinator. All members join at once, one leaves; the story counts the rebalances of
 * both.
 */
import { TopicPartition, tpName } from '../../common/cluster-types';
import { Consumer } from '../../consumer/consumer';
import { ZooKeeperConsumer } from '../../consumer/zookeeper-consumer';
import { Story, StoryContext, StoryResult } from '../story';
import { until } from '../wait';

const TOPIC = 'shared';
const TPS: readonly TopicPartition[] = Array.from({ length: 12 }, (_, partition) => ({
  topic: TOPIC,
  partition,
}));
const MEMBERS = 6;

interface Count {
  /** From the start of the members until all partitions have owners, in ms. */
  readonly startMs: number;
  /** The same after one member has left, in ms. */
  readonly lossMs: number;
  /** The rebalances started by all members together. */
  readonly rebalances: number;
  /** Claims of a partition that another member owned. */
  readonly conflicts: number;
}

interface Fleet {
  readonly owned: () => readonly TopicPartition[][];
  /** One member leaves with a clean close. */
  readonly loseOne: () => Promise<void>;
  readonly counts: () => { readonly rebalances: number; readonly conflicts: number };
  readonly end: () => Promise<void>;
}

function isShared(owned: readonly (readonly TopicPartition[])[]): boolean {
  const all = owned.flat().map(tpName);
  return (
    all.length === TPS.length &&
    new Set(all).size === TPS.length &&
    owned.every((tps) => tps.length <= Math.ceil(TPS.length / owned.length))
  );
}

async function measure(context: StoryContext, what: string, start: () => Promise<Fleet>): Promise<Count> {
  const beganMs = Date.now();
  const fleet = await start();
  try {
    await until(`${what}: all partitions owned`, () => isShared(fleet.owned()));
    const startMs = Date.now() - beganMs;
    context.say(
      `${what}: ${MEMBERS} members share ${TPS.length} partitions after ${startMs} ms ` +
        `(${fleet.counts().rebalances} rebalances, ${fleet.counts().conflicts} conflicts)`,
    );
    const lostMs = Date.now();
    await fleet.loseOne();
    await until(`${what}: all partitions owned again`, () => isShared(fleet.owned()));
    const lossMs = Date.now() - lostMs;
    context.say(
      `${what}: one member left; all is owned again after ${lossMs} ms (${fleet.counts().rebalances} ` +
        `rebalances, ${fleet.counts().conflicts} conflicts in all)`,
    );
    return { startMs, lossMs, ...fleet.counts() };
  } finally {
    await fleet.end();
  }
}

async function oldFleet({ cluster }: StoryContext): Promise<Fleet> {
  const members = Array.from(
    { length: MEMBERS },
    (_, i) =>
      new ZooKeeperConsumer(cluster.environment, {
        'zookeeper.connect': cluster.connect,
        'group.id': 'old',
        'consumer.id': `member-${i}`,
        'rebalance.max.retries': 20,
        'rebalance.backoff.ms': 500,
      }),
  );
  await Promise.all(members.map((member) => member.createMessageStreams({ [TOPIC]: 1 })));
  const live = [...members];
  const sum = (pick: (member: ZooKeeperConsumer) => number) =>
    members.reduce((total, member) => total + pick(member), 0);
  return {
    owned: () => live.map((member) => member.assignment),
    loseOne: () => live.shift()!.shutdown(),
    counts: () => ({
      rebalances: sum((member) => member.stats.rebalances),
      conflicts: sum((member) => member.stats.conflicts),
    }),
    end: async () => {
      await Promise.all(live.map((member) => member.shutdown()));
    },
  };
}

async function newFleet({
  cluster,
  timeline,
}: Pick<StoryContext, 'cluster'> & { readonly timeline: () => Record<string, unknown>[] }): Promise<Fleet> {
  const live: Consumer[] = [];
  const loops: Promise<void>[] = [];
  for (let i = 0; i < MEMBERS; i++) {
    const consumer = new Consumer(cluster.environment, {
      ...cluster.clientConfig,
      'group.id': 'new',
      'client.id': `member-${i}`,
      'session.timeout.ms': 6000,
      'heartbeat.interval.ms': 500,
    });
    await consumer.subscribe([TOPIC]);
    live.push(consumer);
    loops.push(
      (async () => {
        for await (const record of consumer) void record;
      })(),
    );
  }
  return {
    owned: () => live.map((consumer) => consumer.assignment()),
    loseOne: () => live.shift()!.close(),
    counts: () => ({
      rebalances: timeline().filter((event) => event.what === 'rebalance').length,
      conflicts: 0,
    }),
    end: async () => {
      await Promise.all(live.map((consumer) => consumer.close()));
      await Promise.all(loops);
    },
  };
}

async function run(context: StoryContext): Promise<StoryResult> {
  await context.cluster.createTopic(
    TOPIC,
    new Map(TPS.map(({ partition }) => [partition, [(partition % 3) + 1]])),
  );
  // Creates the coordinator's topic first, so that its creation is not part of the measurement.
  const first = new Consumer(context.cluster.environment, {
    ...context.cluster.clientConfig,
    'group.id': 'warm-up',
  });
  await first.committed(TPS);
  await first.close();
  const old = await measure(context, 'old consumer', () => oldFleet(context));
  const sinceMs = Date.now();
  const fresh = await measure(context, 'coordinator', () =>
    newFleet({ cluster: context.cluster, timeline: () => context.timeline(sinceMs) }),
  );
  context.say('');
  context.say('                        old consumer   coordinator');
  const row = (label: string, pick: (count: Count) => number) =>
    context.say(`${label.padEnd(24)}${String(pick(old)).padStart(12)}${String(pick(fresh)).padStart(14)}`);
  row('start, ms', (count) => count.startMs);
  row('loss of a member, ms', (count) => count.lossMs);
  row('rebalances begun', (count) => count.rebalances);
  row('conflicting claims', (count) => count.conflicts);
  return {
    problems:
      old.rebalances > fresh.rebalances
        ? []
        : [
            `the old group rebalanced ${old.rebalances} times, the coordinated one ${fresh.rebalances}: no ` +
              `herd to be seen`,
          ],
    old,
    coordinator: fresh,
  };
}

export const oldVsNew: Story = {
  name: 'old-vs-new',
  title: 'old-vs-new: the herd of the 0.8 consumer beside the coordinator',
  question:
    'Six members join at once, then one leaves. How many rebalances does that take when every member ' +
    'watches ZooKeeper, and how many when one broker coordinates?',
  brokers: 3,
  settings: { 'group.initial.rebalance.delay.ms': 500, 'offsets.topic.num.partitions': 5 },
  run,
};
