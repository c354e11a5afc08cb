/**
 * Hostile record batches: headers that contradict the records, records with wrong lengths, and numbers beyond
 * 53 bits. Each CRC is valid, because an attacker can compute it.
 *
 * [p] The layout is in src/record/record-batch.ts and src/record/record.ts.
 */
import { buildBatch } from '../record/batch-builder';
import {
  BATCH_HEADER_BYTES,
  CRC_OFFSET,
  LENGTH_OFFSET,
  LOG_OVERHEAD,
  RecordBatch,
} from '../record/record-batch';

export interface HostileBatch {
  readonly name: string;
  make(): Buffer;
}

const TIMESTAMP = 1_600_000_000_000;
const LARGEST = (1n << 63n) - 1n;
const SMALLEST = -(1n << 63n);
const AT = {
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

/** Sets length and CRC to match the bytes. */
export function sealed(bytes: Buffer, length = bytes.length): Buffer {
  bytes.writeInt32BE(length - LOG_OVERHEAD, LENGTH_OFFSET);
  bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), CRC_OFFSET);
  return bytes;
}

function sound(): Buffer {
  return Buffer.from(
    buildBatch(
      [0, 1, 2].map((i) => ({
        timestamp: TIMESTAMP + i,
        key: Buffer.from(`k${i}`),
        value: Buffer.from('value'),
      })),
    ),
  );
}

function header(name: string, change: (bytes: Buffer) => void): HostileBatch {
  return {
    name: `a batch with ${name}`,
    make: () => {
      const bytes = sound();
      change(bytes);
      return sealed(bytes);
    },
  };
}

/** A batch with a header for `count` records and `section` as its records. */
export function batchOf(section: Buffer, count: number, attributes = 0): Buffer {
  const bytes = Buffer.concat([sound().subarray(0, BATCH_HEADER_BYTES), section]);
  bytes.writeInt16BE(attributes, AT.attributes);
  bytes.writeInt32BE(count - 1, AT.lastOffsetDelta);
  bytes.writeInt32BE(count, AT.recordCount);
  return sealed(bytes);
}

/**
 * One record, byte by byte: length, attributes, timestamp delta, offset delta, key length, value length,
 * header count.
 */
const record = (name: string, ...bytes: number[]): HostileBatch => ({
  name: `a record with ${name}`,
  make: () => batchOf(Buffer.from(bytes), 1),
});

const int64 = (at: number, value: bigint) => (bytes: Buffer) => {
  bytes.writeBigInt64BE(value, at);
};
const int32 = (at: number, value: number) => (bytes: Buffer) => {
  bytes.writeInt32BE(value, at);
};
const int16 = (at: number, value: number) => (bytes: Buffer) => {
  bytes.writeInt16BE(value, at);
};

export const hostileBatches: readonly HostileBatch[] = [
  { name: 'a sound batch', make: sound },
  { name: 'two batches', make: () => Buffer.concat([sound(), sound()]) },
  { name: 'a batch with a byte behind it', make: () => Buffer.concat([sound(), Buffer.of(0)]) },
  { name: 'a batch without its last byte', make: () => sound().subarray(0, -1) },
  {
    name: 'a batch with a wrong CRC',
    make: () => {
      const bytes = sound();
      bytes[CRC_OFFSET]! ^= 1;
      return bytes;
    },
  },
  header('base offset 2^63-1', int64(0, LARGEST)),
  header('base offset -1', int64(0, -1n)),
  header('magic 1', (b) => {
    b[16] = 1;
  }),
  header('magic 127', (b) => {
    b[16] = 127;
  }),
  header('all attributes', int16(AT.attributes, -1)),
  header('the bit of LogAppendTime', int16(AT.attributes, 8)),
  header('the bit of a transaction', int16(AT.attributes, 16)),
  header('the bit of a control batch', int16(AT.attributes, 32)),
  header('an unknown codec', int16(AT.attributes, 5)),
  ...[1, 2, 3, 4].map((codec) => header(`codec ${codec}, not compressed`, int16(AT.attributes, codec))),
  header('last offset delta 2^31-1', int32(AT.lastOffsetDelta, 2 ** 31 - 1)),
  header('last offset delta -1', int32(AT.lastOffsetDelta, -1)),
  ...[LARGEST, SMALLEST, 1n << 53n, -1n].flatMap((at) => [
    header(`first timestamp ${at}`, int64(AT.firstTimestamp, at)),
    header(`max timestamp ${at}`, int64(AT.maxTimestamp, at)),
    header(`producer id ${at}`, (b) => {
      int64(AT.producerId, at)(b);
      int16(AT.producerEpoch, 0)(b);
      int32(AT.baseSequence, 0)(b);
    }),
  ]),
  header('a producer id and epoch -1', int64(AT.producerId, 7n)),
  header('base sequence 2^31-1', (b) => {
    int64(AT.producerId, 8n)(b);
    int16(AT.producerEpoch, 0)(b);
    int32(AT.baseSequence, 2 ** 31 - 1)(b);
  }),
  header('no records', int32(AT.recordCount, 0)),
  header('2^31-1 records', (b) => {
    int32(AT.recordCount, 2 ** 31 - 1)(b);
    int32(AT.lastOffsetDelta, 2 ** 31 - 2)(b);
  }),
  header('-1 records', int32(AT.recordCount, -1)),
  record('nothing in it', 0),
  record('length -1', 1),
  record('a length beyond the batch', 126, 0, 0, 0, 1, 1, 0),
  record('a length that does not end', 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80),
  record('value length beyond its end', 12, 0, 0, 0, 1, 100, 0),
  record('value length -2', 12, 0, 0, 0, 1, 3, 0),
  record('key length -2', 12, 0, 0, 0, 3, 1, 0),
  record('header count -1', 12, 0, 0, 0, 1, 1, 1),
  record('64 headers that are not there', 14, 0, 0, 0, 1, 1, 0x80, 1),
  record('a header without key', 16, 0, 0, 0, 1, 1, 2, 1, 1),
  record('bytes behind its headers', 16, 0, 0, 0, 1, 1, 0, 9, 9),
  record('offset delta 1', 12, 0, 0, 2, 1, 1, 0),
  record(
    'timestamp delta 2^63-1',
    30,
    0,
    0xfe,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    1,
    0,
    1,
    1,
    0,
  ),
];
