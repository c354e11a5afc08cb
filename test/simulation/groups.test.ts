/**
 * Consumer groups on simulated hosts: joining, dying, stalling, returning, and what each member may then
 * still do.
 */
import { Admin } from '../../src/admin/admin';
import { tpName } from '../../src/common/cluster-types';
import { RawConfig } from '../../src/common/config-def';
import { Consumer } from '../../src/consumer/consumer';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { SimGroup, SimMember } from '../../src/simulation/sim-group';
import { ZkConnection } from '../../src/zk/zk-connection';
import { topicZnode } from '../../src/zk/znodes';
import { bringUp, runFor, runUntil } from '../support/sim';

const TPS = [0, 1, 2, 3].map((partition) => ({ topic: 'orders', partition }));
const SETTINGS = {
  'offsets.topic.num.partitions': 1,
  'offsets.topic.replication.factor': 3,
  'group.initial.rebalance.delay.ms': 300,
};

async function clusterWithOrders(seed: string, settings: RawConfig = {}): Promise<SimCluster> {
  const cluster = await bringUp(seed, 3, [1, 2, 3], { settings: { ...SETTINGS, ...settings } });
  await cluster.world.complete(
    cluster.createTopic('orders', new Map(TPS.map(({ partition }) => [partition, [1, 2, 3]]))),
    30000,
    'creating orders',
  );
  await runUntil(cluster, 'orders is in sync', () => TPS.every((tp) => cluster.isQuiet(tp)));
  return cluster;
}

async function produceOrders(cluster: SimCluster, each: number): Promise<void> {
  const producer = await cluster.world.complete(
    cluster.producer({ 'acks': 'all', 'enable.idempotence': true }),
    30000,
    'opening a producer',
  );
  const sent = TPS.flatMap((tp) =>
    Array.from({ length: each }, (_, i) => producer.send({ ...tp, value: `${tp.partition}-${i}` })),
  );
  await cluster.world.complete(Promise.all(sent), 60000, 'producing');
  await cluster.world.complete(producer.close(), 60000, 'closing');
}

const owned = (member: SimMember) => member.consumer.assignment().map(tpName).sort();
const isBalanced = (group: SimGroup, members: number) =>
  group.alive.length === members &&
  group.alive.flatMap(owned).sort().join() === TPS.map(tpName).join() &&
  group.alive.every((member) => owned(member).length >= Math.floor(TPS.length / members));
const allDone = (group: SimGroup, each: number) => TPS.every((tp) => group.processedCount(tp) >= each);

describe.each(['range', 'roundrobin', 'sticky', 'cooperative-sticky'])('with the %s assignor', (assignor) => {
  test('members that join, leave or die share all partitions again, and every record is processed', async () => {
    const cluster = await clusterWithOrders(`group-${assignor}`);
    const group = new SimGroup(cluster, {
      groupId: 'g',
      topics: ['orders'],
      config: { 'partition.assignment.strategy': assignor },
    });
    const [a, b] = [group.start('a'), group.start('b')];
    await runUntil(cluster, 'two members share', () => isBalanced(group, 2));
    await produceOrders(cluster, 20);
    await runUntil(cluster, 'all is processed', () => allDone(group, 20));
    group.start('c');
    await runUntil(cluster, 'three members share', () => isBalanced(group, 3));
    group.kill(a!);
    await runUntil(cluster, 'two are left', () => isBalanced(group, 2));
    await produceOrders(cluster, 20);
    await runUntil(cluster, 'the rest is processed', () => allDone(group, 40));
    await cluster.world.complete(b!.consumer.close(), 30000, 'b leaves').catch(() => {});
    b!.endedWith = 'closed';
    await runUntil(cluster, 'one is left', () => isBalanced(group, 1));
    expect(cluster.world.violations).toEqual([]);
    expect([...new Set([1, 2, 3].flatMap((id) => group.commitsThatWentBack(id, 1)))]).toEqual([]);
  });
});

