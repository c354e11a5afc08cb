/** The consumer of 0.8 on simulated hosts: watches instead of a coordinator, and what that costs. */
import { tpName } from '../../src/common/cluster-types';
import { RawConfig } from '../../src/common/config-def';
import { sleep } from '../../src/common/host';
import { rangeAllocation, roundRobinAllocation } from '../../src/consumer/partition-allocation';
import { MessageStream } from '../../src/consumer/message-stream';
import { ZooKeeperConsumer } from '../../src/consumer/zookeeper-consumer';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { SimHost } from '../../src/simulation/sim-host';
import { ZOOKEEPER_HOST } from '../../src/simulation/sim-zookeeper';
import { failOnRejection } from '../support/fail-on-rejection';
import { bringUp, runFor, runUntil } from '../support/sim';

const TPS = [0, 1, 2, 3].map((partition) => ({ topic: 'orders', partition }));
const NAMES = TPS.map(tpName).join();

interface OldMember {
  readonly host: SimHost;
  readonly consumer: ZooKeeperConsumer;
  readonly read: Map<string, number>;
}

async function setUp(seed: string): Promise<SimCluster> {
  const cluster = await bringUp(seed, 3, [1, 2, 3]);
  await cluster.world.complete(
    cluster.createTopic('orders', new Map(TPS.map(({ partition }) => [partition, [1, 2, 3]]))),
    30000,
    'creating orders',
  );
  await runUntil(cluster, 'orders is in sync', () => TPS.every((tp) => cluster.isQuiet(tp)));
  return cluster;
}

/** `pauseMs`: how long the program works on a record. */
function startOld(
  cluster: SimCluster,
  groupId: string,
  { pauseMs, ...config }: RawConfig & { pauseMs?: number } = {},
  streams = 1,
): OldMember {
  const environment = cluster.environment();
  const consumer = new ZooKeeperConsumer(environment, {
    'zookeeper.connect': 'z',
    'group.id': groupId,
    'auto.offset.reset': 'smallest',
    'rebalance.backoff.ms': 500,
    ...config,
  });
  const member: OldMember = { host: environment.simHost, consumer, read: new Map() };
  const readStream = async (stream: MessageStream) => {
    for await (const { partition, offset } of stream) {
      const name = `${partition}@${offset}`;
      member.read.set(name, (member.read.get(name) ?? 0) + 1);
      if (pauseMs !== undefined) await sleep(environment.host.clock, pauseMs);
    }
  };
  const readAll = async () => {
    const opened = await consumer.createMessageStreams({ orders: streams });
    for (const stream of opened.get('orders')!) failOnRejection(readStream(stream));
  };
  failOnRejection(readAll());
  return member;
}

async function produceOrders(cluster: SimCluster, each: number): Promise<void> {
  const producer = await cluster.world.complete(
    cluster.producer({ acks: 'all' }),
    30000,
    'opening a producer',
  );
  await cluster.world.complete(
    Promise.all(
      TPS.flatMap((tp) => Array.from({ length: each }, (_, i) => producer.send({ ...tp, value: String(i) }))),
    ),
    60000,
    'producing',
  );
}

const owners = (cluster: SimCluster, groupId: string) =>
  TPS.map((tp) => {
    const path = `/consumers/${groupId}/owners/orders/${tp.partition}`;
    return cluster.zookeeper.tree.exists(path) === null
      ? ''
      : cluster.zookeeper.tree.get(path).data.toString();
  });
const owned = (members: readonly OldMember[]) =>
  members
    .flatMap((member) => member.consumer.assignment.map(tpName))
    .sort()
    .join();
const readBy = (members: readonly OldMember[]) =>
  new Set(members.flatMap((member) => [...member.read.keys()])).size;

