/**
 * A msgpack encoder for attackers: values of any type in any place, and headers that announce more than what
 * follows.
 *
 * A message is a tree whose leaves are bytes, valid or not. Nothing is checked here: that is the broker's
 * task.
 *
 * [p] Not from Kafka; the tags are those of msgpack's specification.
 */
export type WireNode = Buffer | WireArray;

export interface WireArray {
  readonly items: readonly WireNode[];
  /** How often the items are repeated. */
  readonly times?: number;
  /** The count in the header, if it differs from the real one. */
  readonly claims?: number;
}

export const NIL = Buffer.of(0xc0);
export const NEVER_USED = Buffer.of(0xc1);
export const FALSE = Buffer.of(0xc2);
export const TRUE = Buffer.of(0xc3);
export const EMPTY_MAP = Buffer.of(0x80);
/** An extension of type 0 with one byte. */
export const EXTENSION = Buffer.of(0xd4, 0, 0);

function tagged(tag: number, bytes: 1 | 2 | 4, value: number): Buffer {
  const buffer = Buffer.alloc(1 + bytes);
  buffer[0] = tag;
  buffer.writeUIntBE(value, 1, bytes);
  return buffer;
}

/** The header of an array with `count` elements. */
export function arrayHeader(count: number): Buffer {
  if (count < 16) return Buffer.of(0x90 | count);
  return count < 0x1_0000 ? tagged(0xdc, 2, count) : tagged(0xdd, 4, count);
}

/** Any 64-bit integer, signed or unsigned, in its shortest encoding. */
export function packInteger(value: number | bigint): Buffer {
  const big = BigInt(value);
  if (big >= 0n && big <= 0x7fn) return Buffer.of(Number(big));
  if (big < 0n && big >= -32n) return Buffer.of(0x100 + Number(big));
  if (big >= 0n && big <= 0xffff_ffffn) return tagged(0xce, 4, Number(big));
  const buffer = Buffer.alloc(9);
  buffer[0] = big >= 0n ? 0xcf : 0xd3;
  if (big >= 0n) buffer.writeBigUInt64BE(big, 1);
  else buffer.writeBigInt64BE(big, 1);
  return buffer;
}

export function packDouble(value: number): Buffer {
  const buffer = Buffer.alloc(9);
  buffer[0] = 0xcb;
  buffer.writeDoubleBE(value, 1);
  return buffer;
}

/** A string with these bytes, UTF-8 or not; `claims` is the length in the header. */
export function packString(text: string | Buffer, claims?: number): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const length = claims ?? bytes.length;
  return Buffer.concat([length < 32 ? Buffer.of(0xa0 | length) : tagged(0xdb, 4, length), bytes]);
}

export function packBinary(bytes: Buffer, claims = bytes.length): Buffer {
  return Buffer.concat([tagged(0xc6, 4, claims), bytes]);
}

function collect(node: WireNode, into: Buffer[]): void {
  if (Buffer.isBuffer(node)) {
    into.push(node);
    return;
  }
  const { items, times = 1, claims } = node;
  into.push(arrayHeader(claims ?? items.length * times));
  if (times === 1) {
    for (const item of items) collect(item, into);
    return;
  }
  const once = Buffer.concat(items.map(encodeNode));
  into.push(Buffer.alloc(once.length * times, once));
}

export function encodeNode(node: WireNode): Buffer {
  const chunks: Buffer[] = [];
  collect(node, chunks);
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

/** The bytes with a length prefix, as in a connection; `claims` is the value of the prefix. */
export function framed(bytes: Buffer, claims = bytes.length): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(claims);
  return Buffer.concat([length, bytes]);
}
