/**
 * Kafka's plain binary encoding, for what is stored in its logs: big-endian integers, strings with an i16 length, bytes
 * with an i32 length, arrays with an i32 count; a length of -1 is null.
 *
 * [p] Kafka: common/protocol/{ByteBufferAccessor,types/Type}.java@2.8.2
 */

/** What an i16 can say. Kafka: common/protocol/types/Type.java#STRING@2.8.2 */
export const MAX_STRING_BYTES = 32767;

/** The text, or as much of its beginning as has at most so many bytes in UTF-8. */
export function cutToBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

export class BinaryWriter {
  private buffer = Buffer.allocUnsafe(256);
  private at = 0;

  private room(bytes: number): number {
    if (this.at + bytes > this.buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.at + bytes));
      this.buffer.copy(grown, 0, 0, this.at);
      this.buffer = grown;
    }
    const start = this.at;
    this.at += bytes;
    return start;
  }

  private append(bytes: Buffer): void {
    const at = this.room(bytes.length);
    bytes.copy(this.buffer, at);
  }

  int16(value: number): void {
    const at = this.room(2);
    this.buffer.writeInt16BE(value, at);
  }

  int32(value: number): void {
    const at = this.room(4);
    this.buffer.writeInt32BE(value, at);
  }

  int64(value: number): void {
    const at = this.room(8);
    this.buffer.writeBigInt64BE(BigInt(value), at);
  }

  /** Throws a RangeError that explains for a longer one. */
  string(value: string): void {
    const bytes = Buffer.from(value);
    if (bytes.length > MAX_STRING_BYTES) {
      throw new RangeError(`a string of ${bytes.length} bytes is longer than ${MAX_STRING_BYTES}`);
    }
    this.int16(bytes.length);
    this.append(bytes);
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1);
    else this.string(value);
  }

  bytes(value: Buffer): void {
    this.int32(value.length);
    this.append(value);
  }

  nullableBytes(value: Buffer | null): void {
    if (value === null) this.int32(-1);
    else this.bytes(value);
  }

  toBuffer(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.at));
  }
}

/** Reads what BinaryWriter writes; throws a RangeError for bytes that end early and numbers beyond 2^53. */
export class BinaryReader {
  constructor(private readonly buffer: Buffer, private at = 0) {}

  get left(): number { return this.buffer.length - this.at; }

  private take(bytes: number): number {
    if (bytes < 0 || bytes > this.left) throw new RangeError(`${bytes} bytes are claimed and ${this.left} are left`);
    const start = this.at;
    this.at += bytes;
    return start;
  }

  int16(): number { return this.buffer.readInt16BE(this.take(2)); }
  int32(): number { return this.buffer.readInt32BE(this.take(4)); }

  int64(): number {
    const value = this.buffer.readBigInt64BE(this.take(8));
    if (!Number.isSafeInteger(Number(value))) throw new RangeError(`${value} does not fit 53 bits`);
    return Number(value);
  }

  /** A time in ms. One that no clock says is no reason to lose the rest: the nearest that fits 53 bits. */
  timestamp(): number {
    const value = Number(this.buffer.readBigInt64BE(this.take(8)));
    return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
  }

  /** The count of an array; no more than there are bytes. Null arrays read as empty. */
  count(): number {
    const count = this.int32();
    if (count > this.left) throw new RangeError(`${count} elements are claimed and ${this.left} bytes are left`);
    return Math.max(0, count);
  }

  nullableString(): string | null {
    const length = this.int16();
    if (length < 0) return null;
    const start = this.take(length);
    return this.buffer.toString('utf8', start, start + length);
  }

  string(): string {
    return this.nullableString() ?? '';
  }

  nullableBytes(): Buffer | null {
    const length = this.int32();
    if (length < 0) return null;
    const start = this.take(length);
    return this.buffer.subarray(start, start + length);
  }

  bytes(): Buffer {
    return this.nullableBytes() ?? Buffer.alloc(0);
  }
}