test('a queue and publish/subscribe: one group shares the records, every group gets all of them', async () => {
  const cluster = await setUp('old-basic');
  const queue = [startOld(cluster, 'queue'), startOld(cluster, 'queue', {}, 2)];
  const other = startOld(cluster, 'other');
  await runUntil(
    cluster,
    'all is owned',
    () =>
      owned(queue) === NAMES &&
      owned([other]) === NAMES &&
      queue.every((one) => one.consumer.assignment.length > 0),
  );
  await produceOrders(cluster, 10);
  await runUntil(cluster, 'all is read', () => readBy(queue) === 40 && readBy([other]) === 40);
  expect(queue[0]!.read.size + queue[1]!.read.size).toBe(40);
  expect(new Set(owners(cluster, 'queue')).size).toBe(3);
});

test('a member that dies is followed by the others, from the offsets it had committed to ZooKeeper', async () => {
  const cluster = await setUp('old-death');
  const members = [
    startOld(cluster, 'g', { 'auto.commit.interval.ms': 500 }),
    startOld(cluster, 'g', { 'auto.commit.interval.ms': 500 }),
  ];
  await runUntil(
    cluster,
    'both share',
    () => owned(members) === NAMES && members.every((one) => one.consumer.assignment.length === 2),
  );
  await produceOrders(cluster, 10);
  await runUntil(cluster, 'all is read', () => readBy(members) === 40);
  await runFor(cluster, 1500);
  expect(cluster.zookeeper.tree.get('/consumers/g/offsets/orders/0').data.toString()).toBe('10');
  members[0]!.host.kill();
  await runUntil(cluster, 'the other has all', () => owned([members[1]!]) === NAMES);
  await produceOrders(cluster, 5);
  await runUntil(cluster, 'the rest is read', () => readBy(members) === 60);
  // Nothing of what was committed came again.
  expect([...members[1]!.read.values()].every((times) => times === 1)).toBe(true);
  expect([...members[1]!.read.keys()].filter((key) => members[0]!.read.has(key))).toEqual([]);
});

test("F23: with one member's watch delayed, a partition still has one owner; the others' claims conflict and are repeated", async () => {
  const cluster = await setUp('f23');
  const slow = startOld(cluster, 'g');
  await runUntil(cluster, 'the first has all', () => owned([slow]) === NAMES);
  const host = slow.host.name;
  cluster.network.cut(ZOOKEEPER_HOST, host);
  const fresh = startOld(cluster, 'g', { 'rebalance.max.retries': 20 });
  await runFor(cluster, 3000);
  // The slow one has not heard of the newcomer: its owner znodes stand, and the newcomer reads nothing of
  // them.
  expect(fresh.consumer.stats.conflicts).toBeGreaterThan(0);
  expect(fresh.consumer.assignment).toEqual([]);
  cluster.healLink(ZOOKEEPER_HOST, host);
  await runUntil(
    cluster,
    'both share',
    () => owned([slow, fresh]) === NAMES && fresh.consumer.assignment.length === 2,
  );
  for (const owner of owners(cluster, 'g')) expect(owner).toMatch(/^g_client-\d+-\d+-[0-9a-f]{8}-0$/);
});

test('F23: a member that runs out of attempts owns nothing and says REBALANCE_FAILED', async () => {
  const cluster = await setUp('f23-fail');
  const first = startOld(cluster, 'g');
  await runUntil(cluster, 'the first has all', () => owned([first]) === NAMES);
  first.host.pause();
  const second = startOld(cluster, 'g', { 'rebalance.max.retries': 2, 'rebalance.backoff.ms': 100 });
  await runUntil(cluster, 'it has given up', () => second.consumer.stats.failures === 1, 5000);
  expect(second.consumer.assignment).toEqual([]);
  // The session of the silent one ends; its znodes go, and that is a change to rebalance for.
  await runUntil(cluster, 'the second has all', () => owned([second]) === NAMES);
});

