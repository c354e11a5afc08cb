/**
 * An operator's mistake in ZooKeeper: a znode that any broker or the controller reads is overwritten with
 * invalid data, and repaired later. Only what the znode is about may be affected, and nothing after the
 * repair.
 *
 * States and assignments of partitions are not damaged here, because the checkers read them. See
 * test/simulation/damaged-znodes.test.ts.
 */
import {
  brokerIdZnode,
  configChangesZnode,
  configZnode,
  isrChangeZnode,
  logDirEventZnode,
  preferredElectionZnode,
  producerIdBlockZnode,
} from '../zk/znodes';
import { SimCluster } from './sim-cluster';

const JUNK = ['', 'no json', '[]', '{}', '{"version":1,"config":{"min.insync.replicas":"x"},"partitions":7}'];

/** `choice` selects the znode and the invalid data. Returns a function that repairs it. */
export function damageZnode(
  cluster: SimCluster,
  topic: string,
  brokerId: number,
  choice: number,
): () => void {
  const { zookeeper } = cluster;
  const config = configZnode.path('topics', topic);
  const number = String(1_000_000 + choice).padStart(10, '0');
  const paths = [
    config,
    brokerIdZnode.path(brokerId),
    producerIdBlockZnode.path,
    preferredElectionZnode.path,
    ...[configChangesZnode, isrChangeZnode, logDirEventZnode].map(({ createPath }) => createPath + number),
  ];
  const path = paths[choice % paths.length]!;
  const junk = Buffer.from(JUNK[Math.floor(choice / paths.length) % JUNK.length]!);
  // A broker that is not registered has no znode to damage.
  if (path === brokerIdZnode.path(brokerId) && !zookeeper.tree.exists(path)) return () => {};
  // If it is already damaged, the repair would restore the first damage.
  if (zookeeper.tree.exists(path) && JUNK.includes(zookeeper.tree.get(path).data.toString())) return () => {};
  cluster.event('damaged znode', path);
  const before = zookeeper.overwrite(path, junk);
  return () => {
    if (!before || !zookeeper.tree.exists(path) || !zookeeper.tree.get(path).data.equals(junk)) return;
    zookeeper.overwrite(path, before);
    const note = configChangesZnode.createPath + String(2_000_000 + choice).padStart(10, '0');
    if (path === config) zookeeper.overwrite(note, configChangesZnode.encode(`topics/${topic}`));
  };
}
