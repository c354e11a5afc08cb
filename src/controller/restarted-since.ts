/**
 * Which members of an ISR may lead, by the epochs that the brokers told in their incarnation znodes and by
 * the zxid that wrote the state: a pure comparison of zxids.
 *
 * Kafka 2.8 has no counterpart; see restarted-replicas.ts and docs/decisions/0004, 0020.
 */
import { NO_LEADER, ProcessEpochs, TopicPartition } from '../common/cluster-types';
import { PartitionState } from '../zk/partition-state-store';
import { ControllerContext } from './controller-context';

export interface LastWritten {
  readonly leader: number;
  readonly isr: readonly number[];
  /** The zxid of the write of this state; it can be compared with a broker epoch, which is a czxid. */
  readonly mzxid: number;
}

export interface IsrRanking {
  /**
   * The live members than which no other member is better: they stay in the ISR, and one of them may lead.
   * Best are those that were not restarted since the state was written; then those that were restarted and
   * have lost nothing. Members that may have lost something are fit only once every member is back in that
   * condition. Empty: the members that are gone are awaited.
   */
  readonly fit: readonly number[];
  /** Live members that are not fit: they do not lead, and leave the ISR when it is written. */
  readonly unfit: readonly number[];
  readonly haveAllLost: boolean;
  /** Live members that have lost nothing that they had flushed. Others may have an empty disk. */
  readonly flushed: readonly number[];
  /** The leader is live and was not restarted: it may continue in its leader epoch. */
  readonly mayContinue: boolean;
}

/** `live`: the epochs of the live brokers that have the replica, by broker id. */
export function rankMembers(
  { leader, isr, mzxid }: LastWritten,
  live: ReadonlyMap<number, ProcessEpochs>,
): IsrRanking {
  const here = isr.filter((id) => live.has(id));
  const steady = here.filter((id) => live.get(id)!.processEpoch <= mzxid);
  const whole = here.filter((id) => live.get(id)!.keptSince <= mzxid);
  const flushed = here.filter((id) => {
    const { keptSince, flushedSince = keptSince } = live.get(id)!;
    return flushedSince <= mzxid;
  });
  const haveAllLost = here.length === isr.length && whole.length === 0;
  const fit = [steady, whole, haveAllLost ? here : []].find((ids) => ids.length > 0) ?? [];
  const unfit = here.filter((id) => !fit.includes(id));
  return { fit, unfit, haveAllLost, flushed, mayContinue: steady.includes(leader) };
}

/** The ranking with what the controller knows. A state without an mzxid was written just now. */
export function rankingOf(context: ControllerContext, tp: TopicPartition, state: PartitionState): IsrRanking {
  const { mzxid = Infinity } = state;
  return rankMembers({ ...state, mzxid }, context.processEpochs(tp));
}

/**
 * Who leads, as far as the brokers are told: the state of a partition without a leader still names the last
 * one (0020). That one leads on only if it is steady and about to stop, until it is gone.
 */
export function actualLeader(context: ControllerContext, tp: TopicPartition, state: PartitionState): number {
  const { leader } = state;
  if (context.stateOf(tp) !== 'OfflinePartition') return leader;
  return context.shuttingDown.has(leader) && rankingOf(context, tp, state).mayContinue ? leader : NO_LEADER;
}
