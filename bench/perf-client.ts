/**
 * The client side of the benchmarks, as a process of its own: `produce` or `consume`, then one JSON line.
 *
 * Its counterpart is Kafka's ProducerPerformance and ConsumerPerformance; settings are the defaults of both.
 */
import { Consumer, Producer, SendCallback } from '../src/index';

interface Result {
  readonly records: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly maxLatencyMs?: number;
}

/** Writes `count` records of 100 bytes, at most `perSecond` of them a second (0: as fast as it goes). */
async function produce(
  connect: string,
  topic: string,
  count: number,
  acks: string,
  perSecond: number,
): Promise<Result> {
  const producer = new Producer({
    'zookeeper.connect': connect,
    acks,
    'client.id': 'perf',
    ...(process.env.BATCH_SIZE ? { 'batch.size': process.env.BATCH_SIZE } : {}),
  });
  const value = Buffer.alloc(100, 'x');
  const keys = Array.from({ length: Number(process.env.KEYS ?? 0) }, (_, i) => Buffer.from(`key-${i}`));
  let maxLatencyMs = 0;
  let failed = 0;
  const counted: SendCallback = (error) => {
    if (error) failed++;
  };
  const timed =
    (sentMs: number): SendCallback =>
    (error) => {
      if (error) failed++;
      else maxLatencyMs = Math.max(maxLatencyMs, performance.now() - sentMs);
    };
  const startedMs = performance.now();
  for (let i = 0; i < count; i++) {
    const wait = producer.produce(
      keys.length > 0 ? { topic, key: keys[i % keys.length], value } : { topic, value },
      perSecond > 0 ? timed(performance.now()) : counted,
    );
    if (wait) await wait;
    else if ((i & 1023) === 1023) await new Promise<void>((resolve) => setImmediate(resolve));
    if (perSecond > 0) {
      const dueMs = startedMs + ((i + 1) * 1000) / perSecond - performance.now();
      if (dueMs > 1) await new Promise((resolve) => setTimeout(resolve, dueMs));
    }
  }
  await producer.flush();
  const seconds = (performance.now() - startedMs) / 1000;
  await producer.close();
  if (failed > 0) throw new Error(`${failed} records failed`);
  return { records: count, seconds, perSecond: count / seconds, maxLatencyMs };
}

async function consume(connect: string, topic: string, count: number): Promise<Result> {
  const consumer = new Consumer({
    'zookeeper.connect': connect,
    'auto.offset.reset': 'earliest',
    'max.poll.records': 5000,
  });
  const partitions = await consumer.partitionsFor(topic);
  consumer.assign(partitions.map(({ partition }) => ({ topic, partition })));
  let records = 0;
  let bytes = 0;
  // From the first records on, as for the others: what comes before is connecting and joining.
  let startedMs = 0;
  while (records < count) {
    const polled = await consumer.poll(10000);
    if (records === 0) startedMs = performance.now();
    for (const record of polled) {
      records++;
      bytes += record.value!.length;
    }
  }
  const seconds = (performance.now() - startedMs) / 1000;
  await consumer.close();
  if (bytes !== records * 100) throw new Error('the records are not what was written');
  return { records, seconds, perSecond: records / seconds };
}

const [mode, connect, topic, count, acks, perSecond] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string?,
  string?,
];
(mode === 'produce'
  ? produce(connect, topic, Number(count), acks ?? '1', Number(perSecond ?? 0))
  : consume(connect, topic, Number(count))
).then(
  (result) => console.log(JSON.stringify(result)),
  (error) => {
    console.error(String(error));
    process.exit(1);
  },
);
