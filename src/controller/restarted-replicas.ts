/**
 * In-sync replicas whose broker was started after the partition's state was last written.
 *
 * A controller notices that a broker restarted by its new broker epoch. One that takes over just then has nothing to
 * compare with but the state znode: a member of the ISR whose process registered first after that was started while
 * it was in sync, and may have lost what it had not flushed. (One whose session expired has lost nothing.) It
 * leaves the ISR and comes back by fetching, as if its failure had been seen, as long as a member is left that
 * did not restart. Otherwise a restarted leader at least leads in a new leader epoch (docs/decisions/0004).
 * What the comparison rests on: every write of a state checks that the live members of its ISR are registered
 * as known, and leaves nobody else in it.
 *
 * Kafka 2.8 lets all of them go on as they were.
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { ControllerContext, PartitionReplica } from './controller-context';
import { LastWritten, restartedReplicas } from './restarted-since';
import { StateTransitions } from './state-transitions';

/** Kept from the reading of the states until the state machines run. */
export class RestartedReplicas {
  private readonly needElection = new Set<string>();
  /** Treated as offline until they have left the ISR. */
  private leaving: PartitionReplica[] = [];

  constructor(private readonly context: ControllerContext) {}

  /** Called with every state that is read at the start of a term. */
  note(tp: TopicPartition, state: LastWritten): void {
    const { leaving, needsElection } = restartedReplicas(state, this.context.processEpochs(tp));
    if (needsElection) this.needElection.add(tpName(tp));
    for (const replica of leaving) {
      this.context.markReplicaOffline(tp, replica);
      this.leaving.push({ ...tp, replica });
    }
  }

  /** Whether the partition's leader may go on in its leader epoch. */
  mayContinue(tp: TopicPartition): boolean {
    return this.context.hasLiveLeader(tp) && !this.needElection.has(tpName(tp));
  }

  /** Whether the replica can be told its role as it is, before the elections. */
  isUnaffected(replica: PartitionReplica): boolean {
    return this.context.isReplicaLive(replica, replica.replica) && !this.needElection.has(tpName(replica));
  }

  /** After the elections: the replicas leave the ISRs, and follow from now on like every replica that is behind. */
  async readmit(transitions: StateTransitions): Promise<void> {
    const { leaving } = this;
    this.leaving = [];
    this.needElection.clear();
    await transitions.removeFromIsrs(leaving);
    for (const { replica, ...tp } of leaving) this.context.markReplicaOnline(tp, replica);
    transitions.onlineReplicas(leaving);
  }
}
