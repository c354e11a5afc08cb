/**
 * An append that the broker itself makes: written here as leader, done when every in-sync replica has it.
 *
 * Kafka: server/ReplicaManager.scala#appendRecords with requiredAcks -1@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { ErrorName, KafkaError } from '../common/errors';
import { DelayedOperation } from './purgatory';
import { ReplicaManager } from './replica-manager';

export interface StartedAppend {
  /** Of the first record, or -1 if nothing was written. */
  readonly baseOffset: number;
  /** NONE once the batch is committed, or why that will not be told. */
  readonly outcome: Promise<ErrorName>;
}

/** Appends the batch here and now; what comes of it is told later. */
export function startAppend(
  replicas: ReplicaManager, tp: TopicPartition, batch: Buffer, timeoutMs: number,
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
