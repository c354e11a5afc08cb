/**
 * The cluster as the controller last described it to this broker; Metadata requests are answered from it.
 *
 * Kafka: server/MetadataCache.scala@2.8.2
 */
import { BrokerInfo, Endpoint, TopicPartition } from '../common/cluster-types';
import { leaderAndIsr, updateMetadata } from '../protocol/messages/replica-control';
import { TypeOf } from '../protocol/schema';

export type PartitionMetadata = TypeOf<typeof updateMetadata.request>['partitionStates'][number];

type LeaderAndIsrRequest = TypeOf<typeof leaderAndIsr.request>;

const LEADER_DELETED = -2;

export class MetadataCache {
  private brokers = new Map<number, BrokerInfo>();
  private readonly topics = new Map<string, Map<number, PartitionMetadata>>();
  controllerId = -1;

  update(request: TypeOf<typeof updateMetadata.request>): void {
    this.controllerId = request.controllerId;
    this.brokers = new Map(request.liveBrokers.map((broker) => [broker.id, broker]));
    for (const state of request.partitionStates) {
      const partitions = this.topics.get(state.topic) ?? new Map<number, PartitionMetadata>();
      if (state.leader === LEADER_DELETED) partitions.delete(state.partition);
      else partitions.set(state.partition, state);
      if (partitions.size === 0) this.topics.delete(state.topic);
      else this.topics.set(state.topic, partitions);
    }
  }

  /**
   * Applies the leaders of a LeaderAndIsr, which arrives before the UpdateMetadata of the same controller
   * event. A client that gets NOT_LEADER_OR_FOLLOWER asks this broker for the new leader next, and must not
   * get the old one.
   */
  leadersChanged({ controllerId, partitionStates }: LeaderAndIsrRequest): void {
    this.controllerId = controllerId;
    for (const {
      topic,
      partition,
      leader,
      leaderEpoch,
      isr,
      zkVersion,
      controllerEpoch,
    } of partitionStates) {
      const known = this.partition({ topic, partition });
      if (known === undefined || known.leaderEpoch >= leaderEpoch) continue;
      const changed = { ...known, leader, leaderEpoch, isr, zkVersion, controllerEpoch };
      this.topics.get(topic)!.set(partition, changed);
    }
  }

  /** The states of all partitions, in no particular order. */
  *states(): Iterable<PartitionMetadata> {
    for (const partitions of this.topics.values()) yield* partitions.values();
  }

  get liveBrokers(): readonly BrokerInfo[] {
    return [...this.brokers.values()];
  }
  get topicNames(): string[] {
    return [...this.topics.keys()].sort();
  }

  broker(id: number): BrokerInfo | undefined {
    return this.brokers.get(id);
  }

  brokerEpoch(id: number): number | undefined {
    return this.brokers.get(id)?.epoch;
  }

  /** Whether the broker is alive with this broker epoch, according to the last UpdateMetadata. */
  readonly isLive = (id: number, epoch: number): boolean => this.brokerEpoch(id) === epoch;

  endpoint(id: number, listener: string): Endpoint | undefined {
    return this.brokers.get(id)?.endpoints.find((one) => one.listener === listener);
  }

  hasTopic(topic: string): boolean {
    return this.topics.has(topic);
  }

  /** Whether the topic is known and each of its partitions has a leader. */
  hasLeaders(topic: string): boolean {
    const partitions = this.topics.get(topic);
    if (partitions === undefined) return false;
    for (const { leader } of partitions.values()) if (leader < 0) return false;
    return true;
  }

  partitions(topic: string): readonly PartitionMetadata[] | undefined {
    const partitions = this.topics.get(topic);
    return partitions && [...partitions.values()].sort((a, b) => a.partition - b.partition);
  }

  partition({ topic, partition }: TopicPartition): PartitionMetadata | undefined {
    return this.topics.get(topic)?.get(partition);
  }

  has({ topic, partition }: TopicPartition): boolean {
    return this.topics.get(topic)?.has(partition) ?? false;
  }
}
