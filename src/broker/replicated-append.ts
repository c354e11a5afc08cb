/**
 * An append that the broker itself makes, as leader: it is complete when the batch is committed.
 *
 * Kafka: server/ReplicaManager.scala#appendRecords with requiredAcks -1@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { ErrorName, KafkaError } from '../common/errors';
import { DelayedOperation } from './purgatory';
import { ReplicaManager } from './replica-manager';

export interface StartedAppend {
  /** The offset of the first record, or -1 if nothing was written. */
  readonly baseOffset: number;
  /** NONE when the batch is committed; otherwise the error, such as REQUEST_TIMED_OUT. */
  readonly outcome: Promise<ErrorName>;
}

/**
 * Appends the batch to the local log before it returns; `outcome` resolves later. KafkaErrors are in
 * `outcome`.
 */
export function startAppend(
  replicas: ReplicaManager,
  tp: TopicPartition,
  batch: Buffer,
  timeoutMs: number,
): StartedAppend {
  try {
    const { firstOffset, lastOffset } = replicas.require(tp).appendAsLeader(batch, -1);
    replicas.appended(tp);
    const operation: DelayedOperation<ErrorName> = {
      tryComplete: () => {
        const outcome = replicas.replicationOutcome(tp, lastOffset + 1);
        return outcome === 'pending' ? undefined : outcome;
      },
      onExpire: () => 'REQUEST_TIMED_OUT',
    };
    return {
      baseOffset: firstOffset,
      outcome: replicas.producePurgatory.tryCompleteElseWatch(operation, [tp], timeoutMs),
    };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { baseOffset: -1, outcome: Promise.resolve(error.errorName) };
  }
}