test('more members than partitions: the rest stay idle and take over when an owner dies', async () => {
  const cluster = await clusterWithOrders('idle');
  const group = new SimGroup(cluster, { groupId: 'g', topics: ['orders'] });
  for (let i = 0; i < 6; i++) group.start(`m${i}`);
  await runUntil(
    cluster,
    'four of six have one',
    () => group.alive.filter((member) => owned(member).length === 1).length === 4,
  );
  const victim = group.alive.find((member) => owned(member).length === 1)!;
  group.kill(victim);
  await runUntil(
    cluster,
    'an idle one took over',
    () => group.alive.filter((member) => owned(member).length === 1).length === 4,
  );
});

test('cooperative-sticky: members keep reading what they keep; nothing else is revoked', async () => {
  const cluster = await clusterWithOrders('cooperative');
  const group = new SimGroup(cluster, {
    groupId: 'g',
    topics: ['orders'],
    config: { 'partition.assignment.strategy': 'cooperative-sticky' },
  });
  const a = group.start('a');
  await runUntil(cluster, 'a has all', () => isBalanced(group, 1));
  const before = owned(a);
  group.start('b');
  await runUntil(cluster, 'both share', () => isBalanced(group, 2));
  expect(a.revocations).toBe(1);
  expect(before).toEqual(expect.arrayContaining(owned(a)));
});

test('the coordinator dies: the group goes on with its offsets at the next leader, without a member losing its place', async () => {
  const cluster = await clusterWithOrders('coordinator');
  const group = new SimGroup(cluster, { groupId: 'g', topics: ['orders'], commitChance: 1 });
  group.start('a');
  group.start('b');
  await runUntil(cluster, 'two members share', () => isBalanced(group, 2));
  await produceOrders(cluster, 10);
  await runUntil(cluster, 'all is processed', () => allDone(group, 10));
  await runFor(cluster, 3000);
  const coordinator = cluster.stateOf({ topic: '__consumer_offsets', partition: 0 })!.leader;
  const generations = group.alive.map((member) => member.consumer.groupMetadata().generation);
  cluster.kill(coordinator);
  await runUntil(
    cluster,
    'another broker loaded the group',
    () => cluster.world.timeline.filter(({ what }) => what === 'group-loaded').length >= 2,
  );
  await runUntil(cluster, 'orders are led', () =>
    TPS.every((tp) => cluster.isRunning(cluster.stateOf(tp)?.leader ?? -1)),
  );
  await produceOrders(cluster, 10);
  await runUntil(cluster, 'the rest is processed', () => allDone(group, 20));
  expect(group.alive.map((member) => member.consumer.groupMetadata().generation)).toEqual(generations);
  // Commits of before the failover were not forgotten: nothing is processed twice.
  expect(
    [...group.processed.values()].flatMap((counts) => [...counts.values()]).every((times) => times === 1),
  ).toBe(true);
});

test('F21: a member that was stopped for longer than its session cannot commit for its successor', async () => {
  const cluster = await clusterWithOrders('f21');
  const group = new SimGroup(cluster, { groupId: 'g', topics: ['orders'], commitChance: 0 });
  const zombie = group.start('zombie');
  await runUntil(cluster, 'the zombie-to-be has all', () => isBalanced(group, 1));
  await produceOrders(cluster, 10);
  await runUntil(cluster, 'it has processed all', () => allDone(group, 10));
  group.pause(zombie);
  const heir = group.start('heir');
  await runUntil(cluster, 'the heir has all', () => owned(heir).length === 4);
  await runUntil(cluster, 'the heir has done all again', () =>
    [...group.processed.values()].every((counts) => [...counts.values()].every((times) => times === 2)),
  );
  await cluster.world.complete(heir.consumer.commitSync(), 30000, 'the heir commits');
  const stale = zombie.consumer.commitSync([{ ...TPS[0]!, offset: 1 }]).then(
    () => 'committed',
    (error) => error.errorName as string,
  );
  group.resume(zombie);
  expect(await cluster.world.complete(stale, 60000, 'the stale commit')).toBe('COMMIT_FAILED');
  expect(
    (await cluster.world.complete(heir.consumer.committed(TPS), 30000, 'reading back')).get('orders-0')!
      .offset,
  ).toBe(10);
  await runUntil(cluster, 'the zombie is back as an ordinary member', () => isBalanced(group, 2));
  expect(zombie.lost).toBe(1);
  expect(cluster.world.violations).toEqual([]);
});

