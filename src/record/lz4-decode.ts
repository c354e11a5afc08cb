/**
 * Decompresses large LZ4 frames in JavaScript, into one buffer of exactly their size. The native library is
 * faster, but keeps the memory of a large stream for as long as the process runs.
 *
 * Matches may reach back into earlier blocks. Checksums are not verified: the CRC of the record batch covers
 * all these bytes.
 *
 * [p] LZ4 block format; Kafka: compress/KafkaLZ4BlockInputStream.java@2.8.2
 */
import { blocksOf, lz4Size, MIN_MATCH } from './lz4-size';
import { copyMatch, OutputBuffer } from './match-copy';

class BlockDecoder {
  private at = 0;

  constructor(
    private readonly data: Buffer,
    private readonly out: OutputBuffer,
  ) {}

  decode(start: number, end: number): void {
    const { data, out } = this;
    for (this.at = start; this.at < end;) {
      const token = data[this.at++]!;
      const literals = this.length(token >> 4, end);
      if (literals > end - this.at) throw new Error('literals end beyond their block');
      out.append(data, this.at, literals);
      this.at += literals;
      if (this.at >= end) return;
      if (end - this.at < 2) throw new Error('a match has no offset');
      const offset = data[this.at]! + data[this.at + 1]! * 256;
      this.at += 2;
      copyMatch(out, offset, MIN_MATCH + this.length(token & 0x0f, end));
    }
  }

  private length(nibble: number, end: number): number {
    let sum = nibble;
    if (nibble < 15) return sum;
    for (;;) {
      if (this.at >= end) throw new Error('a length does not end');
      const byte = this.data[this.at++]!;
      sum += byte;
      if (byte < 255) return sum;
    }
  }
}

/** Throws if a frame is malformed. The caller limits the size (`lz4Exceeds`). */
export function lz4Decode(data: Buffer): Buffer {
  const out = new OutputBuffer(lz4Size(data));
  const decoder = new BlockDecoder(data, out);
  for (const { start, end, isCompressed } of blocksOf(data)) {
    if (isCompressed) decoder.decode(start, end);
    else out.append(data, start, end - start);
  }
  return out.whole();
}
