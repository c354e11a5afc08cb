/**
 * A picture of a page with at most 256 colours, as a PNG with a palette: a fraction of what the browser
 * writes. Near colours become one, as far as it takes.
 */
import { deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
const MAX_COLOURS = 256;

/** The pixels of an 8-bit RGB or RGBA picture that is not interlaced. */
function decode(png) {
  const parts = [];
  let header;
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    const data = png.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') header = data;
    if (type === 'IDAT') parts.push(data);
    at += length + 12;
  }
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const size = header[9] === 6 ? 4 : 3;
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * size;
  const pixels = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) unfilter(raw, pixels, { y, stride, size });
  return { width, height, size, pixels };
}

function unfilter(raw, pixels, { y, stride, size }) {
  const filter = raw[y * (stride + 1)];
  for (let i = 0; i < stride; i++) {
    const at = y * stride + i;
    const left = i >= size ? pixels[at - size] : 0;
    const up = y > 0 ? pixels[at - stride] : 0;
    const corner = i >= size && y > 0 ? pixels[at - stride - size] : 0;
    const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
    pixels[at] = raw[y * (stride + 1) + 1 + i] + guess;
  }
}

function paeth(left, up, corner) {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

/** The palette, and the number of each pixel's colour in it. */
function indexed({ size, pixels }) {
  for (let bits = 8; ; bits--) {
    const colours = new Map();
    const numbers = Buffer.alloc(pixels.length / size);
    for (let i = 0; i < numbers.length && colours.size <= MAX_COLOURS; i++) {
      const [r, g, b] = pixels.subarray(i * size, i * size + 3);
      const shift = 8 - bits;
      const key = ((r >> shift) << 16) | ((g >> shift) << 8) | (b >> shift);
      if (!colours.has(key)) colours.set(key, { number: colours.size, rgb: [r, g, b] });
      numbers[i] = colours.get(key).number;
    }
    if (colours.size <= MAX_COLOURS) return { numbers, palette: [...colours.values()].map(({ rgb }) => rgb) };
  }
}

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function part(type, data) {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([ends.subarray(0, 4), named, ends.subarray(4)]);
}

export function smallPng(png) {
  const picture = decode(png);
  const { width, height } = picture;
  const { numbers, palette } = indexed(picture);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  const rows = Array.from({ length: height }, (_, y) => [
    Buffer.from([0]),
    numbers.subarray(y * width, (y + 1) * width),
  ]);
  return Buffer.concat([
    SIGNATURE,
    part('IHDR', header),
    part('PLTE', Buffer.from(palette.flat())),
    part('IDAT', deflateSync(Buffer.concat(rows.flat()), { level: 9 })),
    part('IEND', Buffer.alloc(0)),
  ]);
}
