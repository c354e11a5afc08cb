/**
 * Turns an error in one partition of a request into the error code of its row; the other rows are served
 * normally. A partition that fails repeatedly must not stop a follower from fetching the others.
 *
 * Kafka: server/ReplicaManager.scala#{appendToLocalLog,readFromLocalLog}@2.8.2, which catch every Throwable
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { InvariantError, KafkaError, stackOf } from '../common/errors';
import { Log } from '../common/host';

/**
 * A KafkaError as it is; UNKNOWN_SERVER_ERROR, with a log line, for an unexpected error. Rethrows a broken
 * invariant.
 */
export function rowError(
  log: Pick<Log, 'error'>,
  api: string,
  tp: TopicPartition,
  error: unknown,
): KafkaError {
  if (error instanceof KafkaError) return error;
  if (error instanceof InvariantError) throw error;
  log.error(`${api} of ${tpName(tp)} failed: ${stackOf(error)}`);
  return new KafkaError('UNKNOWN_SERVER_ERROR');
}
