/**
 * The settings of a topic's log: Kafka's topic configs. The default of each is a setting of the broker.
 *
 * [p] Kafka: log/LogConfig.scala@2.8.2
 */
import {
  ConfigOf,
  LONG_MAX,
  parseSetting,
  RawConfig,
  rowOf,
  setting,
  SettingsTable,
} from '../common/config-def';
import { KafkaError } from '../common/errors';

export const logConfigTable = {
  'cleanup.policy': setting('list', ['delete'], 'What happens to old segments: delete, compact, or both.', {
    oneOf: ['delete', 'compact'],
  }),
  'compression.type': setting(
    'string',
    'producer',
    "Codec of the stored batches; producer keeps the producer's.",
    { oneOf: ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] },
  ),
  'delete.retention.ms': setting(
    'long',
    86400000,
    'How long tombstones of a compacted topic are kept, in ms.',
    { min: 0 },
  ),
  'file.delete.delay.ms': setting('long', 60000, "How long a deleted segment's files stay on disk, in ms.", {
    min: 0,
  }),
  'flush.messages': setting('long', LONG_MAX, 'fsync after this many records.', { min: 1 }),
  'flush.ms': setting('long', LONG_MAX, 'fsync after this many ms.', { min: 0 }),
  'index.interval.bytes': setting('int', 4096, 'An index entry each this many bytes.', { min: 0 }),
  'leader.replication.throttled.replicas': setting(
    'list',
    [],
    'Replicas throttled on the leader; accepted, not yet acted on.',
  ),
  'follower.replication.throttled.replicas': setting(
    'list',
    [],
    'Replicas throttled on the follower; accepted, not yet acted on.',
  ),
  'max.compaction.lag.ms': setting('long', LONG_MAX, 'Longest time a record stays uncompacted, in ms.', {
    min: 1,
  }),
  'max.message.bytes': setting('int', 1048588, 'Largest batch accepted, in bytes.', { min: 0 }),
  'message.downconversion.enable': setting(
    'boolean',
    true,
    'Accepted for compatibility; there is one message format here.',
  ),
  'message.format.version': setting(
    'string',
    '2.6-IV0',
    'Accepted for compatibility; batches are always magic 2.',
  ),
  'message.timestamp.difference.max.ms': setting(
    'long',
    LONG_MAX,
    "Largest accepted difference between a record's time and the broker's, in ms.",
    { min: 0 },
  ),
  'message.timestamp.type': setting('string', 'CreateTime', 'Whose clock stamps a record.', {
    oneOf: ['CreateTime', 'LogAppendTime'],
  }),
  'min.cleanable.dirty.ratio': setting(
    'double',
    0.5,
    'Dirty share of a compacted log that makes it worth cleaning.',
    { min: 0, max: 1 },
  ),
  'min.compaction.lag.ms': setting('long', 0, 'Shortest time a record stays uncompacted, in ms.', { min: 0 }),
  'min.insync.replicas': setting('int', 1, 'In-sync replicas that acks=all needs.', { min: 1 }),
  'preallocate': setting('boolean', false, 'Accepted for compatibility; files are never preallocated here.'),
  'retention.bytes': setting('long', -1, 'Largest size of the log; -1: no limit.', { min: -1 }),
  'retention.ms': setting('long', 604800000, 'Longest age of a segment, in ms; -1: no limit.', { min: -1 }),
  'segment.bytes': setting('int', 1073741824, 'Size at which a segment is rolled, in bytes.', { min: 14 }),
  'segment.index.bytes': setting('int', 10485760, 'Largest size of an index file, in bytes.', { min: 4 }),
  'segment.jitter.ms': setting('long', 0, 'Random time taken off segment.ms, in ms.', { min: 0 }),
  'segment.ms': setting('long', 604800000, 'Age at which a segment is rolled, in ms.', { min: 1 }),
  'unclean.leader.election.enable': setting(
    'boolean',
    false,
    'Whether a replica outside the ISR may lead when no other can.',
  ),
} as const satisfies SettingsTable;

export type LogConfig = ConfigOf<typeof logConfigTable>;
export type TopicOverrides = Readonly<Record<string, string>>;

/** Checks overrides that a user set. Throws INVALID_CONFIG that names the first wrong one. */
export function validateTopicConfig(overrides: TopicOverrides): void {
  for (const [name, value] of Object.entries(overrides)) {
    const row = rowOf(logConfigTable, name);
    if (row === undefined) throw new KafkaError('INVALID_CONFIG', `Unknown topic config name: ${name}`);
    try {
      parseSetting(name, row, value);
    } catch (error) {
      throw new KafkaError('INVALID_CONFIG', (error as Error).message);
    }
  }
}

/** The defaults with the topic's overrides applied. Unknown names are ignored, as in Kafka. */
export function withOverrides(defaults: LogConfig, overrides: RawConfig): LogConfig {
  const config: Record<string, unknown> = { ...defaults };
  for (const [name, value] of Object.entries(overrides)) {
    const row = rowOf(logConfigTable, name);
    if (row !== undefined) config[name] = parseSetting(name, row, value);
  }
  return config as LogConfig;
}

/**
 * The age at which a segment is rolled, in ms. In a compacted topic at most max.compaction.lag.ms: the active
 * segment is not cleaned, so its records would wait longer than allowed.
 */
export function maxSegmentMs(config: LogConfig): number {
  return config['cleanup.policy'].includes('compact')
    ? Math.min(config['segment.ms'], config['max.compaction.lag.ms'])
    : config['segment.ms'];
}
