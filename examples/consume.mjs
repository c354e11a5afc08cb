// Reads as a member of a group, one record at a time, until Ctrl-C. node examples/consume.mjs [group [count]]
import { Consumer } from 'samsa';
import { cluster, topic } from './where.mjs';

const consumer = new Consumer({ ...cluster, 'group.id': process.argv[2] ?? 'example', 'auto.offset.reset': 'earliest', 'value.deserializer': 'json', 'key.deserializer': 'string' });
await consumer.subscribe([topic], {
  onPartitionsAssigned: (partitions) => console.error('assigned', partitions.map((one) => one.partition)),
  onPartitionsRevoked: (partitions) => console.error('revoked', partitions.map((one) => one.partition)),
});
process.once('SIGINT', () => consumer.close());
let left = Number(process.argv[3] ?? Infinity);
for await (const { partition, offset, key, value } of consumer) {
  console.log(`partition ${partition} offset ${offset} ${key} = ${JSON.stringify(value)}`);
  if (--left === 0) break;
}
// Commits where we are, and leaves the group.
await consumer.close();
