/** What a snappy block says of itself is checked before memory is taken for it. */
import { compress, decompress } from '../../src/record/compression';

test('a snappy block is not believed to become more than it can', () => {
  // 252 MB out of ten bytes, raw and in xerial's stream: native code would take that memory first.
  const claim = Buffer.from([0x80, 0x80, 0x80, 0x78, 0x00, 0x61, 0x01, 0x01, 0x01, 0x01]);
  expect(() => decompress(2, claim)).toThrow('claims to become');
  const xerial = compress('snappy', Buffer.from('abc')).subarray(0, 16);
  const length = Buffer.alloc(4);
  length.writeInt32BE(claim.length);
  expect(() => decompress(2, Buffer.concat([xerial, length, claim]))).toThrow('claims to become');
  // What compresses best is still read.
  const zeros = Buffer.alloc(32 * 1024);
  expect(decompress(2, compress('snappy', zeros)).equals(zeros)).toBe(true);
});
