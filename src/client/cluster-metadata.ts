/**
 * What a client knows of the cluster: brokers, partitions, leaders. There are two sources behind one
 * interface: ZooKeeper with watches (zookeeper-metadata.ts) and the Metadata request (rpc-metadata.ts).
 *
 * Kafka: clients/.../Metadata.java@2.8.2; the ZooKeeper side is what 0.8's tools and consumers did.
 */
import { HostPort, TopicPartition } from '../common/cluster-types';
import { ErrorName } from '../common/errors';

/**
 * Errors which say that the client's metadata is out of date, or that the leader is gone. Kafka:
 * InvalidMetadataException
 */
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
/**
 * A response whose partition numbers have a larger gap than this is damaged: the partitions behind the gap
 * are ignored.
 */
const MAX_GAP = 10_000;

export interface PartitionInfo {
  readonly partition: number;
  /** The leader's broker id; -1 if there is no leader. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** The leader of a partition (-1: there is none, or it is not known) and its leader epoch (-1: not known). */
export interface LeaderAndEpoch {
  readonly leader: number;
  readonly epoch: number;
}

export interface TopicInfo {
  readonly topic: string;
  /** At least one partition has a leader, so records can be sent. */
  readonly isAvailable: boolean;
  /**
   * Indexed by partition number. A partition that the response did not mention has an entry without a leader.
   */
  readonly partitions: readonly PartitionInfo[];
}

/**
 * `rows` may be in any order and have gaps: the controller announces a topic that is being created partition
 * by partition.
 */
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
  /** The current metadata of the topic, without waiting; undefined if the topic is not known. */
  topic(topic: string): TopicInfo | undefined;
  /** The names of all topics, read from the source now. For subscriptions by pattern. */
  topics(): Promise<readonly string[]>;
  address(brokerId: number): HostPort | undefined;
  /**
   * The current leader. There is none while a response has named a newer leader epoch than the metadata has.
   */
  leaderOf(tp: TopicPartition): LeaderAndEpoch;
  /**
   * To be called when a response names a leader epoch. If it is newer than that of the metadata, metadata is
   * refreshed.
   */
  updateLastSeenEpochIfNewer(tp: TopicPartition, epoch: number): void;
  /** The addresses of brokers that can be asked for anything. */
  addresses(): readonly HostPort[];
  /**
   * Resolves when the topic and all its partitions are known. Rejects TIMEOUT, or INVALID_TOPIC_EXCEPTION at
   * once.
   */
  awaitTopic(topic: string, timeoutMs: number): Promise<TopicInfo>;
  /**
   * To be called when a leader turned out to be out of date: refreshes the topic's metadata soon. Cheap to
   * call often.
   */
  requestUpdate(topic: string): void;
  /** `listener` is called after every change of the metadata. Returns a function that removes it. */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

/** The change listeners, and the waiting for a topic, that both sources share. */
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
