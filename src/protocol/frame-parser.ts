/**
 * Cuts a stream of chunks into frames. A frame inside one chunk is a view on it; one that spans chunks is put together
 * once, when its last byte is there, so bytes already seen are never concatenated again.
 *
 * Invariant: `bufferedBytes` is what the parser holds back, and is bounded by `maxFrameBytes` plus one chunk.
 *
 * [p] Kafka: common/network/NetworkReceive.java@2.8.2
 */
import { ProtocolError } from './scan';

export class FrameParser {
  private chunks: Buffer[] = [];
  bufferedBytes = 0;
  /** Of the frame that is coming in; -1 while its length is not known. */
  private needed = -1;

  constructor(private readonly maxFrameBytes: number) {}

  /** The length of the frame that is coming in, or 0 while it is not known. */
  get frameBytes(): number { return Math.max(0, this.needed); }

  /** The first bytes, at most `bytes`, of the frame that is coming in. */
  peek(bytes: number): Buffer {
    const first = this.chunks[0] ?? Buffer.alloc(0);
    return first.length >= bytes ? first.subarray(0, bytes) : Buffer.concat(this.chunks).subarray(0, bytes);
  }

  /** Takes the next chunk and hands every frame it completes to `onFrame`, without the length prefix. */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    this.chunks.push(chunk);
    this.bufferedBytes += chunk.length;
    for (;;) {
      if (this.needed < 0) {
        if (this.bufferedBytes < 4) return;
        this.needed = this.take(4).readUInt32BE(0);
        if (this.needed > this.maxFrameBytes) {
          throw new ProtocolError(`a frame of ${this.needed} bytes is larger than the ${this.maxFrameBytes} allowed`);
        }
      }
      if (this.bufferedBytes < this.needed) return;
      const frame = this.take(this.needed);
      this.needed = -1;
      onFrame(frame);
    }
  }

  private take(bytes: number): Buffer {
    this.bufferedBytes -= bytes;
    const first = this.chunks[0] ?? Buffer.alloc(0);
    if (first.length >= bytes) {
      if (first.length === bytes) this.chunks.shift();
      else this.chunks[0] = first.subarray(bytes);
      return first.subarray(0, bytes);
    }
    let count = 0;
    let sum = 0;
    while (sum < bytes) sum += this.chunks[count++]!.length;
    const parts = this.chunks.splice(0, count);
    const last = parts[count - 1]!;
    const over = sum - bytes;
    if (over > 0) {
      parts[count - 1] = last.subarray(0, last.length - over);
      this.chunks.unshift(last.subarray(last.length - over));
    }
    return Buffer.concat(parts, bytes);
  }
}
