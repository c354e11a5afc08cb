/** Large lz4 and snappy streams are decompressed by our own decoders: native code keeps the memory. */

// Each call of the native code is noted with what it returned. It stands before the imports, so that it also
// works where Jest runs the file as it is.
jest.mock('lz4-napi', () => {
  const real = jest.requireActual<typeof lz4>('lz4-napi');
  const noted = (data: Buffer) => mockNote(real.decompressFrameSync(data));
  return { ...real, decompressFrameSync: noted };
});
jest.mock('snappy', () => {
  const real = jest.requireActual<typeof snappy>('snappy');
  const noted = (data: Buffer) => mockNote(real.uncompressSync(data, { asBuffer: true }) as Buffer);
  return { ...real, uncompressSync: noted };
});

import * as lz4 from 'lz4-napi';
import * as snappy from 'snappy';
import { compress, decompress } from '../../src/record/compression';
import { lz4Decode } from '../../src/record/lz4-decode';
import { OutputBuffer } from '../../src/record/match-copy';
import { snappyDecode } from '../../src/record/snappy-decode';
import { Prng } from '../../src/simulation/prng';

const mockGiven: number[] = [];

function mockNote(plain: Buffer): Buffer {
  mockGiven.push(plain.length);
  return plain;
}

const MB = 1 << 20;
const IDS = { lz4: 3, snappy: 2 } as const;

/** Runs, repetitions at all distances and noise, mixed. */
function mixed(random: Prng, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let total = 0; total < size;) {
    const count = random.between(1, random.chance(0.1) ? 70_000 : 300);
    const former = parts.length > 0 ? random.pick(parts) : Buffer.alloc(1);
    const part = random.pick([
      () => random.bytes(Math.min(count, 2000)),
      () => Buffer.alloc(count, random.bytes(random.between(1, 80))),
      () => former.subarray(random.below(former.length)),
    ])();
    parts.push(part);
    total += part.length;
  }
  return Buffer.concat(parts);
}

function snappyPlain(block: Buffer, size: number): Buffer {
  const out = new OutputBuffer(size);
  let prefix = 0;
  while (block[prefix++]! >= 0x80);
  snappyDecode(block.subarray(prefix), out);
  return out.whole();
}

test.each(['lz4', 'snappy'] as const)(
  'native %s never decompresses more than 4 MB, and what is larger is the same',
  (codec) => {
    const random = new Prng(`large ${codec}`);
    for (const plain of [mixed(random, 5 * MB), Buffer.alloc(9 * MB), random.bytes(5 * MB)]) {
      mockGiven.length = 0;
      expect(decompress(IDS[codec], compress(codec, plain)).equals(plain)).toBe(true);
      // Snappy without xerial's framing is one block, whatever its size.
      if (codec === 'snappy') expect(decompress(2, snappy.compressSync(plain)).equals(plain)).toBe(true);
      expect(mockGiven).toEqual([]);
    }
    const small = mixed(random, 3 * MB);
    expect(decompress(IDS[codec], compress(codec, small)).equals(small)).toBe(true);
    expect(mockGiven.reduce((sum, bytes) => sum + bytes, 0)).toBe(small.length);
  },
);

test('a snappy stream of many small blocks does not cost a native call for each', () => {
  const random = new Prng('small blocks');
  const { compressSync } = jest.requireActual<typeof snappy>('snappy');
  const streamOf = (parts: readonly Buffer[]) => {
    const chunks = [compress('snappy', Buffer.alloc(0))];
    for (const part of parts) {
      const block = compressSync(part);
      const length = Buffer.alloc(4);
      length.writeInt32BE(block.length);
      chunks.push(length, block);
    }
    return Buffer.concat(chunks);
  };
  for (const [count, isNative] of [
    [128, true],
    [129, false],
    [2000, false],
  ] as const) {
    mockGiven.length = 0;
    const parts = Array.from({ length: count }, () => random.bytes(random.below(100)));
    expect(decompress(IDS.snappy, streamOf(parts)).equals(Buffer.concat(parts))).toBe(true);
    expect(mockGiven).toHaveLength(isNative ? count : 0);
  }
});

test('our decoders read what the native encoders write', () => {
  const random = new Prng('our decoders');
  for (let i = 0; i < 200; i++) {
    const plain = mixed(random, random.between(1, 200_000));
    expect(lz4Decode(compress('lz4', plain)).equals(plain)).toBe(true);
    const block = jest.requireActual<typeof snappy>('snappy').compressSync(plain);
    expect(snappyPlain(block, plain.length).equals(plain)).toBe(true);
  }
});

test('a damaged stream is an Error or other bytes of the same size, as with the native decoders', () => {
  const random = new Prng('damage of large streams');
  for (let i = 0; i < 3000; i++) {
    const plain = mixed(random, random.between(1, 2000));
    const block = Buffer.from(jest.requireActual<typeof snappy>('snappy').compressSync(plain));
    const frame = Buffer.from(compress('lz4', plain));
    for (const bytes of [block, frame]) bytes[random.below(bytes.length)] = random.below(256);
    const cut = random.chance(0.3) ? random.below(block.length) : block.length;
    const natively = attempt(
      () => snappy.uncompressSync(block.subarray(0, cut), { asBuffer: true }) as Buffer,
    );
    if (natively && natively.length === plain.length)
      expect(snappyPlain(block.subarray(0, cut), plain.length).equals(natively)).toBe(true);
    else attempt(() => snappyPlain(block.subarray(0, cut), plain.length));
    const lz4Natively = attempt(() => lz4.decompressFrameSync(frame));
    const ours = attempt(() => lz4Decode(frame));
    if (lz4Natively) expect(ours?.equals(lz4Natively)).toBe(true);
  }
});

/** Undefined if it throws an Error. */
function attempt(action: () => Buffer): Buffer | undefined {
  try {
    return action();
  } catch (error) {
    // Errors of native code belong to another realm.
    expect(error).toHaveProperty('message');
    return undefined;
  }
}
