/**
 * Controlled shutdown: moves leaders away from a broker that is about to stop, and removes it from the ISRs
 * in which it follows, so that neither producers nor the high watermark wait for it.
 *
 * Kafka: controller/KafkaController.scala#doControlledShutdown@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { ErrorName } from '../common/errors';
import { ControllerContext } from './controller-context';
import { actualLeader } from './restarted-since';
import { StateTransitions } from './state-transitions';

export interface ShutdownOutcome {
  readonly error: ErrorName;
  /** Partitions with several replicas that the broker still leads, because no other replica is in sync. */
  readonly remaining: readonly TopicPartition[];
}

/**
 * Elects other leaders for the partitions that the broker leads. Errors: STALE_BROKER_EPOCH for a former
 * incarnation; BROKER_NOT_AVAILABLE, after which the broker asks again, if it is not registered or the
 * controller has not yet read a registration with this epoch. (Kafka accepts a broker epoch greater than the
 * registered one.)
 */
export async function moveLeadersAway(
  context: ControllerContext,
  transitions: StateTransitions,
  brokerId: number,
  brokerEpoch: number,
): Promise<ShutdownOutcome> {
  const broker = context.liveBrokers.get(brokerId);
  if (broker === undefined) return { error: 'BROKER_NOT_AVAILABLE', remaining: [] };
  if (brokerEpoch < broker.epoch) return { error: 'STALE_BROKER_EPOCH', remaining: [] };
  if (brokerEpoch > broker.epoch) return { error: 'BROKER_NOT_AVAILABLE', remaining: [] };
  context.shuttingDown.add(brokerId);
  const isReplicated = (tp: TopicPartition) => context.replicasOf(tp).length > 1;
  const replicated = context
    .replicasOnBrokers(new Set([brokerId]))
    .filter((tp) => isReplicated(tp) && context.leadershipOf(tp));
  const isLedHere = (tp: TopicPartition) => {
    const state = context.leadershipOf(tp);
    return state !== undefined && actualLeader(context, tp, state) === brokerId;
  };
  const led = replicated.filter(isLedHere);
  const followed = replicated.filter((tp) => !led.includes(tp));
  if (led.length > 0) await transitions.elect(led, 'controlled-shutdown');
  await transitions.offlineReplicas(followed);
  return { error: 'NONE', remaining: context.partitions.filter((tp) => isReplicated(tp) && isLedHere(tp)) };
}
