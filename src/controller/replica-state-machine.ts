/**
 * The states of a replica with their legal transitions as a table, and the plan that removes a dead replica
 * from the ISR.
 *
 * Invariant: every transition is in the table; an illegal one is a bug of ours and throws.
 *
 * [p] Kafka: controller/ReplicaStateMachine.scala@2.8.2
 */
import { NO_LEADER, tpName } from '../common/cluster-types';
import { invariant } from '../common/errors';
import { StateWrite } from '../zk/controller-state-writes';
import { PartitionState } from '../zk/partition-state-store';
import { ControllerContext, PartitionReplica } from './controller-context';
import { rankMembers } from './restarted-since';

export type ReplicaStateName = 'NonExistentReplica' | 'NewReplica' | 'OnlineReplica' | 'OfflineReplica';

export const validPreviousReplicaStates: Readonly<Record<ReplicaStateName, readonly ReplicaStateName[]>> = {
  NewReplica: ['NonExistentReplica'],
  OnlineReplica: ['NewReplica', 'OnlineReplica', 'OfflineReplica'],
  OfflineReplica: ['NewReplica', 'OnlineReplica', 'OfflineReplica'],
  NonExistentReplica: ['OfflineReplica'],
};

export function moveReplica(
  context: ControllerContext,
  replica: PartitionReplica,
  to: ReplicaStateName,
): void {
  const from = context.replicaStateOf(replica);
  invariant(
    validPreviousReplicaStates[to].includes(from),
    `Replica ${replica.replica} of ${tpName(replica)} cannot go from ${from} to ${to}`,
  );
  context.setReplicaState(replica, to);
}

/**
 * Plans the state without `replica` in the ISR and with a higher leader epoch. Undefined if there is nothing
 * to change; 'superseded' if a later controller wrote the state. The last member stays in the ISR: only that
 * replica is known to have every committed record. Other members that are gone or have restarted leave in the
 * same write, because a state that is newer than a broker's start must not list that broker for the records
 * of its former incarnation (docs/decisions/0004). If the ISR has several members and no live one is fit,
 * nothing is written: the state must stay older than what they lost, and all are awaited (0020).
 */
export function planIsrRemoval(
  context: ControllerContext,
  { topic, partition, replica }: PartitionReplica,
  state: PartitionState,
): StateWrite | 'superseded' | undefined {
  if (state.controllerEpoch > context.epoch) return 'superseded';
  if (!state.isr.includes(replica)) return undefined;
  const tp = { topic, partition };
  const others = new Map([...context.processEpochs(tp)].filter(([id]) => id !== replica));
  const { fit } = rankMembers({ ...state, mzxid: state.mzxid ?? Infinity }, others);
  const departed = context.departuresOf(tp);
  const leader = fit.includes(state.leader) ? state.leader : NO_LEADER;
  const stay = fit.filter((id) => id === leader || !departed.includes(id));
  if (stay.length === 0 && state.isr.length > 1) return undefined;
  const isr = stay.length > 0 ? stay : state.isr;
  if (leader === state.leader && isr.length === state.isr.length) return undefined;
  const content = { leader, isr, leaderEpoch: state.leaderEpoch + 1, controllerEpoch: context.epoch };
  return { tp, content, expectedZkVersion: state.zkVersion, members: context.incarnationsOf(stay) };
}
