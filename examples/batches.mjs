// Reads by batch and commits after each: fewer commits than records. node examples/batches.mjs [group [count]]
import { Consumer } from 'samsa';
import { cluster, topic } from './where.mjs';

const consumer = new Consumer({ ...cluster, 'group.id': process.argv[2] ?? 'example-batches', 'auto.offset.reset': 'earliest', 'enable.auto.commit': false });
await consumer.subscribe([topic]);
process.once('SIGINT', () => consumer.close());
let left = Number(process.argv[3] ?? Infinity);
for await (const { partition, records } of consumer.batches()) {
  console.log(`partition ${partition}: ${records.length} records`);
  await consumer.commitSync([{ topic, partition, offset: records.at(-1).offset + 1 }]);
  if ((left -= records.length) <= 0) break;
}
await consumer.close();
