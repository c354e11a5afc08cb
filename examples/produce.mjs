// Writes records, idempotently, and says where they are. node examples/produce.mjs [count]
import { Producer } from 'samsa';
import { cluster, topic } from './where.mjs';

const producer = new Producer({ ...cluster, 'acks': 'all', 'enable.idempotence': true, 'value.serializer': 'json' });
const count = Number(process.argv[2] ?? 10);
const sent = [];
for (let i = 0; i < count; i++) sent.push(producer.send({ topic, key: `key-${i % 4}`, value: { number: i }, headers: [{ key: 'from', value: Buffer.from('example') }] }));
for (const { partition, offset } of await Promise.all(sent)) console.log(`partition ${partition} offset ${offset}`);
await producer.close();
