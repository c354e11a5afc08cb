/**
 * Zig-zag varints and varlongs: the integers inside a record, 7 bits per byte, least significant bits first.
 *
 * [p] Kafka: common/utils/ByteUtils.java@2.8.2. Values are doubles; a varlong is exact to 2^53.
 */
import { KafkaError } from '../common/errors';

const LONG_MAX_BYTES = 10;
const INT_MAX_BYTES = 5;

/** The number of bytes of `value` as a varint or varlong. */
export function varintSize(value: number): number {
  // Fast path: nearly every length and delta fits into two bytes.
  if (value >= -0x2000 && value < 0x2000) return value >= -0x40 && value < 0x40 ? 1 : 2;
  let left = value >= 0 ? value * 2 : -value * 2 - 1;
  let bytes = 1;
  while (left >= 128) {
    left = Math.floor(left / 128);
    bytes++;
  }
  return bytes;
}

/** Writes `value` at `at` and returns the position after it. */
export function writeVarint(buffer: Buffer, value: number, at: number): number {
  if (value >= -0x2000 && value < 0x2000) {
    const bits = (value << 1) ^ (value >> 31);
    if (bits < 0x80) {
      buffer[at] = bits;
      return at + 1;
    }
    buffer[at] = (bits & 0x7f) | 0x80;
    buffer[at + 1] = bits >>> 7;
    return at + 2;
  }
  let left = value >= 0 ? value * 2 : -value * 2 - 1;
  while (left >= 128) {
    buffer[at++] = (left % 128) | 0x80;
    left = Math.floor(left / 128);
  }
  buffer[at++] = left;
  return at;
}

/**
 * Reads varints one after the other. Throws CORRUPT_MESSAGE if a number does not end, or at the end of the
 * bytes.
 */
export class VarintReader {
  constructor(
    readonly buffer: Buffer,
    public at: number,
    private readonly end: number,
  ) {}

  get left(): number {
    return this.end - this.at;
  }

  next(): number {
    // Fast paths: nearly every length and delta fits into one byte or two.
    const { at, end, buffer } = this;
    const first = at < end ? buffer[at]! : 0x80;
    if (first < 0x80) {
      this.at = at + 1;
      return (first >>> 1) ^ -(first & 1);
    }
    const second = at + 1 < end ? buffer[at + 1]! : 0x80;
    if (second < 0x80) {
      this.at = at + 2;
      const bits = (first & 0x7f) | (second << 7);
      return (bits >>> 1) ^ -(bits & 1);
    }
    return this.nextLong();
  }

  /**
   * As `next`, for a length, a count or an offset delta: Java's client does not accept more than five bytes
   * for these.
   */
  nextInt(): number {
    const start = this.at;
    const value = this.next();
    if (this.at - start > INT_MAX_BYTES)
      throw new KafkaError('CORRUPT_MESSAGE', 'an int is longer than five bytes');
    return value;
  }

  private nextLong(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < LONG_MAX_BYTES && this.at < this.end; i++) {
      const byte = this.buffer[this.at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      scale *= 128;
    }
    throw new KafkaError('CORRUPT_MESSAGE', 'a variable-length number does not end');
  }

  /** The next `length` bytes as a view; null for -1. */
  bytes(length: number): Buffer | null {
    if (length === -1) return null;
    if (length < 0 || length > this.left)
      throw new KafkaError('CORRUPT_MESSAGE', `length ${length} lies outside the record`);
    const slice = this.buffer.subarray(this.at, this.at + length);
    this.at += length;
    return slice;
  }

  byte(): number {
    if (this.at >= this.end) throw new KafkaError('CORRUPT_MESSAGE', 'the record ends early');
    return this.buffer[this.at++]!;
  }
}
