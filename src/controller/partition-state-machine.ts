/**
 * The states of a partition with their legal transitions as a table, and the plans for transitions that need
 * a write.
 *
 *   NonExistent → New → Online ⇄ Offline → NonExistent
 *
 * A plan holds the state to write and the brokers to notify; state-transitions.ts writes it and applies the
 * result. Invariant: every transition is in the table; an illegal one is a bug of ours and throws.
 *
 * [p] Kafka: controller/PartitionStateMachine.scala@2.8.2
 */
import { INITIAL_LEADER_EPOCH, TopicPartition, tpName } from '../common/cluster-types';
import { ErrorName, invariant } from '../common/errors';
import { StateWrite } from '../zk/controller-state-writes';
import { PartitionState } from '../zk/partition-state-store';
import { ControllerContext } from './controller-context';
import { rankingOf } from './restarted-since';
import { Elected, electControlledShutdown, electInitial, electOffline, electPreferred } from './election';

export type PartitionStateName =
  'NonExistentPartition' | 'NewPartition' | 'OnlinePartition' | 'OfflinePartition';

export const validPreviousPartitionStates: Readonly<
  Record<PartitionStateName, readonly PartitionStateName[]>
> = {
  NewPartition: ['NonExistentPartition'],
  OnlinePartition: ['NewPartition', 'OnlinePartition', 'OfflinePartition'],
  OfflinePartition: ['NewPartition', 'OnlinePartition', 'OfflinePartition'],
  NonExistentPartition: ['OfflinePartition'],
};

export function movePartition(context: ControllerContext, tp: TopicPartition, to: PartitionStateName): void {
  const from = context.stateOf(tp);
  invariant(
    validPreviousPartitionStates[to].includes(from),
    `Partition ${tpName(tp)} cannot go from ${from} to ${to}`,
  );
  context.setState(tp, to);
}

export type ElectionStrategy = 'offline' | 'preferred' | 'controlled-shutdown';

export interface LeaderPlan {
  readonly tp: TopicPartition;
  readonly write: StateWrite;
  readonly elected: Elected;
  readonly isNew: boolean;
}

export interface PlanFailure {
  readonly tp: TopicPartition;
  readonly error: ErrorName;
  readonly reason: string;
}

export interface OnlinePlan {
  readonly plans: readonly LeaderPlan[];
  readonly failures: readonly PlanFailure[];
}

/** Plans the first states of new partitions: leader and ISR come from the live replicas. */
export function planInitialStates(context: ControllerContext, tps: readonly TopicPartition[]): OnlinePlan {
  const plans: LeaderPlan[] = [];
  const failures: PlanFailure[] = [];
  for (const tp of tps) {
    const elected = electInitial({
      assignment: context.replicasOf(tp),
      isLive: (replica) => context.isReplicaLive(tp, replica),
    });
    if (elected === undefined) {
      failures.push({
        tp,
        error: 'LEADER_NOT_AVAILABLE',
        reason: `none of the replicas ${context.replicasOf(tp).join(',')} is alive`,
      });
      continue;
    }
    const content = {
      leader: elected.leader,
      isr: elected.isr,
      leaderEpoch: INITIAL_LEADER_EPOCH,
      controllerEpoch: context.epoch,
    };
    plans.push({
      tp,
      elected,
      isNew: true,
      write: { tp, content, expectedZkVersion: undefined, members: context.incarnationsOf(elected.isr) },
    });
  }
  return { plans, failures };
}

/** Partitions that have no fit member in the ISR: only an unclean election could give them a leader now. */
export function withoutLiveIsr(
  context: ControllerContext,
  states: ReadonlyMap<string, PartitionState>,
  tps: readonly TopicPartition[],
): TopicPartition[] {
  return tps.filter((tp) => {
    const state = states.get(tpName(tp));
    if (state === undefined) return false;
    const { fit } = rankingOf(context, tp, state);
    return !context
      .replicasOf(tp)
      .some((replica) => context.isReplicaLive(tp, replica) && fit.includes(replica));
  });
}

