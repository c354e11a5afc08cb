/**
 * The settings of the old consumer, with the names and defaults of Kafka 0.8.2.
 *
 * [p] Kafka: kafka/consumer/ConsumerConfig.scala@0.8.2.2
 */
import { ConfigOf, optional, parseConfig, RawConfig, setting, SettingsTable } from '../common/config-def';
import { KafkaError } from '../common/errors';

export const zookeeperConsumerConfigTable = {
  'group.id': setting('string', '', 'The group. Required.'),
  'zookeeper.connect': setting('string', '', 'ZooKeeper servers and chroot. Required.'),
  'consumer.id': optional('string', "Takes the place of the generated part of the consumer's id."),
  'client.id': optional('string', "A name for the broker's logs; not set: the group id."),
  'zookeeper.session.timeout.ms': setting(
    'int',
    6000,
    'Without a sign of life for this long ZooKeeper drops the member, in ms.',
    { min: 1 },
  ),
  'auto.commit.enable': setting('boolean', true, 'Whether offsets are committed by themselves.'),
  'auto.commit.interval.ms': setting('int', 60000, 'How often, in ms.', { min: 1 }),
  'auto.offset.reset': setting(
    'string',
    'largest',
    'Where to start without an offset: smallest or largest; anything else is an error.',
    { oneOf: ['smallest', 'largest', 'anything else'] },
  ),
  'offsets.storage': setting('string', 'zookeeper', 'Where offsets are kept.', {
    oneOf: ['zookeeper', 'kafka'],
  }),
  'dual.commit.enabled': optional(
    'boolean',
    'With offsets.storage=kafka: commit to ZooKeeper as well, for a migration; not set: yes.',
  ),
  'partition.assignment.strategy': setting('string', 'range', 'How members share partitions.', {
    oneOf: ['range', 'roundrobin'],
  }),
  'rebalance.max.retries': setting('int', 4, 'Attempts of one rebalance.', { min: 1 }),
  'rebalance.backoff.ms': setting('int', 2000, 'Wait between two attempts, in ms.', { min: 0 }),
  'consumer.timeout.ms': setting(
    'int',
    -1,
    'A stream without a record for this long ends with TIMEOUT, in ms; -1: it waits.',
    { min: -1 },
  ),
  'fetch.message.max.bytes': setting('int', 1048576, 'Bytes of one partition in a fetch.', { min: 1 }),
  'fetch.wait.max.ms': setting('int', 100, 'How long a fetch waits at the broker, in ms.', { min: 0 }),
  'fetch.min.bytes': setting('int', 1, 'Bytes a fetch waits for.', { min: 1 }),
  'queued.max.messages': setting(
    'int',
    1000,
    'Records waiting in a stream before fetching stops (Kafka: queued.max.message.chunks).',
    { min: 1 },
  ),
} as const satisfies SettingsTable;

export type ZooKeeperConsumerConfig = ConfigOf<typeof zookeeperConsumerConfigTable>;

export function parseZooKeeperConsumerConfig(
  raw: RawConfig,
  onUnknown?: (name: string) => void,
): ZooKeeperConsumerConfig {
  const config = parseConfig(zookeeperConsumerConfigTable, raw, onUnknown);
  for (const name of ['group.id', 'zookeeper.connect'] as const) {
    if (config[name] === '')
      throw new KafkaError(
        'CONFIG_EXCEPTION',
        `Missing required configuration "${name}" which has no default value.`,
      );
  }
  if (!/^[a-zA-Z0-9._-]+$/.test(config['group.id']))
    throw new KafkaError(
      'CONFIG_EXCEPTION',
      `group.id ${config['group.id']} is illegal, contains a character other than ASCII alphanumerics, ` +
        `'.', '_' and '-'`,
    );
  return config;
}
