/**
 * CRC-32C (Castagnoli), the checksum of record batches. `crc32c("123456789")` is e3069283.
 *
 * Long inputs are computed by @node-rs/crc32 if its native module is installed. Short inputs are computed
 * with the slice-by-8 tables below: up to a few hundred bytes that is faster than a call of native code.
 *
 * [p] Kafka: common/utils/Crc32C.java@2.8.2
 */
const POLYNOMIAL = 0x82f63b78;
const NATIVE_FROM_BYTES = 256;

const tables = makeTables();

function makeTables(): Uint32Array[] {
  const all = Array.from({ length: 8 }, () => new Uint32Array(256));
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    all[0]![n] = c >>> 0;
  }
  for (let n = 0; n < 256; n++) {
    let c = all[0]![n]!;
    for (let k = 1; k < 8; k++) {
      c = all[0]![c & 0xff]! ^ (c >>> 8);
      all[k]![n] = c >>> 0;
    }
  }
  return all;
}

const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

/** The implementation in TypeScript. `seed`: the checksum of the bytes before `data`. */
export function crc32cPortable(data: Uint8Array, seed = 0): number {
  let crc = ~seed;
  let i = 0;
  for (const end = data.length - 7; i < end; i += 8) {
    crc ^= data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
    crc =
      t7[crc & 0xff]! ^
      t6[(crc >>> 8) & 0xff]! ^
      t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^
      t3[data[i + 4]!]! ^
      t2[data[i + 5]!]! ^
      t1[data[i + 6]!]! ^
      t0[data[i + 7]!]!;
  }
  for (; i < data.length; i++) crc = t0[(crc ^ data[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

type Crc = (data: Uint8Array, seed?: number) => number;

function nativeCrc(): Crc | undefined {
  try {
    // The native module is optional; without a prebuilt one for this machine the tables are used.
    return (require('@node-rs/crc32') as { crc32c: Crc }).crc32c;
  } catch {
    return undefined;
  }
}

const native = nativeCrc();

/** The checksum of `data`. `seed`: the checksum of the bytes before it, if there are any. */
export function crc32c(data: Uint8Array, seed = 0): number {
  return native !== undefined && data.length >= NATIVE_FROM_BYTES
    ? native(data, seed)
    : crc32cPortable(data, seed);
}
