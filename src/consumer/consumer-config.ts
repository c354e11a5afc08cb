/**
 * The consumer's settings, with Kafka's names and 2.8 defaults.
 *
 * [p] Kafka: clients/consumer/ConsumerConfig.java@2.8.2
 */
import { ConfigOf, optional, parseConfig, RawConfig, setting, SettingsTable } from '../common/config-def';
import { KafkaError } from '../common/errors';
import { clientConfigTable } from '../client/client-config';

export const consumerConfigTable = {
  ...clientConfigTable,
  'group.id': optional('string', 'The group this consumer belongs to; needed to subscribe and to commit.'),
  'group.instance.id': optional(
    'string',
    'Makes the member static: it may restart within session.timeout.ms without a rebalance.',
  ),
  'session.timeout.ms': setting(
    'int',
    10000,
    'Without a heartbeat for this long the coordinator removes the member, in ms.',
    { min: 0 },
  ),
  'heartbeat.interval.ms': setting(
    'int',
    3000,
    'How often the member says that it is alive, in ms; below session.timeout.ms.',
    { min: 1 },
  ),
  'max.poll.interval.ms': setting(
    'int',
    300000,
    'A consumer that does not poll for this long leaves its group, in ms.',
    { min: 1 },
  ),
  'partition.assignment.strategy': setting(
    'classes',
    ['range'],
    'Assignors in order of preference: range, roundrobin, sticky, cooperative-sticky, or objects with name ' +
      'and assign.',
  ),
  'enable.auto.commit': setting(
    'boolean',
    true,
    'Whether the positions are committed while polling, before a rebalance and at the end.',
  ),
  'auto.commit.interval.ms': setting('int', 5000, 'How often, in ms.', { min: 0 }),
  'auto.offset.reset': setting(
    'string',
    'latest',
    'Where to start without a position, or with one that is gone.',
    { oneOf: ['earliest', 'latest', 'none'] },
  ),
  'fetch.min.bytes': setting('int', 1, 'A fetch waits for this many bytes.', { min: 0 }),
  'fetch.max.wait.ms': setting('int', 500, '... but no longer than this, in ms.', { min: 0 }),
  'fetch.max.bytes': setting('int', 52428800, 'Bytes of a whole response.', { min: 0 }),
  'fetch.max.decompressed.bytes': setting(
    'int',
    104857600,
    'Bytes of one batch, decompressed; beyond is RECORD_TOO_LARGE, which names the batch. Ours, not in ' +
      'Kafka.',
    { min: 0, max: 268435455 },
  ),
  'max.partition.fetch.bytes': setting('int', 1048576, 'Bytes of one partition in a response.', { min: 0 }),
  'max.poll.records': setting('int', 500, 'Records that one poll returns.', { min: 1 }),
  'check.crcs': setting('boolean', true, 'Whether the CRC of every batch is checked.'),
  'key.deserializer': setting(
    'class',
    'buffer',
    'What becomes of keys: buffer, string, json, integer, long, double, uuid, or an object with ' +
      'deserialize(topic, data).',
  ),
  'value.deserializer': setting('class', 'buffer', 'What becomes of values, likewise.'),
  'interceptor.classes': setting('classes', [], 'Objects with onConsume, onCommit and close, each optional.'),
  'exclude.internal.topics': setting(
    'boolean',
    true,
    'Whether a subscription by pattern leaves internal topics out.',
  ),
  'isolation.level': setting(
    'string',
    'read_uncommitted',
    'Accepted for compatibility: there are no transactions.',
    { oneOf: ['read_uncommitted', 'read_committed'] },
  ),
  'allow.auto.create.topics': setting('boolean', true, 'Whether asking for a missing topic may create it.'),
  'default.api.timeout.ms': setting(
    'int',
    60000,
    'How long calls without a time-out of their own wait, in ms.',
    { min: 0 },
  ),
} as const satisfies SettingsTable;

export type ConsumerConfig = ConfigOf<typeof consumerConfigTable>;

/** Parses the settings and checks that they do not contradict each other. Throws CONFIG_EXCEPTION. */
export function parseConsumerConfig(raw: RawConfig, onUnknown?: (name: string) => void): ConsumerConfig {
  const config = parseConfig(consumerConfigTable, raw, onUnknown);
  const fail = (message: string): never => {
    throw new KafkaError('CONFIG_EXCEPTION', message);
  };
  if (config['heartbeat.interval.ms'] >= config['session.timeout.ms'])
    fail('heartbeat.interval.ms must be set lower than session.timeout.ms');
  if (config['group.id'] === '') fail('group.id must not be empty');
  if (config['group.instance.id'] === '') fail('group.instance.id must be a non-empty string');
  if (config['group.id'] !== null) return config;
  if (raw['enable.auto.commit'] !== undefined && config['enable.auto.commit'])
    fail('enable.auto.commit cannot be set to true when default group id (null) is used.');
  return { ...config, 'enable.auto.commit': false };
}
