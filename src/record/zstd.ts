/**
 * Zstandard as WebAssembly, because Node 20 does not include it. The module has to be loaded before use: a
 * broker does so at start, a client before its first record.
 *
 * Kafka: common/record/CompressionType.java#ZSTD@2.8.2
 */
import { compress, decompress, init } from '@bokuweb/zstd-wasm';
import { KafkaError, messageOf } from '../common/errors';

let ready: Promise<void> | undefined;
let isReady = false;

/** Resolves when zstd is available. */
export function loadZstd(): Promise<void> {
  ready ??= init().then(() => {
    isReady = true;
  });
  return ready;
}

function requireReady(): void {
  if (!isReady) throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', 'zstd is not loaded yet');
}

/** The same bytes, not copied: they may be hundreds of megabytes. */
function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

export function zstdCompress(data: Buffer): Buffer {
  requireReady();
  return asBuffer(compress(data, 3));
}

const FRAME_MAGIC = 0xfd2fb528;

/**
 * The decompressed size in the frame header, or -1 if the header does not contain it (RFC 8878, 3.1.1.1). It
 * is checked, because the library allocates that much. Throws if the bytes are not a complete frame header.
 */
function contentSize(frame: Buffer): number {
  if (frame.readUInt32LE(0) !== FRAME_MAGIC) throw new Error('it is no zstd frame');
  const descriptor = frame.readUInt8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const at = 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  switch (descriptor >> 6) {
    case 0:
      return isSingleSegment ? frame.readUInt8(at) : -1;
    case 1:
      return frame.readUInt16LE(at) + 256;
    case 2:
      return frame.readUInt32LE(at);
    default:
      return Number(frame.readBigUInt64LE(at));
  }
}

/** The end of the library's message for ZSTD_error_dstSize_tooSmall. */
const TOO_SMALL = /code -70$/;

/**
 * Decompresses a frame. Kafka's producers do not write the decompressed size, so the buffer is enlarged until
 * it is large enough. Throws `tooLarge()` if `maxBytes` are not enough.
 */
export function zstdDecompress(
  data: Buffer,
  maxBytes: number,
  tooLarge = () => new Error('the stream is too large'),
): Buffer {
  requireReady();
  if (contentSize(data) > maxBytes) throw tooLarge();
  for (let room = Math.max(64 * 1024, data.length * 4); ; room *= 4) {
    try {
      return asBuffer(decompress(data, { defaultHeapSize: Math.min(room, maxBytes) }));
    } catch (error) {
      if (!TOO_SMALL.test(messageOf(error))) throw error;
      if (room >= maxBytes) throw tooLarge();
    }
  }
}
