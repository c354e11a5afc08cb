/**
 * Encodes messages as msgpack and decodes them, by schema. The schema adds field names, checks and
 * scatter-gather: a record set is not copied but becomes chunks of its own between the other values. msgpackr
 * unpacks the values.
 *
 * [p] Kafka: common/protocol/{MessageUtil,SendBuilder}.java@2.8.2
 */
import { Packr } from 'msgpackr';
import { MAX_STRING_BYTES } from '../common/binary';
import { invariant, KafkaError } from '../common/errors';
import { MessageWriter } from './message-writer';
import { Schema, StructSchema } from './schema';
import { ProtocolError } from './scan';

/**
 * Plain msgpack, without msgpackr's record extension. A 64-bit integer is decoded as a number if it fits into
 * 53 bits.
 */
const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'auto' as 'number' });

/** The length of a frame stands before it. */
const LENGTH_BYTES = 4;

type Wire = null | boolean | number | bigint | string | Buffer | Wire[];

/** Throws INVALID_REQUEST if the string is longer than Kafka's protocol allows: no peer would accept it. */
function wireString(value: string): string {
  // A UTF-16 code unit has at most three bytes in UTF-8, so that short strings need not be measured.
  if (value.length * 3 <= MAX_STRING_BYTES) return value;
  const bytes = Buffer.byteLength(value);
  if (bytes <= MAX_STRING_BYTES) return value;
  throw new KafkaError('INVALID_REQUEST', `a string of ${bytes} bytes is longer than ${MAX_STRING_BYTES}`);
}

/** Throws INVALID_REQUEST for a string that is too long. Any other value that does not fit is a defect. */
function write(writer: MessageWriter, schema: Schema<unknown>, value: unknown): void {
  if (value === undefined) invariant(false, 'a message field is missing');
  switch (schema.kind) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
      if (!Number.isSafeInteger(value))
        invariant(false, `${String(value)} is not an integer that fits 53 bits`);
      return writer.integer(value as number);
    case 'array': {
      const items = value as readonly unknown[];
      writer.array(items.length);
      for (const item of items) write(writer, schema.of, item);
      return;
    }
    case 'struct':
      writer.array(schema.fields.length);
      for (const { name, type } of schema.fields)
        write(writer, type, (value as Record<string, unknown>)[name]);
      return;
    case 'string':
    case 'nullableString':
      return value === null ? writer.null() : writer.string(wireString(value as string));
    case 'bool':
      return writer.bool(value as boolean);
    case 'bytes':
      return value === null ? writer.null() : writer.binary(value as Buffer);
    case 'records':
      return writer.binaryOf(value as readonly Buffer[]);
  }
}

function fromWire(schema: Schema<unknown>, wire: Wire): unknown {
  switch (schema.kind) {
    case 'array':
      return (wire as Wire[]).map((item) => fromWire(schema.of, item));
    case 'struct':
      return structFromWire(schema, wire as Wire[]);
    case 'records':
      return [wire as Buffer];
    default:
      return wire;
  }
}

function structFromWire(schema: StructSchema<unknown>, wire: Wire[]): unknown {
  const value: Record<string, unknown> = {};
  for (let i = 0; i < schema.fields.length; i++)
    value[schema.fields[i]!.name] = fromWire(schema.fields[i]!.type, wire[i]!);
  return value;
}

/**
 * Encodes `[...head, body]` as chunks, the first of which begins with the length of the frame as u32 (in
 * bytes, without the length itself).
 */
export function encodeFrame<T>(
  head: readonly (number | string | null)[],
  schema: Schema<T>,
  body: T,
): Buffer[] {
  const writer = new MessageWriter(LENGTH_BYTES);
  writer.array(head.length + 1);
  for (const value of head) {
    if (typeof value === 'number') writer.integer(value);
    else if (value === null) writer.null();
    else writer.string(wireString(value));
  }
  write(writer, schema as Schema<unknown>, body);
  const { chunks, bytes } = writer.end();
  chunks[0]!.writeUInt32BE(bytes - LENGTH_BYTES, 0);
  return chunks;
}

/** Decodes `[...head, body]`, where `body` is of the schema. The bytes must have passed a `Scanner`. */
export function decodeFrame<T>(frame: Buffer, schema: Schema<T>): { head: readonly unknown[]; body: T } {
  let wire: Wire[];
  try {
    wire = packr.unpack(frame) as Wire[];
  } catch (error) {
    throw new ProtocolError(`not msgpack: ${String(error)}`);
  }
  const body = fromWire(schema as Schema<unknown>, wire[wire.length - 1]!) as T;
  return { head: wire.slice(0, -1), body };
}
