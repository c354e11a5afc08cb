/**
 * An append that the broker itself makes: written here as leader, done when every in-sync replica has it.
 *
 * Kafka: server/ReplicaManager.scala#appendRecords with requiredAcks -1@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { ErrorName, KafkaError } from '../common/errors';
import { DelayedOperation } from './purgatory';
import { ReplicaManager } from './replica-manager';

class DelayedAppend implements DelayedOperation {
  constructor(
    private readonly replicas: ReplicaManager, private readonly tp: TopicPartition,
    private readonly nextOffset: number, private readonly done: (error: ErrorName) => void,
  ) {}

  tryComplete(): boolean {
    const outcome = this.replicas.get(this.tp)?.replicationOutcome(this.nextOffset) ?? 'NOT_LEADER_OR_FOLLOWER';
    if (outcome === 'pending') return false;
    this.done(outcome);
    return true;
  }

  onExpire(): void {
    this.done('REQUEST_TIMED_OUT');
  }
}

export interface StartedAppend {
  /** Of the first record, or -1 if nothing was written. */
  readonly baseOffset: number;
  /** NONE once the batch is committed, or why that will not be told. */
  readonly outcome: Promise<ErrorName>;
}

/** Appends the batch here and now; what comes of it is told later. */
export function startAppend(replicas: ReplicaManager, tp: TopicPartition, batch: Buffer, timeoutMs: number): StartedAppend {
  try {
    const info = replicas.require(tp).appendAsLeader(batch, -1);
    replicas.appended(tp);
    const outcome = new Promise<ErrorName>((resolve) => {
      const operation = new DelayedAppend(replicas, tp, info.lastOffset + 1, resolve);
      replicas.producePurgatory.tryCompleteElseWatch(operation, [tp], timeoutMs);
    });
    return { baseOffset: info.firstOffset, outcome };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { baseOffset: -1, outcome: Promise.resolve(error.errorName) };
  }
}
