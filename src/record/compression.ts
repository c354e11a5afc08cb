/**
 * The compression codecs of a record batch. All records of a batch, without its header, are one compressed
 * stream.
 *
 * The formats are those of Kafka's Java client: gzip, snappy in xerial's framing, lz4 in LZ4 frames, zstd.
 * All calls are synchronous, so that a simulated run is reproducible. Decompression is limited to
 * MAX_DECOMPRESSED_BYTES or to a smaller limit of the caller: a batch that would expand beyond it is refused
 * before the memory is allocated.
 *
 * [p] Kafka: common/record/CompressionType.java@2.8.2
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { compressFrameSync, decompressFrameSync } from 'lz4-napi';
import { compressSync as snappyCompress, uncompressSync as snappyUncompress } from 'snappy';
import { errnoOf, KafkaError, messageOf } from '../common/errors';
import { lz4Exceeds } from './lz4-size';
import { zstdCompress, zstdDecompress } from './zstd';

export const compressionTypes = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type CompressionType = (typeof compressionTypes)[number];

/** The number of the codec in a batch's attributes. */
export function compressionId(type: CompressionType): number {
  return compressionTypes.indexOf(type);
}

const MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024;

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

const gzip: Codec = {
  // Level 1 compresses batches nearly as well as zlib's default level, several times faster.
  compress: (data) => gzipSync(data, { level: 1 }),
  decompress(data, maxBytes) {
    try {
      return gunzipSync(data, { maxOutputLength: Math.max(1, maxBytes) });
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
    if (!data.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return uncompressBlock(data, maxBytes);
    const blocks: Buffer[] = [];
    let total = 0;
    for (let at = XERIAL_HEADER.length; at < data.length;) {
      const length = data.readInt32BE(at);
      if (length < 0 || length > data.length - at - 4) throw new Error(`a block claims ${length} bytes`);
      const block = uncompressBlock(data.subarray(at + 4, at + 4 + length), maxBytes - total);
      total += block.length;
      blocks.push(block);
      at += 4 + length;
    }
    return Buffer.concat(blocks);
  },
};

/** Three bytes of a snappy block expand to 64 at most. A block that claims more per byte is malformed. */
const MOST_SNAPPY_BYTES_A_BYTE = 64;

/**
 * A block begins with its decompressed length as a varint. It is checked, because the native code would
 * allocate that much.
 */
function uncompressBlock(block: Buffer, maxBytes: number): Buffer {
  let length = 0;
  for (let i = 0; i < Math.min(5, block.length); i++) {
    length += (block[i]! & 0x7f) * 2 ** (7 * i);
    if (block[i]! < 0x80) break;
  }
  if (length > maxBytes) throw new ExpansionError(maxBytes);
  if (length > block.length * MOST_SNAPPY_BYTES_A_BYTE) {
    throw new Error(`a block of ${block.length} bytes claims to become ${length}`);
  }
  return snappyUncompress(block, { asBuffer: true }) as Buffer;
}

const lz4: Codec = {
  compress: (data) => compressFrameSync(data, { contentChecksum: false, blockChecksums: false }),
  decompress(data, maxBytes) {
    if (lz4Exceeds(data, maxBytes)) throw new ExpansionError(maxBytes);
    return decompressFrameSync(data);
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
