/**
 * The compression codecs of a record batch. All records of a batch, without its header, are one compressed
 * stream.
 *
 * The formats are those of Kafka's Java client: gzip, snappy in xerial's framing, lz4 in LZ4 frames, zstd.
 * All calls are synchronous, so that a simulated run is reproducible. Decompression is limited to
 * MAX_DECOMPRESSED_BYTES or to a smaller limit of the caller: a batch that would expand beyond it is refused
 * before the memory is allocated. Streams that expand beyond NATIVE_BYTES are decompressed into one buffer
 * that the garbage collector frees: native code would keep such memory.
 *
 * [p] Kafka: common/record/CompressionType.java@2.8.2
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { compressFrameSync, decompressFrameSync } from 'lz4-napi';
import { compressSync as snappyCompress, uncompressSync as snappyUncompress } from 'snappy';
import { errnoOf, KafkaError, messageOf } from '../common/errors';
import { lz4Decode } from './lz4-decode';
import { lz4Exceeds } from './lz4-size';
import { OutputBuffer } from './match-copy';
import { snappyDecode } from './snappy-decode';
import { zstdCompress, zstdDecompress } from './zstd';

export const compressionTypes = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type CompressionType = (typeof compressionTypes)[number];

/** The number of the codec in a batch's attributes. */
export function compressionId(type: CompressionType): number {
  return compressionTypes.indexOf(type);
}

const MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024;
/** The most that the native lz4 and snappy decompress: they keep what they once allocated. */
const NATIVE_BYTES = 4 * 1024 * 1024;

/** The compressed bytes expand to more than the limit. */
export class ExpansionError extends Error {
  override readonly name = 'ExpansionError';

  constructor(maxBytes: number) {
    super(`the batch expands to more than ${maxBytes} bytes`);
  }
}

interface Codec {
  compress(data: Buffer): Buffer;
  /** Throws ExpansionError instead of returning more than `maxBytes`. */
  decompress(data: Buffer, maxBytes: number): Buffer;
}

const GZIP_CHUNK_BYTES = 16 * 1024;
/** One byte of a gzip stream expands to at most so many. */
const MOST_GZIP_BYTES_A_BYTE = 1032;

/**
 * The size of the buffers into which the stream is decompressed. The stream claims its size in its last four
 * bytes; with room for one byte more, a stream that says the truth needs a single buffer.
 */
function chunkFor(data: Buffer, maxBytes: number): number {
  const claimed = data.length < 4 ? 0 : data.readUInt32LE(data.length - 4);
  const most = Math.min(maxBytes, data.length * MOST_GZIP_BYTES_A_BYTE);
  return Math.max(GZIP_CHUNK_BYTES, Math.min(claimed, most) + 1);
}

const gzip: Codec = {
  // Level 1 compresses batches nearly as well as zlib's default level, several times faster.
  compress: (data) => gzipSync(data, { level: 1 }),
  decompress(data, maxBytes) {
    try {
      return gunzipSync(data, {
        maxOutputLength: Math.max(1, maxBytes),
        chunkSize: chunkFor(data, maxBytes),
      });
    } catch (error) {
      if (errnoOf(error) === 'ERR_BUFFER_TOO_LARGE') throw new ExpansionError(maxBytes);
      throw error;
    }
  },
};

/** Xerial's framing: magic, version 1, compatible version 1, then blocks of an i32 length and raw snappy. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER = Buffer.concat([XERIAL_MAGIC, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])]);
const SNAPPY_BLOCK_BYTES = 32 * 1024;
/**
 * The most blocks that the native snappy decompresses: as many as Kafka writes into NATIVE_BYTES. A call of
 * it costs microseconds, however small the block: 200,000 blocks of 5 bytes took half a second.
 */
const NATIVE_BLOCKS = NATIVE_BYTES / SNAPPY_BLOCK_BYTES;

const snappy: Codec = {
  compress(data) {
    const chunks: Buffer[] = [XERIAL_HEADER];
    for (let at = 0; at < data.length; at += SNAPPY_BLOCK_BYTES) {
      const block = snappyCompress(data.subarray(at, at + SNAPPY_BLOCK_BYTES));
      const length = Buffer.alloc(4);
      length.writeInt32BE(block.length);
      chunks.push(length, block);
    }
    return Buffer.concat(chunks);
  },
  decompress(data, maxBytes) {
    const blocks = snappyBlocks(data);
    let total = 0;
    for (const block of blocks) total += checkedSize(block, maxBytes - total);
    if (total > NATIVE_BYTES || blocks.length > NATIVE_BLOCKS) return decodeBlocks(blocks, total);
    const parts = blocks.map(({ bytes }) => snappyUncompress(bytes, { asBuffer: true }) as Buffer);
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  },
};

