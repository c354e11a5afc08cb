/**
 * What a consumer may commit, and when: during joins, after it was put out, late, and at the end of its
 * ownership.
 */
import { tpName } from '../../src/common/cluster-types';
import { RawConfig } from '../../src/common/config-def';
import { KafkaError } from '../../src/common/errors';
import { Consumer } from '../../src/consumer/consumer';
import { RebalanceListener } from '../../src/consumer/consumer-coordinator';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { SimHost } from '../../src/simulation/sim-host';
import { bringUp, runFor, runUntil } from '../support/sim';

const TPS = [0, 1, 2, 3].map((partition) => ({ topic: 'orders', partition }));
const OFFSETS = { topic: '__consumer_offsets', partition: 0 };
const SETTINGS = {
  'offsets.topic.num.partitions': 1,
  'offsets.topic.replication.factor': 3,
  'group.initial.rebalance.delay.ms': 300,
};

async function clusterWithOrders(seed: string, each: number): Promise<SimCluster> {
  const cluster = await bringUp(seed, 3, [1, 2, 3], { settings: SETTINGS });
  await cluster.world.complete(
    cluster.createTopic('orders', new Map(TPS.map(({ partition }) => [partition, [1, 2, 3]]))),
    30000,
    'creating orders',
  );
  const producer = await cluster.world.complete(
    cluster.producer({ acks: 'all' }),
    30000,
    'opening a producer',
  );
  const sent = TPS.flatMap((tp) =>
    Array.from({ length: each }, (_, i) => producer.send({ ...tp, value: `${tp.partition}-${i}` })),
  );
  await cluster.world.complete(Promise.all(sent), 60000, 'producing');
  return cluster;
}

interface Member {
  readonly consumer: Consumer;
  readonly host: SimHost;
  readonly read: string[];
  readonly commits: string[];
  stop: boolean;
}

const outcome = (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    (error: KafkaError) => error.errorName as string,
  );

/** A consumer that polls for ever, and after every poll does what the test says. */
function member(
  cluster: SimCluster,
  config: RawConfig,
  afterPoll: (one: Member) => Promise<void> | void = () => {},
  listener: RebalanceListener = {},
): Member {
  const environment = cluster.environment();
  const consumer = new Consumer(environment, {
    'zookeeper.connect': 'z',
    'group.id': 'g',
    'session.timeout.ms': 6000,
    'heartbeat.interval.ms': 500,
    'auto.offset.reset': 'earliest',
    'enable.auto.commit': false,
    'max.poll.records': 5,
    ...config,
  });
  const one: Member = { consumer, host: environment.simHost, read: [], commits: [], stop: false };
  const run = async () => {
    await consumer.subscribe(['orders'], listener);
    while (!one.stop) {
      for (const record of await consumer.poll(100)) one.read.push(`${tpName(record)} ${record.offset}`);
      await afterPoll(one);
    }
  };
  run().catch((error) => {
    one.commits.push(String(error));
  });
  return one;
}

const owned = (one: Member) => one.consumer.assignment().length;

test('a cooperative member that commits right after poll while another joins keeps its partitions, and nothing is read twice', async () => {
  const cluster = await clusterWithOrders('during-join', 100);
  const commit = async (one: Member) => {
    one.commits.push(await outcome(one.consumer.commitSync()));
  };
  let lost = 0;
  const listener = {
    onPartitionsLost: () => {
      lost++;
    },
  };
  const config = { 'partition.assignment.strategy': 'cooperative-sticky' };
  const a = member(cluster, config, commit, listener);
  await runUntil(cluster, 'a has all', () => owned(a) === 4);
  const b = member(cluster, config, commit, listener);
  await runUntil(cluster, 'both share', () => owned(a) === 2 && owned(b) === 2);
  await runUntil(cluster, 'all is read', () => a.read.length + b.read.length >= 400);
  expect([...new Set([...a.commits, ...b.commits])].sort()).toEqual(
    expect.arrayContaining(['REBALANCE_IN_PROGRESS', 'ok']),
  );
  expect([...a.commits, ...b.commits]).not.toContain('COMMIT_FAILED');
  expect([lost, new Set([...a.read, ...b.read]).size, a.read.length + b.read.length]).toEqual([0, 400, 400]);
});

test('with auto-commit positions are committed before partitions are given up: whoever takes over reads on there', async () => {
  for (const assignor of ['range', 'cooperative-sticky']) {
    const cluster = await clusterWithOrders(`handover-${assignor}`, 100);
    const config = {
      'enable.auto.commit': true,
      'auto.commit.interval.ms': 600000,
      'partition.assignment.strategy': assignor,
    };
    const a = member(cluster, config);
    await runUntil(cluster, 'a has read some', () => a.read.length >= 50);
    const b = member(cluster, config);
    await runUntil(cluster, 'both share', () => owned(a) === 2 && owned(b) === 2);
    await runUntil(cluster, 'all is read', () => new Set([...a.read, ...b.read]).size === 400);
    a.stop = true;
    await runFor(cluster, 1000);
    await cluster.world.complete(a.consumer.close(), 30000, 'closing');
    await runUntil(cluster, 'b has all', () => owned(b) === 4);
    await runFor(cluster, 5000);
    expect([assignor, a.read.length + b.read.length]).toEqual([assignor, 400]);
  }
});

