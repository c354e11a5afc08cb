/**
 * What a client knows of the cluster: brokers, partitions, leaders. One interface, two sources: ZooKeeper
 * with watches (zookeeper-metadata.ts) and the Metadata RPC (rpc-metadata.ts).
 *
 * Kafka: clients/.../Metadata.java@2.8.2; the ZooKeeper side is what 0.8's tools and consumers did.
 */
import { HostPort, TopicPartition } from '../common/cluster-types';
import { ErrorName } from '../common/errors';

/** These tell that our idea of a leader is old, or that the leader is gone. Kafka: InvalidMetadataException */
export const INVALID_METADATA: readonly ErrorName[] = [
  'NOT_LEADER_OR_FOLLOWER',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'LISTENER_NOT_FOUND',
  'KAFKA_STORAGE_ERROR',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'OFFSET_NOT_AVAILABLE',
  'NETWORK_EXCEPTION',
  'DISCONNECTED',
  'REQUEST_TIMED_OUT',
];
/** A partition that is named beyond a gap of so many unknown ones is left out: the answer is broken. */
const MAX_GAP = 10_000;

export interface PartitionInfo {
  readonly partition: number;
  /** Broker id, or -1 while there is none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** Who leads a partition, -1: nobody or not known, and in which epoch, -1: not known. */
export interface LeaderAndEpoch {
  readonly leader: number;
  readonly epoch: number;
}

export interface TopicInfo {
  readonly topic: string;
  /** At least one partition has a leader: records can be taken. */
  readonly isAvailable: boolean;
  /** Partition number = array position; one that was not mentioned stands here without a leader. */
  readonly partitions: readonly PartitionInfo[];
}

/** In any order, with gaps: a topic that is being created is told of partition by partition. */
export function topicInfoOf(topic: string, rows: readonly PartitionInfo[]): TopicInfo {
  const partitions: PartitionInfo[] = [];
  for (const row of [...rows].sort((a, b) => a.partition - b.partition)) {
    if (row.partition < 0 || row.partition > partitions.length + MAX_GAP) continue;
    while (partitions.length < row.partition) {
      partitions.push({ partition: partitions.length, leader: -1, leaderEpoch: -1, replicas: [], isr: [] });
    }
    partitions[row.partition] = row;
  }
  return { topic, partitions, isAvailable: partitions.some((partition) => partition.leader >= 0) };
}

export interface ClusterMetadata {
  /** What is known now, without waiting. */
  topic(topic: string): TopicInfo | undefined;
  /** The names of all topics, read now. For subscriptions by pattern. */
  topics(): Promise<readonly string[]>;
  address(brokerId: number): HostPort | undefined;
  /** Who leads now; nobody while a newer leader epoch was seen than the metadata has. */
  leaderOf(tp: TopicPartition): LeaderAndEpoch;
  /** A response named a leader epoch: if it is newer than what is known, metadata is read again. */
  updateLastSeenEpochIfNewer(tp: TopicPartition, epoch: number): void;
  /** Addresses to ask anything of. */
  addresses(): readonly HostPort[];
  /** Resolves once the topic is known with all its partitions; rejects TIMEOUT, or INVALID_TOPIC_EXCEPTION at once. */
  awaitTopic(topic: string, timeoutMs: number): Promise<TopicInfo>;
  /** Somebody met a stale leader: look again soon. Cheap to call often. */
  requestUpdate(topic: string): void;
  /** Called after every change of what is known. Returns how to stop that. */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

/** The change listeners and waiting that both sources share. */
export class MetadataListeners {
  private readonly listeners = new Set<() => void>();

  add(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  notify(): void {
    for (const listener of [...this.listeners]) listener();
  }
}
