/**
 * Computes how large LZ4 frames become, without decompressing them: 10 MB may become 2.5 GB.
 *
 * The number of blocks times the largest size of a block is an upper bound. Only if the bound exceeds the
 * limit are the lengths inside the blocks added up.
 *
 * [p] LZ4 frame format 1.6.1 and block format; Kafka: compress/KafkaLZ4BlockInputStream.java@2.8.2
 */
const FRAME_MAGIC = 0x184d2204;
const UNCOMPRESSED = 0x8000_0000;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY_ID = 0x01;
export const MIN_MATCH = 4;

interface Block {
  readonly start: number;
  readonly end: number;
  readonly isCompressed: boolean;
  readonly maxBytes: number;
}

/**
 * The blocks of all frames. Throws if the stream does not begin with a frame, or if a frame is malformed;
 * stops at bytes behind a frame that do not begin with a frame's magic.
 *
 * The native library also reads LZ4's legacy frames, whose size would not be known, and which Kafka refuses.
 */
export function* blocksOf(data: Buffer): Generator<Block> {
  if (data.length < 7 || data.readUInt32LE(0) !== FRAME_MAGIC) throw new Error('it is no LZ4 frame');
  for (let at = 0; at + 7 <= data.length && data.readUInt32LE(at) === FRAME_MAGIC;) {
    const flags = data[at + 4]!;
    const maxBytes = 2 ** (8 + 2 * ((data[at + 5]! >> 4) & 0x07));
    at += 7 + (flags & CONTENT_SIZE ? 8 : 0) + (flags & DICTIONARY_ID ? 4 : 0);
    for (let word = data.readUInt32LE(at); word !== 0; word = data.readUInt32LE(at)) {
      const start = at + 4;
      const end = start + (word & ~UNCOMPRESSED);
      if (end > data.length) throw new Error('a block ends beyond the stream');
      yield { start, end, isCompressed: (word & UNCOMPRESSED) === 0, maxBytes };
      at = end + (flags & BLOCK_CHECKSUM ? 4 : 0);
    }
    at += 4 + (flags & CONTENT_CHECKSUM ? 4 : 0);
  }
}

/**
 * The decompressed size of a block. A block is a row of sequences: a run of literals and a match; the last
 * one has no match.
 */
function blockSize(data: Buffer, { start, end, isCompressed }: Block): number {
  if (!isCompressed) return end - start;
  let size = 0;
  let at = start;
  const length = (nibble: number) => {
    let sum = nibble;
    if (nibble === 15) {
      let byte: number;
      do {
        if (at >= end) throw new Error('a length does not end');
        byte = data[at++]!;
        sum += byte;
      } while (byte === 255);
    }
    return sum;
  };
  while (at < end) {
    const token = data[at++]!;
    const literals = length(token >> 4);
    size += literals;
    at += literals;
    if (at >= end) break;
    at += 2;
    size += MIN_MATCH + length(token & 0x0f);
  }
  return size;
}

/** The decompressed size of all frames, in bytes. Throws if a frame is malformed. */
export function lz4Size(data: Buffer): number {
  let size = 0;
  for (const block of blocksOf(data)) size += blockSize(data, block);
  return size;
}

/** Whether the frames expand to more than `maxBytes`. Throws if a frame is malformed. */
export function lz4Exceeds(data: Buffer, maxBytes: number): boolean {
  let most = 0;
  for (const block of blocksOf(data)) most += block.maxBytes;
  if (most <= maxBytes) return false;
  let size = 0;
  for (const block of blocksOf(data)) if ((size += blockSize(data, block)) > maxBytes) return true;
  return false;
}
