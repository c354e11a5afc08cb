/**
 * How console-consumer prints a record: the bytes of key and value unchanged, unless a deserializer is set.
 *
 * Kafka: tools/{ConsoleConsumer,DefaultMessageFormatter}.scala,
 * GroupMetadataManager.scala#OffsetsMessageFormatter@2.8.2
 */
import { decodeKey, decodeOffsetValue } from '../broker/group/group-records';
import { Deserializer } from '../common/serialization';
import { ConsumerRecord } from '../consumer/consumer-record';
import { crc32c } from '../record/crc32c';

/** Returns the bytes to print. May throw if the record cannot be formatted. */
export type RecordFormatter = (record: ConsumerRecord) => Buffer;

export interface FormatterDeserializers {
  readonly key: Deserializer;
  readonly value: Deserializer;
}

const KAFKA_CLASSES: Readonly<Record<string, string>> = {
  'kafka.tools.DefaultMessageFormatter': 'default',
  'kafka.tools.LoggingMessageFormatter': 'logging',
  'kafka.tools.NoOpMessageFormatter': 'noop',
  'kafka.tools.ChecksumMessageFormatter': 'checksum',
  'kafka.coordinator.group.GroupMetadataManager$OffsetsMessageFormatter': 'offsets',
};

/** Throws an Error that explains if there is no formatter of this name. */
export function formatterOf(
  name: string | undefined,
  properties: Readonly<Record<string, string>>,
  deserializers: FormatterDeserializers,
): RecordFormatter {
  switch (KAFKA_CLASSES[name ?? ''] ?? name ?? 'default') {
    case 'default':
      return defaultFormatter(properties, deserializers);
    case 'logging': {
      const inner = defaultFormatter(properties, deserializers);
      return (record) => {
        process.stderr.write(
          `CreateTime:${record.timestamp}, ` +
            `${record.key === null ? '' : `key:${record.key.toString()}, `}value:${record.value?.toString() ?? 'null'}\n`,
        );
        return inner(record);
      };
    }
    case 'noop':
      return () => Buffer.alloc(0);
    case 'checksum':
      return ({ value, topic }) =>
        Buffer.from(`topic:${topic}, checksum:${crc32c(value ?? Buffer.alloc(0))}\n`);
    case 'offsets':
      return offsetsFormatter;
    default:
      throw new Error(`The formatter ${name} is none of default, logging, noop, checksum and offsets`);
  }
}

function defaultFormatter(
  properties: Readonly<Record<string, string>>,
  { key, value }: FormatterDeserializers,
): RecordFormatter {
  const on = (name: string) => properties[`print.${name}`] === 'true';
  const text = (name: string, otherwise: string) =>
    Buffer.from((properties[name] ?? otherwise).replaceAll('\\t', '\t').replaceAll('\\n', '\n'));
  const separator = text('key.separator', '\t');
  const end = text('line.separator', '\n');
  const nothing = text('null.literal', 'null');
  const shown = (deserializer: Deserializer, topic: string, bytes: Buffer | null): Buffer => {
    const data = deserializer.deserialize(topic, bytes);
    if (data === null || data === undefined) return nothing;
    return Buffer.isBuffer(data)
      ? data
      : Buffer.from(typeof data === 'object' ? JSON.stringify(data) : String(data));
  };
  return (record) => {
    const fields: Buffer[] = [];
    if (on('timestamp')) fields.push(Buffer.from(`CreateTime:${record.timestamp}`));
    if (on('partition')) fields.push(Buffer.from(`Partition:${record.partition}`));
    if (on('offset')) fields.push(Buffer.from(`Offset:${record.offset}`));
    if (on('headers'))
      fields.push(
        Buffer.from(
          record.headers.length === 0
            ? 'NO_HEADERS'
            : record.headers.map((header) => `${header.key}:${header.value?.toString() ?? 'null'}`).join(','),
        ),
      );
    if (on('key')) fields.push(shown(key, record.topic, record.key));
    if (properties['print.value'] !== 'false') fields.push(shown(value, record.topic, record.value));
    return Buffer.concat([...fields.flatMap((field, i) => (i === 0 ? [field] : [separator, field])), end]);
  };
}

/** Prints commits as `[group,topic,partition]::OffsetAndMetadata(…)`; skips group records. */
function offsetsFormatter({ key, value }: ConsumerRecord): Buffer {
  const parsed = key === null ? undefined : decodeKey(key);
  if (parsed?.kind !== 'offset') return Buffer.alloc(0);
  const { group, tp } = parsed;
  if (value === null) return Buffer.from(`[${group},${tp.topic},${tp.partition}]::NULL\n`);
  const { offset, leaderEpoch, metadata, commitTimestamp, expireTimestamp } = decodeOffsetValue(value);
  const optional = (number: number) => (number < 0 ? 'None' : `Some(${number})`);
  const epoch = leaderEpoch < 0 ? 'Optional.empty' : `Optional[${leaderEpoch}]`;
  const fields =
    `offset=${offset}, leaderEpoch=${epoch}, metadata=${metadata}, commitTimestamp=${commitTimestamp}, ` +
    `expireTimestamp=${optional(expireTimestamp)}`;
  return Buffer.from(`[${group},${tp.topic},${tp.partition}]::OffsetAndMetadata(${fields})\n`);
}
