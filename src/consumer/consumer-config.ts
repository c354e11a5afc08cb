/**
 * The consumer's settings, with Kafka's names and 2.8 defaults.
 *
 * [p] Kafka: clients/consumer/ConsumerConfig.java@2.8.2
 */
import { ConfigOf, parseConfig, RawConfig, setting, SettingsTable } from '../common/config-def';
import { clientConfigTable } from '../client/client-config';

export const consumerConfigTable = {
  ...clientConfigTable,
  'auto.offset.reset': setting('string', 'latest', 'Where to start without a position, or with one that is gone.', { oneOf: ['earliest', 'latest', 'none'] }),
  'fetch.min.bytes': setting('int', 1, 'A fetch waits for this many bytes.', { min: 0 }),
  'fetch.max.wait.ms': setting('int', 500, '... but no longer than this, in ms.', { min: 0 }),
  'fetch.max.bytes': setting('int', 52428800, 'Bytes of a whole response.', { min: 0 }),
  'max.partition.fetch.bytes': setting('int', 1048576, 'Bytes of one partition in a response.', { min: 0 }),
  'max.poll.records': setting('int', 500, 'Records that one poll returns.', { min: 1 }),
  'check.crcs': setting('boolean', true, 'Whether the CRC of every batch is checked.'),
  'allow.auto.create.topics': setting('boolean', true, 'Whether asking for a missing topic may create it.'),
  'default.api.timeout.ms': setting('int', 60000, 'How long calls without a time-out of their own wait, in ms.', { min: 0 }),
} as const satisfies SettingsTable;

export type ConsumerConfig = ConfigOf<typeof consumerConfigTable>;

export function parseConsumerConfig(raw: RawConfig, onUnknown?: (name: string) => void): ConsumerConfig {
  return parseConfig(consumerConfigTable, raw, onUnknown);
}
