/** What the controller must not miss, at the moments when it could. Whole brokers, virtual time. */
import { errorName } from '../../src/common/errors';
import { metadata } from '../../src/protocol/messages/metadata';
import { controlledShutdown } from '../../src/protocol/messages/replica-control';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { ask } from '../support/control';
import { bringUp, healAndSettle, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

const leads = (cluster: SimCluster, id: number) =>
  cluster.isRunning(id) && (cluster.broker(id).broker!.replicas.get(TP)?.isLeader ?? false);
const isController = (cluster: SimCluster, id: number) =>
  cluster.isRunning(id) && cluster.broker(id).broker!.controller.isActive;

test('a request that a broken connection swallowed is sent again', async () => {
  const cluster = await bringUp('swallowed', 4, [1, 2], { controller: 4 });
  cluster.cutPeers(4, 2, false);
  cluster.kill(1);
  await runUntil(cluster, '2 is elected', () => cluster.stateOf(TP)!.leader === 2);
  await runFor(cluster, 8000);
  expect(leads(cluster, 2)).toBe(false);
  cluster.heal();
  await runUntil(cluster, '2 has been told', () => leads(cluster, 2), 20000);
});

test('a broker that restarts unseen is told anew, under a new leader epoch (KAFKA-7235)', async () => {
  const cluster = await bringUp('bounced', 3, [1, 2], { controller: 3 });
  const { leaderEpoch } = cluster.stateOf(TP)!;
  // The controller sees the old registration go and the new one come in one look.
  cluster.zookeeper.atOperation(
    (one) => one.host === 'broker-3' && one.type === 'children' && one.paths.includes('/brokers/ids'),
    { delayMs: 3000 },
  );
  cluster.kill(1);
  cluster.start(1);
  await runUntil(cluster, '1 runs again', () => cluster.isRunning(1), 3000);
  await runUntil(
    cluster,
    '1 was told of its partition',
    () => cluster.broker(1).broker!.replicas.get(TP) !== undefined,
    30000,
  );
  const bounces = cluster.world.timeline.filter(
    (one) => one.what === 'broker-change' && (one.bounced as number[]).length > 0,
  );
  expect(bounces).toHaveLength(1);
  await healAndSettle(cluster);
  expect(cluster.stateOf(TP)!.leaderEpoch).toBeGreaterThan(leaderEpoch);
});

test('a leader that restarted while nobody was controller begins a new leader epoch', async () => {
  const cluster = await bringUp('bounced-unseen', 3, [1, 2], { controller: 3 });
  const { leaderEpoch } = cluster.stateOf(TP)!;
  cluster.kill(3);
  cluster.kill(1);
  cluster.start(1);
  await runUntil(cluster, '1 runs again', () => cluster.isRunning(1), 3000);
  expect([1, 2, 3].filter((id) => isController(cluster, id))).toEqual([]);
  await runUntil(
    cluster,
    'somebody is controller',
    () => isController(cluster, 1) || isController(cluster, 2),
  );
  await runFor(cluster, 2000);
  expect(cluster.stateOf(TP)!.leaderEpoch).toBeGreaterThan(leaderEpoch);
});

test('from the moment it knows that its session has expired nobody acts as controller', async () => {
  const cluster = await bringUp('expired', 3, [1, 2], { controller: 3 });
  cluster.expireSession(3);
  await runUntil(cluster, '3 knows', () =>
    cluster.world.timeline.some((one) => one.what === 'zk-session-expired'),
  );
  expect(isController(cluster, 3)).toBe(false);
});

test('every broker learns of an ISR that a leader has changed', async () => {
  const cluster = await bringUp('isr-known', 3, [1, 2, 3], {
    controller: 3,
    topic: { 'min.insync.replicas': '1' },
  });
  const isrAt = async (id: number) => {
    const request = { topics: [TP.topic], allTopics: false, allowAutoTopicCreation: false };
    return (await ask(cluster, id, metadata, request)).topics[0]!.partitions[0]!.isr;
  };
  cluster.cutPeers(3, 1, false);
  // The leader takes 3 out of the ISR once there is something that it does not have.
  await send(cluster, await openProducer(cluster), 'a');
  await runUntil(cluster, '3 is out', () => cluster.stateOf(TP)!.isr.join() === '1,2');
  await runFor(cluster, 6000);
  expect(await isrAt(2)).toEqual([1, 2]);
});

test('partitions that a tool adds to a topic get leaders', async () => {
  const cluster = await bringUp('grown', 3, [1, 2], { controller: 3 });
  const data = Buffer.from(
    JSON.stringify({
      version: 2,
      partitions: { 0: [1, 2], 1: [2, 1] },
      adding_replicas: {},
      removing_replicas: {},
    }),
  );
  cluster.zookeeper.tree.write(
    { type: 'set', path: `/brokers/topics/${TP.topic}`, data, version: -1 },
    'test',
  );
  // Written past the server, so nobody's watch has fired.
  cluster.zookeeper.resetConnections('broker-3');
  const added = { topic: TP.topic, partition: 1 };
  await runUntil(cluster, 'the new partition is led', () => cluster.stateOf(added)?.leader === 2, 20000);
});

test('after a version conflict the ISR shrinks all the same, and the write is acked (KAFKA-2729)', async () => {
  const cluster = await bringUp('isr-conflict', 3, [1, 2, 3], {
    controller: 3,
    topic: { 'min.insync.replicas': '1' },
  });
  const path = `/brokers/topics/${TP.topic}/partitions/0/state`;
  const { tree } = cluster.zookeeper;
  tree.write({ type: 'set', path, data: tree.get(path).data, version: -1 }, 'test');
  const producer = await openProducer(cluster);
  cluster.cutPeers(3, 1, false);
  // Without idempotence a retry may have written it twice.
  expect(typeof (await send(cluster, producer, 'x', 30000))).toBe('number');
  expect(cluster.stateOf(TP)!.isr).toEqual([1, 2]);
  await healAndSettle(cluster);
  expect(new Set(await readValues(cluster))).toEqual(new Set(['x']));
});

test('a controlled shutdown that an earlier incarnation of a broker asked for is refused (KIP-380)', async () => {
  const cluster = await bringUp('old-shutdown', 3, [1, 2], { controller: 3 });
  const request = { brokerId: 1, brokerEpoch: cluster.broker(1).broker!.epoch - 1 };
  expect(errorName((await ask(cluster, 3, controlledShutdown, request)).errorCode)).toBe(
    'STALE_BROKER_EPOCH',
  );
  expect(cluster.stateOf(TP)).toMatchObject({ leader: 1, isr: [1, 2] });
});

test('a controlled shutdown that an incarnation asked for that nobody knows is refused', async () => {
  const cluster = await bringUp('future-shutdown', 3, [1, 2], { controller: 3 });
  const request = { brokerId: 1, brokerEpoch: Number.MAX_SAFE_INTEGER };
  const { errorCode } = await ask(cluster, 3, controlledShutdown, request);
  expect(errorName(errorCode)).toBe('BROKER_NOT_AVAILABLE');
  expect(cluster.stateOf(TP)).toMatchObject({ leader: 1, isr: [1, 2] });
});

test('a controller that gave up while ZooKeeper was away is replaced when it is back, by itself or another', async () => {
  const cluster = await bringUp('orphan', 3, [1, 2], { controller: 3 });
  // No session ends while ZooKeeper is down: /controller is still there when it is up again.
  cluster.setZooKeeperDown(true);
  await runFor(cluster, 20000);
  expect([1, 2, 3].filter((id) => isController(cluster, id))).toEqual([]);
  cluster.setZooKeeperDown(false);
  await runUntil(
    cluster,
    'somebody is controller',
    () => [1, 2, 3].some((id) => isController(cluster, id)),
    20000,
  );
});

test('a controller that restarts frees its office at once, not after the session timeout', async () => {
  const cluster = await bringUp('restarted-office', 3, [1, 2], { controller: 3 });
  cluster.kill(3);
  cluster.start(3);
  await runUntil(
    cluster,
    'somebody is controller',
    () => [1, 2, 3].some((id) => isController(cluster, id)),
    3000,
  );
});
