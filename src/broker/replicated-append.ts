/**
 * An append that the broker itself makes, as leader: it is complete when the batch is committed.
 *
 * Kafka: server/ReplicaManager.scala#appendRecords with requiredAcks -1@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { ErrorName, KafkaError } from '../common/errors';
import { Log } from '../log/log';
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
    return { baseOffset: firstOffset, outcome: whenCommitted(replicas, tp, lastOffset + 1, timeoutMs) };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { baseOffset: -1, outcome: Promise.resolve(error.errorName) };
  }
}

/** Resolves with NONE when everything below `offset` is committed, otherwise with an error. */
function whenCommitted(
  replicas: ReplicaManager,
  tp: TopicPartition,
  offset: number,
  timeoutMs: number,
): Promise<ErrorName> {
  const operation: DelayedOperation<ErrorName> = {
    tryComplete: () => {
      const outcome = replicas.replicationOutcome(tp, offset);
      return outcome === 'pending' ? undefined : outcome;
    },
    onExpire: () => 'REQUEST_TIMED_OUT',
  };
  return Promise.resolve(replicas.producePurgatory.tryCompleteElseWatch(operation, [tp], timeoutMs));
}

/**
 * Resolves when all that is in the log now is committed. A coordinator serves what it loaded only then: if it
 * failed before, members would have an assignment, or an offset, that the next coordinator does not have.
 * Kafka 2.8 serves it at once. Throws the error, such as NOT_LEADER_OR_FOLLOWER, if this broker does not lead
 * the partition any more. `isWanted` is asked every `pollMs`: nothing else ends the wait when a broker stops.
 */
export async function whenAllCommitted(
  replicas: ReplicaManager,
  log: Log,
  { isWanted, pollMs }: { readonly isWanted: () => boolean; readonly pollMs: number },
): Promise<void> {
  const { tp, logEndOffset } = log;
  while (isWanted()) {
    const outcome = await whenCommitted(replicas, tp, logEndOffset, pollMs);
    if (outcome === 'NONE' || outcome === 'NOT_ENOUGH_REPLICAS_AFTER_APPEND') return;
    if (outcome !== 'REQUEST_TIMED_OUT') throw new KafkaError(outcome);
  }
}
