/** Idempotence on the broker's side: what is a repetition, what a gap, and what a restart remembers. */
import {
  decodeSnapshot,
  encodeSnapshot,
  incrementSequence,
  ProducerState,
} from '../../src/log/producer-state';
import { buildBatch } from '../../src/record/batch-builder';
import { RecordBatch } from '../../src/record/record-batch';

const EMPTY = '000148674bc700000000';
const ONE_PRODUCER =
  '0001d4faeb55000000010000000000000007000100000005000000000000002c0000000200000174876e8000ffffffffffffffffffffffff';

let offset = 0;
function batch(producerEpoch: number, baseSequence: number, records = 1, producerId = 7): RecordBatch {
  const bytes = buildBatch(
    Array.from({ length: records }, () => ({ timestamp: 1600000000000, value: null })),
    { producerId, producerEpoch, baseSequence, baseOffset: offset },
  );
  offset += records;
  return new RecordBatch(bytes);
}

beforeEach(() => {
  offset = 0;
});

test('the last five batches are recognised as repetitions, with their offsets; older ones are out of order', () => {
  const state = new ProducerState();
  const sent = Array.from({ length: 7 }, (_, i) => batch(0, i * 3, 3));
  for (const one of sent) {
    expect(state.check(one)).toBeUndefined();
    state.update(one);
  }
  expect(sent.slice(2).map((one) => state.findRepeated(one)?.lastOffset)).toEqual([8, 11, 14, 17, 20]);
  for (const old of sent.slice(0, 2))
    expect(() => state.check(old)).toThrow(
      expect.objectContaining({ errorName: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }),
    );
});

test('a gap, an older epoch and a new epoch that does not begin at 0 are refused; a new epoch at 0 is accepted', () => {
  const state = new ProducerState();
  state.update(batch(1, 0));
  expect(() => state.check(batch(1, 2))).toThrow(
    '2 (incoming sequence number), 0 (current end sequence number)',
  );
  expect(() => state.check(batch(0, 1))).toThrow(
    expect.objectContaining({ errorName: 'INVALID_PRODUCER_EPOCH' }),
  );
  expect(() => state.check(batch(2, 1))).toThrow(
    expect.objectContaining({ errorName: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }),
  );
  expect(state.check(batch(2, 0))).toBeUndefined();
  expect(state.check(batch(1, 1))).toBeUndefined();
  // A producer nobody remembers may begin anywhere: retention may have taken what it wrote before.
  expect(state.check(batch(0, 40, 1, 8))).toBeUndefined();
});

test('sequences wrap from 2^31 - 1 to 0', () => {
  expect(incrementSequence(2 ** 31 - 1, 1)).toBe(0);
  expect(incrementSequence(2 ** 31 - 3, 5)).toBe(2);
  const state = new ProducerState();
  state.update(batch(0, 2 ** 31 - 2, 3));
  expect(state.get(7)!.batches[0]).toMatchObject({ firstSequence: 2 ** 31 - 2, lastSequence: 0 });
  expect(state.check(batch(0, 1))).toBeUndefined();
  const restored = decodeSnapshot(encodeSnapshot(state.all))[0]!;
  expect(restored.batches[0]).toMatchObject({ firstSequence: 2 ** 31 - 2, lastSequence: 0 });
});

test("a snapshot is byte for byte Kafka's, and damage to it is noticed", () => {
  expect(encodeSnapshot([]).toString('hex')).toBe(EMPTY);
  const state = new ProducerState();
  offset = 42;
  state.update(batch(1, 3, 3));
  expect(encodeSnapshot(state.all).toString('hex')).toBe(ONE_PRODUCER);
  expect(decodeSnapshot(Buffer.from(ONE_PRODUCER, 'hex'))).toEqual(state.all);
  const damaged = Buffer.from(ONE_PRODUCER, 'hex');
  damaged[20] = 9;
  expect(() => decodeSnapshot(damaged)).toThrow('CRC');
  expect(() => decodeSnapshot(damaged.subarray(0, 5))).toThrow('too short');
});

test('producers that wrote nothing for long are forgotten', () => {
  const state = new ProducerState();
  state.update(batch(0, 0));
  state.expire(1600000000000 + 999, 1000);
  expect(state.size).toBe(1);
  state.expire(1600000000000 + 1000, 1000);
  expect(state.size).toBe(0);
});

test('what is remembered from before a snapshot goes to each producer in one pass, up to five batches', () => {
  const PRODUCERS = 20_000;
  const state = new ProducerState();
  const before: RecordBatch[] = [];
  for (let round = 0; round < 6; round++)
    for (let id = 0; id < PRODUCERS / 10; id++) before.push(batch(0, round, 1, id));
  for (let id = 0; id < PRODUCERS; id++) state.update(batch(0, 6, 1, id));
  let looked = 0;
  const counted = before.map(
    (one) =>
      new Proxy(one, {
        get: (target, name) => {
          if (name === 'producerId') looked++;
          return target[name as keyof RecordBatch];
        },
      }),
  );
  state.remember(counted);
  expect(state.get(0)!.batches.map(({ lastSequence }) => lastSequence)).toEqual([2, 3, 4, 5, 6]);
  expect(state.get(PRODUCERS - 1)!.batches.map(({ lastSequence }) => lastSequence)).toEqual([6]);
  expect(looked).toBeLessThanOrEqual(2 * before.length);
});
