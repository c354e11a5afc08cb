/** Partitioner, accumulator and settings of the producer. */
import { DefaultPartitioner, murmur2, partitionForKey } from '../../src/producer/partitioner';
import { parseProducerConfig } from '../../src/producer/producer-config';
import { ProducerBatch } from '../../src/producer/producer-batch';
import { RecordAccumulator } from '../../src/producer/record-accumulator';
import { TransactionManager } from '../../src/producer/transaction-manager';
import { Prng } from '../../src/simulation/prng';

test("murmur2 gives Kafka's values", () => {
  const cases: [string, number, number, number][] = [
    ['', 275646681, 0, 1],
    ['a', -1563381124, 1, 4],
    ['k1', 1684045097, 2, 7],
    ['21', -973932308, 0, 0],
    ['key', -1079937367, 1, 1],
    ['hello', 2132663229, 0, 9],
    ['foobar', -790332482, 0, 6],
    ['a-little-bit-long-string', -985981536, 2, 2],
    ['ключ', 2122343024, 2, 4],
  ];
  for (const [key, hash, mod3, mod10] of cases)
    expect([
      murmur2(Buffer.from(key)),
      partitionForKey(Buffer.from(key), 3),
      partitionForKey(Buffer.from(key), 10),
    ]).toEqual([hash, mod3, mod10]);
});

test('records without key stick to a partition until a batch is full, and avoid those without leader', () => {
  const partitioner = new DefaultPartitioner(new Prng('sticky'));
  const topic = {
    topic: 't',
    isAvailable: true,
    partitions: [0, 1, 2, 3].map((partition) => ({
      partition,
      leader: partition === 2 ? -1 : 1,
      leaderEpoch: 0,
      replicas: [1],
      isr: [1],
    })),
  };
  const first = partitioner.partition(topic, null);
  for (let i = 0; i < 5; i++) expect(partitioner.partition(topic, null)).toBe(first);
  for (let i = 0; i < 50; i++) {
    const before = partitioner.partition(topic, null);
    partitioner.onNewBatch(topic, before);
    const after = partitioner.partition(topic, null);
    expect(after).not.toBe(before);
    expect(after).not.toBe(2);
  }
});

test("the buffer is bounded: who finds it full waits in line, and fails with Kafka's error when time is over", async () => {
  const timers: (() => void)[] = [];
  const clock = {
    wallMs: () => 0,
    monotonicMs: () => 0,
    schedule: (_: number, action: () => void) => {
      timers.push(action);
      return { cancel: () => {} };
    },
  };
  const accumulator = new RecordAccumulator(clock, {
    batchSize: 100,
    bufferMemory: 250,
    compression: 'none',
  });
  const queue = accumulator.queue('t', 0);
  const batches = [0, 1].map(() => {
    expect(accumulator.tryReserve(100)).toBe(true);
    return accumulator.openBatch(queue, 100);
  });
  expect(accumulator.tryReserve(100)).toBe(false);
  const order: string[] = [];
  const first = accumulator.reserve(100, 1000).then(() => order.push('first'));
  const second = accumulator.reserve(100, 1000).then(
    () => order.push('second'),
    (error) => order.push(error.errorName),
  );
  expect(accumulator.isExhausted).toBe(true);
  expect(accumulator.tryReserve(10)).toBe(false);
  accumulator.release(batches[0]!, true);
  await first;
  timers[1]!();
  await second;
  expect(order).toEqual(['first', 'TIMEOUT']);
  expect(accumulator.bufferedBytes).toBe(200);
});

test('illegal settings are refused with name, value and reason', () => {
  expect(() => parseProducerConfig({ acks: '2' })).toThrow(
    'Invalid value 2 for configuration acks: String must be one of: 0, 1, -1, all',
  );
  expect(() => parseProducerConfig({ 'batch.size': 'big' })).toThrow(
    'Invalid value big for configuration batch.size',
  );
  expect(() => parseProducerConfig({ 'linger.ms': -1 })).toThrow('Value must be at least 0');
  expect(() => parseProducerConfig({ 'delivery.timeout.ms': 10 })).toThrow(
    'delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms',
  );
  const unknown: string[] = [];
  parseProducerConfig({ 'no.such.setting': 1 }, (name) => unknown.push(name));
  expect(unknown).toEqual(['no.such.setting']);
});

test('with the oldest unsettled batch, five of a partition may have left: what is acknowledged behind it counts', () => {
  const transactions = new TransactionManager();
  transactions.setProducerId(7, 0);
  const batches = Array.from({ length: 9 }, () => {
    const batch = new ProducerBatch({ topic: 't', partition: 0 }, Buffer.alloc(200), 0, 'none');
    batch.append(0, null, Buffer.from('v'), [], () => {});
    return batch;
  });
  const mayLeave = (i: number) => transactions.maySend(batches[i]!);
  // The very first goes alone.
  transactions.assignSequence(batches[8]!);
  transactions.completed(batches[8]!, 0);
  for (let i = 0; i < 5; i++) {
    expect(mayLeave(i)).toBe(true);
    transactions.assignSequence(batches[i]!);
    if (i > 0) transactions.completed(batches[i]!, i);
  }
  expect(mayLeave(5)).toBe(false);
  transactions.completed(batches[0]!, 0);
  expect(mayLeave(5)).toBe(true);
});
