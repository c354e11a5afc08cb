/**
 * What ZooKeeper says about the claims in a control request: the controller's epoch, the receiver's own
 * broker epoch, leader epochs, and whether a replica is to stay.
 *
 * A member of the ensemble may lag behind, so that a claim that a plain read does not confirm may be true all
 * the same; who must know calls `ZkConnection.sync` first. All reject with ZkError if ZooKeeper is away.
 *
 * Kafka: nothing alike; a broker believes its controller@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { readPartitionStates } from './partition-state-store';
import { readTopic } from './topic-store';
import { ZkConnection } from './zk-connection';
import { brokerIdZnode, controllerEpochZnode, deleteTopicsZnode, ZnodeError } from './znodes';

/** The epoch in `/controller_epoch`; -1 if there is none. Rejects with ZnodeError if it cannot be read. */
export async function readControllerEpoch(zk: ZkConnection): Promise<number> {
  const znode = await zk.get(controllerEpochZnode.path);
  return znode ? controllerEpochZnode.decode(znode.data) : -1;
}

/** The epoch of the present registration of the broker; -1 without one. */
export async function readBrokerEpoch(zk: ZkConnection, brokerId: number): Promise<number> {
  return (await zk.exists(brokerIdZnode.path(brokerId)))?.czxid ?? -1;
}

/**
 * By `topic-partition`; those without a state are left out. A state that cannot be read contradicts
 * nothing: its epoch counts as infinite.
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
 * Whether the broker is to keep its replica: it is assigned, neither being removed nor of a topic that is
 * being deleted. An assignment that cannot be read counts as one that names it.
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