function elect(
  context: ControllerContext,
  tp: TopicPartition,
  state: PartitionState,
  strategy: ElectionStrategy,
  uncleanAllowed: boolean,
): Elected | undefined {
  // Other members of the ISR have lost records, or may have, while another member that has not is live or may
  // come back.
  const { fit, haveAllLost, flushed } = rankingOf(context, tp, state);
  const isLive = (replica: number) => context.isReplicaLive(tp, replica);
  const candidates = { assignment: context.replicasOf(tp), isr: fit, isLive };
  switch (strategy) {
    case 'offline': {
      if (fit.some(isLive) && !haveAllLost) return electOffline(candidates, false);
      // No live member is known to have every committed record. Those of the ISR come first that have what
      // they flushed, and among them the former leader.
      const { assignment } = candidates;
      const members = [state.leader, ...assignment.filter((id) => state.isr.includes(id))];
      const whole = members.filter((id) => flushed.includes(id));
      const byRecords = [...new Set([...whole, ...members, ...assignment])];
      const inOrder = byRecords.filter((id) => assignment.includes(id));
      const elected = electOffline({ ...candidates, assignment: inOrder }, uncleanAllowed);
      return elected && { ...elected, isr: [elected.leader] };
    }
    // Members that have all lost something do not stay together in the ISR: the election above is for them.
    case 'preferred':
      return haveAllLost ? undefined : electPreferred(candidates);
    case 'controlled-shutdown':
      if (haveAllLost) return undefined;
      return electControlledShutdown(candidates, (replica) => context.shuttingDown.has(replica));
  }
}

const NO_CANDIDATE: Record<ElectionStrategy, ErrorName> = {
  'offline': 'ELIGIBLE_LEADERS_NOT_AVAILABLE',
  'preferred': 'PREFERRED_LEADER_NOT_AVAILABLE',
  'controlled-shutdown': 'ELIGIBLE_LEADERS_NOT_AVAILABLE',
};

export interface ElectionRules {
  readonly strategy: ElectionStrategy;
  /** Topics that allow an unclean election. */
  readonly uncleanTopics: ReadonlySet<string>;
}

/**
 * Plans new leaders from the given states. Partitions without a candidate, without a state, or written by a
 * newer controller epoch are in `failures`.
 */
export function planElections(
  context: ControllerContext,
  states: ReadonlyMap<string, PartitionState>,
  tps: readonly TopicPartition[],
  { strategy, uncleanTopics }: ElectionRules,
): OnlinePlan {
  const plans: LeaderPlan[] = [];
  const failures: PlanFailure[] = [];
  for (const tp of tps) {
    const state = states.get(tpName(tp));
    if (state === undefined) {
      failures.push({ tp, error: 'UNKNOWN_TOPIC_OR_PARTITION', reason: 'its state znode is missing' });
    } else if (state.controllerEpoch > context.epoch) {
      failures.push({
        tp,
        error: 'STALE_CONTROLLER_EPOCH',
        reason: `its state was written by controller epoch ${state.controllerEpoch}, ours is ${context.epoch}`,
      });
    } else {
      const elected = elect(context, tp, state, strategy, uncleanTopics.has(tp.topic));
      if (elected === undefined) {
        failures.push({
          tp,
          error: NO_CANDIDATE[strategy],
          reason: `no candidate among ${context.replicasOf(tp).join(',')} with ISR ${state.isr.join(',')}`,
        });
      } else {
        const content = {
          leader: elected.leader,
          isr: elected.isr,
          leaderEpoch: state.leaderEpoch + 1,
          controllerEpoch: context.epoch,
        };
        plans.push({
          tp,
          elected,
          isNew: false,
          write: {
            tp,
            content,
            expectedZkVersion: state.zkVersion,
            members: context.incarnationsOf(elected.isr),
          },
        });
      }
    }
  }
  return { plans, failures };
}
