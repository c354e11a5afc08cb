// Node's Kafka clients, at settings that suit them: batches of many messages, several sends under way, acks=1, no
// per-message work when reading. Prints one JSON line. node bench/peer-client.mjs CLIENT produce|consume SERVERS TOPIC COUNT
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// @platformatic/kafka asks for it; Node has it from 22 on.
Promise.withResolvers ??= function withResolvers() {
  let resolve, reject;
  const promise = new this((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
};

const home = path.join(path.dirname(fileURLToPath(import.meta.url)), '../.samsa/bench-peers/package.json');
const require = createRequire(home);
const [client, mode, servers, topic, text] = process.argv.slice(2);
const count = Number(text);
const brokers = servers.split(',');
const value = Buffer.alloc(100, 'x');
const PER_SEND = Number(process.env.PER_SEND ?? 2000);
const CONCURRENT = Number(process.env.CONCURRENT ?? 4);

/** Keeps CONCURRENT sends under way until `count` messages are acknowledged. */
async function flood(send) {
  let left = count;
  const worker = async () => {
    while (left > 0) {
      const size = Math.min(PER_SEND, left);
      left -= size;
      await send(size);
    }
  };
  const beganMs = performance.now();
  await Promise.all(Array.from({ length: CONCURRENT }, worker));
  return count / ((performance.now() - beganMs) / 1000);
}

const clients = {
  async kafkajs() {
    process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1';
    const { Kafka, logLevel } = require('kafkajs');
    const kafka = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.ERROR });
    if (mode === 'produce') {
      const producer = kafka.producer({ maxInFlightRequests: CONCURRENT });
      await producer.connect();
      const rate = await flood((size) =>
        producer.send({ topic, acks: 1, messages: Array.from({ length: size }, () => ({ value })) }),
      );
      await producer.disconnect();
      return rate;
    }
    const consumer = kafka.consumer({ groupId: `bench-${Date.now()}`, maxBytesPerPartition: 1048576 * 4 });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    let read = 0;
    let beganMs = 0;
    const rate = await new Promise((resolve) =>
      consumer.run({
        eachBatchAutoResolve: true,
        eachBatch: async ({ batch }) => {
          if (read === 0) beganMs = performance.now();
          read += batch.messages.length;
          if (read >= count) resolve(read / ((performance.now() - beganMs) / 1000));
        },
      }),
    );
    await consumer.disconnect();
    return rate;
  },
  async platformatic() {
    const { Consumer, MessagesStreamModes, Producer } = require('@platformatic/kafka');
    if (mode === 'produce') {
      const producer = new Producer({
        clientId: 'bench',
        bootstrapBrokers: brokers,
        acks: 1,
        maxInflights: CONCURRENT,
      });
      const rate = await flood((size) =>
        producer.send({ acks: 1, messages: Array.from({ length: size }, () => ({ topic, value })) }),
      );
      await producer.close();
      return rate;
    }
    const consumer = new Consumer({
      clientId: 'bench',
      groupId: `bench-${Date.now()}`,
      bootstrapBrokers: brokers,
      maxBytes: 4 * 1048576,
      highWaterMark: 100000,
    });
    const stream = await consumer.consume({
      topics: [topic],
      mode: MessagesStreamModes.EARLIEST,
      autocommit: false,
    });
    let read = 0;
    let beganMs = 0;
    const rate = await new Promise((resolve, reject) => {
      stream.on('error', reject);
      stream.on('data', () => {
        if (read === 0) beganMs = performance.now();
        if (++read === count) resolve(read / ((performance.now() - beganMs) / 1000));
      });
    });
    await consumer.close(true);
    return rate;
  },
};

console.log(JSON.stringify({ perSecond: await clients[client]() }));
process.exit(0);
