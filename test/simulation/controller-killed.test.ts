/**
 * The controller dies at the k-th ZooKeeper operation of what it does, for every k: before the operation is
 * applied, or after it. It does not come back; whoever is elected next completes the work.
 */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { bringUp, runFor, runUntil, TP } from '../support/sim';

const CONTROLLER = 3;
const HOST = `broker-${CONTROLLER}`;
const NEW_TOPIC = new Map([
  [0, [1, 2]],
  [1, [2, 1]],
]);
const NEW_PARTITIONS = [...NEW_TOPIC.keys()].map((partition) => ({ topic: 'new', partition }));

interface Work {
  readonly name: string;
  readonly begin: (cluster: SimCluster) => void;
  readonly isDone: (cluster: SimCluster) => boolean;
}

const works: readonly Work[] = [
  {
    name: 'a topic is created',
    begin: (cluster) => void cluster.createTopic('new', NEW_TOPIC),
    isDone: (cluster) => NEW_PARTITIONS.every((tp) => cluster.existsTopic(tp.topic) && cluster.isQuiet(tp)),
  },
  {
    name: 'a leader dies',
    begin: (cluster) => {
      cluster.kill(1);
      cluster.zookeeper.endSession(cluster.broker(1).broker!.sessionCredentials.id);
    },
    isDone: (cluster) => cluster.stateOf(TP)!.leader === 2 && cluster.partitionOf(2, TP)!.isLeader,
  },
  {
    name: 'a leader is shut down',
    begin: (cluster) => cluster.terminate(1),
    isDone: (cluster) => {
      return (
        !cluster.isRunning(1) && cluster.stateOf(TP)!.leader === 2 && cluster.partitionOf(2, TP)!.isLeader
      );
    },
  },
];

const isControlled = (cluster: SimCluster) =>
  [1, 2].some((id) => cluster.isRunning(id) && cluster.broker(id).broker!.controller.isActive);

async function play(work: Work, when?: 'before' | 'after', k = 1): Promise<number> {
  const cluster = await bringUp('controller killed', 3, [1, 2], { controller: CONTROLLER });
  await runFor(cluster, 3000);
  const { zookeeper } = cluster;
  const before = zookeeper.operationsOf(HOST);
  const kill = () => cluster.kill(CONTROLLER);
  if (when === 'before') zookeeper.atOperation({ host: HOST, k }, 'reset-before');
  const hook =
    when && zookeeper.atOperation({ host: HOST, k }, when === 'before' ? { before: kill } : { after: kill });
  work.begin(cluster);
  const text =
    `${work.name}, killed ${when} operation ` + `${k} (${hook?.fired[0]?.type} ${hook?.fired[0]?.paths})`;
  await runUntil(cluster, text, () => work.isDone(cluster) && (!when || isControlled(cluster)), 60000);
  expect(cluster.world.violations).toEqual([]);
  if (hook) expect([text, hook.fired.length, cluster.isRunning(CONTROLLER)]).toEqual([text, 1, false]);
  return zookeeper.operationsOf(HOST) - before;
}

for (const work of works) {
  for (const when of ['before', 'after'] as const) {
    test(`${work.name}: the controller dies ${when} any of its operations, and the next one completes it`, async () => {
      const operations = await play(work);
      expect(operations).toBeGreaterThan(0);
      for (let k = 1; k <= operations; k++) await play(work, when, k);
    });
  }
}
