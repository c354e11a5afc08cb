// The consumer of 0.8: its group lives in ZooKeeper (/consumers/G). node examples/old-consumer.mjs [group [count]]
import { ZooKeeperConsumer } from 'samsa';
import { cluster, topic } from './where.mjs';

const consumer = new ZooKeeperConsumer({ ...cluster, 'group.id': process.argv[2] ?? 'example-old', 'auto.offset.reset': 'smallest' });
const streams = await consumer.createMessageStreams({ [topic]: 2 });
let left = Number(process.argv[3] ?? Infinity);
await Promise.all(streams.get(topic).map(async (stream) => {
  for await (const { partition, offset } of stream) {
    console.log(`stream ${stream.threadId.slice(-1)}: partition ${partition} offset ${offset}`);
    if (--left === 0) await consumer.shutdown();
  }
}));
