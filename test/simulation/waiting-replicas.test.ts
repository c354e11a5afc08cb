/** Replicas that are told that nobody leads, or whose leader is about to stop, follow as soon as they can. */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { bringUp, openProducer, runFor, runUntil, send, TP } from '../support/sim';

const SETTINGS = { 'auto.leader.rebalance.enable': 'false', 'zookeeper.session.timeout.ms': '6000' };

const isGone = (cluster: SimCluster, id: number) =>
  cluster.zookeeper.tree.exists(`/brokers/ids/${id}`) === null;
const isRunning = (cluster: SimCluster, id: number) => () => cluster.isRunning(id);

test('who was told that nobody leads follows the leader that goes on in the same epoch', async () => {
  const cluster = await bringUp('goes-on', 4, [1, 3, 2], { controller: 4, settings: SETTINGS });
  cluster.kill(2);
  await runUntil(cluster, '2 has left the ISR', () => cluster.stateOf(TP)!.isr.join() === '1,3');
  const { leaderEpoch } = cluster.stateOf(TP)!;
  // In one look the sessions of all the ISR are gone, and their processes live.
  cluster.pause(4);
  for (const id of [1, 3]) {
    cluster.cutFromZooKeeper(id);
    cluster.expireSession(id);
  }
  await runFor(cluster, 100);
  cluster.resume(4);
  await runFor(cluster, 1000);
  cluster.start(2);
  await runUntil(cluster, '2 runs', isRunning(cluster, 2));
  await runUntil(cluster, '2 was told', () => cluster.partitionOf(2, TP) !== undefined);
  expect(cluster.partitionOf(2, TP)).toMatchObject({ leaderId: -1, leaderEpoch });
  // The next controller finds all of them as they were.
  cluster.kill(4);
  cluster.healLinks();
  await runUntil(cluster, '2 is in sync', () => cluster.isQuiet(TP));
  expect(cluster.stateOf(TP)!.leaderEpoch).toBe(leaderEpoch);
});

test('who stops and is alone in sync is followed until it is gone, whoever else fails meanwhile', async () => {
  const settings = { ...SETTINGS, 'controlled.shutdown.max.retries': '40' };
  const cluster = await bringUp('alone', 4, [1, 3], { controller: 4, settings });
  cluster.kill(3);
  const producer = await openProducer(cluster);
  expect(await send(cluster, producer, 'a')).toEqual(expect.any(Number));
  await runUntil(cluster, '3 has left the ISR', () => cluster.stateOf(TP)!.isr.join() === '1');
  cluster.terminate(1);
  await runFor(cluster, 200);
  cluster.kill(2);
  await runUntil(cluster, '2 is gone', () => isGone(cluster, 2));
  await runFor(cluster, 200);
  expect(cluster.isRunning(1)).toBe(true);
  cluster.start(3);
  await runUntil(cluster, '3 was elected', () => cluster.stateOf(TP)!.leader === 3, 30000);
  expect(cluster.world.violations).toEqual([]);
});

test('who waits for others of the ISR can be stopped at once', async () => {
  const settings = { ...SETTINGS, 'controlled.shutdown.retry.backoff.ms': '12000' };
  const cluster = await bringUp('stops', 4, [3, 1], { controller: 4, settings });
  cluster.pause(4);
  cluster.kill(1);
  cluster.powerCut(3);
  await runFor(cluster, 100);
  for (const id of [1, 3]) await runUntil(cluster, 'it is gone', () => isGone(cluster, id));
  cluster.resume(4);
  await runFor(cluster, 1000);
  cluster.start(3);
  await runUntil(cluster, '3 runs', isRunning(cluster, 3));
  await runFor(cluster, 5000);
  expect(cluster.stateOf(TP)).toMatchObject({ leader: 3, isr: [3, 1] });
  cluster.terminate(3);
  await runUntil(cluster, '3 has stopped', () => cluster.broker(3).host.life.isDead, 10000);
  expect(cluster.stateOf(TP)).toMatchObject({ isr: [3, 1] });
});
