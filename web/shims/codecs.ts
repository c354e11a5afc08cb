/**
 * In place of `snappy`, `lz4-napi` and `@bokuweb/zstd-wasm`: the page has no such codecs yet, and says so. In
 * place of `@node-rs/crc32` nothing: the checksum in JavaScript is used then.
 */
const missing = (codec: string) => (): never => {
  throw new Error(`compression.type=${codec} is not available in the browser; none and gzip are`);
};

export const crc32c = undefined;
export const compressFrameSync = missing('lz4');
export const decompressFrameSync = missing('lz4');
export const compressSync = missing('snappy');
export const uncompressSync = missing('snappy');
export const compress = missing('zstd');
export const decompress = missing('zstd');
export const init = (): Promise<void> => Promise.resolve();
