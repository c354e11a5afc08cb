/**
 * ControlledShutdown: another broker is about to stop and asks this broker, as the controller, to move its
 * leaders away.
 *
 * Kafka: server/KafkaApis.scala#handleControlledShutdownRequest@2.8.2
 */
import { TopicPartition } from '../../common/cluster-types';
import { errorCode, ErrorName, KafkaError } from '../../common/errors';
import { Clock, withDeadline } from '../../common/host';
import { controlledShutdown } from '../../protocol/messages/replica-control';
import { TypeOf } from '../../protocol/schema';

/** Implemented by the controller. Rejects with NOT_CONTROLLER. */
export type MoveLeaders = (
  brokerId: number,
  brokerEpoch: number,
) => Promise<{ error: ErrorName; remaining: readonly TopicPartition[] }>;

export async function handleControlledShutdown(
  clock: Clock,
  moveLeaders: MoveLeaders,
  timeoutMs: number,
  request: TypeOf<typeof controlledShutdown.request>,
): Promise<TypeOf<typeof controlledShutdown.response>> {
  try {
    const asked = moveLeaders(request.brokerId, request.brokerEpoch);
    const { error, remaining } = await withDeadline(
      clock,
      timeoutMs,
      asked,
      () => new KafkaError('NOT_CONTROLLER'),
    );
    return { errorCode: errorCode(error), remainingPartitions: remaining };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { errorCode: error.code, remainingPartitions: [] };
  }
}
