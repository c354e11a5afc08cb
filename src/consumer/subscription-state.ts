/**
 * Which partitions a consumer reads, from where, and which of them are paused.
 *
 * A position is the offset of the next record to return. `undefined` means that it is still to be found by the reset
 * strategy. Kafka: clients/consumer/internals/SubscriptionState.java@2.8.2
 *
 * [p]
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError } from '../common/errors';

export type ResetStrategy = 'earliest' | 'latest' | 'none';

export interface AssignedPartition {
  readonly tp: TopicPartition;
  position: number | undefined;
  /** What to do about an undefined position. */
  reset: ResetStrategy;
  paused: boolean;
  /** Nothing is asked of this partition before this time (monotonic ms). */
  retryAtMs: number;
}

export class SubscriptionState {
  private assigned = new Map<string, AssignedPartition>();

  constructor(private readonly defaultReset: ResetStrategy) {}

  /** Replaces the assignment; what stays keeps its position. */
  assign(tps: readonly TopicPartition[]): void {
    this.assigned = new Map(tps.map((tp) => [tpName(tp), this.assigned.get(tpName(tp))
      ?? { tp, position: undefined, reset: this.defaultReset, paused: false, retryAtMs: -Infinity }]));
  }

  get all(): readonly AssignedPartition[] { return [...this.assigned.values()]; }

  find(tp: TopicPartition): AssignedPartition | undefined {
    return this.assigned.get(tpName(tp));
  }

  /** Throws ILLEGAL_STATE for a partition that is not assigned. */
  require(tp: TopicPartition): AssignedPartition {
    const found = this.find(tp);
    if (!found) throw new KafkaError('ILLEGAL_STATE', `No current assignment for partition ${tpName(tp)}`);
    return found;
  }

  seek(tp: TopicPartition, offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new KafkaError('ILLEGAL_STATE', `seek offset must not be a negative number: ${offset}`);
    this.require(tp).position = offset;
  }

  requestReset(tp: TopicPartition, strategy: ResetStrategy = this.defaultReset): void {
    const partition = this.require(tp);
    partition.position = undefined;
    partition.reset = strategy;
  }

  setPaused(tp: TopicPartition, paused: boolean): void {
    this.require(tp).paused = paused;
  }
}
