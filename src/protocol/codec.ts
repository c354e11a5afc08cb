/**
 * Encodes messages as msgpack and decodes them, by schema. msgpackr packs the values; the schema adds field
 * names, checks and scatter-gather: a record set is not copied but becomes chunks of its own between the
 * packed values.
 *
 * [p] Kafka: common/protocol/{MessageUtil,SendBuilder}.java@2.8.2
 */
import { Packr } from 'msgpackr';
import { MAX_STRING_BYTES } from '../common/binary';
import { invariant, KafkaError } from '../common/errors';
import { containsRecords, Schema, StructSchema } from './schema';
import { ProtocolError } from './scan';

/**
 * Plain msgpack, without msgpackr's record extension. A 64-bit integer is decoded as a number if it fits into
 * 53 bits.
 */
const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'auto' as 'number' });

type Wire = null | boolean | number | bigint | string | Buffer | Wire[];

/**
 * msgpackr writes a number beyond 32 bits as a float. A BigInt becomes an int64, which a client in any
 * language reads as an integer.
 */
function wireInteger(value: number): number | bigint {
  invariant(Number.isSafeInteger(value), `${value} is not an integer that fits 53 bits`);
  return value > 0xffff_ffff || value < -0x8000_0000 ? BigInt(value) : value;
}

/** Throws INVALID_REQUEST if the string is longer than Kafka's protocol allows: no peer would accept it. */
function wireString(value: string | null): string | null {
  // A UTF-16 code unit has at most three bytes in UTF-8, so that short strings need not be measured.
  if (value === null || value.length * 3 <= MAX_STRING_BYTES) return value;
  const bytes = Buffer.byteLength(value);
  if (bytes <= MAX_STRING_BYTES) return value;
  throw new KafkaError('INVALID_REQUEST', `a string of ${bytes} bytes is longer than ${MAX_STRING_BYTES}`);
}

const NOTHING = Buffer.alloc(0);

function isEmpty(records: readonly Buffer[]): boolean {
  return records.every((buffer) => buffer.length === 0);
}

/**
 * Whether the value is a row (a struct) whose record sets are all empty, as in a Fetch response for a
 * partition without new records. Such a row is packed like one without record sets.
 */
function isRowWithoutRecords(schema: Schema<unknown>, value: unknown): boolean {
  return (
    schema.kind === 'struct' &&
    schema.fields.every(({ name, type }) => {
      if (type.kind === 'records') return isEmpty((value as Record<string, readonly Buffer[]>)[name]!);
      return !containsRecords(type);
    })
  );
}

function toWire(schema: Schema<unknown>, value: unknown): Wire {
  switch (schema.kind) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
      return wireInteger(value as number);
    case 'array':
      return (value as readonly unknown[]).map((item) => toWire(schema.of, item));
    case 'struct':
      return schema.fields.map((field) => toWire(field.type, (value as Record<string, unknown>)[field.name]));
    case 'string':
    case 'nullableString':
      invariant(value !== undefined, 'a message field is missing');
      return wireString(value as string | null);
    case 'bool':
    case 'bytes':
      invariant(value !== undefined, 'a message field is missing');
      return value as Wire;
    case 'records':
      invariant(isEmpty(value as readonly Buffer[]), 'record sets are written by the chunk writer');
      return NOTHING;
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

function arrayHeader(length: number): Buffer {
  if (length < 16) return Buffer.of(0x90 | length);
  if (length < 0x1_0000) return Buffer.of(0xdc, length >> 8, length & 0xff);
  const header = Buffer.allocUnsafe(5);
  header[0] = 0xdd;
  header.writeUInt32BE(length, 1);
  return header;
}

function binaryHeader(length: number): Buffer {
  const header = Buffer.allocUnsafe(5);
  header[0] = 0xc6;
  header.writeUInt32BE(length, 1);
  return header;
}

/**
 * Writes arrays and structs that contain record sets piece by piece, and packs each run of other values in
 * between with one call of msgpackr.
 */
class ChunkWriter {
  readonly chunks: Buffer[] = [];
  private run: Wire[] = [];

  write(schema: Schema<unknown>, value: unknown): void {
    if (!containsRecords(schema) || isRowWithoutRecords(schema, value)) {
      this.run.push(toWire(schema, value));
      return;
    }
    this.flush();
    if (schema.kind === 'records') this.writeRecords(value as readonly Buffer[]);
    else if (schema.kind === 'array') {
      const items = value as readonly unknown[];
      this.chunks.push(arrayHeader(items.length));
      for (const item of items) this.write(schema.of, item);
    } else if (schema.kind === 'struct') {
      this.chunks.push(arrayHeader(schema.fields.length));
      for (const field of schema.fields)
        this.write(field.type, (value as Record<string, unknown>)[field.name]);
    }
  }

  private writeRecords(buffers: readonly Buffer[]): void {
    this.chunks.push(binaryHeader(buffers.reduce((sum, buffer) => sum + buffer.length, 0)));
    for (const buffer of buffers) if (buffer.length > 0) this.chunks.push(buffer);
  }

  /**
   * Packs the pending values as one array and drops the array's header: what remains is the values, one after
   * the other.
   */
  flush(): void {
    if (this.run.length === 0) return;
    this.chunks.push(packr.pack(this.run).subarray(arrayHeader(this.run.length).length));
    this.run = [];
  }
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
  const writer = new ChunkWriter();
  writer.chunks.push(Buffer.allocUnsafe(4), arrayHeader(head.length + 1));
  for (const value of head) writer.write(headSchema(value), value);
  writer.write(schema as Schema<unknown>, body);
  writer.flush();
  const length = writer.chunks.reduce((sum, chunk) => sum + chunk.length, -4);
  writer.chunks[0]!.writeUInt32BE(length, 0);
  return writer.chunks;
}

function headSchema(value: number | string | null): Schema<unknown> {
  return typeof value === 'number' ? { kind: 'int32' } : { kind: 'nullableString' };
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
