/**
 * Finds ISR members whose broker restarted after the partition's state was last written, and removes them
 * from the ISR.
 *
 * A running controller notices a restart by the new broker epoch. A controller that has just taken over can
 * compare only with the state znode. If the process of an ISR member first registered after that znode was
 * written, the process was started while the replica was in the ISR, and it may have lost records that were
 * not flushed. (If only its session expired, it has lost nothing.) Such a replica leaves the ISR and returns
 * by fetching, as after a failure, provided that another member did not restart. If all restarted, a
 * restarted leader at least gets a new leader epoch (docs/decisions/0004).
 *
 * Invariant: every write of a state checks that the live members of the new ISR are registered with the
 * epochs the controller knows, and keeps no other member. The comparison relies on it.
 *
 * Kafka 2.8 has no counterpart: it lets all replicas continue as they were.
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { ControllerContext, PartitionReplica } from './controller-context';
import { LastWritten, restartedReplicas } from './restarted-since';
import { StateTransitions } from './state-transitions';

/** Used from the reading of the states until the elections have run. */
export class RestartedReplicas {
  private readonly needElection = new Set<string>();
  /** Replicas that count as offline until they have left the ISR. */
  private leaving: PartitionReplica[] = [];

  constructor(private readonly context: ControllerContext) {}

  /** Called for every state that is read when partitions are started. */
  note(tp: TopicPartition, state: LastWritten): void {
    const { leaving, needsElection } = restartedReplicas(state, this.context.processEpochs(tp));
    if (needsElection) this.needElection.add(tpName(tp));
    for (const replica of leaving) {
      this.context.markReplicaOffline(tp, replica);
      this.leaving.push({ ...tp, replica });
    }
  }

  /** Whether the partition's leader may continue in its leader epoch. */
  mayContinue(tp: TopicPartition): boolean {
    return this.context.hasLiveLeader(tp) && !this.needElection.has(tpName(tp));
  }

  /** Whether the replica can get LeaderAndIsr before the elections, with the state as it is. */
  isUnaffected(replica: PartitionReplica): boolean {
    return this.context.isReplicaLive(replica, replica.replica) && !this.needElection.has(tpName(replica));
  }

  /**
   * After the elections: the replicas leave the ISRs, and from then on follow like any replica that is
   * behind.
   */
  async readmit(transitions: StateTransitions): Promise<void> {
    const { leaving } = this;
    this.leaving = [];
    this.needElection.clear();
    await transitions.removeFromIsrs(leaving);
    for (const { replica, ...tp } of leaving) this.context.markReplicaOnline(tp, replica);
    transitions.onlineReplicas(leaving);
  }
}