test('F21, the lesson: without the check of the generation the zombie moves the offset back', async () => {
  const cluster = await clusterWithOrders('f21-lesson', { 'lab.commit.without.generation': 'true' });
  const group = new SimGroup(cluster, { groupId: 'g', topics: ['orders'], commitChance: 0 });
  const zombie = group.start('zombie');
  await runUntil(cluster, 'the zombie-to-be has all', () => isBalanced(group, 1));
  await produceOrders(cluster, 10);
  await runUntil(cluster, 'it has processed all', () => allDone(group, 10));
  group.pause(zombie);
  const heir = group.start('heir');
  await runUntil(cluster, 'the heir has done all again', () =>
    [...group.processed.values()].every((counts) => [...counts.values()].every((times) => times === 2)),
  );
  await cluster.world.complete(heir.consumer.commitSync(), 30000, 'the heir commits');
  const stale = zombie.consumer.commitSync([{ ...TPS[0]!, offset: 1 }]);
  group.resume(zombie);
  await cluster.world.complete(stale, 60000, 'the stale commit');
  expect(
    (await cluster.world.complete(heir.consumer.committed(TPS), 30000, 'reading back')).get('orders-0')!
      .offset,
  ).toBe(1);
  expect(group.commitsThatWentBack(1, 1)).toEqual([
    expect.stringContaining('orders-0 went from 10 back to 1'),
  ]);
});

test('F22: a static member may restart within its session without a single revocation elsewhere', async () => {
  const cluster = await clusterWithOrders('static');
  const group = new SimGroup(cluster, {
    groupId: 'g',
    topics: ['orders'],
    config: { 'session.timeout.ms': 20000, 'max.poll.interval.ms': 30000 },
  });
  const members = ['x', 'y'].map((id) => group.start(id, { 'group.instance.id': id }));
  await runUntil(cluster, 'both share', () => isBalanced(group, 2));
  const generation = members[0]!.consumer.groupMetadata().generation;
  const mine = owned(members[1]!);
  for (let round = 0; round < 3; round++) {
    const current = group.alive.find((member) => member.name.startsWith('y'))!;
    group.kill(current);
    await runFor(cluster, 2000);
    const back = group.start(`y${round}`, { 'group.instance.id': 'y' });
    await runUntil(cluster, 'it is back with what it had', () => owned(back).join() === mine.join());
  }
  expect(members[0]!.revocations).toBe(0);
  expect(members[0]!.consumer.groupMetadata().generation).toBe(generation);
});

test('a second process with the same group.instance.id fences the first', async () => {
  const cluster = await clusterWithOrders('fenced');
  const group = new SimGroup(cluster, { groupId: 'g', topics: ['orders'] });
  const first = group.start('first', { 'group.instance.id': 'one' });
  await runUntil(cluster, 'it has all', () => isBalanced(group, 1));
  const second = group.start('second', { 'group.instance.id': 'one' });
  await runUntil(cluster, 'the first is fenced', () => first.endedWith !== undefined);
  expect(first.endedWith).toBe('FENCED_INSTANCE_ID');
  await runUntil(cluster, 'the second has all', () => owned(second).length === 4);
});

