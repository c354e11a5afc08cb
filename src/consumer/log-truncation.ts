/**
 * The error for a position that the leader's log no longer contains, if auto.offset.reset is none: the user
 * decides where to continue.
 *
 * [p] Kafka: clients/consumer/LogTruncationException.java@2.8.2 (KIP-320)
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { AssignedPartition, EpochEndOffset } from './assigned-partition';

export class LogTruncationError extends KafkaError {
  readonly topicPartition: TopicPartition;
  /** The consumer's position. */
  readonly offsetOutOfRange: number;
  /**
   * The first offset that is known to differ, as an argument for `seek`; undefined if the leader does not
   * know it.
   */
  readonly divergentOffset: { readonly offset: number; readonly leaderEpoch: number } | undefined;

  constructor({ tp, position, lastEpoch }: AssignedPartition, end: EpochEndOffset | undefined) {
    const where = end
      ? `the log differs from offset ${end.endOffset} on, where leader epoch ${end.leaderEpoch} ends`
      : 'the leader knows no such epoch';
    super(
      'LOG_TRUNCATION',
      `Truncated partition ${tpName(tp)}: position ${position} was reached in leader epoch ${lastEpoch}, ` +
        `and ${where}`,
    );
    this.topicPartition = tp;
    this.offsetOutOfRange = position!;
    this.divergentOffset = end && { offset: end.endOffset, leaderEpoch: end.leaderEpoch };
  }
}
