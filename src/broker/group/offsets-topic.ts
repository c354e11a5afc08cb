/**
 * How many partitions `__consumer_offsets` has: a group's partition, and with it its coordinator, follows
 * from that.
 *
 * Invariant: the number is ZooKeeper's, where the topic appears with all its partitions at once. The metadata
 * cache is no source: while the topic is being created it knows some partitions before the others, and a
 * group's offsets would be written to one partition and looked for in another. Once read, the number stays as
 * long as the topic exists.
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
   * The partitions of the topic in ZooKeeper; undefined where it does not exist. Rejects as ZooKeeper does.
   */
  readonly readPartitionCount: () => Promise<number | undefined>;
  /**
   * Whether the controller has told this broker of the topic. If not, it may be deleted, and made anew
   * another way.
   */
  readonly isKnown: () => boolean;
}

export class OffsetsTopic {
  private count: number | undefined;
  private reading: Promise<number | undefined> | undefined;

  constructor(private readonly deps: OffsetsTopicDeps) {}

  /**
   * Reads the number of partitions, unless it is known; undefined if there is no such topic. Rejects as
   * ZooKeeper does.
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
    // A member of ZooKeeper that lags behind may not have the topic yet: what is known stays.
    if (count !== undefined) this.count = count;
    return count;
  }

  /** The group's partition; undefined while the number of partitions is not known. */
  partitionOf(groupId: string): number | undefined {
    return this.count === undefined ? undefined : partitionForGroup(groupId, this.count);
  }
}

/** What the topic is created with. Kafka: GroupCoordinator#offsetsTopicConfigs */
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

/**
 * Somebody asked for a coordinator: that the topic could not be created is for the log, and the client asks
 * again.
 */
export async function createOffsetsTopic(create: () => Promise<void>, log: Log): Promise<void> {
  try {
    await create();
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    if (error.errorName !== 'TOPIC_ALREADY_EXISTS')
      log.warn(`${GROUP_METADATA_TOPIC} could not be created: ${error.message}`);
  }
}
