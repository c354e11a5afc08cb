/**
 * What goes into a producer and what comes back.
 *
 * [p] Kafka: clients/producer/{ProducerRecord,RecordMetadata,Callback}.java@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { Header } from '../record/record';

/** A record to send. Key and value are what the serializers take: strings and Buffers, unless others are set. */
export interface ProducerRecord<K = unknown, V = unknown> {
  readonly topic: string;
  readonly key?: K | null;
  /** Null is a tombstone in a compacted topic. */
  readonly value?: V | null;
  /** Not set: the partitioner decides. */
  readonly partition?: number;
  /** Milliseconds since 1970; not set: now. */
  readonly timestamp?: number;
  readonly headers?: readonly Header[];
}

/** Where an acknowledged record is. */
export interface RecordMetadata extends TopicPartition {
  /** -1 with acks 0. */
  readonly offset: number;
  /** The record's time, or the broker's with LogAppendTime; ms since 1970. */
  readonly timestamp: number;
}

/** Called once a record, in order per partition, on the sender's turn: work that takes long belongs elsewhere. */
export type SendCallback = (error: KafkaError | null, metadata: RecordMetadata | null) => void;
