/**
 * InitProducerId: a new producer id for an idempotent producer. Every broker serves it, from its own block of
 * ids.
 *
 * Kafka: server/KafkaApis.scala#handleInitProducerIdRequest,
 * coordinator/transaction/TransactionCoordinator.scala@2.8.2, without a transactional id
 */
import { errorCode, ErrorName } from '../../common/errors';
import { initProducerId } from '../../protocol/messages/produce-fetch';
import { TypeOf } from '../../protocol/schema';

type Response = TypeOf<typeof initProducerId.response>;

function refused(error: ErrorName): Response {
  return { errorCode: errorCode(error), producerId: -1, producerEpoch: -1 };
}

export async function handleInitProducerId(
  generate: () => Promise<number>,
  request: TypeOf<typeof initProducerId.request>,
): Promise<Response> {
  if (request.transactionalId !== null) return refused('UNSUPPORTED_VERSION');
  try {
    return { errorCode: 0, producerId: await generate(), producerEpoch: 0 };
  } catch {
    // The next block of ids could not be claimed in ZooKeeper; the producer retries.
    return refused('COORDINATOR_NOT_AVAILABLE');
  }
}
