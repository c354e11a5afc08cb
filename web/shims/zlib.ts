/** In place of `node:zlib`: what the codec of record batches needs of it. */
import { gunzipSync as gunzip, gzipSync as gzip } from 'fflate';

export function gzipSync(data: Uint8Array, { level }: { level: number }): Buffer {
  return Buffer.from(gzip(data, { level: level as 1, mtime: 0 }));
}

/** The last four bytes say how large it becomes; what lies there ends in an error of fflate's. */
export function gunzipSync(data: Uint8Array, { maxOutputLength }: { maxOutputLength: number }): Buffer {
  if (data.length < 18) throw new Error('it is no gzip stream');
  const size = new DataView(data.buffer, data.byteOffset + data.length - 4, 4).getUint32(0, true);
  if (size > maxOutputLength) {
    throw Object.assign(new Error(`${size} bytes are more than allowed`), { code: 'ERR_BUFFER_TOO_LARGE' });
  }
  return Buffer.from(gunzip(data, { out: new Uint8Array(size) }));
}
