/**
 * Reads from ZooKeeper what a control request claims: the controller epoch, the receiver's broker epoch,
 * leader epochs, and whether a replica is to be deleted.
 *
 * A server of the ensemble may lag behind, so a plain read may miss a claim that is true. A caller that needs
 * certainty calls `ZkConnection.sync` first. All functions reject with ZkError if ZooKeeper cannot be
 * reached.
 *
 * Kafka@2.8.2 has no counterpart: a broker believes its controller.
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { readPartitionStates } from './partition-state-store';
import { readTopic } from './topic-store';
import { ZkConnection } from './zk-connection';
import { brokerIdZnode, controllerEpochZnode, deleteTopicsZnode, ZnodeError } from './znodes';

/**
 * The epoch in `/controller_epoch`; -1 if the znode is missing. Rejects with ZnodeError if it cannot be
 * decoded.
 */
export async function readControllerEpoch(zk: ZkConnection): Promise<number> {
  const znode = await zk.get(controllerEpochZnode.path);
  return znode ? controllerEpochZnode.decode(znode.data) : -1;
}

/** The broker epoch of the broker's current registration; -1 if it has none. */
export async function readBrokerEpoch(zk: ZkConnection, brokerId: number): Promise<number> {
  return (await zk.exists(brokerIdZnode.path(brokerId)))?.czxid ?? -1;
}

/**
 * Leader epochs by `topic-partition`; partitions without a state are left out. If a state cannot be decoded
 * its epoch counts as infinite, so that it contradicts no request.
 */
export async function readLeaderEpochs(
  zk: ZkConnection,
  tps: readonly TopicPartition[],
): Promise<Map<string, number>> {
  const epochs = new Map<string, number>();
  const states = await readPartitionStates(zk, tps, (tp) => epochs.set(tpName(tp), Infinity));
  for (const [name, { leaderEpoch }] of states) epochs.set(name, leaderEpoch);
  return epochs;
}

/**
 * Whether the broker must keep its replica: it is in the assignment, is not being removed by a reassignment,
 * and the topic is not being deleted. An assignment that cannot be decoded counts as containing the broker.
 */
export async function isReplicaKept(
  zk: ZkConnection,
  tp: TopicPartition,
  brokerId: number,
): Promise<boolean> {
  try {
    const topic = await readTopic(zk, tp.topic);
    if (topic === undefined || (await zk.exists(`${deleteTopicsZnode.path}/${tp.topic}`)) !== null)
      return false;
    const isAssigned = topic.partitions.get(tp.partition)?.includes(brokerId) ?? false;
    return isAssigned && !topic.removing.get(tp.partition)?.includes(brokerId);
  } catch (error) {
    if (error instanceof ZnodeError) return true;
    throw error;
  }
}
