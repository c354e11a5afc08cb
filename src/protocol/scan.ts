/**
 * Checks the bytes of a message against its schema before anything is decoded, without allocating memory.
 *
 * Invariant: bytes that pass decode to exactly the shape of the schema. A hostile frame (depth, counts,
 * lengths, unexpected types, trailing bytes) loses its sender the connection and costs the broker nothing.
 * The depth is bounded by the schema, an array's length by the number of bytes left. msgpack maps and
 * extensions occur in no schema and are refused.
 *
 * [p] Kafka: common/protocol/types/Struct.java checks while it reads; ours checks first (docs/decisions/0002)
 */
import { MAX_STRING_BYTES } from '../common/binary';
import { ScalarKind, Schema } from './schema';

/** The bytes of a frame are not a valid message. The connection on which it arrived is closed. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/**
 * By the number of continuation bytes: the smallest code point that needs so many. A smaller one is an
 * overlong encoding, which is not valid.
 */
const SMALLEST = [0, 0x80, 0x800, 0x1_0000];

/** Whether the bytes are valid UTF-8 (RFC 3629): no surrogates, no overlong encodings. */
function isUtf8(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end;) {
    const lead = buffer[at++]!;
    if (lead < 0x80) continue;
    const more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || more > end - at) return false;
    let character = lead & (0x3f >> more);
    for (const last = at + more; at < last; at++) {
      if ((buffer[at]! & 0xc0) !== 0x80) return false;
      character = (character << 6) | (buffer[at]! & 0x3f);
    }
    if (character < SMALLEST[more]! || character > 0x10_ffff) return false;
    if (character >= 0xd800 && character <= 0xdfff) return false;
  }
  return true;
}

/** A cursor over msgpack tokens. Every method throws ProtocolError if the bytes are not what it expects. */
export class Scanner {
  /** How many more elements the arrays of the message may have in total; more are refused. */
  rowsLeft = Infinity;

  constructor(
    readonly buffer: Buffer,
    public at = 0,
  ) {}

  private take(bytes: number): number {
    const start = this.at;
    if (bytes > this.buffer.length - start)
      throw new ProtocolError(`the message ends early, at byte ${start}`);
    this.at += bytes;
    return start;
  }

  /** The tag byte of the next value. Read by index, because this runs for every field of every message. */
  private tag(): number {
    return this.buffer[this.take(1)]!;
  }

  private uint(bytes: 1 | 2 | 4): number {
    const start = this.take(bytes);
    if (bytes === 1) return this.buffer[start]!;
    return bytes === 2 ? this.buffer.readUInt16BE(start) : this.buffer.readUInt32BE(start);
  }

  /** The length of the array that begins here. */
  arrayLength(): number {
    const tag = this.tag();
    if (tag >= 0x90 && tag <= 0x9f) return tag & 0x0f;
    if (tag === 0xdc) return this.uint(2);
    if (tag === 0xdd) return this.uint(4);
    throw new ProtocolError(`expected an array, found tag 0x${tag.toString(16)} at byte ${this.at - 1}`);
  }

  integer(): number {
    const tag = this.tag();
    if (tag <= 0x7f) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    switch (tag) {
      case 0xcc:
        return this.uint(1);
      case 0xcd:
        return this.uint(2);
      case 0xce:
        return this.uint(4);
      case 0xcf:
        return this.safe(this.buffer.readBigUInt64BE(this.take(8)));
      case 0xd0:
        return this.buffer.readInt8(this.take(1));
      case 0xd1:
        return this.buffer.readInt16BE(this.take(2));
      case 0xd2:
        return this.buffer.readInt32BE(this.take(4));
      case 0xd3:
        return this.safe(this.buffer.readBigInt64BE(this.take(8)));
      default:
        throw new ProtocolError(
          `expected an integer, found tag 0x${tag.toString(16)} at byte ${this.at - 1}`,
        );
    }
  }

  private safe(value: bigint): number {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new ProtocolError(`integer ${value} does not fit 53 bits`);
    return number;
  }

  /**
   * Checks length and encoding: a string must fit into Kafka's formats, where it may be stored, and must read
   * back as the same string.
   */
  skipString(nullable: boolean): void {
    const tag = this.tag();
    if (tag === 0xc0 && nullable) return;
    const length = this.stringLength(tag);
    if (length > MAX_STRING_BYTES) {
      throw new ProtocolError(`a string of ${length} bytes is longer than ${MAX_STRING_BYTES}`);
    }
    const start = this.take(length);
    if (!isUtf8(this.buffer, start, this.at))
      throw new ProtocolError(`the string at byte ${start} is not UTF-8`);
  }

  private stringLength(tag: number): number {
    if (tag >= 0xa0 && tag <= 0xbf) return tag & 0x1f;
    if (tag === 0xd9) return this.uint(1);
    if (tag === 0xda) return this.uint(2);
    if (tag === 0xdb) return this.uint(4);
    throw new ProtocolError(`expected a string, found tag 0x${tag.toString(16)} at byte ${this.at - 1}`);
  }

  private skipBinary(): void {
    const tag = this.tag();
    if (tag === 0xc4) this.take(this.uint(1));
    else if (tag === 0xc5) this.take(this.uint(2));
    else if (tag === 0xc6) this.take(this.uint(4));
    else throw new ProtocolError(`expected binary, found tag 0x${tag.toString(16)} at byte ${this.at - 1}`);
  }

  private skipBool(): void {
    const tag = this.tag();
    if (tag !== 0xc2 && tag !== 0xc3)
      throw new ProtocolError(`expected a boolean, found tag 0x${tag.toString(16)} at byte ${this.at - 1}`);
  }

  private skipInteger(bits: number): void {
    const value = this.integer();
    const bound = 2 ** (bits - 1);
    if (value < -bound || value >= bound)
      throw new ProtocolError(`integer ${value} does not fit ${bits} bits`);
  }

  private skipScalar(kind: ScalarKind): void {
    switch (kind) {
      case 'int8':
        return this.skipInteger(8);
      case 'int16':
        return this.skipInteger(16);
      case 'int32':
        return this.skipInteger(32);
      case 'int64':
        this.integer();
        return;
      case 'bool':
        return this.skipBool();
      case 'string':
        return this.skipString(false);
      case 'nullableString':
        return this.skipString(true);
      case 'bytes':
      case 'records':
        return this.skipBinary();
    }
  }

  /** Moves past one value of the schema. Throws ProtocolError if the bytes do not match it. */
  skip(schema: Schema<unknown>): void {
    if (schema.kind === 'array') {
      const count = this.arrayLength();
      this.rowsLeft -= count;
      if (this.rowsLeft < 0) throw new ProtocolError('the message has more rows than allowed');
      if (count > this.buffer.length - this.at)
        throw new ProtocolError(`an array claims ${count} elements, more than there are bytes`);
      for (let i = 0; i < count; i++) this.skip(schema.of);
    } else if (schema.kind === 'struct') {
      const count = this.arrayLength();
      if (count !== schema.fields.length)
        throw new ProtocolError(`a struct has ${count} fields instead of ${schema.fields.length}`);
      for (const field of schema.fields) this.skip(field.type);
    } else {
      this.skipScalar(schema.kind);
    }
  }

  end(): void {
    if (this.at !== this.buffer.length)
      throw new ProtocolError(`${this.buffer.length - this.at} stray bytes after the message`);
  }
}