test('a consumer that works longer than max.poll.interval.ms leaves the group and hears that its partitions are lost', async () => {
  const cluster = await clusterWithOrders('slow');
  const group = new SimGroup(cluster, { groupId: 'g', topics: ['orders'] });
  const environment = cluster.environment();
  const slow = new Consumer(environment, {
    'zookeeper.connect': 'z',
    'group.id': 'g',
    'max.poll.interval.ms': 3000,
    'session.timeout.ms': 6000,
    'heartbeat.interval.ms': 500,
    'auto.offset.reset': 'earliest',
  });
  let lost = 0;
  await slow.subscribe(['orders'], {
    onPartitionsLost: (tps) => {
      lost += tps.length;
    },
  });
  const joined = async () => {
    while (slow.assignment().length === 0) await slow.poll(100);
  };
  await cluster.world.complete(joined(), 30000, 'joining');
  const other = group.start('other');
  await runUntil(cluster, 'the other has all', () => owned(other).length === 4);
  await cluster.world.complete(slow.poll(100), 30000, 'polling again');
  expect(lost).toBe(4);
});

test('partitions added to a topic, and topics that come to match a pattern, are taken up', async () => {
  const cluster = await clusterWithOrders('growth');
  const consumer = new Consumer(cluster.environment(), {
    'zookeeper.connect': 'z',
    'group.id': 'g',
    'metadata.max.age.ms': 1000,
    'session.timeout.ms': 6000,
    'heartbeat.interval.ms': 500,
  });
  await consumer.subscribe(/^orders/);
  const until = async (count: number) => {
    while (consumer.assignment().length !== count) await consumer.poll(100);
  };
  await cluster.world.complete(until(4), 30000, 'the first topic');
  await cluster.world.complete(
    cluster.createTopic(
      'orders-2',
      new Map([
        [0, [1]],
        [1, [2]],
      ]),
    ),
    30000,
    'creating',
  );
  await cluster.world.complete(until(6), 30000, 'the second topic');
  await cluster.world.complete(consumer.unsubscribe(), 30000, 'unsubscribing');
  expect([consumer.assignment(), consumer.subscription()]).toEqual([[], []]);
});

async function growToSix(cluster: SimCluster): Promise<void> {
  const partitions = new Map([0, 1, 2, 3, 4, 5].map((partition) => [partition, [1, 2, 3]]));
  const path = topicZnode.path('orders');
  const { host, zookeeper } = cluster.environment();
  const alter = async () => {
    const zk = await ZkConnection.open(host, zookeeper(''), {
      sessionTimeoutMs: 6000,
      connectTimeoutMs: 30000,
      maxInFlightRequests: 10,
    });
    await zk.set(
      path,
      topicZnode.encode({ partitions, adding: new Map(), removing: new Map() }),
      (await zk.exists(path))!.version,
    );
    await zk.close();
  };
  await cluster.world.complete(alter(), 30000, 'adding partitions');
}

test('partitions are taken up also when the static member that leads the group has restarted', async () => {
  const cluster = await clusterWithOrders('static-leader');
  const config = { 'session.timeout.ms': 20000, 'max.poll.interval.ms': 30000 };
  const group = new SimGroup(cluster, { groupId: 'g', topics: ['orders'], config });
  for (const id of ['x', 'y']) group.start(id, { 'group.instance.id': id });
  await runUntil(cluster, 'both share', () => isBalanced(group, 2));
  const { generation } = group.alive[0]!.consumer.groupMetadata();
  for (const id of ['x', 'y']) {
    const current = group.alive.find((member) => member.name === id)!;
    const mine = owned(current);
    group.kill(current);
    const back = group.start(`${id} again`, { 'group.instance.id': id });
    await runUntil(cluster, 'it is back with what it had', () => owned(back).join() === mine.join());
  }
  expect(group.alive.map((member) => member.consumer.groupMetadata().generation)).toEqual([
    generation,
    generation,
  ]);
  await growToSix(cluster);
  await runUntil(cluster, 'six are owned', () => group.alive.flatMap(owned).length === 6);
});

test('partitions that are added to a topic are taken up by a rebalance', async () => {
  const cluster = await clusterWithOrders('grow');
  const group = new SimGroup(cluster, { groupId: 'g', topics: ['orders'] });
  group.start('a');
  group.start('b');
  await runUntil(cluster, 'both share', () => isBalanced(group, 2));
  const generation = group.alive[0]!.consumer.groupMetadata().generation;
  await growToSix(cluster);
  await runUntil(
    cluster,
    'six are owned',
    () =>
      group.alive.flatMap(owned).length === 6 && group.alive.every((member) => owned(member).length === 3),
  );
  expect(group.alive[0]!.consumer.groupMetadata().generation).toBeGreaterThan(generation);
});

