/**
 * Zstandard by WebAssembly, because Node 20 has none of its own. The module is loaded once, ahead of use: brokers do it
 * at start, clients before their first record.
 *
 * Kafka: common/record/CompressionType.java#ZSTD@2.8.2
 */
import { compress, decompress, init } from '@bokuweb/zstd-wasm';
import { KafkaError } from '../common/errors';

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

/** What the frame header says about the decompressed size, or -1 where it does not say (RFC 8878, 3.1.1.1). */
function contentSize(frame: Buffer): number {
  if (frame.length < 18) return -1;
  const descriptor = frame[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const at = 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  switch (descriptor >> 6) {
    case 0: return isSingleSegment ? frame[at]! : -1;
    case 1: return frame.readUInt16LE(at) + 256;
    case 2: return frame.readUInt32LE(at);
    default: return frame.length >= at + 8 ? Number(frame.readBigUInt64LE(at)) : -1;
  }
}

/** Kafka's streams do not say how large they become, so the room is doubled until it is enough. */
export function zstdDecompress(data: Buffer, maxBytes: number): Buffer {
  requireReady();
  if (contentSize(data) > maxBytes) throw new Error('the stream is too large');
  for (let room = Math.max(64 * 1024, data.length * 4); ; room *= 4) {
    try {
      return Buffer.from(decompress(data, { defaultHeapSize: Math.min(room, maxBytes) }));
    } catch (error) {
      if (room >= maxBytes) throw error;
    }
  }
}
