/**
 * The records of `__consumer_offsets`: committed offsets and group metadata. Their keys make compaction keep
 * the last record of each. A null value is a tombstone.
 *
 *   offset key v1: i16 1 | group | topic | partition i32       group key v2: i16 2 | group
 *
 * Values of all versions are decoded; offset v3 and group v3 are written, as Kafka does at IBP 2.6.
 *
 * [p] Kafka: coordinator/group/GroupMetadataManager.scala, {OffsetCommit,GroupMetadata}{Key,Value}.json@2.8.2
 */
import { TopicPartition } from '../../common/cluster-types';
import { BinaryReader, BinaryWriter } from '../../common/binary';
import { javaStringHash } from '../../common/java-hash';

export interface CommittedOffset {
  readonly offset: number;
  /** The leader epoch of the last record that the consumer read, or -1. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  /** Milliseconds since 1970. */
  readonly commitTimestamp: number;
  /** In commits of old clients that set a retention time; -1: none. */
  readonly expireTimestamp: number;
}

export interface StoredMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  /** In the form in which Java prints an address: /127.0.0.1 */
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly subscription: Buffer;
  readonly assignment: Buffer;
}

export interface StoredGroup {
  readonly protocolType: string;
  readonly generation: number;
  readonly protocol: string | null;
  readonly leader: string | null;
  /** Since when the group has been in its state, in ms since 1970; -1: unknown. */
  readonly currentStateTimestamp: number;
  readonly members: readonly StoredMember[];
}

export type GroupKey =
  | { readonly kind: 'offset'; readonly group: string; readonly tp: TopicPartition }
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'unknown'; readonly version: number };

export function encodeOffsetKey(group: string, { topic, partition }: TopicPartition): Buffer {
  const writer = new BinaryWriter();
  writer.int16(1);
  writer.string(group);
  writer.string(topic);
  writer.int32(partition);
  return writer.toBuffer();
}

export function encodeGroupKey(group: string): Buffer {
  const writer = new BinaryWriter();
  writer.int16(2);
  writer.string(group);
  return writer.toBuffer();
}

export function decodeKey(bytes: Buffer): GroupKey {
  const reader = new BinaryReader(bytes);
  const version = reader.int16();
  if (version === 2) return { kind: 'group', group: reader.string() };
  if (version !== 0 && version !== 1) return { kind: 'unknown', version };
  return {
    kind: 'offset',
    group: reader.string(),
    tp: { topic: reader.string(), partition: reader.int32() },
  };
}

export function encodeOffsetValue({
  offset,
  leaderEpoch,
  metadata,
  commitTimestamp,
  expireTimestamp,
}: CommittedOffset): Buffer {
  const writer = new BinaryWriter();
  const version = expireTimestamp >= 0 ? 1 : 3;
  writer.int16(version);
  writer.int64(offset);
  if (version === 3) writer.int32(leaderEpoch);
  writer.string(metadata);
  writer.int64(commitTimestamp);
  if (version === 1) writer.int64(expireTimestamp);
  return writer.toBuffer();
}

export function decodeOffsetValue(bytes: Buffer): CommittedOffset {
  const reader = new BinaryReader(bytes);
  const version = reader.int16();
  if (version < 0 || version > 3) throw new Error(`offset value of version ${version}`);
  const offset = reader.int64();
  const leaderEpoch = version === 3 ? reader.int32() : -1;
  const metadata = reader.string();
  const commitTimestamp = reader.timestamp();
  return {
    offset,
    leaderEpoch,
    metadata,
    commitTimestamp,
    expireTimestamp: version === 1 ? reader.timestamp() : -1,
  };
}

export function encodeGroupValue(group: StoredGroup): Buffer {
  const writer = new BinaryWriter();
  writer.int16(3);
  writer.string(group.protocolType);
  writer.int32(group.generation);
  writer.nullableString(group.protocol);
  writer.nullableString(group.leader);
  writer.int64(group.currentStateTimestamp);
  writer.int32(group.members.length);
  for (const member of group.members) {
    writer.string(member.memberId);
    writer.nullableString(member.groupInstanceId);
    writer.string(member.clientId);
    writer.string(member.clientHost);
    writer.int32(member.rebalanceTimeoutMs);
    writer.int32(member.sessionTimeoutMs);
    writer.bytes(member.subscription);
    writer.bytes(member.assignment);
  }
  return writer.toBuffer();
}

export function decodeGroupValue(bytes: Buffer): StoredGroup {
  const reader = new BinaryReader(bytes);
  const version = reader.int16();
  if (version < 0 || version > 3) throw new Error(`group value of version ${version}`);
  const protocolType = reader.string();
  const generation = reader.int32();
  const protocol = reader.nullableString();
  const leader = reader.nullableString();
  const currentStateTimestamp = version >= 2 ? reader.timestamp() : -1;
  const members = Array.from({ length: reader.count() }, () => readMember(reader, version));
  return { protocolType, generation, protocol, leader, currentStateTimestamp, members };
}

function readMember(reader: BinaryReader, version: number): StoredMember {
  const memberId = reader.string();
  const groupInstanceId = version >= 3 ? reader.nullableString() : null;
  const clientId = reader.string();
  const clientHost = reader.string();
  const first = reader.int32();
  // Version 0 has one timeout for both.
  const sessionTimeoutMs = version >= 1 ? reader.int32() : first;
  return {
    memberId,
    groupInstanceId,
    clientId,
    clientHost,
    rebalanceTimeoutMs: first,
    sessionTimeoutMs,
    subscription: reader.bytes(),
    assignment: reader.bytes(),
  };
}

/** The partition of `__consumer_offsets` to which a group belongs. */
export function partitionForGroup(group: string, partitions: number): number {
  const hash = javaStringHash(group);
  return (hash === -(2 ** 31) ? 0 : Math.abs(hash)) % partitions;
}
