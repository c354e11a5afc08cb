/**
 * Elects preferred replicas as leaders: when a tool requests it, and when too many of a broker's preferred
 * partitions are led by other brokers.
 *
 * Kafka:
 * controller/KafkaController.scala#{processReplicaLeaderElection,checkAndTriggerAutoLeaderRebalance}@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { messageOf } from '../common/errors';
import { Log } from '../common/host';
import { ZkConnection } from '../zk/zk-connection';
import { preferredElectionZnode, ZnodeError } from '../zk/znodes';
import { ControllerContext } from './controller-context';
import { StateTransitions } from './state-transitions';

export class PreferredLeaders {
  constructor(
    private readonly context: ControllerContext,
    private readonly transitions: StateTransitions,
    private readonly zk: ZkConnection,
    private readonly log: Log,
  ) {}

  private async elect(tps: readonly TopicPartition[]): Promise<void> {
    const needed = tps.filter(
      (tp) =>
        this.context.leadershipOf(tp) &&
        this.context.leadershipOf(tp)!.leader !== this.context.replicasOf(tp)[0],
    );
    if (needed.length > 0) await this.transitions.elect(needed, 'preferred');
  }

  /**
   * Runs the election that the request znode asks for; false if there is no such znode. The caller deletes it
   * afterwards.
   */
  async electRequested(): Promise<boolean> {
    const znode = await this.zk.get(preferredElectionZnode.path);
    if (!znode) return false;
    try {
      await this.elect(preferredElectionZnode.decode(znode.data).filter((tp) => this.context.isAssigned(tp)));
    } catch (error) {
      if (!(error instanceof ZnodeError)) throw error;
      this.log.error(`${messageOf(error)}; the request is dropped`);
    }
    return true;
  }

  /**
   * For each broker: elects it where it is preferred, if other brokers lead more than `percentage` % of its
   * preferred partitions. Kafka: KafkaController#checkAndTriggerAutoLeaderRebalance
   */
  async rebalance(percentage: number): Promise<void> {
    const byPreferred = new Map<number, TopicPartition[]>();
    for (const tp of this.context.partitions) {
      const preferred = this.context.replicasOf(tp)[0]!;
      const list = byPreferred.get(preferred);
      if (list) list.push(tp);
      else byPreferred.set(preferred, [tp]);
    }
    for (const [broker, tps] of byPreferred) {
      const ledByOthers = tps.filter((tp) => this.context.leadershipOf(tp)?.leader !== broker);
      if (ledByOthers.length / tps.length <= percentage / 100) continue;
      // Leaders change ISRs on their own: the election needs the ISR that ZooKeeper has now.
      const states = await this.transitions.read(ledByOthers);
      await this.elect(
        ledByOthers.filter(
          (tp) => this.context.isReplicaLive(tp, broker) && states.get(tpName(tp))?.isr.includes(broker),
        ),
      );
    }
  }
}
