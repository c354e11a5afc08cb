/**
 * The values with which an attacker replaces a field: other types, limits of integers, huge or deeply nested
 * values, many repetitions, or less data than announced.
 *
 * [p] By the kinds of src/protocol/schema.ts. The list is fixed, so that each value is tried in each field of
 * each API.
 */
import { ScalarKind, Schema } from '../protocol/schema';
import { hostileBatches } from './hostile-batches';
import {
  arrayHeader,
  EMPTY_MAP,
  EXTENSION,
  NEVER_USED,
  NIL,
  packBinary,
  packDouble,
  packInteger,
  packString,
  TRUE,
  WireNode,
} from './wire-node';

export interface HostileValue {
  readonly name: string;
  /** The value has tens of kilobytes or more. */
  readonly isLarge?: boolean;
  make(sound: () => WireNode): WireNode;
}

/** A text that must never be at the start of a line in a log: there it would be a line forged by a client. */
export const FORGED_LINE = 'FORGED-BY-A-CLIENT';
/** Longer than a 16-bit length can express. */
const LONG_STRING_BYTES = 40_000;
const HUGE_STRING_BYTES = 1_000_000;
const DEPTH = 20_000;
const MANY = 20_000;

const value = (name: string, node: WireNode): HostileValue => ({ name, make: () => node });

const foreign: readonly HostileValue[] = [
  value('nil', NIL),
  value('a boolean', TRUE),
  value('the integer 7', packInteger(7)),
  value('a double', packDouble(0.5)),
  value('not a number', packDouble(NaN)),
  value('the string x', packString('x')),
  value('a binary', packBinary(Buffer.from('x'))),
  value('an empty list', { items: [] }),
  value('a list in a list', { items: [{ items: [] }] }),
  value('a map', EMPTY_MAP),
  value('an extension', EXTENSION),
  value('a byte that msgpack does not use', NEVER_USED),
  value('nothing', Buffer.alloc(0)),
];

const numbers: readonly (number | bigint)[] = [
  0,
  1,
  2,
  -1,
  -2,
  127,
  128,
  -128,
  -129,
  32_767,
  32_768,
  -32_768,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  1n << 60n,
  (1n << 63n) - 1n,
  -(1n << 63n),
  1n << 63n,
  (1n << 64n) - 1n,
];

const integers = numbers.map((number) => value(`the number ${number}`, packInteger(number)));

const texts: readonly HostileValue[] = [
  value('an empty string', packString('')),
  value('a string of 249 bytes', packString('a'.repeat(249))),
  value('a string of 250 bytes', packString('a'.repeat(250))),
  value('a string of 32767 bytes', packString('a'.repeat(32_767))),
  value('a string of 32768 bytes', packString('a'.repeat(32_768))),
  value('a dot', packString('.')),
  value('two dots', packString('..')),
  value('a way out of the folder', packString('../../../tmp/x')),
  value('a string with a zero', packString('a\0b')),
  value('a forged line of a log', packString(`x\n${FORGED_LINE} [2026-01-01] ERROR all is lost`)),
  value('bytes that are no UTF-8', packString(Buffer.of(0x61, 0xff, 0xfe, 0xc0, 0x80))),
  value('half a surrogate', packString(Buffer.of(0xed, 0xa0, 0x80))),
  value('constructor', packString('constructor')),
  value('__proto__', packString('__proto__')),
  value('toString', packString('toString')),
  value('__consumer_offsets', packString('__consumer_offsets')),
  value('a string that claims 4 GB', packString('x', 2 ** 32 - 1)),
  { name: 'a long string', isLarge: true, make: () => packString('a'.repeat(LONG_STRING_BYTES)) },
  { name: 'a huge string', isLarge: true, make: () => packString('a'.repeat(HUGE_STRING_BYTES)) },
];

const binaries: readonly HostileValue[] = [
  value('no bytes', packBinary(Buffer.alloc(0))),
  value('one byte', packBinary(Buffer.of(0))),
  value('61 zeros', packBinary(Buffer.alloc(61))),
  value('61 bytes of ones', packBinary(Buffer.alloc(61, 0xff))),
  value('bytes that claim 4 GB', packBinary(Buffer.of(1), 2 ** 32 - 1)),
  { name: 'many bytes', isLarge: true, make: () => packBinary(Buffer.alloc(HUGE_STRING_BYTES, 0x41)) },
];

/** Nested arrays; the innermost one is empty. */
function deep(depth: number): Buffer {
  return Buffer.concat([Buffer.alloc(depth, 0x91), arrayHeader(0)]);
}

const structs: readonly HostileValue[] = [
  value('lists in lists, very deep', deep(DEPTH)),
  { name: 'a field too few', make: (sound) => resized(sound(), -1) },
  { name: 'a field too many', make: (sound) => resized(sound(), 1) },
];

function itemsOf(node: WireNode): readonly WireNode[] {
  return Buffer.isBuffer(node) ? [] : node.items;
}

function resized(node: WireNode, by: -1 | 1): WireNode {
  const items = itemsOf(node);
  return { items: by < 0 ? items.slice(0, -1) : [...items, NIL] };
}

const lists: readonly HostileValue[] = [
  ...structs.slice(0, 1),
  { name: 'twice the same', make: (sound) => ({ items: itemsOf(sound()), times: 2 }) },
  {
    name: 'an element more than there is',
    make: (sound) => ({ items: itemsOf(sound()), claims: itemsOf(sound()).length + 1 }),
  },
  {
    name: 'four thousand million elements that are not there',
    make: (sound) => ({ items: itemsOf(sound()), claims: 2 ** 32 - 1 }),
  },
  { name: 'the same very often', isLarge: true, make: (sound) => ({ items: itemsOf(sound()), times: MANY }) },
];

const batches: readonly HostileValue[] = hostileBatches.map(({ name, make }) => ({
  name,
  make: () => packBinary(make()),
}));

const byKind: Readonly<Record<ScalarKind | 'array' | 'struct', readonly HostileValue[]>> = {
  int8: integers,
  int16: integers,
  int32: integers,
  int64: integers,
  bool: [],
  string: texts,
  nullableString: texts,
  bytes: binaries,
  records: [...binaries, ...batches],
  array: lists,
  struct: structs,
};

/** All values that are tried in a field of this kind. */
export function hostileValuesFor(schema: Schema<unknown>): readonly HostileValue[] {
  return [...foreign, ...byKind[schema.kind]];
}
