/**
 * A broker that is about to stop gives its leaders away and leaves the ISRs it follows in, so that nobody waits for it.
 *
 * Kafka: controller/KafkaController.scala#doControlledShutdown@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { ErrorName } from '../common/errors';
import { ControllerContext } from './controller-context';
import { StateTransitions } from './state-transitions';

export interface ShutdownOutcome {
  readonly error: ErrorName;
  /** Replicated partitions that it still leads: no other replica is in sync. */
  readonly remaining: readonly TopicPartition[];
}

/**
 * Answers BROKER_NOT_AVAILABLE for a broker that is not registered, or not (yet) as that incarnation: it asks again.
 * STALE_BROKER_EPOCH for an earlier incarnation. (Kafka obeys a broker epoch that nobody has.)
 */
export async function moveLeadersAway(
  context: ControllerContext, transitions: StateTransitions, brokerId: number, brokerEpoch: number,
): Promise<ShutdownOutcome> {
  const broker = context.liveBrokers.get(brokerId);
  if (broker === undefined) return { error: 'BROKER_NOT_AVAILABLE', remaining: [] };
  if (brokerEpoch < broker.epoch) return { error: 'STALE_BROKER_EPOCH', remaining: [] };
  if (brokerEpoch > broker.epoch) return { error: 'BROKER_NOT_AVAILABLE', remaining: [] };
  context.shuttingDown.add(brokerId);
  const isReplicated = (tp: TopicPartition) => context.replicasOf(tp).length > 1;
  const replicated = context.replicasOnBrokers(new Set([brokerId])).filter((tp) => isReplicated(tp) && context.leadershipOf(tp));
  const led = replicated.filter((tp) => context.leadershipOf(tp)?.leader === brokerId);
  const followed = replicated.filter((tp) => !led.includes(tp));
  if (led.length > 0) await transitions.elect(led, 'controlled-shutdown');
  await transitions.offlineReplicas(followed);
  return { error: 'NONE', remaining: context.partitionsLedBy(brokerId).filter(isReplicated) };
}
