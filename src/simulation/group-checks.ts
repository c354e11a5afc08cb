/**
 * What coordinators must do whatever their clients see, judged at the moment.
 *
 *   GroupsStay      a broker that goes on leading a partition of `__consumer_offsets` keeps its groups, under
 *                   whatever leader epoch: it does not read them from the log a second time
 *   GroupsFound     who has loaded groups looks for them in the partitions that ZooKeeper says
 */
import { GROUP_METADATA_TOPIC } from '../common/cluster-types';
import { offsetsPartitionOf } from './coordinators';
import { SimCluster } from './sim-cluster';
import { WorldEvent } from './world';

/** Group ids that between them lie in every partition. */
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
