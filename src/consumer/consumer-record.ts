/**
 * A record as poll returns it.
 *
 * [p] Kafka: clients/consumer/ConsumerRecord.java@2.8.2
 */
import { Header } from '../record/record';

export interface ConsumerRecord<K = Buffer | null, V = Buffer | null> {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** ms since 1970: the producer's time, or the broker's for a topic with LogAppendTime. */
  readonly timestamp: number;
  /** As the deserializer returned it; a Buffer by default. Null: the record has no key. */
  readonly key: K;
  /** Null: a tombstone. */
  readonly value: V;
  readonly headers: readonly Header[];
  /** The leader epoch in which the record was appended. */
  readonly leaderEpoch: number;
}
