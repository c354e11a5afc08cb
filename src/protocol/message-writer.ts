/**
 * Writes msgpack tokens one after the other into one buffer, in their shortest form. A large binary is not
 * copied: it becomes a chunk of its own, between the tokens before it and those after it.
 *
 * Our own, because a request has a few dozen bytes of tokens around its records: nested arrays made for a
 * library to pack, and a buffer for each of them, cost more than the bytes.
 *
 * [p] Kafka: common/protocol/SendBuilder.java@2.8.2
 */

/** Room for the tokens of nearly every message. It comes from Node's pool, and grows when it is full. */
const FIRST_BYTES = 128;

export class MessageWriter {
  private readonly chunks: Buffer[] = [];
  /** The bytes of the chunks. */
  private chunkBytes = 0;
  private target = Buffer.allocUnsafe(FIRST_BYTES);
  /** The tokens that are in no chunk yet are at [start, at) of the target. */
  private start = 0;
  private at: number;

  /** `prefix`: as many bytes are left free before the first token. */
  constructor(prefix: number) {
    this.at = prefix;
  }

  /** Makes room for `bytes` more, and returns where they begin. */
  private take(bytes: number): number {
    const { at } = this;
    if (at + bytes > this.target.length) return this.grow(bytes);
    this.at = at + bytes;
    return at;
  }

  private grow(bytes: number): number {
    const written = this.at - this.start;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.target.length, written + bytes));
    this.target.copy(larger, 0, this.start, this.at);
    this.target = larger;
    this.start = 0;
    this.at = written + bytes;
    return written;
  }

  private tag(tag: number): void {
    const at = this.take(1);
    this.target[at] = tag;
  }

  private uint8(tag: number, value: number): void {
    const at = this.take(2);
    this.target[at] = tag;
    this.target[at + 1] = value;
  }

  private uint16(tag: number, value: number): void {
    const at = this.take(3);
    this.target[at] = tag;
    this.target[at + 1] = value >>> 8;
    this.target[at + 2] = value;
  }

  private uint32(tag: number, value: number): void {
    const at = this.take(5);
    this.target[at] = tag;
    this.target.writeUInt32BE(value, at + 1);
  }

  /** A safe integer. */
  integer(value: number): void {
    if (value >= 0) {
      if (value < 0x80) this.tag(value);
      else if (value < 0x100) this.uint8(0xcc, value);
      else if (value < 0x1_0000) this.uint16(0xcd, value);
      else if (value <= 0xffff_ffff) this.uint32(0xce, value);
      else this.int64(value);
    } else if (value >= -0x20) this.tag(value & 0xff);
    else if (value >= -0x80) this.uint8(0xd0, value & 0xff);
    else if (value >= -0x8000) this.uint16(0xd1, value & 0xffff);
    else if (value >= -0x8000_0000) this.uint32(0xd2, value >>> 0);
    else this.int64(value);
  }

  private int64(value: number): void {
    const at = this.take(9);
    const high = Math.floor(value / 0x1_0000_0000);
    this.target[at] = 0xd3;
    this.target.writeInt32BE(high, at + 1);
    this.target.writeUInt32BE(value - high * 0x1_0000_0000, at + 5);
  }

  bool(value: boolean): void {
    this.tag(value ? 0xc3 : 0xc2);
  }

  null(): void {
    this.tag(0xc0);
  }

  string(value: string): void {
    const bytes = Buffer.byteLength(value);
    if (bytes < 0x20) this.tag(0xa0 | bytes);
    else if (bytes < 0x100) this.uint8(0xd9, bytes);
    else if (bytes < 0x1_0000) this.uint16(0xda, bytes);
    else this.uint32(0xdb, bytes);
    const at = this.take(bytes);
    this.target.write(value, at, bytes);
  }

  /** The head of an array; its elements follow. */
  array(length: number): void {
    if (length < 0x10) this.tag(0x90 | length);
    else if (length < 0x1_0000) this.uint16(0xdc, length);
    else this.uint32(0xdd, length);
  }

  private binaryHead(bytes: number): void {
    if (bytes < 0x100) this.uint8(0xc4, bytes);
    else if (bytes < 0x1_0000) this.uint16(0xc5, bytes);
    else this.uint32(0xc6, bytes);
  }

  /** A copy of the bytes, as one binary. */
  binary(bytes: Buffer): void {
    this.binaryHead(bytes.length);
    const at = this.take(bytes.length);
    bytes.copy(this.target, at);
  }

  /** The buffers themselves, as one binary. Empty ones do not become chunks. */
  binaryOf(buffers: readonly Buffer[]): void {
    let bytes = 0;
    for (const buffer of buffers) bytes += buffer.length;
    this.binaryHead(bytes);
    if (bytes === 0) return;
    this.endChunk();
    for (const buffer of buffers) if (buffer.length > 0) this.chunks.push(buffer);
    this.chunkBytes += bytes;
  }

  private endChunk(): void {
    if (this.at === this.start) return;
    this.chunks.push(this.target.subarray(this.start, this.at));
    this.chunkBytes += this.at - this.start;
    this.start = this.at;
  }

  /** The chunks, the first of which begins with the prefix, and the number of their bytes. */
  end(): { readonly chunks: Buffer[]; readonly bytes: number } {
    this.endChunk();
    return { chunks: this.chunks, bytes: this.chunkBytes };
  }
}
