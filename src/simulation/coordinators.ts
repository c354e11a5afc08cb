/**
 * Who takes itself for the coordinator of a group in the simulated cluster.
 *
 * One that was deposed and was not told yet answers OffsetFetch from its memory, as in Kafka: what a client reads
 * back may be judged only while there is exactly one.
 */
import { partitionForGroup } from '../broker/group/group-records';
import { GROUP_METADATA_TOPIC, TopicPartition } from '../common/cluster-types';
import { topicZnode, ZnodeError } from '../zk/znodes';
import { SimCluster } from './sim-cluster';

/** The group's partition of `__consumer_offsets`, as ZooKeeper has it; undefined while that cannot be told. */
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

/** Brokers that take themselves for the group's coordinator, rightly or not; none while that cannot be told. */
export function coordinatorsOf(cluster: SimCluster, groupId: string): number[] {
  const tp = offsetsPartitionOf(cluster, groupId);
  if (!tp) return [];
  return cluster.brokers.map(({ id }) => id).filter((id) => cluster.partitionOf(id, tp)?.isLeader);
}
