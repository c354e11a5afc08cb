/**
 * The coordinator of a group in the simulated cluster.
 *
 * A former coordinator that has not been notified yet answers OffsetFetch from its memory, as in Kafka. So
 * the committed offsets that a client reads can be checked only while the leader in ZooKeeper is the only
 * broker that believes that it is the coordinator.
 */
import { partitionForGroup } from '../broker/group/group-records';
import { GROUP_METADATA_TOPIC, TopicPartition } from '../common/cluster-types';
import { topicZnode, ZnodeError } from '../zk/znodes';
import { SimCluster } from './sim-cluster';

/** The group's partition of `__consumer_offsets`, from ZooKeeper; undefined while it is not known. */
export function offsetsPartitionOf(cluster: SimCluster, groupId: string): TopicPartition | undefined {
  const { tree } = cluster.zookeeper;
  const path = topicZnode.path(GROUP_METADATA_TOPIC);
  if (tree.exists(path) === null) return undefined;
  try {
    const { size } = topicZnode.decode(GROUP_METADATA_TOPIC, tree.get(path).data).partitions;
    return { topic: GROUP_METADATA_TOPIC, partition: partitionForGroup(groupId, size) };
  } catch (error) {
    if (error instanceof ZnodeError) return undefined;
    throw error;
  }
}

/**
 * The leader of the group's partition in ZooKeeper, if it leads in that epoch and no other broker believes
 * that it is the coordinator; otherwise undefined.
 */
export function soleCoordinatorOf(cluster: SimCluster, groupId: string): number | undefined {
  const tp = offsetsPartitionOf(cluster, groupId);
  if (!tp) return undefined;
  const [id, other] = cluster.brokers
    .map((one) => one.id)
    .filter((one) => cluster.partitionOf(one, tp)?.isLeader);
  if (id === undefined || other !== undefined) return undefined;
  const state = readableStateOf(cluster, tp);
  const isCurrent = state?.leader === id && state.leaderEpoch === cluster.partitionOf(id, tp)?.leaderEpoch;
  return isCurrent ? id : undefined;
}

function readableStateOf(cluster: SimCluster, tp: TopicPartition): ReturnType<SimCluster['stateOf']> {
  try {
    return cluster.stateOf(tp);
  } catch (error) {
    if (error instanceof ZnodeError) return undefined;
    throw error;
  }
}
