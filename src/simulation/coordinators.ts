/**
 * The coordinator of a group in the simulated cluster.
 *
 * A coordinator that was deposed and has not been notified answers OffsetFetch from its memory, as in Kafka. What a
 * client reads back may be judged only while nobody but the leader that ZooKeeper names takes itself for the
 * coordinator.
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

/** The broker that ZooKeeper names, if it leads in that epoch and no other broker takes itself for the coordinator. */
export function soleCoordinatorOf(cluster: SimCluster, groupId: string): number | undefined {
  const tp = offsetsPartitionOf(cluster, groupId);
  if (!tp) return undefined;
  const [id, other] = cluster.brokers.map((one) => one.id).filter((one) => cluster.partitionOf(one, tp)?.isLeader);
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
