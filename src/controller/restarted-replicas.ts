/**
 * Finds ISR members whose broker restarted after the partition's state was last written, and removes them
 * from the ISR.
 *
 * A running controller notices a restart by the new broker epoch. A controller that has just taken over can
 * compare only with the state znode. If the process of an ISR member first registered after that znode was
 * written, the process was started while the replica was in the ISR, and it may have lost records that were
 * not flushed. (If only its session expired, it has lost nothing.) Such a replica leaves the ISR and returns
 * by fetching, as after a failure, provided that another member did not restart. If all restarted, a
 * restarted leader at least gets a new leader epoch (docs/decisions/0004), and a member that lost power does
 * not lead before all members are back in the same condition (0020). The comparison is valid because every
 * write of a state checks that the live members of its ISR are registered as the controller knows them, and
 * leaves no other live member in it.
 *
 * Invariant: every write of a state checks that the live members of the new ISR are registered with the
 * epochs the controller knows, and keeps no other member. The comparison relies on it.
 *
 * Kafka 2.8 has no counterpart: it lets all replicas continue as they were.
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { PartitionState } from '../zk/partition-state-store';
import { ControllerContext, PartitionReplica } from './controller-context';
import { rankingOf } from './restarted-since';
import { StateTransitions } from './state-transitions';

/** Used from the reading of the states until the elections have run. */
export class RestartedReplicas {
  private readonly needElection = new Set<string>();
  /** They leave the ISR, if another member stays in it. */
  private unfit: PartitionReplica[] = [];
  private readonly unfitNames = new Set<string>();

  constructor(private readonly context: ControllerContext) {}

  /** Called for every state that is read when partitions are started. */
  note(tp: TopicPartition, state: PartitionState): void {
    const { unfit, mayContinue } = rankingOf(this.context, tp, state);
    if (!mayContinue && this.context.hasLiveLeader(tp)) this.needElection.add(tpName(tp));
    for (const replica of unfit) {
      this.unfit.push({ ...tp, replica });
      this.unfitNames.add(`${tpName(tp)}@${replica}`);
    }
  }

  /** Whether the partition's leader may continue in its leader epoch. */
  mayContinue(tp: TopicPartition): boolean {
    return this.context.hasLiveLeader(tp) && !this.needElection.has(tpName(tp));
  }

  /** Whether the replica can get LeaderAndIsr before the elections, with the state as it is. */
  isUnaffected(replica: PartitionReplica): boolean {
    if (
      this.needElection.has(tpName(replica)) ||
      this.unfitNames.has(`${tpName(replica)}@${replica.replica}`)
    )
      return false;
    return this.context.isReplicaLive(replica, replica.replica);
  }

  private isUnfitNow({ replica, ...tp }: PartitionReplica): boolean {
    const state = this.context.leadershipOf(tp);
    return (
      state !== undefined &&
      (!state.isr.includes(replica) || rankingOf(this.context, tp, state).unfit.includes(replica))
    );
  }

  /**
   * After the elections: the replicas leave the ISRs, and from then on follow like any replica that is
   * behind.
   */
  async readmit(transitions: StateTransitions): Promise<void> {
    // A replica that was elected, in an unclean election, is judged by the new state.
    const unfit = this.unfit.filter((one) => this.isUnfitNow(one));
    this.unfit = [];
    this.needElection.clear();
    await transitions.removeFromIsrs(unfit);
    transitions.onlineReplicas(unfit);
  }
}
