/**
 * Small batches that decompress to very large ones: sixty in one request, with each codec.
 */
import { compress, compressionId, CompressionType } from '../../record/compression';
import { loadZstd } from '../../record/zstd';
import { Attack, Ground, scaled } from '../ground';
import { batchOf } from '../hostile-batches';
import { Lane } from '../lane';
import { produceFrame } from './lying-batches';

const CODECS: readonly CompressionType[] = ['gzip', 'snappy', 'lz4', 'zstd'];
const BOMB_BYTES = 100_000_000;
const IN_ONE_REQUEST = 60;

/** A batch whose records section decompresses to `bytes` zeros. */
export function bomb(codec: CompressionType, bytes: number): Buffer {
  return batchOf(compress(codec, Buffer.alloc(bytes)), 1, compressionId(codec));
}

async function run(ground: Ground): Promise<void> {
  await loadZstd();
  const frames = CODECS.map((codec) => {
    const one = bomb(codec, scaled(ground, BOMB_BYTES));
    const count = Math.min(scaled(ground, IN_ONE_REQUEST, 2), Math.floor(50_000_000 / one.length));
    return {
      what: `${count} bombs of ${codec}`,
      frame: produceFrame(
        Array.from({ length: Math.max(1, count) }, () => one),
        -1,
      ),
    };
  });
  for (let number = 0; !ground.isOver(); number++) {
    const broker = ground.brokers[number % ground.brokers.length]!;
    const lane = new Lane(ground, broker);
    const { what, frame } = frames[number % frames.length]!;
    await lane.sendNoted({
      id: `compression-bombs:${ground.seed}:${number}`,
      what,
      frame,
      patienceMs: 10_000,
    });
    lane.close();
  }
}

export const compressionBombs: Attack = {
  name: 'compression-bombs',
  sends: 'sixty batches in one request that become 100 MB each, in gzip, snappy, lz4 and zstd',
  expected: 'refused as too large once a budget is used up; nobody else waits for the decompression',
  run,
};
