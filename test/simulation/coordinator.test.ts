/**
 * Coordinators in the simulated cluster: where a group lives while its topic is being made, and when epochs
 * change.
 */
import { Admin } from '../../src/admin/admin';
import { GROUP_METADATA_TOPIC } from '../../src/common/cluster-types';
import { KafkaError } from '../../src/common/errors';
import { applyFault } from '../../src/simulation/faults';
import { SimGroup } from '../../src/simulation/sim-group';
import { createTopicZnodes } from '../../src/zk/topic-store';
import { ZkConnection } from '../../src/zk/zk-connection';
import { bringUp, runFor, runUntil, TP } from '../support/sim';

test('offsets committed while some partitions of __consumer_offsets have no leader yet are found when all have one', async () => {
  const settings = { 'offsets.topic.num.partitions': '8', 'offsets.topic.replication.factor': '1' };
  const cluster = await bringUp('half-made', 2, [1], { settings, controller: 1 });
  cluster.kill(2);
  await runUntil(cluster, 'broker 2 is gone', () => !cluster.isRunning(2));
  await runFor(cluster, 30000);
  const assignment = new Map(Array.from({ length: 8 }, (_, partition) => [partition, [1 + (partition % 2)]]));
  const { host, zookeeper } = cluster.environment();
  const create = async () => {
    const zk = await ZkConnection.open(host, zookeeper(''), {
      sessionTimeoutMs: 6000,
      connectTimeoutMs: 30000,
      maxInFlightRequests: 10,
    });
    await createTopicZnodes(zk, GROUP_METADATA_TOPIC, assignment, { 'cleanup.policy': 'compact' });
    await zk.close();
  };
  await cluster.world.complete(create(), 30000, 'creating');
  await runFor(cluster, 5000);
  const admin = (timeoutMs: number) =>
    new Admin(cluster.environment(), { 'zookeeper.connect': 'z', 'default.api.timeout.ms': timeoutMs });
  const first = admin(2000);
  const committed: string[] = [];
  for (let i = 0; i < 8; i++) {
    const outcome = first.alterConsumerGroupOffsets(`group-${i}`, [{ ...TP, offset: i }]).then(
      () => true,
      (error: KafkaError) => {
        expect(error.retriable).toBe(true);
        return false;
      },
    );
    if (await cluster.world.complete(outcome, 60000, 'committing')) committed.push(`group-${i}`);
  }
  expect(committed.length).toBeGreaterThan(0);
  expect(committed.length).toBeLessThan(8);
  cluster.start(2);
  await runUntil(cluster, 'broker 2 is back', () => cluster.isRunning(2));
  // Who has known some of the partitions only, and who starts now, must look in the same one.
  cluster.terminate(1);
  await runUntil(cluster, 'broker 1 has stopped', () => !cluster.isRunning(1));
  cluster.start(1);
  await runUntil(cluster, 'broker 1 is back', () => cluster.isRunning(1));
  await runFor(cluster, 10000);
  const second = admin(20000);
  for (let i = 0; i < 8; i++) {
    const offsets = await cluster.world.complete(
      second.listConsumerGroupOffsets(`group-${i}`),
      60000,
      'reading back',
    );
    expect(offsets.map(({ offset }) => offset)).toEqual(committed.includes(`group-${i}`) ? [i] : []);
  }
});

test("a follower of the coordinator's partition stops: its leader epoch changes, and no group is unloaded", async () => {
  const settings = {
    'offsets.topic.num.partitions': 1,
    'offsets.topic.replication.factor': 3,
    'group.initial.rebalance.delay.ms': 300,
  };
  const cluster = await bringUp('bump', 3, [1, 2, 3], { settings });
  const group = new SimGroup(cluster, { groupId: 'g', topics: [TP.topic] });
  const member = group.start('a');
  await runUntil(cluster, 'it has the partition', () => member.consumer.assignment().length === 1);
  const offsets = { topic: GROUP_METADATA_TOPIC, partition: 0 };
  const before = cluster.stateOf(offsets)!;
  const { generation } = member.consumer.groupMetadata();
  cluster.terminate(before.isr.find((id) => id !== before.leader && id !== 3)!);
  await runUntil(
    cluster,
    'the epoch has changed',
    () => cluster.stateOf(offsets)!.leaderEpoch > before.leaderEpoch,
  );
  await runFor(cluster, 5000);
  expect(cluster.stateOf(offsets)!.leader).toBe(before.leader);
  expect(
    cluster.world.timeline.filter(({ what }) => what === 'group-unloaded' || what === 'group-load-started')
      .length,
  ).toBe(1);
  expect(member.consumer.groupMetadata().generation).toBe(generation);
  expect(member.lost + member.revocations).toBe(0);
});

