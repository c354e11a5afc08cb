/**
 * Finds ISR members whose process was started after the partition's state was written: a pure comparison of
 * zxids.
 *
 * Kafka 2.8 has no counterpart; see restarted-replicas.ts and docs/decisions/0004.
 */
import { TopicPartition } from '../common/cluster-types';
import { PartitionState } from '../zk/partition-state-store';
import { ControllerContext } from './controller-context';

export interface LastWritten {
  readonly leader: number;
  readonly isr: readonly number[];
  /** The zxid of the write of this state; it can be compared with a broker epoch, which is a czxid. */
  readonly mzxid: number;
}

export interface Restarted {
  /** Members that leave the ISR. */
  readonly leaving: readonly number[];
  /** The leader restarted and no member is better: an election gives it a new leader epoch. */
  readonly needsElection: boolean;
}

/**
 * `processEpochs`: for each live broker that has the replica, the broker epoch its process first registered
 * with.
 */
export function restartedReplicas(state: LastWritten, processEpochs: ReadonlyMap<number, number>): Restarted {
  const { leader, isr, mzxid } = state;
  const hasRestarted = (id: number) => (processEpochs.get(id) ?? -1) > mzxid;
  const restarted = isr.filter(hasRestarted);
  const hasOther = isr.some((id) => processEpochs.has(id) && !hasRestarted(id));
  return hasOther
    ? { leaving: restarted, needsElection: false }
    : { leaving: [], needsElection: hasRestarted(leader) };
}

/**
 * ISR members that may have lost records, while another live member has not. Empty if the state has no mzxid.
 */
export function membersRestarted(
  context: ControllerContext,
  tp: TopicPartition,
  state: PartitionState,
): readonly number[] {
  const { mzxid = Infinity } = state;
  return restartedReplicas({ ...state, mzxid }, context.processEpochs(tp)).leaving;
}
