/**
 * The clients' settings as types, made from their tables: an editor completes the names, and the compiler
 * refuses what is none.
 *
 * Kafka: ProducerConfig, ConsumerConfig, AdminClientConfig@2.8.2
 */
import { adminConfigTable } from './admin/admin';
import { SettingsTable, SettingType } from './common/config-def';
import { consumerConfigTable } from './consumer/consumer-config';
import { zookeeperConsumerConfigTable } from './consumer/zookeeper-consumer-config';
import { producerConfigTable } from './producer/producer-config';

interface Accepted {
  int: number | string;
  long: number | string;
  double: number | string;
  boolean: boolean | 'true' | 'false';
  string: string | number;
  list: string | readonly string[];
  class: unknown;
  classes: unknown;
}

/** Every setting of a table, each optional. */
export type SettingsOf<T extends SettingsTable> = {
  readonly [K in keyof T]?: T[K]['type'] extends infer N extends SettingType ? Accepted[N] | null : never;
};

export type ProducerSettings = SettingsOf<typeof producerConfigTable>;
export type ConsumerSettings = SettingsOf<typeof consumerConfigTable>;
export type ZooKeeperConsumerSettings = SettingsOf<typeof zookeeperConsumerConfigTable>;
export type AdminSettings = SettingsOf<typeof adminConfigTable>;
