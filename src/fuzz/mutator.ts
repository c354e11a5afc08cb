/**
 * Changes an input a little: bits, bytes, limits of integer types, parts removed, repeated, moved, or taken
 * from another input. Text also gets pieces of text.
 *
 * [p] The same random numbers give the same input.
 */
import { Prng } from '../simulation/prng';

const MAX_INPUT_BYTES = 4096;
const EDGES_8 = [0, 1, 0x7f, 0x80, 0xff, 0x20, 0x0a];
const EDGES_16 = [0, 1, 0x7fff, 0x8000, 0xffff, 250];
const EDGES_32 = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1000];
const EDGES_64 = [0n, 1n << 53n, (1n << 53n) - 1n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n];
const WORDS = [
  '0',
  '-1',
  '9007199254740993',
  '9223372036854775807',
  '1e21',
  'null',
  '[]',
  '{}',
  '"x"',
  '__proto__',
  ' ',
  '\n',
  '\\',
  ',',
  ':',
  '=',
];

type Change = (input: Buffer, random: Prng, other: Buffer) => Buffer;

/** A copy in which `bytes` replace the bytes at a random place. */
function overwrite(input: Buffer, random: Prng, bytes: Buffer): Buffer {
  const copy = Buffer.from(input);
  if (copy.length >= bytes.length) bytes.copy(copy, random.below(copy.length - bytes.length + 1));
  return copy;
}

function insert(input: Buffer, random: Prng, bytes: Buffer): Buffer {
  const at = random.below(input.length + 1);
  return Buffer.concat([input.subarray(0, at), bytes, input.subarray(at)]);
}

function piece(input: Buffer, random: Prng): Buffer {
  const from = random.below(input.length + 1);
  return input.subarray(from, from + 1 + random.below(32));
}

function number(random: Prng): Buffer {
  switch (random.below(4)) {
    case 0:
      return Buffer.of(random.pick(EDGES_8));
    case 1: {
      const b = Buffer.alloc(2);
      b.writeUInt16BE(random.pick(EDGES_16));
      return b;
    }
    case 2: {
      const b = Buffer.alloc(4);
      b.writeUInt32BE(random.pick(EDGES_32));
      return b;
    }
    default: {
      const b = Buffer.alloc(8);
      b.writeBigUInt64BE(random.pick(EDGES_64));
      return b;
    }
  }
}

const changes: readonly Change[] = [
  (input, random) => {
    const copy = Buffer.from(input);
    if (copy.length > 0) copy[random.below(copy.length)]! ^= 1 << random.below(8);
    return copy;
  },
  (input, random) => overwrite(input, random, random.bytes(1)),
  (input, random) => overwrite(input, random, number(random)),
  (input, random) => insert(input, random, number(random)),
  (input, random) => insert(input, random, random.bytes(1 + random.below(4))),
  (input, random) => insert(input, random, Buffer.from(random.pick(WORDS))),
  (input, random) => overwrite(input, random, Buffer.from(random.pick(WORDS))),
  (input, random) => input.subarray(0, random.below(input.length + 1)),
  (input, random) => {
    const from = random.below(input.length + 1);
    return Buffer.concat([input.subarray(0, from), input.subarray(from + 1 + random.below(16))]);
  },
  (input, random) => insert(input, random, piece(input, random)),
  (input, random) => overwrite(input, random, piece(input, random)),
  (input, random, other) => insert(input, random, piece(other, random)),
  (input, random, other) =>
    Buffer.concat([
      input.subarray(0, random.below(input.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ]),
];

/** Applies one to five changes; `other` is an input to take parts from. */
export function mutate(input: Buffer, random: Prng, other: Buffer): Buffer {
  let changed = input;
  for (let times = 1 + random.below(5); times > 0; times--)
    changed = random.pick(changes)(changed, random, other);
  return Buffer.from(changed.subarray(0, MAX_INPUT_BYTES));
}