/** Where a fault may do harm to a group, and what may strike the coordinator there. */
const MOMENTS = [
  'group-load-started',
  'group-loaded',
  'group-store-started',
  'group-stored',
  'offset-commit-started',
  'offset-commit-stored',
  'generation-changed',
  'rebalance',
];
const STRIKES = ['kill', 'pause', 'cut-zookeeper', 'cut-peers'] as const;

test.each(MOMENTS)(
  'whatever strikes the coordinator at %s, commits go on, and every record is processed',
  async (moment) => {
    const first = MOMENTS.indexOf(moment) % STRIKES.length;
    for (const [i, strike] of [STRIKES[first]!, STRIKES[(first + 1) % STRIKES.length]!].entries()) {
      const settings = {
        'offsets.topic.num.partitions': 1,
        'offsets.topic.replication.factor': 3,
        'group.initial.rebalance.delay.ms': 300,
        'offsets.load.buffer.size': 300,
      };
      const cluster = await bringUp(`strike-${moment}-${strike}`, 3, [1, 2, 3], { settings });
      const tps = [0, 1, 2, 3].map((partition) => ({ topic: 'orders', partition }));
      await cluster.world.complete(
        cluster.createTopic('orders', new Map(tps.map(({ partition }) => [partition, [1, 2, 3]]))),
        30000,
        'creating',
      );
      const assignor = ['range', 'cooperative-sticky'][i % 2]!;
      const group = new SimGroup(cluster, {
        groupId: 'g',
        topics: ['orders'],
        drawsCommits: true,
        config: { 'partition.assignment.strategy': assignor },
      });
      let left = 2;
      cluster.world.onEvent.push(({ what, who }) => {
        if (what !== moment || left === 0 || !who.startsWith('broker-') || cluster.world.nowMs < 2000) return;
        left--;
        const id = Number(who.slice('broker-'.length));
        cluster.world.schedule(0, () =>
          applyFault(
            cluster,
            { group, oldGroup: undefined },
            { kind: strike, target: id, other: (id % 3) + 1, lastsMs: 7000, atMs: 0 },
          ),
        );
      });
      const producer = await cluster.world.complete(
        cluster.producer({ 'acks': 'all', 'enable.idempotence': true, 'delivery.timeout.ms': 300000 }),
        30000,
        'opening a producer',
      );
      const sent: Promise<unknown>[] = [];
      for (let round = 0; round < 20; round++) {
        cluster.world.schedule(round * 1000, () => {
          for (const tp of tps) sent.push(producer.send({ ...tp, value: `${tp.partition}-${round}` }));
        });
      }
      group.start('a');
      await runFor(cluster, 3000);
      group.start('b');
      // Whoever takes a partition of the group's over has to load it.
      cluster.world.schedule(6000, () =>
        cluster.terminate(cluster.stateOf({ topic: GROUP_METADATA_TOPIC, partition: 0 })!.leader),
      );
      await runFor(cluster, 40000);
      cluster.heal();
      cluster.startAll();
      await cluster.world.complete(Promise.all(sent), 300000, 'producing');
      await runUntil(
        cluster,
        'all is processed',
        () => tps.every((tp) => group.processedCount(tp) === 20),
        240000,
      );
      await runFor(cluster, 10000);
      expect([
        strike,
        left < 2,
        cluster.world.violations,
        group.members.map((member) => member.endedWith),
      ]).toEqual([strike, true, [], [undefined, undefined]]);
    }
  },
);
