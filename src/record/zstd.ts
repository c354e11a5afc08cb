/**
 * Zstandard by WebAssembly, because Node 20 has none of its own. The module is loaded once, ahead of use: brokers do it
 * at start, clients before their first record.
 *
 * Kafka: common/record/CompressionType.java#ZSTD@2.8.2
 */
import { compress, decompress, init } from '@bokuweb/zstd-wasm';
import { KafkaError, messageOf } from '../common/errors';

let ready: Promise<void> | undefined;
let isReady = false;

/** Resolves once zstd batches can be read and written. */
export function loadZstd(): Promise<void> {
  ready ??= init().then(() => { isReady = true; });
  return ready;
}

function requireReady(): void {
  if (!isReady) throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', 'zstd is not loaded yet');
}

export function zstdCompress(data: Buffer): Buffer {
  requireReady();
  return Buffer.from(compress(data, 3));
}

const FRAME_MAGIC = 0xfd2fb528;

/**
 * What the frame header says about the decompressed size, or -1 where it does not say (RFC 8878, 3.1.1.1).
 * The library takes as much memory as is said there. Throws for what is no whole header.
 */
function contentSize(frame: Buffer): number {
  if (frame.readUInt32LE(0) !== FRAME_MAGIC) throw new Error('it is no zstd frame');
  const descriptor = frame.readUInt8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const at = 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  switch (descriptor >> 6) {
    case 0: return isSingleSegment ? frame.readUInt8(at) : -1;
    case 1: return frame.readUInt16LE(at) + 256;
    case 2: return frame.readUInt32LE(at);
    default: return Number(frame.readBigUInt64LE(at));
  }
}

/** The library's message for ZSTD_error_dstSize_tooSmall. */
const TOO_SMALL = /code -70$/;

/**
 * Kafka's streams do not say how large they become, so the room is multiplied until it is enough. Throws
 * `tooLarge()` when `maxBytes` are not.
 */
export function zstdDecompress(
  data: Buffer, maxBytes: number, tooLarge = () => new Error('the stream is too large'),
): Buffer {
  requireReady();
  if (contentSize(data) > maxBytes) throw tooLarge();
  for (let room = Math.max(64 * 1024, data.length * 4); ; room *= 4) {
    try {
      return Buffer.from(decompress(data, { defaultHeapSize: Math.min(room, maxBytes) }));
    } catch (error) {
      if (!TOO_SMALL.test(messageOf(error))) throw error;
      if (room >= maxBytes) throw tooLarge();
    }
  }
}
