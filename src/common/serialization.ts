/**
 * Serializers and deserializers: convert between an application's values and the bytes of keys and values.
 *
 * The value of a setting is the name of a built-in serde (`string`, `buffer`, `json`, `integer`, `long`,
 * `double`, `uuid`, or Kafka's class name of it) or an object with `serialize` or `deserialize`. Null is
 * serialized as null and back, so that a tombstone stays a tombstone.
 *
 * [p] Kafka: common/serialization/*.java@2.8.2; differs: the default takes strings and buffers alike.
 */
import { KafkaError } from './errors';

export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

/** Kafka: Serializer. May throw; the record's send then fails with SERIALIZATION. */
export interface Serializer<T = unknown> {
  serialize(topic: string, data: T | null | undefined, headers?: readonly RecordHeader[]): Buffer | null;
  close?(): void;
}

/**
 * Kafka: Deserializer. May throw; poll then fails with SERIALIZATION, and the position stays before the
 * record.
 */
export interface Deserializer<T = unknown> {
  deserialize(topic: string, data: Buffer | null, headers?: readonly RecordHeader[]): T | null;
  close?(): void;
}

export interface Serde<T = unknown> extends Serializer<T>, Deserializer<T> {}

function serde<T>(write: (data: T) => Buffer, read: (data: Buffer) => T): Serde<T> {
  return {
    serialize: (_topic, data) => (data === null || data === undefined ? null : write(data)),
    deserialize: (_topic, data) => (data === null ? null : read(data)),
  };
}

function fail(wanted: string, data: unknown): never {
  throw new KafkaError(
    'SERIALIZATION',
    `Can't serialize ${typeof data === 'object' ? 'an object' : `${typeof data} ${String(data)}`}: ` +
      `${wanted} is expected`,
  );
}

function sized(data: Buffer, bytes: number): Buffer {
  if (data.length !== bytes)
    throw new KafkaError('SERIALIZATION', `Size of data received is not ${bytes} but ${data.length}`);
  return data;
}

/** A Buffer unchanged, a string as UTF-8. (Deserializing always gives a Buffer.) */
function toBytes(data: unknown): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  if (Buffer.isBuffer(data)) return data;
  if (data instanceof Uint8Array) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return fail('a string or a Buffer', data);
}

function integerSerde(bytes: 4 | 8): Serde<number> {
  return serde<number>(
    (data) => {
      if (!Number.isSafeInteger(data) || (bytes === 4 && data !== (data | 0)))
        fail(`an integer of ${bytes} bytes`, data);
      const buffer = Buffer.alloc(bytes);
      if (bytes === 4) buffer.writeInt32BE(data);
      else buffer.writeBigInt64BE(BigInt(data));
      return buffer;
    },
    (data) => (bytes === 4 ? sized(data, 4).readInt32BE() : Number(sized(data, 8).readBigInt64BE())),
  );
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const serdes = {
  buffer: serde<unknown>(toBytes, (data) => data),
  string: serde<unknown>(
    (data) =>
      Buffer.isBuffer(data) ? data : typeof data === 'string' ? Buffer.from(data) : fail('a string', data),
    (data) => data.toString('utf8'),
  ),
  json: serde<unknown>(
    (data) => Buffer.from(JSON.stringify(data)),
    (data) => JSON.parse(data.toString('utf8')) as unknown,
  ),
  integer: integerSerde(4),
  long: integerSerde(8),
  double: serde<number>(
    (data) => {
      if (typeof data !== 'number') fail('a number', data);
      const buffer = Buffer.alloc(8);
      buffer.writeDoubleBE(data);
      return buffer;
    },
    (data) => sized(data, 8).readDoubleBE(),
  ),
  uuid: serde<unknown>(
    (data) => (typeof data === 'string' && UUID.test(data) ? Buffer.from(data) : fail('a UUID', data)),
    (data) => data.toString('utf8'),
  ),
} as const satisfies Record<string, Serde>;

const KAFKA_CLASS =
  /^org\.apache\.kafka\.common\.serialization\.(ByteArray|ByteBuffer|Bytes|String|Integer|Long|Double|UUID)(?:S|Des)erializer$/;
const BY_CLASS: Readonly<Record<string, keyof typeof serdes>> = {
  ByteArray: 'buffer',
  ByteBuffer: 'buffer',
  Bytes: 'buffer',
  String: 'string',
  Integer: 'integer',
  Long: 'long',
  Double: 'double',
  UUID: 'uuid',
};

function named(setting: string, name: string): Serde {
  const known = serdes[(BY_CLASS[KAFKA_CLASS.exec(name)?.[1] ?? ''] ?? name) as keyof typeof serdes] as
    Serde | undefined;
  if (known === undefined)
    throw new KafkaError(
      'CONFIG_EXCEPTION',
      `Invalid value ${name} for configuration ${setting}: it is none of ${Object.keys(serdes).join(', ')}`,
    );
  return known;
}

/** The serializer for the value of a setting. Throws CONFIG_EXCEPTION if the value is not a serializer. */
export function serializerOf(setting: string, value: unknown): Serializer {
  if (typeof value === 'string') return named(setting, value);
  if (
    typeof value === 'object' &&
    value !== null &&
    'serialize' in value &&
    typeof value.serialize === 'function'
  )
    return value as Serializer;
  throw new KafkaError(
    'CONFIG_EXCEPTION',
    `Invalid value for configuration ${setting}: it has no method serialize(topic, data)`,
  );
}

/**
 * The deserializer for the value of a setting. Throws CONFIG_EXCEPTION if the value is not a deserializer.
 */
export function deserializerOf(setting: string, value: unknown): Deserializer {
  if (typeof value === 'string') return named(setting, value);
  if (
    typeof value === 'object' &&
    value !== null &&
    'deserialize' in value &&
    typeof value.deserialize === 'function'
  )
    return value as Deserializer;
  throw new KafkaError(
    'CONFIG_EXCEPTION',
    `Invalid value for configuration ${setting}: it has no method deserialize(topic, data)`,
  );
}
