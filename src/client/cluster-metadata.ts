/**
 * What a client knows of the cluster: brokers, partitions, leaders. One interface, two sources: ZooKeeper with watches
 * (zookeeper-metadata.ts) and the Metadata RPC (rpc-metadata.ts).
 *
 * Kafka: clients/.../Metadata.java@2.8.2; the ZooKeeper side is what 0.8's tools and consumers did.
 */
import { HostPort } from '../common/cluster-types';

export interface PartitionInfo {
  readonly partition: number;
  /** Broker id, or -1 while there is none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

export interface TopicInfo {
  readonly topic: string;
  /** At least one partition has a leader: records can be taken. */
  readonly isAvailable: boolean;
  /** By partition number, from 0 on. */
  readonly partitions: readonly PartitionInfo[];
}

export function topicInfoOf(topic: string, partitions: readonly PartitionInfo[]): TopicInfo {
  return { topic, partitions, isAvailable: partitions.some((partition) => partition.leader >= 0) };
}

export interface ClusterMetadata {
  /** What is known now, without waiting. */
  topic(topic: string): TopicInfo | undefined;
  /** The names of all topics, read now. For subscriptions by pattern. */
  topics(): Promise<readonly string[]>;
  address(brokerId: number): HostPort | undefined;
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
