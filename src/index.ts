/**
 * Samsa as a package: the clients, on the real host.
 *
 *     import { Producer, Consumer, Admin } from 'samsa';
 *
 * Settings have Kafka's names; `zookeeper.connect` or `bootstrap.servers` says where the cluster is. Clients
 * connect by themselves. Errors are KafkaErrors with Kafka's name in `errorName` and `retriable`.
 */
import { Admin as AnyAdmin } from './admin/admin';
import { ClientEnvironment } from './client/client-config';
import { Consumer as AnyConsumer } from './consumer/consumer';
import { ZooKeeperConsumer as AnyZooKeeperConsumer } from './consumer/zookeeper-consumer';
import { nodeHost, silentLog } from './host/node-host';
import {
  AdminSettings,
  ConsumerSettings,
  ProducerSettings,
  ZooKeeperConsumerSettings,
} from './package-settings';
import { Producer as AnyProducer } from './producer/producer';
import { realZooKeeper } from './zk/real-zookeeper';

export { KafkaError } from './common/errors';
export type { ErrorName } from './common/errors';
export type { TopicPartition } from './common/cluster-types';
export { serdes } from './common/serialization';
export type { Deserializer, Serializer } from './common/serialization';
export type { PartitionInfo, TopicInfo } from './client/cluster-metadata';
export type { GroupDescription, GroupListing, GroupOffset, MemberDescription } from './admin/groups';
export type { DeletedRecords, LogDirDescription, RecordsToDelete } from './admin/logs';
export type { NewTopicRequest } from './admin/admin';
export { LogTruncationError } from './consumer/log-truncation';
export type { ConsumerRecord } from './consumer/consumer-record';
export type { RebalanceListener } from './consumer/consumer-coordinator';
export type { OffsetAndMetadata, OffsetCommit } from './consumer/offset-committer';
export type { MemberSubscription, PartitionAssignor } from './consumer/assignors/partition-assignor';
export type { ConsumerInterceptor } from './consumer/interceptors';
export type { MessageStream } from './consumer/message-stream';
export type { ProducerInterceptor } from './producer/interceptors';
export type { Partitioner, PartitionFunction } from './producer/partitioner';
export type { ProducerRecord, RecordMetadata, SendCallback } from './producer/producer-record';
export type { Header } from './record/record';
export type {
  AdminSettings,
  ConsumerSettings,
  ProducerSettings,
  ZooKeeperConsumerSettings,
} from './package-settings';

function environment(): ClientEnvironment {
  const host = nodeHost({ name: 'client', log: silentLog });
  return { host, zookeeper: (connect) => realZooKeeper(host, connect) };
}

/**
 * Writes records. Kafka: KafkaProducer.
 *
 * `K` and `V` are what `key.serializer` and `value.serializer` take; strings and Buffers without them.
 */
export class Producer<K = unknown, V = unknown> extends AnyProducer<K, V> {
  /** Throws KafkaError CONFIG_EXCEPTION for a bad setting. */
  constructor(settings: ProducerSettings) {
    super(environment(), settings);
  }
}

/**
 * Reads records, alone or as a member of a group. Kafka: KafkaConsumer.
 *
 * `K` and `V` are what `key.deserializer` and `value.deserializer` give; Buffers without them.
 */
export class Consumer<K = Buffer | null, V = Buffer | null> extends AnyConsumer<K, V> {
  /** Throws KafkaError CONFIG_EXCEPTION for a bad setting. */
  constructor(settings: ConsumerSettings) {
    super(environment(), settings);
  }
}

/** The consumer of 0.8: groups by ZooKeeper alone. Kafka: ZookeeperConsumerConnector. */
export class ZooKeeperConsumer extends AnyZooKeeperConsumer {
  /** Throws KafkaError CONFIG_EXCEPTION for a bad setting. */
  constructor(settings: ZooKeeperConsumerSettings) {
    super(environment(), settings);
  }
}

/** Topics and groups of a cluster. Kafka: Admin. */
export class Admin extends AnyAdmin {
  /** Throws KafkaError CONFIG_EXCEPTION for a bad setting. */
  constructor(settings: AdminSettings) {
    super(environment(), settings);
  }
}
