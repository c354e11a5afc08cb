/**
 * Members of an ISR whose process was started after the state was written: a pure comparison of transactions.
 *
 * Kafka 2.8 has no counterpart; see restarted-replicas.ts and docs/decisions/0004.
 */
import { TopicPartition } from '../common/cluster-types';
import { PartitionState } from '../zk/partition-state-store';
import { ControllerContext } from './controller-context';

export interface LastWritten {
  readonly leader: number;
  readonly isr: readonly number[];
  /** The transaction that wrote the state, comparable with a broker epoch. */
  readonly mzxid: number;
}

export interface Restarted {
  /** They leave the ISR. */
  readonly leaving: readonly number[];
  /** The leader restarted and there is nobody better: an election gives it a new leader epoch. */
  readonly needsElection: boolean;
}

/** `processEpochs`: what the processes of the brokers that live, and have the replica, registered with first. */
export function restartedReplicas(state: LastWritten, processEpochs: ReadonlyMap<number, number>): Restarted {
  const { leader, isr, mzxid } = state;
  const hasRestarted = (id: number) => (processEpochs.get(id) ?? -1) > mzxid;
  const restarted = isr.filter(hasRestarted);
  const hasOther = isr.some((id) => processEpochs.has(id) && !hasRestarted(id));
  return hasOther ? { leaving: restarted, needsElection: false } : { leaving: [], needsElection: hasRestarted(leader) };
}

/** Members of the ISR that may have lost what they had, while another lives that has not; none if that is not known. */
export function membersRestarted(
  context: ControllerContext, tp: TopicPartition, state: PartitionState,
): readonly number[] {
  const { mzxid = Infinity } = state;
  return restartedReplicas({ ...state, mzxid }, context.processEpochs(tp)).leaving;
}
