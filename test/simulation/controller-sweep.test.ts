/**
 * A connection that breaks at the k-th ZooKeeper operation of the controller, or of a broker that starts or
 * registers again, for every k of a short history, before the request is applied or before its reply arrives:
 * nothing is restarted, and everything is led and in sync soon.
 */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { OperationEffect } from '../../src/simulation/zk-hooks';
import { bringUp, runFor, runUntil, TP } from '../support/sim';

const CONTROLLER = 3;
const HOST = `broker-${CONTROLLER}`;
const NEW_TOPIC = new Map([
  [0, [1, 2]],
  [1, [2, 1]],
  [2, [2, 3]],
]);
const NEW_PARTITIONS = [...NEW_TOPIC.keys()].map((partition) => ({ topic: 'fresh', partition }));

interface Story {
  readonly name: string;
  /** Sets it off; the operations of `host` from then on are swept. */
  readonly begin: (cluster: SimCluster) => Promise<void>;
  readonly host: string;
  readonly isDone: (cluster: SimCluster) => boolean;
}

const led = (cluster: SimCluster, leader: number) =>
  cluster.stateOf(TP)?.leader === leader && cluster.logOf(leader, TP)?.highWatermark === 0;

const stories: readonly Story[] = [
  {
    name: 'a topic is created',
    host: HOST,
    begin: (cluster) => cluster.world.complete(cluster.createTopic('fresh', NEW_TOPIC), 30000, 'creating'),
    isDone: (cluster) => NEW_PARTITIONS.every((tp) => cluster.isQuiet(tp)),
  },
  {
    name: 'a leader dies',
    host: HOST,
    begin: async (cluster) => {
      cluster.kill(1);
      cluster.zookeeper.endSession(cluster.broker(1).broker!.sessionCredentials.id);
    },
    isDone: (cluster) => led(cluster, 2) && cluster.broker(2).broker!.replicas.get(TP)!.isLeader,
  },
  {
    name: 'a leader is shut down',
    host: HOST,
    begin: async (cluster) => cluster.terminate(1),
    isDone: (cluster) =>
      !cluster.isRunning(1) && led(cluster, 2) && cluster.broker(2).broker!.replicas.get(TP)!.isLeader,
  },
  {
    name: 'the controller dies',
    host: 'broker-2',
    begin: async (cluster) => {
      // So that broker 2 wins.
      cluster.kill(1);
      cluster.kill(CONTROLLER);
      for (const id of [1, CONTROLLER])
        cluster.zookeeper.endSession(cluster.broker(id).broker!.sessionCredentials.id);
    },
    isDone: (cluster) =>
      cluster.broker(2).broker!.controller.isActive && cluster.broker(2).broker!.replicas.get(TP)!.isLeader,
  },
  {
    name: 'a broker restarts',
    host: 'broker-2',
    begin: async (cluster) => {
      cluster.kill(2);
      cluster.start(2);
    },
    isDone: (cluster) => cluster.isRunning(2) && cluster.isQuiet(TP),
  },
  {
    name: 'the session of a leader expires',
    host: 'broker-1',
    begin: async (cluster) => {
      const before = cluster.stateOf(TP)!.leaderEpoch;
      cluster.expireSession(1);
      await runUntil(cluster, 'it is noticed', () => cluster.stateOf(TP)!.leaderEpoch > before);
    },
    isDone: (cluster) => cluster.isQuiet(TP),
  },
];

async function play(
  story: Story,
  seed: string,
  effect?: OperationEffect,
  k = 1,
): Promise<{ operations: number; fired: boolean }> {
  const cluster = await bringUp(seed, 3, [1, 2], { controller: CONTROLLER });
  await runFor(cluster, 3000);
  const hook = effect && cluster.zookeeper.atOperation({ host: story.host, k }, effect);
  const before = cluster.zookeeper.operationsOf(story.host);
  await story.begin(cluster);
  await runUntil(
    cluster,
    `${story.name}, ${JSON.stringify(effect)} at operation ${k} (${hook?.fired[0]?.type} ` +
      `${hook?.fired[0]?.paths})`,
    () => story.isDone(cluster),
    40000,
  );
  const operations = cluster.zookeeper.operationsOf(story.host) - before;
  expect(cluster.world.violations).toEqual([]);
  return { operations, fired: hook !== undefined && hook.fired.length > 0 };
}

for (const story of stories) {
  for (const effect of ['reset-before', 'lose-reply'] as const) {
    test(`${story.name}: ${effect} at every operation, and all is led without any restart`, async () => {
      const { operations } = await play(story, 'sweep');
      expect(operations).toBeGreaterThan(0);
      const hung: string[] = [];
      for (let k = 1; k <= operations; k++)
        await play(story, 'sweep', effect, k).catch((error) =>
          hung.push((error as Error).message.split('\n')[0]!),
        );
      expect(hung).toEqual([]);
    });
  }
}
