/** Record batches, byte for byte as Kafka's own classes write them. */
import { BatchBuilder, batchSizeUpperBound, buildBatch } from '../../src/record/batch-builder';
import { crc32c, crc32cPortable } from '../../src/record/crc32c';
import { recordsOf } from '../../src/record/record';
import { batchesOf, headerProblem, RecordBatch } from '../../src/record/record-batch';
import { VarintReader, varintSize, writeVarint } from '../../src/record/varint';
import { Prng } from '../../src/simulation/prng';

const TWO_RECORDS =
  '000000000000000000000048000000000263a1698300000000000100000174876e800000000174876e8005ffffffffffffffffffffffffffff000000021a000000026b047631020268027810000a020104763200';
const TRANSACTIONAL =
  '000000000000002a0000003900000005020c17f73700100000000000000174876e800000000174876e80000000000000000007000100000003000000010e000000026b0100';

test("a batch of two records equals Kafka's", () => {
  const batch = buildBatch(
    [
      {
        timestamp: 1600000000000,
        key: Buffer.from('k'),
        value: Buffer.from('v1'),
        headers: [{ key: 'h', value: Buffer.from('x') }],
      },
      { timestamp: 1600000000005, key: null, value: Buffer.from('v2') },
    ],
    { baseOffset: 0, partitionLeaderEpoch: 0 },
  );
  expect(batch.toString('hex')).toBe(TWO_RECORDS);
});

test("a batch with producer fields equals Kafka's", () => {
  const batch = buildBatch([{ timestamp: 1600000000000, key: Buffer.from('k'), value: null }], {
    baseOffset: 42,
    partitionLeaderEpoch: 5,
    producerId: 7,
    producerEpoch: 1,
    baseSequence: 3,
    attributes: 0x10,
  });
  expect(batch.toString('hex')).toBe(TRANSACTIONAL);
});

test('what Kafka wrote is read back, field by field', () => {
  const batch = new RecordBatch(Buffer.from(TWO_RECORDS, 'hex'));
  expect(batch.computeCrc()).toBe(batch.crc);
  expect(
    [...recordsOf(batch)].map((r) => [
      r.offset,
      r.timestamp,
      r.key?.toString() ?? null,
      r.value?.toString(),
      r.headers.map((h) => `${h.key}=${h.value}`),
    ]),
  ).toEqual([
    [0, 1600000000000, 'k', 'v1', ['h=x']],
    [1, 1600000000005, null, 'v2', []],
  ]);
  const control = new RecordBatch(
    Buffer.from(
      '0000000000000064000000420000000202c3f5dded00300000000000000174876e800000000174876e800000000000000000070001ffffffff000000012000000008000000010c00000000000300',
      'hex',
    ),
  );
  expect([control.isControl, control.isTransactional, control.baseOffset, control.producerId]).toEqual([
    true,
    true,
    100,
    7,
  ]);
});

test('the two CRC implementations agree on every length, and with the published value', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  const random = new Prng('crc');
  for (let length = 0; length < 600; length += 7) {
    const data = random.bytes(length);
    expect(crc32c(data)).toBe(crc32cPortable(data));
    const cut = random.below(length + 1);
    expect(crc32c(data.subarray(cut), crc32c(data.subarray(0, cut)))).toBe(crc32c(data));
  }
});

test('varints round-trip, also far beyond 32 bits', () => {
  const buffer = Buffer.alloc(16);
  for (const value of [0, -1, 1, 63, -64, 64, 2 ** 31, -(2 ** 31), 1600000000000, -(2 ** 52), 2 ** 52]) {
    const end = writeVarint(buffer, value, 0);
    expect(end).toBe(varintSize(value));
    expect(new VarintReader(buffer, 0, end).next()).toBe(value);
  }
  expect(() => new VarintReader(Buffer.of(0x80, 0x80), 0, 2).next()).toThrow('does not end');
});

test('a record that does not fit is refused, and one in a buffer of the upper bound always fits', () => {
  const random = new Prng('fit');
  for (let i = 0; i < 200; i++) {
    const key = random.chance(0.5) ? random.bytes(random.below(300)) : null;
    const value = random.bytes(random.below(3000));
    const bound = batchSizeUpperBound(key, value);
    expect(new BatchBuilder(Buffer.alloc(bound)).append(1.7e12, key, value)).toBe(true);
    expect(new BatchBuilder(Buffer.alloc(60 + value.length)).append(1.7e12, key, value)).toBe(false);
  }
});

test('damaged bytes are named, never read as records', () => {
  const good = Buffer.from(TWO_RECORDS, 'hex');
  expect(headerProblem(good.subarray(0, 60), 0)).toContain('less than a batch header');
  expect(headerProblem(good.subarray(0, 80), 0)).toContain('exceeds the 80 bytes');
  const magic = Buffer.from(good);
  magic[16] = 1;
  expect(headerProblem(magic, 0)).toContain('magic 1');
  expect([...batchesOf(Buffer.concat([good, good.subarray(0, 30)]))]).toHaveLength(1);
  const random = new Prng('damage');
  for (let i = 0; i < 300; i++) {
    const damaged = Buffer.from(good);
    damaged[61 + random.below(damaged.length - 61)]! ^= 1 + random.below(255);
    const batch = new RecordBatch(damaged);
    expect(batch.computeCrc()).not.toBe(batch.crc);
  }
});