interface SnappyBlock {
  readonly bytes: Buffer;
  /** What it claims to become, in bytes: a varint at its beginning. */
  readonly claimed: number;
  /** The size of that varint. */
  readonly prefix: number;
}

function snappyBlock(bytes: Buffer): SnappyBlock {
  let claimed = 0;
  let prefix = 0;
  while (prefix < Math.min(5, bytes.length)) {
    const byte = bytes[prefix]!;
    claimed += (byte & 0x7f) * 2 ** (7 * prefix++);
    if (byte < 0x80) break;
  }
  return { bytes, claimed, prefix };
}

/** The blocks of xerial's framing; without it the stream is one block. */
function snappyBlocks(data: Buffer): SnappyBlock[] {
  if (!data.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return [snappyBlock(data)];
  const blocks: SnappyBlock[] = [];
  for (let at = XERIAL_HEADER.length; at < data.length;) {
    const length = data.readInt32BE(at);
    if (length < 0 || length > data.length - at - 4) throw new Error(`a block claims ${length} bytes`);
    blocks.push(snappyBlock(data.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return blocks;
}

function decodeBlocks(blocks: readonly SnappyBlock[], total: number): Buffer {
  const out = new OutputBuffer(total);
  for (const { bytes, claimed, prefix } of blocks) {
    const end = out.length + claimed;
    snappyDecode(bytes.subarray(prefix), out);
    if (out.length !== end) throw new Error(`a block does not become ${claimed} bytes`);
  }
  return out.whole();
}

/** Three bytes of a snappy block expand to 64 at most. A block that claims more per byte is malformed. */
const MOST_SNAPPY_BYTES_A_BYTE = 64;

/** The size that a block claims, which is checked before that much is allocated. */
function checkedSize({ bytes, claimed }: SnappyBlock, roomBytes: number): number {
  if (claimed > roomBytes) throw new ExpansionError(roomBytes);
  if (claimed > bytes.length * MOST_SNAPPY_BYTES_A_BYTE) {
    throw new Error(`a block of ${bytes.length} bytes claims to become ${claimed}`);
  }
  return claimed;
}

const lz4: Codec = {
  compress: (data) => compressFrameSync(data, { contentChecksum: false, blockChecksums: false }),
  decompress(data, maxBytes) {
    if (lz4Exceeds(data, maxBytes)) throw new ExpansionError(maxBytes);
    return lz4Exceeds(data, NATIVE_BYTES) ? lz4Decode(data) : decompressFrameSync(data);
  },
};

const zstd: Codec = {
  compress: zstdCompress,
  decompress: (data, maxBytes) => zstdDecompress(data, maxBytes, () => new ExpansionError(maxBytes)),
};

const codecs: readonly (Codec | undefined)[] = [undefined, gzip, snappy, lz4, zstd];

function codecOf(id: number): Codec {
  const codec = codecs[id];
  if (codec === undefined)
    throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', `compression type ${id} is not known`);
  return codec;
}

export function compress(type: CompressionType, data: Buffer): Buffer {
  return codecOf(compressionId(type)).compress(data);
}

/**
 * Decompresses the records of a batch. Throws CORRUPT_MESSAGE if the bytes cannot be decompressed or expand
 * beyond MAX_DECOMPRESSED_BYTES, and ExpansionError if they expand beyond a smaller `maxBytes`.
 */
export function decompress(id: number, data: Buffer, maxBytes = MAX_DECOMPRESSED_BYTES): Buffer {
  const codec = codecOf(id);
  const limit = Math.min(maxBytes, MAX_DECOMPRESSED_BYTES);
  try {
    const plain = codec.decompress(data, limit);
    if (plain.length > limit) throw new ExpansionError(limit);
    return plain;
  } catch (error) {
    if (error instanceof KafkaError) throw error;
    if (error instanceof ExpansionError && limit < MAX_DECOMPRESSED_BYTES) throw error;
    const text = `the ${compressionTypes[id]} stream of the batch cannot be read: ${messageOf(error)}`;
    throw new KafkaError('CORRUPT_MESSAGE', text);
  }
}
