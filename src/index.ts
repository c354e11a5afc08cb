/**
 * Samsa as a package: the clients, on the real host.
 */
import { ClientEnvironment } from './client/client-config';
import { RawConfig } from './common/config-def';
import { Consumer as AnyConsumer } from './consumer/consumer';
import { nodeHost, silentLog } from './host/node-host';
import { Producer as AnyProducer } from './producer/producer';
import { realZooKeeper } from './zk/real-zookeeper';

export { KafkaError } from './common/errors';
export type { ErrorName } from './common/errors';
export type { TopicPartition } from './common/cluster-types';
export type { ConsumerRecord } from './consumer/consumer-record';
export type { ProducerRecord, RecordMetadata, SendCallback } from './producer/producer-record';

function environment(): ClientEnvironment {
  const host = nodeHost({ name: 'client', log: silentLog });
  return { host, zookeeper: (connect) => realZooKeeper(host, connect) };
}

export type Producer = AnyProducer;
export const Producer = {
  /** Connects; settings by Kafka's names. Rejects KafkaError CONFIG_EXCEPTION, or when ZooKeeper does not answer. */
  open: (config: RawConfig): Promise<AnyProducer> => AnyProducer.open(environment(), config),
};

export type Consumer = AnyConsumer;
export const Consumer = {
  /** Connects; settings by Kafka's names. Rejects KafkaError CONFIG_EXCEPTION, or when ZooKeeper does not answer. */
  open: (config: RawConfig): Promise<AnyConsumer> => AnyConsumer.open(environment(), config),
};
