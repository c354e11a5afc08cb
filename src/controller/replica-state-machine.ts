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
import { membersRestarted } from './restarted-since';

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
 * of its former incarnation (docs/decisions/0004).
 */
export function planIsrRemoval(
  context: ControllerContext,
  { topic, partition, replica }: PartitionReplica,
  state: PartitionState,
): StateWrite | 'superseded' | undefined {
  if (state.controllerEpoch > context.epoch) return 'superseded';
  if (!state.isr.includes(replica)) return undefined;
  const tp = { topic, partition };
  const isThere = (id: number) => id !== replica && context.hasReplica(tp, id);
  const leader = isThere(state.leader) ? state.leader : NO_LEADER;
  const leaving = [...membersRestarted(context, tp, state), ...context.departuresOf(tp)];
  const stays = (id: number) => id === leader || (isThere(id) && !leaving.includes(id));
  const isr = [
    // The first of these that is not empty: without all that must leave, without `replica` alone, unchanged.
    () => state.isr.filter(stays),
    () => state.isr.filter((id) => id !== replica),
    () => state.isr,
  ]
    .map((members) => members())
    .find((members) => members.length > 0)!;
  if (leader === state.leader && isr.length === state.isr.length) return undefined;
  const content = { leader, isr, leaderEpoch: state.leaderEpoch + 1, controllerEpoch: context.epoch };
  return {
    tp,
    content,
    expectedZkVersion: state.zkVersion,
    members: context.incarnationsOf(isr.filter(stays)),
  };
}