test('unsubscribe gives the partitions to the others at once', async () => {
  const cluster = await clusterWithOrders('unsubscribe');
  const group = new SimGroup(cluster, { groupId: 'g', topics: ['orders'] });
  const stays = group.start('stays');
  const goes = new Consumer(cluster.environment(), {
    'zookeeper.connect': 'z',
    'group.id': 'g',
    'session.timeout.ms': 60000,
    'heartbeat.interval.ms': 500,
  });
  await goes.subscribe(['orders']);
  await cluster.world.complete(
    (async () => {
      while (goes.assignment().length !== 2) await goes.poll(100);
    })(),
    60000,
    'sharing',
  );
  await cluster.world.complete(goes.unsubscribe(), 30000, 'unsubscribing');
  const leftMs = cluster.world.nowMs;
  await runUntil(cluster, 'the other has all', () => owned(stays).length === 4);
  expect(cluster.world.nowMs - leftMs).toBeLessThan(10000);
});

test("a user's own assignor decides, and one that throws is reported by poll", async () => {
  const cluster = await clusterWithOrders('own-assignor');
  const all = {
    name: 'all-to-one',
    protocol: 'eager' as const,
    assign: (counts: ReadonlyMap<string, number>, members: readonly { memberId: string }[]) =>
      new Map([
        [
          members.map((one) => one.memberId).sort()[0]!,
          [...counts].flatMap(([topic, count]) =>
            Array.from({ length: count }, (_, partition) => ({ topic, partition })),
          ),
        ],
      ]),
  };
  const group = new SimGroup(cluster, {
    groupId: 'g',
    topics: ['orders'],
    config: { 'partition.assignment.strategy': [all] },
  });
  group.start('a');
  group.start('b');
  await runUntil(
    cluster,
    'one has all',
    () =>
      group.alive
        .map((member) => owned(member).length)
        .sort()
        .join() === '0,4',
  );
  const bad = new SimGroup(cluster, {
    groupId: 'bad',
    topics: ['orders'],
    config: {
      'partition.assignment.strategy': [
        {
          ...all,
          assign: () => {
            throw new Error('no idea');
          },
        },
      ],
    },
  });
  const member = bad.start('c');
  await runUntil(cluster, 'it ends', () => member.endedWith !== undefined);
  expect(member.endedWith).toBe('UNKNOWN_SERVER_ERROR');
});

test('a member that was started while ZooKeeper was away, for longer than its time-outs, joins when it is back', async () => {
  const cluster = await clusterWithOrders('started-in-outage');
  await produceOrders(cluster, 3);
  cluster.setZooKeeperDown(true);
  const group = new SimGroup(cluster, { groupId: 'late', topics: ['orders'] });
  group.start('a');
  await runFor(cluster, 90000);
  cluster.setZooKeeperDown(false);
  await runUntil(cluster, 'all is processed', () => allDone(group, 3));
});

test('offsets of a group without members expire, and with the last one the group; a group with members keeps its own', async () => {
  const cluster = await clusterWithOrders('expiry', {
    'offsets.retention.minutes': 1,
    'offsets.retention.check.interval.ms': 5000,
  });
  const group = new SimGroup(cluster, { groupId: 'stays', topics: ['orders'], commitChance: 1 });
  group.start('a');
  const environment = cluster.environment();
  const admin = new Admin(environment, { 'zookeeper.connect': 'z', 'default.api.timeout.ms': 10000 });
  await cluster.world.complete(admin.listTopics(), 30000, 'connecting');
  await produceOrders(cluster, 3);
  await runUntil(cluster, 'all is processed', () => allDone(group, 3));
  await cluster.world.complete(
    admin.alterConsumerGroupOffsets('goes', [{ topic: 'orders', partition: 0, offset: 2 }]),
    30000,
    'committing',
  );
  const listed = async () =>
    (await cluster.world.complete(admin.listConsumerGroups(), 30000, 'listing')).map(
      (one) => `${one.groupId} ${one.state}`,
    );
  expect(await listed()).toEqual(['goes Empty', 'stays Stable']);
  await runFor(cluster, 50000);
  expect(
    (await cluster.world.complete(admin.listConsumerGroupOffsets('goes'), 30000, 'offsets')).length,
  ).toBe(1);
  await runFor(cluster, 20000);
  expect(await listed()).toEqual(['stays Stable']);
  expect(
    (await cluster.world.complete(admin.listConsumerGroupOffsets('stays'), 30000, 'offsets')).length,
  ).toBe(4);
  expect((await cluster.world.complete(admin.describeConsumerGroup('goes'), 30000, 'describing')).state).toBe(
    'Dead',
  );
});

