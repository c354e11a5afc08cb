/** Changes of the ISR while ZooKeeper's replies are lost and followers are restarted in between. */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { ZkOperation } from '../../src/simulation/zk-hooks';
import { partitionStateZnode } from '../../src/zk/znodes';
import { bringUp, healAndSettle, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

const STATE = partitionStateZnode.path(TP);
const isrOf = (cluster: SimCluster) => cluster.stateOf(TP)!.isr.slice().sort().join();

/** Broker 3 was out of the ISR [1, 2], led by 1, and is back. */
async function withReturningFollower(seed: string): Promise<SimCluster> {
  const cluster = await bringUp(seed, 4, [1, 2, 3], { controller: 4, topic: { 'min.insync.replicas': '1' } });
  const producer = await openProducer(cluster);
  cluster.cutPeers(3, 1, false);
  await send(cluster, producer, 'a');
  await runUntil(cluster, '3 is out of the ISR', () => isrOf(cluster) === '1,2');
  cluster.healLink('broker-3', 'broker-1');
  return cluster;
}

const isIsrWrite = (operation: ZkOperation) =>
  operation.host === 'broker-1' && operation.isWrite && operation.paths.includes(STATE);

test('a follower whose registration ends while its joining is being written does not join', async () => {
  const cluster = await withReturningFollower('joiner-gone');
  cluster.zookeeper.hooks.at(isIsrWrite, {
    before: () => {
      cluster.expireSession(3);
      cluster.powerCut(3);
    },
  });
  await runUntil(cluster, 'the write was made', () =>
    cluster.world.timeline.some(({ what }) => what === 'isr-member-gone'),
  );
  await runFor(cluster, 5000);
  expect(isrOf(cluster)).toBe('1,2');
  expect(cluster.broker(1).broker!.replicas.get(TP)!.maximalIsr).toEqual([1, 2]);
  await healAndSettle(cluster);
  expect(isrOf(cluster)).toBe('1,2,3');
});

test('when the reply to a joining is lost and the follower stops, acknowledgements wait until it has left', async () => {
  const cluster = await withReturningFollower('joining-unknown');
  const producer = await openProducer(cluster, {
    'retries': 0,
    'request.timeout.ms': 60000,
    'delivery.timeout.ms': 120000,
  });
  cluster.zookeeper.hooks.at(isIsrWrite, 'lose-reply');
  cluster.zookeeper.hooks.at(isIsrWrite, { after: () => cluster.cutPeers(3, 1, false) });
  await runUntil(cluster, '3 joined, and 1 does not know', () => isrOf(cluster) === '1,2,3');
  expect(await send(cluster, producer, 'b')).toEqual(expect.any(Number));
  expect(isrOf(cluster)).toBe('1,2');
  await healAndSettle(cluster);
});

test('a member that lost power while nobody was controller does not stay in the ISR that its leader writes', async () => {
  const settings = { 'auto.leader.rebalance.enable': 'false', 'zookeeper.session.timeout.ms': '30000' };
  const topic = { 'min.insync.replicas': '1' };
  const cluster = await bringUp('hidden-restart', 5, [1, 2, 3], { controller: 4, topic, settings });
  const producer = await openProducer(cluster, { 'enable.idempotence': true });
  cluster.cutPeers(3, 1, false);
  for (const value of ['a', 'b', 'c']) await send(cluster, producer, value);
  await runUntil(cluster, '3 is out of the ISR', () => isrOf(cluster) === '1,2');
  cluster.kill(4);
  const { id: session } = cluster.broker(2).broker!.sessionCredentials;
  cluster.powerCut(2);
  cluster.zookeeper.endSession(session);
  cluster.start(2);
  await runUntil(cluster, '2 is back', () => cluster.isRunning(2));
  cluster.cutPeers(1, 2, false);
  cluster.healLink('broker-3', 'broker-1');
  await runUntil(cluster, '2 is out of the ISR', () => !isrOf(cluster).includes('2'));
  const isController = (id: number) =>
    cluster.isRunning(id) && cluster.broker(id).broker!.controller.isActive;
  await runUntil(cluster, 'another is controller', () => [1, 2, 3, 5].some(isController));
  await healAndSettle(cluster);
  expect(await readValues(cluster)).toEqual(['a', 'b', 'c']);
  expect(cluster.world.violations).toEqual([]);
});
