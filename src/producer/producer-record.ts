/**
 * The records that a producer takes and the metadata that it returns for them.
 *
 * [p] Kafka: clients/producer/{ProducerRecord,RecordMetadata,Callback}.java@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { Header } from '../record/record';

/**
 * A record to send. The serializers determine the types of key and value; the default ones take strings and
 * Buffers.
 */
export interface ProducerRecord<K = unknown, V = unknown> {
  readonly topic: string;
  readonly key?: K | null;
  /** Null is a tombstone in a compacted topic. */
  readonly value?: V | null;
  /** The default is the partitioner's choice. */
  readonly partition?: number;
  /** ms since 1970; the default is now. */
  readonly timestamp?: number;
  readonly headers?: readonly Header[];
}

/** The place of an acknowledged record. */
export interface RecordMetadata extends TopicPartition {
  /** -1 with acks 0. */
  readonly offset: number;
  /** ms since 1970: the producer's time, or the broker's for a topic with LogAppendTime. */
  readonly timestamp: number;
}

/**
 * Called once for each record, in order for each partition. The sender waits for its return, so it must not
 * take long.
 */
export type SendCallback = (error: KafkaError | null, metadata: RecordMetadata | null) => void;
