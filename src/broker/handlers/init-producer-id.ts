/**
 * InitProducerId: a fresh id for an idempotent producer. Any broker serves it, from its own block.
 *
 * Kafka: server/KafkaApis.scala#handleInitProducerIdRequest, coordinator/transaction/TransactionCoordinator.scala@2.8.2,
 * without a transactional id
 */
import { errorCode, ErrorName } from '../../common/errors';
import { initProducerId } from '../../protocol/messages/produce-fetch';
import { TypeOf } from '../../protocol/schema';

type Response = TypeOf<typeof initProducerId.response>;

function refused(error: ErrorName): Response {
  return { errorCode: errorCode(error), producerId: -1, producerEpoch: -1 };
}

export async function handleInitProducerId(generate: () => Promise<number>, request: TypeOf<typeof initProducerId.request>): Promise<Response> {
  if (request.transactionalId !== null) return refused('UNSUPPORTED_VERSION');
  try {
    return { errorCode: 0, producerId: await generate(), producerEpoch: 0 };
  } catch {
    // ZooKeeper is out of reach; the next block will come when it is back.
    return refused('COORDINATOR_NOT_AVAILABLE');
  }
}
