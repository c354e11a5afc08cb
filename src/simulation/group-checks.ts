/**
 * Rules for coordinators, independent of what their clients see, checked when a broker loads groups.
 *
 *   GroupsStay    a broker that continues to lead a partition of `__consumer_offsets` keeps its groups, also
 *                 under a new leader epoch: it does not load them from the log again
 *   GroupsFound   a broker that has loaded groups looks for each group in the partition to which its name is
 *                 hashed, by the number of partitions in ZooKeeper
 */
import { GROUP_METADATA_TOPIC } from '../common/cluster-types';
import { offsetsPartitionOf } from './coordinators';
import { SimCluster } from './sim-cluster';
import { WorldEvent } from './world';

/** Group ids that together are hashed to every partition. */
const PROBES = Array.from({ length: 20 }, (_, i) => `probe-${i}`);

export class GroupChecker {
  /** Partitions that a process has loaded and still leads. */
  private readonly loaded = new Set<string>();

  constructor(private readonly cluster: SimCluster) {}

  hear({ what, who, partition: of }: WorldEvent): void {
    if (what !== 'group-loaded' && what !== 'group-unloaded') return;
    const [id, partition] = [Number(who.slice('broker-'.length)), of as number];
    if (what === 'group-loaded') this.groupsLoaded(id, partition);
    else if (this.cluster.partitionOf(id, { topic: GROUP_METADATA_TOPIC, partition })?.isLeader !== true) {
      this.loaded.delete(this.key(id, partition));
    }
  }

  private key(id: number, partition: number): string {
    return `${id}.${this.cluster.broker(id).host.generation} ${partition}`;
  }

  private groupsLoaded(id: number, partition: number): void {
    const { cluster, loaded } = this;
    const key = this.key(id, partition);
    if (loaded.has(key)) {
      cluster.world.violation(
        `GroupsStay: broker ${id} reads the groups of partition ${partition} again, which it has led ` +
          'since it last did',
      );
    }
    loaded.add(key);
    const { offsetsTopic } = cluster.broker(id).broker!.groups;
    for (const groupId of PROBES) {
      const tp = offsetsPartitionOf(cluster, groupId);
      const looked = offsetsTopic.partitionOf(groupId);
      if (!tp || looked === tp.partition) continue;
      cluster.world.violation(
        `GroupsFound: broker ${id} looks for groups in partition ${looked} whose offsets are in ` +
          `${tp.partition}`,
      );
      return;
    }
  }
}
