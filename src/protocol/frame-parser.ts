/**
 * Splits a stream of chunks into frames. A frame that lies in one chunk is a view on the chunk. A frame that
 * spans several chunks is concatenated once, when its last byte has arrived. Complete frames stay in the
 * parser until the caller takes them.
 *
 * Invariant: `bufferedBytes` is the number of bytes in the parser, at most `maxFrameBytes` plus one chunk.
 *
 * [p] Kafka: common/network/NetworkReceive.java@2.8.2
 */
import { ProtocolError } from './scan';

/**
 * A peer may send byte by byte, and a Buffer for each byte would take about a hundred times the memory. Above
 * this number of small chunks they are merged.
 */
const MANY_CHUNKS = 1024;
const SMALL_CHUNK_BYTES = 1024;

export class FrameParser {
  private chunks: Buffer[] = [];
  bufferedBytes = 0;
  /** The length of the incoming frame; -1 while it is not known. */
  private needed = -1;

  constructor(private readonly maxFrameBytes: number) {}

  /** The length of the incoming frame in bytes; 0 while it is not known. */
  get frameBytes(): number {
    return Math.max(0, this.needed);
  }

  /** The first bytes of the incoming frame that have arrived, at most `bytes`. */
  peek(bytes: number): Buffer {
    const wanted = this.needed < 0 ? bytes : Math.min(bytes, this.needed);
    const first = this.chunks[0] ?? Buffer.alloc(0);
    if (first.length >= wanted) return first.subarray(0, wanted);
    // Only the chunks that are needed are concatenated: the frame may be large and its first chunk small.
    let count = 0;
    for (let sum = 0; sum < wanted && count < this.chunks.length; count++) sum += this.chunks[count]!.length;
    return Buffer.concat(this.chunks.slice(0, count)).subarray(0, wanted);
  }

  /** Takes the next chunk. Throws ProtocolError if the frame that begins in it is too large. */
  add(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.bufferedBytes += chunk.length;
    if (this.chunks.length > MANY_CHUNKS && this.bufferedBytes < this.chunks.length * SMALL_CHUNK_BYTES)
      this.chunks = [Buffer.concat(this.chunks)];
    this.readLength();
  }

  private readLength(): void {
    if (this.needed >= 0 || this.bufferedBytes < 4) return;
    this.needed = this.take(4).readUInt32BE(0);
    if (this.needed <= this.maxFrameBytes) return;
    throw new ProtocolError(
      `a frame of ${this.needed} bytes is larger than the ${this.maxFrameBytes} allowed`,
    );
  }

  /** Whether the next frame has arrived completely. Throws as `add` does. */
  get hasWhole(): boolean {
    this.readLength();
    return this.needed >= 0 && this.bufferedBytes >= this.needed;
  }

  /**
   * Removes and returns the next frame, without the length prefix; undefined if it has not arrived
   * completely.
   */
  next(): Buffer | undefined {
    if (!this.hasWhole) return undefined;
    const frame = this.take(this.needed);
    this.needed = -1;
    return frame;
  }

  /** Takes the next chunk and calls `onFrame` with each frame that is complete, without the length prefix. */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    this.add(chunk);
    for (let frame = this.next(); frame !== undefined; frame = this.next()) onFrame(frame);
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
