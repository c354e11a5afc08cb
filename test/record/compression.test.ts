/** Compressed batches: what Kafka's own classes wrote is read, and what we write keeps its records. */
import { buildBatch, recompress } from '../../src/record/batch-builder';
import { compress, CompressionType, decompress, ExpansionError } from '../../src/record/compression';
import { lz4Exceeds } from '../../src/record/lz4-size';
import { recordsOf } from '../../src/record/record';
import { RecordBatch } from '../../src/record/record-batch';
import { loadZstd, zstdDecompress } from '../../src/record/zstd';
import { Prng } from '../../src/simulation/prng';

/** Printed by Kafka 2.8.2's MemoryRecordsBuilder: producer 7, epoch 1, sequence 3, two records. */
const FROM_KAFKA: Readonly<Record<string, string>> = {
  gzip:
    '00000000000000000000006400000000029df98b5a00010000000100000174876e800000000174876e80050000000000000007000100000003000000021f8b08000000000000ff0b61606060ca762b4bcc294d55c04b32383170' +
    '31319a15a726e7e7a52860a31800527e0a844d000000',
  snappy:
    '00000000000000000000006b00000000026f08537900020000000100000174876e800000000174876e800500000000000000070001000000030000000282534e41505059000000000100000001000000264d3054000000026b46' +
    '76616c756520720600340042000a0201367365636f6e64204e07000000',
  lz4:
    '0000000000000000000000680000000002b33ec6bf00030000000100000174876e800000000174876e800500000000000000070001000000030000000204224d1860408228000000df54000000026b4676616c75652006000aec' +
    '0042000a0201367365636f6e6420070050636f6e640000000000',
  zstd:
    '0000000000000000000000620000000002517c0bd500040000000100000174876e800000000174876e800500000000000000070001000000030000000228b52ffd00582c0100e054000000026b4676616c7565200042000a0201' +
    '367365636f6e64200002002ab492bb7c01010000',
};
const CODECS: readonly CompressionType[] = ['gzip', 'snappy', 'lz4', 'zstd'];

beforeAll(() => loadZstd());

test.each(Object.entries(FROM_KAFKA))("a %s batch of Kafka's is read, record by record", (_codec, hex) => {
  const batch = new RecordBatch(Buffer.from(hex, 'hex'));
  expect(batch.computeCrc()).toBe(batch.crc);
  expect([batch.producerId, batch.producerEpoch, batch.baseSequence]).toEqual([7, 1, 3]);
  expect(
    [...recordsOf(batch)].map((r) => [r.offset, r.timestamp, r.key?.toString() ?? null, r.value!.toString()]),
  ).toEqual([
    [0, 1600000000000, 'k', 'value value value value value value'],
    [1, 1600000000005, null, 'second second second second'],
  ]);
});

test.each(CODECS)('%s keeps every record, whatever the bytes', (codec) => {
  const random = new Prng(`compression ${codec}`);
  for (const size of [0, 1, 100, 40_000, 300_000]) {
    const plain = buildBatch([
      {
        timestamp: 5,
        key: Buffer.from('k'),
        value: random.chance(0.5) ? random.bytes(size) : Buffer.alloc(size, 'ab'),
      },
      { timestamp: 6, value: null },
    ]);
    const packed = new RecordBatch(recompress(new RecordBatch(plain), codec));
    expect(packed.computeCrc()).toBe(packed.crc);
    expect(recompress(packed, 'none').equals(plain)).toBe(true);
    expect(recompress(new RecordBatch(recompress(packed, 'gzip')), codec).equals(packed.bytes())).toBe(true);
  }
});

test.each(CODECS)('a damaged %s stream is CORRUPT_MESSAGE or other bytes, never another error', (codec) => {
  const random = new Prng(`damage ${codec}`);
  const good = compress(codec, Buffer.from('some records '.repeat(500)));
  for (let i = 0; i < 300; i++) {
    const bad = Buffer.from(random.chance(0.3) ? good.subarray(0, random.below(good.length)) : good);
    if (bad.length > 0) bad[random.below(bad.length)] = random.below(256);
    try {
      decompress(CODECS.indexOf(codec) + 1, bad);
    } catch (error) {
      if (!(error instanceof ExpansionError)) expect(error).toMatchObject({ errorName: 'CORRUPT_MESSAGE' });
    }
  }
});

