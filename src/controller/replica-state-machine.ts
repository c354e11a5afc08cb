/**
 * The life of a replica, as a table, and the plan that takes a dead one out of the ISR.
 *
 * [p] Kafka: controller/ReplicaStateMachine.scala@2.8.2
 */
import { NO_LEADER, tpName } from '../common/cluster-types';
import { invariant } from '../common/errors';
import { StateWrite } from '../zk/controller-state-writes';
import { PartitionState } from '../zk/partition-state-store';
import { ControllerContext, PartitionReplica } from './controller-context';
import { membersRestarted } from './restarted-since';

export type ReplicaStateName = 'NonExistentReplica' | 'NewReplica' | 'OnlineReplica' | 'OfflineReplica';

export const validPreviousReplicaStates: Readonly<Record<ReplicaStateName, readonly ReplicaStateName[]>> = {
  NewReplica: ['NonExistentReplica'],
  OnlineReplica: ['NewReplica', 'OnlineReplica', 'OfflineReplica'],
  OfflineReplica: ['NewReplica', 'OnlineReplica', 'OfflineReplica'],
  NonExistentReplica: ['OfflineReplica'],
};

export function moveReplica(context: ControllerContext, replica: PartitionReplica, to: ReplicaStateName): void {
  const from = context.replicaStateOf(replica);
  invariant(validPreviousReplicaStates[to].includes(from), `Replica ${replica.replica} of ${tpName(replica)} cannot go from ${from} to ${to}`);
  context.setReplicaState(replica, to);
}

/**
 * The state without `replica` in the ISR and with a raised leader epoch; undefined if it is not in the ISR.
 * The last member stays: only it is known to have every committed record. Others that are gone, or were
 * meanwhile, leave at the same time: a state that is younger than a broker's start must not have it in the ISR
 * for what its former incarnation had (docs/decisions/0004). `superseded`: the state is a later controller's.
 */
export function planIsrRemoval(
  context: ControllerContext, { topic, partition, replica }: PartitionReplica, state: PartitionState,
): StateWrite | 'superseded' | undefined {
  if (state.controllerEpoch > context.epoch) return 'superseded';
  if (!state.isr.includes(replica)) return undefined;
  const tp = { topic, partition };
  const isThere = (id: number) => id !== replica && context.hasReplica(tp, id);
  const leader = isThere(state.leader) ? state.leader : NO_LEADER;
  const leaving = [...membersRestarted(context, tp, state), ...context.departuresOf(tp)];
  const stays = (id: number) => id === leader || (isThere(id) && !leaving.includes(id));
  const isr = [
    () => state.isr.filter(stays),
    () => state.isr.filter((id) => id !== replica),
    () => state.isr,
  ].map((members) => members()).find((members) => members.length > 0)!;
  if (leader === state.leader && isr.length === state.isr.length) return undefined;
  const content = { leader, isr, leaderEpoch: state.leaderEpoch + 1, controllerEpoch: context.epoch };
  return { tp, content, expectedZkVersion: state.zkVersion, members: context.incarnationsOf(isr.filter(stays)) };
}