test('deleting: a group with members is refused, offsets of a subscribed topic too', async () => {
  const cluster = await clusterWithOrders('deleting');
  const group = new SimGroup(cluster, { groupId: 'g', topics: ['orders'] });
  const member = group.start('a');
  await runUntil(cluster, 'it has all', () => isBalanced(group, 1));
  const admin = new Admin(cluster.environment(), {
    'zookeeper.connect': 'z',
    'default.api.timeout.ms': 10000,
  });
  const outcome = (work: Promise<unknown>) =>
    cluster.world.complete(
      work.then(
        (value) => value ?? 'ok',
        (error) => (error as { errorName: string }).errorName,
      ),
      30000,
      'the call',
    );
  expect(await outcome(admin.deleteConsumerGroup('g'))).toBe('NON_EMPTY_GROUP');
  expect(await outcome(admin.deleteConsumerGroupOffsets('g', [TPS[0]!]))).toEqual([
    { topic: 'orders', partition: 0, error: 'GROUP_SUBSCRIBED_TO_TOPIC' },
  ]);
  expect(await outcome(admin.alterConsumerGroupOffsets('g', [{ ...TPS[0]!, offset: 1 }]))).toBe(
    'UNKNOWN_MEMBER_ID',
  );
  expect(await outcome(admin.deleteConsumerGroup('nobody'))).toBe('GROUP_ID_NOT_FOUND');
  await cluster.world.complete(member.consumer.close(), 30000, 'closing').catch(() => {});
  expect(await outcome(admin.alterConsumerGroupOffsets('g', [{ ...TPS[0]!, offset: 1 }]))).toBe('ok');
  expect(await outcome(admin.deleteConsumerGroup('g'))).toBe('ok');
  expect(await outcome(admin.listConsumerGroupOffsets('g'))).toEqual([]);
});

test('an administrator who knows a dead broker first asks the others', async () => {
  const cluster = await clusterWithOrders('dead-first', { 'auto.create.topics.enable': false });
  const admin = new Admin(cluster.environment(), {
    'bootstrap.servers': 'broker-1:9092,broker-2:9092,broker-3:9092',
    'default.api.timeout.ms': 20000,
    'request.timeout.ms': 5000,
  });
  const outcome = <T>(work: Promise<T>) => {
    const orError = work.catch((error) => (error as { errorName: string }).errorName);
    return cluster.world.complete(orError, 60000, 'the call');
  };
  expect(await outcome(admin.listTopics())).toContain('orders');
  expect(await outcome(admin.alterConsumerGroupOffsets('g', [{ ...TPS[0]!, offset: 1 }]))).toBeUndefined();
  cluster.kill(1);
  const led = [...TPS, { topic: '__consumer_offsets', partition: 0 }];
  await runUntil(cluster, 'others lead', () => led.every((tp) => cluster.stateOf(tp)!.leader !== 1));
  await runFor(cluster, 3000);
  expect(await outcome(admin.listTopics())).toContain('orders');
  const offsets = await outcome(admin.listConsumerGroupOffsets('g'));
  expect(offsets).toEqual([expect.objectContaining({ ...TPS[0]!, offset: 1 })]);
});
