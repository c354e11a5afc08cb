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
  constructor(private readonly replicas: ReplicaManager, private readonly tp: TopicPartition, private readonly nextOffset: number, private readonly done: (error: ErrorName) => void) {}

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

export interface Appended {
  readonly error: ErrorName;
  /** Of the first record, or -1 if nothing was written. */
  readonly baseOffset: number;
}

/** Appends the batch; resolves with NONE once it is committed, or with why that will not be told. */
export function appendReplicated(replicas: ReplicaManager, tp: TopicPartition, batch: Buffer, timeoutMs: number): Promise<Appended> {
  try {
    const info = replicas.require(tp).appendAsLeader(batch, -1);
    replicas.appended(tp);
    return new Promise((resolve) => {
      const operation = new DelayedAppend(replicas, tp, info.lastOffset + 1, (error) => resolve({ error, baseOffset: info.firstOffset }));
      replicas.producePurgatory.tryCompleteElseWatch(operation, [tp], timeoutMs);
    });
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return Promise.resolve({ error: error.errorName, baseOffset: -1 });
  }
}
