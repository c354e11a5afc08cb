/**
 * Decompresses large snappy blocks in JavaScript, into one buffer for all blocks of a stream. The native
 * library is faster, but keeps the memory of large streams for as long as the process runs.
 *
 * [p] Snappy compressed format description
 */
import { copyMatch, OutputBuffer } from './match-copy';

/** The bytes of a length behind the tag begin at this value of the tag's upper six bits. */
const LONG_LITERAL = 60;

/** The block without the length at its beginning. Throws an Error if the block is malformed. */
export function snappyDecode(block: Buffer, out: OutputBuffer): void {
  for (let at = 0; at < block.length;) {
    const tag = block[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let count = tag >> 2;
      if (count >= LONG_LITERAL) {
        const bytes = count - LONG_LITERAL + 1;
        count = block.readUIntLE(at, bytes);
        at += bytes;
      }
      if (++count > block.length - at) throw new Error('a literal ends beyond its block');
      out.append(block, at, count);
      at += count;
    } else if (kind === 1) {
      copyMatch(out, (tag >> 5) * 256 + block.readUInt8(at), ((tag >> 2) & 7) + 4);
      at += 1;
    } else {
      const bytes = kind === 2 ? 2 : 4;
      copyMatch(out, block.readUIntLE(at, bytes), (tag >> 2) + 1);
      at += bytes;
    }
  }
}
