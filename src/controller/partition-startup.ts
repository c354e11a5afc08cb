/**
 * Starts the state machines for partitions found in ZooKeeper: for all partitions when a controller takes
 * over, later for new partitions and for those whose znodes could not be read before.
 *
 * Kafka: controller/{ReplicaStateMachine,PartitionStateMachine}.scala#startup@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { ControllerContext } from './controller-context';
import { movePartition } from './partition-state-machine';
import { RestartedReplicas } from './restarted-replicas';
import { StateTransitions } from './state-transitions';

/** Starts partitions that were just added to the context, with their states where ZooKeeper has them. */
export async function startPartitions(
  context: ControllerContext,
  transitions: StateTransitions,
  tps: readonly TopicPartition[],
): Promise<void> {
  for (const tp of tps) {
    movePartition(context, tp, 'NewPartition');
    transitions.newReplicas(context.replicasOf(tp).map((replica) => ({ ...tp, replica })));
  }
  await takeUp(context, transitions, tps);
}

/** Retries the partitions whose states could not be read or written. */
export async function retryUnsettled(
  context: ControllerContext,
  transitions: StateTransitions,
): Promise<void> {
  const tps = transitions.takeUnsettled();
  for (const [name, state] of await transitions.read(tps)) context.leadership.set(name, state);
  await transitions.removeDeparted(tps);
  await takeUp(context, transitions, tps);
}

/**
 * Brings partitions and replicas online or offline according to their states. Partitions with a live leader
 * keep it, the others get an election. Live replicas get LeaderAndIsr, dead ones leave the ISR.
 */
async function takeUp(
  context: ControllerContext,
  transitions: StateTransitions,
  tps: readonly TopicPartition[],
): Promise<void> {
  const restarted = new RestartedReplicas(context);
  for (const tp of tps) {
    const state = context.leadershipOf(tp);
    if (!state) continue;
    restarted.note(tp, state);
    movePartition(context, tp, restarted.mayContinue(tp) ? 'OnlinePartition' : 'OfflinePartition');
  }
  const names = new Set(tps.map(tpName));
  const replicas = tps.flatMap((tp) => context.replicasOf(tp).map((replica) => ({ ...tp, replica })));
  const live = replicas.filter(({ replica }) => context.liveBrokers.has(replica));
  const dead = replicas.filter(({ replica }) => !context.liveBrokers.has(replica));
  // The replicas that are only marked here get LeaderAndIsr from the elections or from `readmit` below.
  const affected = live.filter((replica) => !restarted.isUnaffected(replica));
  transitions.onlineReplicas(live.filter((one) => restarted.isUnaffected(one)));
  transitions.markOnline(affected);
  await transitions.offlineReplicas(dead);
  await transitions.electMissingLeaders((tp) => names.has(tpName(tp)));
  await restarted.readmit(transitions);
  // Where no leader could be elected the replicas still get LeaderAndIsr, without a leader.
  transitions.onlineReplicas(affected.filter((one) => context.stateOf(one) === 'OfflinePartition'));
  transitions.settled(tps);
}