test('an expired session is replaced: the member registers again and takes its share again', async () => {
  const cluster = await setUp('old-expiry');
  const members = [startOld(cluster, 'g'), startOld(cluster, 'g')];
  await runUntil(
    cluster,
    'both share',
    () => owned(members) === NAMES && members.every((one) => one.consumer.assignment.length === 2),
  );
  cluster.network.cut(members[0]!.host.name, ZOOKEEPER_HOST);
  await runUntil(cluster, 'the other has all', () => owned([members[1]!]) === NAMES);
  cluster.healLink(members[0]!.host.name, ZOOKEEPER_HOST);
  await runUntil(
    cluster,
    'both share again',
    () => owned(members) === NAMES && members.every((one) => one.consumer.assignment.length === 2),
  );
});

test('a record that comes in while a group has no member is read, though it has committed nothing it read yet', async () => {
  const cluster = await setUp('old-largest');
  const settings = { 'auto.offset.reset': 'largest', 'auto.commit.interval.ms': 500 };
  const first = startOld(cluster, 'g', settings);
  await runUntil(cluster, 'it has all', () => owned([first]) === NAMES);
  await runFor(cluster, 3000);
  await cluster.world.complete(first.consumer.shutdown(), 30000, 'leaving');
  await produceOrders(cluster, 10);
  const second = startOld(cluster, 'g', settings);
  await runUntil(cluster, 'all is read', () => readBy([second]) === 40, 20000);
});

test('what a member hands out while it commits before a rebalance does not come again', async () => {
  const cluster = await setUp('old-handover');
  const first = startOld(cluster, 'g', { pauseMs: 1 });
  await runUntil(cluster, 'it has all', () => owned([first]) === NAMES);
  await produceOrders(cluster, 250);
  await runUntil(cluster, 'it reads', () => readBy([first]) > 100);
  const members = [first, startOld(cluster, 'g', { pauseMs: 1 })];
  await runUntil(cluster, 'all is read', () => readBy(members) === 1000);
  expect(members.flatMap((one) => [...one.read.values()]).reduce((sum, times) => sum + times)).toBe(1000);
});

test('a dual commit goes to both stores, and the later of the two is where reading begins', async () => {
  const cluster = await bringUp('old-dual', 3, [1, 2, 3], {
    settings: { 'offsets.topic.num.partitions': 1 },
  });
  await cluster.world.complete(
    cluster.createTopic('orders', new Map(TPS.map(({ partition }) => [partition, [1, 2, 3]]))),
    30000,
    'creating orders',
  );
  const member = startOld(cluster, 'g', { 'offsets.storage': 'kafka', 'auto.commit.interval.ms': 500 });
  await runUntil(cluster, 'it has all', () => owned([member]) === NAMES);
  await produceOrders(cluster, 10);
  await runUntil(cluster, 'all is read', () => readBy([member]) === 40);
  await runFor(cluster, 3000);
  const consumer = await cluster.world.complete(cluster.consumer({ 'group.id': 'g' }), 30000, 'opening');
  expect(
    (await cluster.world.complete(consumer.committed(TPS), 30000, 'reading')).get('orders-1')!.offset,
  ).toBe(10);
  expect(cluster.zookeeper.tree.get('/consumers/g/offsets/orders/1').data.toString()).toBe('10');
});

test("0.8's assignments: ranges by thread, and round robin only among equals", () => {
  const group = {
    members: new Map([
      ['C1', { t: 2 }],
      ['C2', { t: 2 }],
    ]),
    partitions: new Map([['t', [0, 1, 2, 3, 4]]]),
  };
  const range = rangeAllocation(group);
  expect(['C1-0', 'C1-1', 'C2-0', 'C2-1'].map((id) => range.get(id)!.map((tp) => tp.partition))).toEqual([
    [0, 1],
    [2],
    [3],
    [4],
  ]);
  const dealt = roundRobinAllocation(group);
  expect([...dealt.values()].map((tps) => tps.length).sort()).toEqual([1, 1, 1, 2]);
  expect(() =>
    roundRobinAllocation({
      ...group,
      members: new Map([
        ['C1', { t: 2 }],
        ['C2', { t: 1 }],
      ]),
    }),
  ).toThrow('same number of streams');
});
