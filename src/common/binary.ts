/**
 * Kafka's plain binary encoding, for the structures that brokers store as records in internal topics:
 * big-endian integers, strings with an int16 length, bytes with an int32 length, arrays with an int32 count.
 * A length of -1 means null.
 *
 * [p] Kafka: common/protocol/{ByteBufferAccessor,types/Type}.java@2.8.2
 */

/** The largest length of a string: the largest int16. Kafka: common/protocol/types/Type.java#STRING@2.8.2 */
export const MAX_STRING_BYTES = 32767;

/** The longest prefix of `text` that has at most `maxBytes` bytes in UTF-8. No character is split. */
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

  /** Throws a RangeError if the text has more than `MAX_STRING_BYTES` bytes in UTF-8. */
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

/**
 * Reads what BinaryWriter writes. Throws a RangeError if the bytes end early, or if an int64 does not fit
 * into 53 bits.
 */
export class BinaryReader {
  constructor(
    private readonly buffer: Buffer,
    private at = 0,
  ) {}

  get left(): number {
    return this.buffer.length - this.at;
  }

  private take(bytes: number): number {
    if (bytes < 0 || bytes > this.left)
      throw new RangeError(`${bytes} bytes are claimed and ${this.left} are left`);
    const start = this.at;
    this.at += bytes;
    return start;
  }

  int16(): number {
    return this.buffer.readInt16BE(this.take(2));
  }
  int32(): number {
    return this.buffer.readInt32BE(this.take(4));
  }

  int64(): number {
    const value = this.buffer.readBigInt64BE(this.take(8));
    if (!Number.isSafeInteger(Number(value))) throw new RangeError(`${value} does not fit 53 bits`);
    return Number(value);
  }

  /**
   * A timestamp in ms since 1970. A value beyond 53 bits is clamped to the nearest safe integer: a
   * nonsensical timestamp must not make the rest of the record unreadable.
   */
  timestamp(): number {
    const value = Number(this.buffer.readBigInt64BE(this.take(8)));
    return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
  }

  /**
   * The number of elements of an array; a null array reads as empty. Throws a RangeError if the count is
   * larger than the number of bytes left, so that a forged count cannot cause a large allocation.
   */
  count(): number {
    const count = this.int32();
    if (count > this.left)
      throw new RangeError(`${count} elements are claimed and ${this.left} bytes are left`);
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
