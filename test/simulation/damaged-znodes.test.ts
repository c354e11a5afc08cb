/**
 * Whatever stands in a znode, it costs at most the one entity it is about: no broker ends, another controller can take
 * over, other partitions get leaders and settings, and after a repair everything is as it was, without any restart.
 */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { bringUp, runFor, runUntil, TP } from '../support/sim';

const U = { topic: 'u', partition: 0 };
const LATER = { topic: 'later', partition: 0 };
const TEXTS = ['', 'no json', 'null', '[]', '{}', '{"version":1}', '{"version":"1","partitions":{"x":["y"]},"config":7,"isr":["a"],"brokerid":"b"}'];

interface Damage {
  readonly path: string;
  /** While it lasts there is no controller, or the controller cannot be told from a broker. */
  readonly stopsElections?: boolean;
}

const DAMAGES: readonly Damage[] = [
  { path: '/controller' },
  { path: '/controller_epoch', stopsElections: true },
  { path: '/brokers/ids/1' },
  { path: '/brokers/ids/junk' },
  { path: '/brokers/seqid' },
  { path: '/brokers/topics/t' },
  { path: '/brokers/topics/junk' },
  { path: '/brokers/topics/t/partitions/0/state' },
  { path: '/config/topics/t' },
  { path: '/config/topics/junk' },
  { path: '/config/changes/config_change_0000000000' },
  { path: '/isr_change_notification/isr_change_0000000000' },
  { path: '/log_dir_event_notification/log_dir_event_0000000000' },
  { path: '/admin/preferred_replica_election' },
  { path: '/latest_producer_id_block' },
  { path: '/feature' },
];

function kill(cluster: SimCluster, id: number): void {
  const { id: session } = cluster.broker(id).broker!.sessionCredentials;
  cluster.kill(id);
  cluster.zookeeper.endSession(session);
}

async function live(path: string, text: string, stopsElections: boolean): Promise<void> {
  const cluster = await bringUp('damaged', 4, [1, 2], { controller: 4, settings: { 'auto.leader.rebalance.enable': 'false' } });
  await cluster.world.complete(cluster.createTopic('u', new Map([[0, [2, 3]]])), 30000, 'creating u');
  await runUntil(cluster, 'u is in sync', () => cluster.isQuiet(U));
  const { zookeeper } = cluster;
  const before = zookeeper.overwrite(path, Buffer.from(text));
  await runFor(cluster, 2000);
  kill(cluster, 4);
  if (!stopsElections) {
    await runUntil(cluster, 'another is controller', () => [1, 2, 3].some((id) => cluster.broker(id).broker!.controller.isActive));
    kill(cluster, 2);
    await runUntil(cluster, 'u is led by 3', () => cluster.stateOf(U)?.leader === 3 && cluster.broker(3).broker!.replicas.get(U)!.isLeader);
    await cluster.world.complete(cluster.createTopic('later', new Map([[0, [3]]])), 30000, 'creating a topic');
    await runUntil(cluster, 'the new topic is led', () => cluster.isQuiet(LATER), 40000);
    zookeeper.overwrite('/config/topics/u', Buffer.from('{"version":1,"config":{"retention.ms":"12345"}}'));
    zookeeper.overwrite('/config/changes/config_change_0000000009', Buffer.from('{"version":2,"entity_path":"topics/u"}'));
    await runUntil(cluster, 'the settings of u are applied', () => cluster.logOf(3, U)!.config['retention.ms'] === 12345);
    cluster.start(2);
    await runUntil(cluster, 'a broker starts beside it', () => cluster.isRunning(2));
  }
  await runFor(cluster, 15000);
  for (const id of [1, 2, 3]) expect(cluster.broker(id).host.exited).toBeUndefined();
  if (before && zookeeper.tree.exists(path)) zookeeper.overwrite(path, before);
  await runUntil(cluster, 'all is well after the repair', () => [TP, U].every((tp) => cluster.isQuiet(tp)), 120000);
  expect(cluster.world.violations).toEqual([]);
}

for (const { path, stopsElections } of DAMAGES) {
  test(`damage in ${path} costs nothing beyond it, and no broker`, async () => {
    const problems: string[] = [];
    for (const text of TEXTS) await live(path, text, stopsElections ?? false).catch((error) => problems.push(`'${text}': ${(error as Error).message.slice(0, 1500)}`));
    expect(problems).toEqual([]);
  });
}
