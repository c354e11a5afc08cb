/**
 * Random places of a topic's first partition: an offset by its timestamp, and a record by its offset;
 * medians, as one JSON line. Its counterpart is RandomReads.java, with Kafka's consumer and the same
 * settings.
 */
import { Consumer } from '../src/index';
import { Prng } from '../src/simulation/prng';

const WARM_UP = 200;

async function timed(action: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await action();
  return performance.now() - startedMs;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

async function main(connect: string, topic: string, count: number): Promise<void> {
  const random = new Prng('random reads');
  const tp = { topic, partition: 0 };
  const consumer = new Consumer({
    'zookeeper.connect': connect,
    'max.poll.records': 1,
    'max.partition.fetch.bytes': 1024,
    'fetch.max.bytes': 1024,
  });
  consumer.assign([tp]);
  const end = await consumer.endOffset(tp);
  const readAt = async (offset: number) => {
    consumer.seek(tp, offset);
    for (;;)
      for (const record of await consumer.poll(10000)) {
        if (record.offset !== offset) throw new Error(`asked for ${offset}, got ${record.offset}`);
        return record.timestamp;
      }
  };
  const [first, last] = [await readAt(0), await readAt(end - 1)];
  const byTimestamp: number[] = [];
  const byOffset: number[] = [];
  for (let i = 0; i < count + WARM_UP; i++) {
    const timestamp = first + random.below(last - first);
    const offset = random.below(end);
    const a = await timed(async () => {
      await consumer.offsetsForTimes([{ ...tp, timestamp }]);
    });
    const b = await timed(async () => {
      await readAt(offset);
    });
    if (i < WARM_UP) continue;
    byTimestamp.push(a);
    byOffset.push(b);
  }
  await consumer.close();
  console.log(JSON.stringify({ byTimestampMs: median(byTimestamp), byOffsetMs: median(byOffset) }));
}

const [connect, topic, count] = process.argv.slice(2) as [string, string, string];
main(connect, topic, Number(count)).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
