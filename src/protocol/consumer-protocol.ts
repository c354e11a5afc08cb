/**
 * What consumers send in JoinGroup and SyncGroup, opaque to the coordinator: subscriptions and assignments.
 *
 *   Subscription: i16 version | [topic str] | userData nbytes
 *                 | from version 1, the owned partitions: [ topic str | [partition i32] ]
 *   Assignment:   i16 version | [ topic str | [partition i32] ] | userData nbytes
 *
 * These bytes are exactly Kafka's, because the coordinator stores them in `__consumer_offsets`. A newer
 * version is read as the newest known one; bytes after the known fields are ignored.
 *
 * [p] Kafka: clients/consumer/internals/ConsumerProtocol.java,
 * ConsumerProtocol{Subscription,Assignment}.json@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { BinaryReader, BinaryWriter } from '../common/binary';

export const CONSUMER_PROTOCOL_TYPE = 'consumer';
const VERSION = 1;

export interface Subscription {
  readonly topics: readonly string[];
  readonly userData: Buffer | null;
  readonly ownedPartitions: readonly TopicPartition[];
}

export interface Assignment {
  readonly partitions: readonly TopicPartition[];
  readonly userData: Buffer | null;
}

export function writePartitions(writer: BinaryWriter, partitions: readonly TopicPartition[]): void {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of partitions) {
    const list = byTopic.get(topic);
    if (list) list.push(partition);
    else byTopic.set(topic, [partition]);
  }
  writer.int32(byTopic.size);
  for (const [topic, list] of byTopic) {
    writer.string(topic);
    writer.int32(list.length);
    for (const partition of list) writer.int32(partition);
  }
}

export function readPartitions(reader: BinaryReader): TopicPartition[] {
  const partitions: TopicPartition[] = [];
  for (let topics = reader.count(); topics > 0; topics--) {
    const topic = reader.string();
    for (let left = reader.count(); left > 0; left--) partitions.push({ topic, partition: reader.int32() });
  }
  return partitions;
}

export function encodeSubscription({ topics, userData, ownedPartitions }: Subscription): Buffer {
  const writer = new BinaryWriter();
  writer.int16(VERSION);
  writer.int32(topics.length);
  for (const topic of [...topics].sort()) writer.string(topic);
  writer.nullableBytes(userData);
  writePartitions(writer, ownedPartitions);
  return writer.toBuffer();
}

/** Throws SERIALIZATION if the bytes are not a subscription. */
export function decodeSubscription(bytes: Buffer): Subscription {
  return decode(bytes, 'subscription', (reader, version) => {
    const topics = Array.from({ length: reader.count() }, () => reader.string());
    const userData = reader.nullableBytes();
    return { topics, userData, ownedPartitions: version >= 1 ? readPartitions(reader) : [] };
  });
}

export function encodeAssignment({ partitions, userData }: Assignment): Buffer {
  const writer = new BinaryWriter();
  writer.int16(VERSION);
  writePartitions(writer, partitions);
  writer.nullableBytes(userData);
  return writer.toBuffer();
}

/** Empty bytes mean a member without assignment. Throws SERIALIZATION if the bytes are not an assignment. */
export function decodeAssignment(bytes: Buffer): Assignment {
  if (bytes.length === 0) return { partitions: [], userData: null };
  return decode(bytes, 'assignment', (reader) => ({
    partitions: readPartitions(reader),
    userData: reader.nullableBytes(),
  }));
}

function decode<T>(bytes: Buffer, what: string, read: (reader: BinaryReader, version: number) => T): T {
  try {
    const reader = new BinaryReader(bytes);
    const version = reader.int16();
    if (version < 0) throw new Error(`version ${version}`);
    return read(reader, version);
  } catch (error) {
    throw new KafkaError('SERIALIZATION', `Not a consumer ${what}: ${(error as Error).message}`);
  }
}
