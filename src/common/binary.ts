/**
 * Kafka's plain binary encoding, for what is stored in its logs: big-endian integers, strings with an i16 length, bytes
 * with an i32 length, arrays with an i32 count; a length of -1 is null.
 *
 * [p] Kafka: common/protocol/{ByteBufferAccessor,types/Type}.java@2.8.2
 */
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

  string(value: string): void {
    const bytes = Buffer.from(value);
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

/** Reads what BinaryWriter writes; throws a RangeError or a sentence for bytes that end early. */
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
  int64(): number { return Number(this.buffer.readBigInt64BE(this.take(8))); }

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
