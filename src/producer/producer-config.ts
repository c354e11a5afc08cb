/**
 * The producer's settings, with Kafka's names and 2.8 defaults.
 *
 * [p] Kafka: clients/producer/ProducerConfig.java@2.8.2
 */
import { ConfigOf, optional, parseConfig, RawConfig, setting, SettingsTable } from '../common/config-def';
import { KafkaError } from '../common/errors';
import { clientConfigTable } from '../client/client-config';
import { compressionTypes } from '../record/compression';

export const producerConfigTable = {
  ...clientConfigTable,
  'acks': setting('string', '1', '0: none; 1: the leader has it; all or -1: every in-sync replica has it.', {
    oneOf: ['0', '1', '-1', 'all'],
  }),
  'batch.size': setting('int', 16384, 'Bytes of a batch before compression.', { min: 0 }),
  'linger.ms': setting('long', 0, 'How long a batch waits for more records, in ms.', { min: 0 }),
  'buffer.memory': setting(
    'long',
    33554432,
    'Bytes of all batches together; a full buffer makes send wait.',
    { min: 0 },
  ),
  'block.on.buffer.full': optional(
    'boolean',
    'Old spelling (0.8): true waits for room as long as it takes, false fails at once; max.block.ms is the ' +
      'new one.',
  ),
  'max.block.ms': setting('long', 60000, 'How long send waits for metadata and buffer, in ms.', { min: 0 }),
  'max.request.size': setting('int', 1048576, 'Largest request, and so largest record, in bytes.', {
    min: 0,
  }),
  'max.in.flight.requests.per.connection': setting(
    'int',
    5,
    'Unanswered requests a broker; above 1 a retry may change the order, unless enable.idempotence.',
    { min: 1 },
  ),
  'retries': setting('int', 2147483647, 'How often a batch is sent again.', { min: 0 }),
  'delivery.timeout.ms': setting(
    'int',
    120000,
    'A record is acknowledged or failed within this time, in ms.',
    { min: 0 },
  ),
  'compression.type': setting('string', 'none', 'Codec of the batches.', { oneOf: compressionTypes }),
  'enable.idempotence': setting(
    'boolean',
    false,
    'Whether the broker recognises a batch that is sent again: no duplicates, and order kept with up to ' +
      'five requests in flight.',
  ),
  'key.serializer': setting(
    'class',
    'buffer',
    'How keys become bytes: string, buffer, json, integer, long, double, uuid, or an object with ' +
      'serialize(topic, data).',
  ),
  'value.serializer': setting('class', 'buffer', 'How values become bytes, likewise.'),
  'partitioner.class': setting(
    'class',
    'default',
    'default, round-robin, uniform-sticky, a function (topic, keyBytes, key, value) => partition, or a ' +
      'class.',
  ),
  'interceptor.classes': setting(
    'classes',
    [],
    'Objects with onSend, onAcknowledgement and close, each optional.',
  ),
  'transactional.id': optional('string', 'Not supported: refused when set.'),
} as const satisfies SettingsTable;

export type ProducerConfig = ConfigOf<typeof producerConfigTable>;

function refuse(message: string): never {
  throw new KafkaError('CONFIG_EXCEPTION', message);
}

/**
 * Idempotence needs acks=all, retries, and at most five requests in flight. Sets these where the user has
 * not; throws CONFIG_EXCEPTION if the user's values contradict them.
 */
function withIdempotence(config: ProducerConfig, raw: RawConfig): ProducerConfig {
  if (!config['enable.idempotence']) return config;
  if (raw['acks'] !== undefined && config.acks !== 'all' && config.acks !== '-1')
    refuse(
      `Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee ` +
        `idempotence.`,
    );
  if (config.retries === 0) refuse('Must set retries to non-zero when using the idempotent producer.');
  if (config['max.in.flight.requests.per.connection'] > 5)
    refuse('Must set max.in.flight.requests.per.connection to at most 5 to use the idempotent producer.');
  return { ...config, acks: 'all' };
}

export function parseProducerConfig(raw: RawConfig, onUnknown?: (name: string) => void): ProducerConfig {
  const config = withIdempotence(parseConfig(producerConfigTable, raw, onUnknown), raw);
  if (config['transactional.id'] !== null)
    refuse('transactional.id is set, and transactions are not supported');
  const blocking = config['block.on.buffer.full'];
  const maxBlockMs =
    raw['max.block.ms'] !== undefined || blocking === null
      ? config['max.block.ms']
      : blocking
        ? 2 ** 31 - 1
        : 0;
  const needed = config['linger.ms'] + config['request.timeout.ms'];
  if (config['delivery.timeout.ms'] >= needed) return { ...config, 'max.block.ms': maxBlockMs };
  if (raw['delivery.timeout.ms'] !== undefined)
    refuse(
      `delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms (${needed})`,
    );
  return { ...config, 'max.block.ms': maxBlockMs, 'delivery.timeout.ms': needed };
}
