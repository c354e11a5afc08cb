/**
 * When a power cut excuses the loss of acknowledged records.
 *
 * Kafka's ISR trusts a member's disk: one that lost power, came back shorter and was elected before it ever left the ISR
 * takes acknowledged records with it (what KIP-966 repairs later). Nothing else excuses a loss. So: a replica that
 * loses power is suspect until a state znode is written without it; if a suspect is elected, what was acknowledged up
 * to then may be gone.
 */
import { TopicPartition } from '../../common/cluster-types';
import { SimCluster } from '../sim-cluster';
import { partitionStateZnode } from '../../zk/znodes';

export class LossRule {
  private readonly suspects = new Set<number>();
  /** Virtual time up to which acknowledged records may be lost. */
  excusedUntilMs = -Infinity;

  constructor(private readonly cluster: SimCluster, tp: TopicPartition) {
    const path = partitionStateZnode.path(tp);
    cluster.zookeeper.onWrite.push((changes) => {
      if (!changes.some((change) => change.path === path && change.change !== 'deleted')) return;
      const { data, stat } = cluster.zookeeper.tree.get(path);
      this.stateWritten(partitionStateZnode.decode(tp, data, stat.version));
    });
  }

  losesPower(id: number): void {
    this.suspects.add(id);
  }

  private stateWritten({ leader, isr }: { leader: number; isr: readonly number[] }): void {
    for (const id of this.suspects) if (!isr.includes(id)) this.suspects.delete(id);
    if (this.suspects.has(leader)) this.excusedUntilMs = this.cluster.world.nowMs;
  }
}
