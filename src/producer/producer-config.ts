/**
 * The producer's settings, with Kafka's names and 2.8 defaults.
 *
 * [p] Kafka: clients/producer/ProducerConfig.java@2.8.2
 */
import { ConfigOf, parseConfig, RawConfig, setting, SettingsTable } from '../common/config-def';
import { KafkaError } from '../common/errors';
import { clientConfigTable } from '../client/client-config';

export const producerConfigTable = {
  ...clientConfigTable,
  'acks': setting('string', '1', '0: none; 1: the leader has it; all or -1: every in-sync replica has it.', { oneOf: ['0', '1', '-1', 'all'] }),
  'batch.size': setting('int', 16384, 'Bytes of a batch.', { min: 0 }),
  'linger.ms': setting('long', 0, 'How long a batch waits for more records, in ms.', { min: 0 }),
  'buffer.memory': setting('long', 33554432, 'Bytes of all batches together; a full buffer makes send wait.', { min: 0 }),
  'max.block.ms': setting('long', 60000, 'How long send waits for metadata and buffer, in ms.', { min: 0 }),
  'max.request.size': setting('int', 1048576, 'Largest request, and so largest record, in bytes.', { min: 0 }),
  'max.in.flight.requests.per.connection': setting('int', 5, 'Unanswered requests a broker; 1 keeps the order over retries.', { min: 1 }),
  'retries': setting('int', 2147483647, 'How often a batch is sent again.', { min: 0 }),
  'delivery.timeout.ms': setting('int', 120000, 'A record is acknowledged or failed within this time, in ms.', { min: 0 }),
} as const satisfies SettingsTable;

export type ProducerConfig = ConfigOf<typeof producerConfigTable>;

export function parseProducerConfig(raw: RawConfig, onUnknown?: (name: string) => void): ProducerConfig {
  const config = parseConfig(producerConfigTable, raw, onUnknown);
  const needed = config['linger.ms'] + config['request.timeout.ms'];
  if (config['delivery.timeout.ms'] >= needed) return config;
  if (raw['delivery.timeout.ms'] !== undefined) {
    throw new KafkaError('CONFIG_EXCEPTION', `delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms (${needed})`);
  }
  return { ...config, 'delivery.timeout.ms': needed };
}
