/** A broker that is asked to stop, and those that go on without it: other replicas and producers. */
import { TopicPartition } from '../../src/common/cluster-types';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { bringUp, openProducer, runFor, runUntil, send, TP } from '../support/sim';

const SETTINGS = { 'auto.leader.rebalance.enable': 'false', 'replica.lag.time.max.ms': '3000' };
/** Times as by default. */
const SLOW = {
  ...SETTINGS,
  'controller.socket.timeout.ms': '30000',
  'controlled.shutdown.retry.backoff.ms': '5000',
};
const UNMOVABLE: TopicPartition = { topic: 'unmovable', partition: 0 };

/** 1 leads t on [1, 2, 3], and a partition that it cannot hand over: it asks as often as it may. */
async function withUnmovable(seed: string): Promise<SimCluster> {
  const cluster = await bringUp(seed, 4, [1, 2, 3], { controller: 3, settings: SETTINGS });
  const assignment = new Map([[0, [1, 4]]]);
  await cluster.world.complete(cluster.createTopic(UNMOVABLE.topic, assignment), 30000, 'creating a topic');
  await runUntil(cluster, 'it is in sync', () => cluster.isQuiet(UNMOVABLE));
  cluster.kill(4);
  await runUntil(cluster, '4 has left the ISR', () => cluster.stateOf(UNMOVABLE)!.isr.join() === '1');
  return cluster;
}

const isDead = (cluster: SimCluster, id: number) => () => cluster.broker(id).host.life.isDead;

for (const isAnswerLost of [false, true]) {
  const when = isAnswerLost ? ', though the answer of the controller is lost' : '';
  test(`a broker that is shutting down does not come back into an ISR${when}`, async () => {
    const cluster = await withUnmovable('no-return');
    const producer = await openProducer(cluster);
    cluster.terminate(1);
    await runUntil(cluster, 'its leader has moved', () => cluster.stateOf(TP)!.leader !== 1);
    if (isAnswerLost) {
      cluster.cutPeers(3, 1, true);
      await runFor(cluster, 100);
      cluster.healLink('broker-3', 'broker-1');
    }
    const isrs = new Set<string>();
    await runUntil(cluster, 'it has stopped', () => {
      isrs.add(cluster.stateOf(TP)!.isr.join());
      return isDead(cluster, 1)();
    });
    expect([...isrs]).toEqual(['2,3']);
    expect(await send(cluster, producer, 'a')).toEqual(expect.any(Number));
  });
}

test('a broker that is shutting down does not catch up with an ISR that it had left before', async () => {
  const cluster = await withUnmovable('no-catching-up');
  const followed: TopicPartition = { topic: 'followed', partition: 0 };
  const assignment = new Map([[0, [2, 1]]]);
  await cluster.world.complete(cluster.createTopic(followed.topic, assignment), 30000, 'creating a topic');
  await runUntil(cluster, 'it is in sync', () => cluster.isQuiet(followed));
  cluster.cutPeers(1, 2, false);
  const producer = await openProducer(cluster, { acks: '1' });
  await cluster.world.complete(producer.send({ ...followed, value: 'a' }), 30000, 'sending');
  await runUntil(cluster, '1 has left the ISR', () => cluster.stateOf(followed)!.isr.join() === '2');
  cluster.terminate(1);
  await runUntil(cluster, 'its leader has moved', () => cluster.stateOf(TP)!.leader !== 1);
  await runFor(cluster, 50);
  cluster.healLink('broker-1', 'broker-2');
  const isrs = new Set<string>();
  await runUntil(cluster, 'it has stopped', () => {
    isrs.add(cluster.stateOf(followed)!.isr.join());
    return isDead(cluster, 1)();
  });
  expect([...isrs]).toEqual(['2']);
});

test('a broker whose session is replaced while it shuts down gives its leaders away', async () => {
  const cluster = await bringUp('replaced', 3, [1, 2, 3], { controller: 3, settings: SETTINGS });
  // Nothing reaches the controller for a while.
  cluster.cutPeers(1, 3, true);
  const { epoch } = cluster.broker(1).broker!;
  cluster.terminate(1);
  await runFor(cluster, 100);
  cluster.expireSession(1);
  await runUntil(cluster, 'it is registered again', () => cluster.broker(1).broker!.epoch !== epoch);
  cluster.healLink('broker-1', 'broker-3');
  await runUntil(cluster, 'it has stopped', isDead(cluster, 1));
  expect(cluster.logLines().filter((line) => line.includes('Controlled shutdown succeeded'))).toHaveLength(1);
});

test('a broker whose controller does not answer stops cleanly all the same', async () => {
  const cluster = await bringUp('mute', 3, [1, 2, 3], { controller: 3, settings: SLOW });
  cluster.cutPeers(1, 3, false);
  cluster.terminate(1);
  await runUntil(cluster, 'it has stopped', isDead(cluster, 1), 300000);
  expect(cluster.broker(1).hasStoppedCleanly).toBe(true);
});

test('a controller that stands still is replaced in time, and its successor moves the leaders', async () => {
  const settings = { ...SLOW, 'zookeeper.session.timeout.ms': '18000' };
  const cluster = await bringUp('still', 3, [1, 2, 3], { controller: 3, settings });
  cluster.pause(3);
  cluster.terminate(1);
  await runUntil(cluster, 'it has stopped', isDead(cluster, 1), 300000);
  expect(cluster.broker(1).hasStoppedCleanly).toBe(true);
  expect(cluster.logLines().filter((line) => line.includes('Controlled shutdown succeeded'))).toHaveLength(1);
});