test('a stream that claims to be huge is refused before anything is allocated', () => {
  // A raw snappy block begins with its size: 4 GB here.
  expect(() => decompress(2, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0]))).toThrow(
    'expands to more than',
  );
  // A single-segment zstd frame with an 8-byte content size of 2^40.
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  expect(() => zstdDecompress(frame, 1 << 20)).toThrow('too large');
  expect(() => decompress(7, Buffer.alloc(10))).toThrow('compression type 7 is not known');
});

test.each(CODECS)('a %s stream is decompressed up to the limit, and not a byte beyond', (codec) => {
  const random = new Prng(`limits ${codec}`);
  const samples = [
    Buffer.alloc(1),
    Buffer.alloc(9_000_000),
    random.bytes(200_000),
    Buffer.from('some text '.repeat(30_000)),
    Buffer.concat([random.bytes(5000), Buffer.alloc(300_000, 'ab'), random.bytes(70_000)]),
  ];
  for (const plain of samples) {
    const packed = compress(codec, plain);
    const id = CODECS.indexOf(codec) + 1;
    expect(decompress(id, packed, plain.length).equals(plain)).toBe(true);
    expect(() => decompress(id, packed, plain.length - 1)).toThrow(ExpansionError);
    if (codec !== 'lz4') continue;
    // Before a byte of it is decompressed.
    expect([lz4Exceeds(packed, plain.length), lz4Exceeds(packed, plain.length - 1)]).toEqual([false, true]);
  }
});

test('a zstd frame too short for the size it claims takes no memory', () => {
  const claims = [0xa0, 0xff, 0xff, 0xff, 0x7f, 1, 0, 0];
  for (let length = 0; length <= claims.length; length++) {
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...claims.slice(0, length)]);
    expect(() => decompress(4, frame)).toThrow(length < 5 ? 'cannot be read' : 'expands to more than');
  }
  expect(() => decompress(4, Buffer.alloc(20))).toThrow('no zstd frame');
});

test('the size of an LZ4 stream that lies is found out without reading beyond it', () => {
  const random = new Prng('lz4 lies');
  const good = compress('lz4', Buffer.from('some records '.repeat(5000)));
  for (let i = 0; i < 2000; i++) {
    const bad = Buffer.from(random.chance(0.3) ? good.subarray(0, random.below(good.length)) : good);
    if (bad.length > 0) bad[random.below(bad.length)] = random.below(256);
    try {
      expect(decompress(3, bad, 20_000).length).toBeLessThanOrEqual(20_000);
    } catch (error) {
      if (!(error instanceof ExpansionError)) expect(error).toMatchObject({ errorName: 'CORRUPT_MESSAGE' });
    }
  }
});

test.each(CODECS)('%s: a bomb is found out before it has expanded beyond what is allowed', (codec) => {
  const bomb = compress(codec, Buffer.alloc(8 << 20));
  const id = CODECS.indexOf(codec) + 1;
  expect(() => decompress(id, bomb, 1 << 20)).toThrow(ExpansionError);
  expect(() => decompress(id, bomb.subarray(0, bomb.length >> 1), 1 << 20)).toThrow();
  expect(decompress(id, bomb, 9 << 20).length).toBe(8 << 20);
  const honest = compress(codec, Buffer.from('some records '.repeat(500)));
  expect(decompress(id, honest, 1 << 20).length).toBe(6500);
});

test('what is no LZ4 frame is refused, also what the native library could read', () => {
  // LZ4's legacy format: blocks of 8 MB whose size nobody would have limited.
  const block = Buffer.from([4, 0, 0, 0, 0x30, ...Buffer.from('abc')]);
  const legacy = Buffer.concat([Buffer.from([0x02, 0x21, 0x4c, 0x18]), block]);
  const skippable = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]), legacy]);
  for (const stream of [legacy, skippable, Buffer.alloc(0), Buffer.alloc(20)])
    expect(() => decompress(3, stream)).toThrow('it is no LZ4 frame');
});
