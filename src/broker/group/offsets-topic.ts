/**
 * The number of partitions of `__consumer_offsets`, which determines each group's partition and so its
 * coordinator.
 *
 * Invariant: the number is read from ZooKeeper, where the topic appears with all its partitions at once, and
 * then stays while the topic exists. The metadata cache cannot be used: while the topic is being created it
 * has some partitions before the others, and a group's offsets would be written to one partition and read
 * from another.
 *
 * Kafka: server/KafkaServer.scala#startup, zk/KafkaZkClient.scala#getTopicPartitionCount@2.8.2. Kafka reads
 * it when the broker starts, and takes offsets.topic.num.partitions if there is no such topic yet; we read
 * again until there is.
 */
import { GROUP_METADATA_TOPIC } from '../../common/cluster-types';
import { KafkaError } from '../../common/errors';
import { Log } from '../../common/host';
import { BrokerConfig } from '../broker-config';
import { partitionForGroup } from './group-records';

export interface OffsetsTopicDeps {
  /**
   * The number of partitions of the topic in ZooKeeper; undefined if it does not exist. Rejects with ZkError.
   */
  readonly readPartitionCount: () => Promise<number | undefined>;
  /**
   * Whether the metadata cache has the topic. If not, it may have been deleted, and created again with
   * another number.
   */
  readonly isKnown: () => boolean;
}

export class OffsetsTopic {
  private count: number | undefined;
  private reading: Promise<number | undefined> | undefined;

  constructor(private readonly deps: OffsetsTopicDeps) {}

  /**
   * The number of partitions, read if it is not known; undefined if there is no such topic. Rejects with
   * ZkError.
   */
  partitionCount(): Promise<number | undefined> {
    if (this.count !== undefined && this.deps.isKnown()) return Promise.resolve(this.count);
    this.reading ??= this.read().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  private async read(): Promise<number | undefined> {
    const count = await this.deps.readPartitionCount();
    // A ZooKeeper server that lags behind may not have the topic yet; the number that is known remains.
    if (count !== undefined) this.count = count;
    return count;
  }

  /** The group's partition; undefined while the number of partitions is not known. */
  partitionOf(groupId: string): number | undefined {
    return this.count === undefined ? undefined : partitionForGroup(groupId, this.count);
  }
}

/** The topic's settings at creation. Kafka: GroupCoordinator#offsetsTopicConfigs */
export function offsetsTopicRequest(config: BrokerConfig): {
  readonly name: string;
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
} {
  return {
    name: GROUP_METADATA_TOPIC,
    numPartitions: config['offsets.topic.num.partitions'],
    replicationFactor: config['offsets.topic.replication.factor'],
    configs: {
      'cleanup.policy': 'compact',
      'segment.bytes': String(config['offsets.topic.segment.bytes']),
      'compression.type': 'producer',
    },
  };
}

/** Creates the topic when a client asks for a coordinator. Failures are logged; the client asks again. */
export async function createOffsetsTopic(create: () => Promise<void>, log: Log): Promise<void> {
  try {
    await create();
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    if (error.errorName !== 'TOPIC_ALREADY_EXISTS')
      log.warn(`${GROUP_METADATA_TOPIC} could not be created: ${error.message}`);
  }
}
