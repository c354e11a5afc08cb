/**
 * What becomes of an error that one partition of a request met: its row says so, and the other rows are answered
 * as if nothing had been. A partition that fails each time must not keep a follower from all the others.
 *
 * Kafka: server/ReplicaManager.scala#{appendToLocalLog,readFromLocalLog}@2.8.2, which catch every Throwable
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { InvariantError, KafkaError, stackOf } from '../common/errors';
import { Log } from '../common/host';

/** UNKNOWN_SERVER_ERROR, which is logged, for what nobody expected. Throws a broken invariant on. */
export function rowError(log: Pick<Log, 'error'>, api: string, tp: TopicPartition, error: unknown): KafkaError {
  if (error instanceof KafkaError) return error;
  if (error instanceof InvariantError) throw error;
  log.error(`${api} of ${tpName(tp)} failed: ${stackOf(error)}`);
  return new KafkaError('UNKNOWN_SERVER_ERROR');
}