test('a commit without a coordinator ends with its deadline', async () => {
  const cluster = await clusterWithOrders('deadline', 1);
  const a = member(cluster, {});
  await runUntil(cluster, 'a has all', () => owned(a) === 4 && a.read.length === 4);
  for (const id of [1, 2, 3]) cluster.kill(id);
  a.stop = true;
  const startedMs = cluster.world.nowMs;
  expect(
    await cluster.world.complete(
      outcome(a.consumer.commitSync(undefined, { timeoutMs: 3000 })),
      30000,
      'committing',
    ),
  ).toBe('TIMEOUT');
  expect(cluster.world.nowMs - startedMs).toBeCloseTo(3000);
});

test('a consumer that unsubscribes while it joins is no member afterwards: the others get everything', async () => {
  const cluster = await clusterWithOrders('unsubscribed', 1);
  const a = member(cluster, { 'max.poll.interval.ms': 600000, 'heartbeat.interval.ms': 5000 });
  await runUntil(cluster, 'a has all', () => owned(a) === 4);
  const environment = cluster.environment();
  const b = new Consumer(environment, {
    'zookeeper.connect': 'z',
    'group.id': 'g',
    'session.timeout.ms': 6000,
    'heartbeat.interval.ms': 500,
    'max.poll.interval.ms': 600000,
  });
  await b.subscribe(['orders']);
  await cluster.world.complete(b.poll(600), 30000, 'polling');
  expect(cluster.world.timeline.filter(({ what }) => what === 'rebalance').length).toBe(2);
  await cluster.world.complete(b.unsubscribe(), 30000, 'unsubscribing');
  await runFor(cluster, 30000);
  expect([owned(a), b.groupMetadata().generation]).toEqual([4, -1]);
});

test("a commit that was made before a rebalance and has waited since does not count for partitions that are another's now", async () => {
  const cluster = await clusterWithOrders('queued', 20);
  const a = member(cluster, { 'session.timeout.ms': 60000, 'max.poll.interval.ms': 60000 });
  await runUntil(cluster, 'a has all', () => owned(a) === 4 && a.read.length === 80);
  // The first commit hangs, because nothing is replicated; the second waits behind it.
  const leader = cluster.stateOf(OFFSETS)!.leader;
  const followers = [1, 2, 3].filter((id) => id !== leader);
  for (const id of followers) cluster.pause(id);
  const outcomes: string[] = [];
  a.consumer.commitAsync([{ ...TPS[3]!, offset: 1 }], (error) => outcomes.push(error?.errorName ?? 'ok'));
  a.consumer.commitAsync([{ ...TPS[3]!, offset: 2 }], (error) => outcomes.push(error?.errorName ?? 'ok'));
  const b = member(cluster, {}, async (one) => {
    if (one.read.length > 0) one.commits.push(await outcome(one.consumer.commitSync()));
  });
  await runFor(cluster, 2500);
  for (const id of followers) cluster.resume(id);
  await runUntil(cluster, 'both share', () => owned(a) === 2 && owned(b) === 2);
  await runUntil(cluster, 'both commits are answered', () => outcomes.length === 2);
  await runUntil(cluster, 'b has read all', () => b.read.length === 40);
  const before = b.commits.length;
  await runUntil(cluster, 'b has committed', () => b.commits.slice(before).includes('ok'));
  const theirs = b.consumer.assignment()[0]!;
  const committed = await cluster.world.complete(b.consumer.committed([theirs]), 30000, 'reading back');
  expect(committed.get(tpName(theirs))!.offset).toBe(20);
});

test('a late commit of a consumer that assigns its partitions itself does not take a later one back', async () => {
  const cluster = await clusterWithOrders('late', 20);
  const environment = cluster.environment();
  const consumer = new Consumer(environment, {
    'zookeeper.connect': 'z',
    'group.id': 'solo',
    'enable.auto.commit': false,
    'request.timeout.ms': 2000,
    'zookeeper.session.timeout.ms': 60000,
  });
  consumer.assign(TPS);
  await cluster.world.complete(consumer.commitSync([{ ...TPS[0]!, offset: 1 }]), 30000, 'the first commit');
  const coordinator = cluster.stateOf(OFFSETS)!.leader;
  cluster.pause(coordinator);
  // It lies in the paused broker's buffers when the consumer gives up on it.
  expect(
    await cluster.world.complete(
      outcome(consumer.commitSync([{ ...TPS[0]!, offset: 5 }], { timeoutMs: 1000 })),
      30000,
      'giving up',
    ),
  ).toBe('TIMEOUT');
  const later = consumer.commitSync([{ ...TPS[0]!, offset: 10 }], { timeoutMs: 60000 });
  cluster.resume(coordinator);
  await cluster.world.complete(later, 60000, 'the later commit');
  await runFor(cluster, 2000);
  expect(
    (await cluster.world.complete(consumer.committed([TPS[0]!]), 30000, 'reading back')).get('orders-0')!
      .offset,
  ).toBe(10);
});
