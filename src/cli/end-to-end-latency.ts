/**
 * `samsa end-to-end-latency`: measures the time from sending a record until it was read, one record at a
 * time.
 *
 * Kafka: tools/EndToEndLatency.scala@2.8.2
 */
import { Command } from 'commander';
import { Consumer } from '../consumer/consumer';
import { Producer } from '../producer/producer';
import { configFile, percentile } from './client-options';
import { action, clientHost, environmentOf } from './command';

const TIMEOUT_MS = 60000;

async function run(
  _options: unknown,
  servers: string,
  topic: string,
  count: string,
  acks: string,
  bytes: string,
  file?: string,
): Promise<void> {
  if (!/^\d+$/.test(count) || !/^\d+$/.test(bytes))
    throw new Error('num_messages and message_size_bytes must be whole numbers');
  if (!['1', 'all', '-1'].includes(acks))
    throw new Error('Latency testing requires synchronous acknowledgement. Please use 1 or all');
  const host = clientHost('end-to-end-latency');
  const where =
    servers.includes('/') || servers.startsWith('zookeeper=')
      ? { 'zookeeper.connect': servers.replace('zookeeper=', '') }
      : { 'bootstrap.servers': servers };
  const settings = { ...where, ...configFile(file) };
  const consumer = await Consumer.open(environmentOf(host), {
    ...settings,
    'group.id': `test-group-${host.clock.wallMs()}`,
    'enable.auto.commit': false,
    'auto.offset.reset': 'latest',
    'fetch.max.wait.ms': 0,
  });
  const producer = await Producer.open(environmentOf(host), {
    ...settings,
    'linger.ms': 0,
    'max.block.ms': 2 ** 31 - 1,
    acks,
  });
  try {
    const partitions = await consumer.partitionsFor(topic);
    const tps = partitions.map(({ partition }) => ({ topic, partition }));
    consumer.assign(tps);
    consumer.seekToEnd(tps);
    for (const tp of tps) await consumer.position(tp);
    await measure(host, consumer, producer, topic, Number(count), Number(bytes));
  } finally {
    await producer.close();
    await consumer.close();
  }
}

async function measure(
  host: ReturnType<typeof clientHost>,
  consumer: Consumer,
  producer: Producer,
  topic: string,
  count: number,
  bytes: number,
): Promise<void> {
  const latencies = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const value = Buffer.from(Array.from({ length: bytes }, () => 65 + host.random.below(26)));
    const beganMs = host.clock.monotonicMs();
    await producer.send({ topic, value });
    const records = await consumer.poll(TIMEOUT_MS);
    latencies[i] = host.clock.monotonicMs() - beganMs;
    if (records.length === 0)
      throw new Error(`poll() timed out before finding a result (timeout:[${TIMEOUT_MS}])`);
    if (records.length > 1)
      throw new Error(`Only one result was expected during this test. We found [${records.length}]`);
    if (!records[0]!.value!.equals(value))
      throw new Error('The message read did not match the message sent.');
    if (i % 1000 === 0) console.log(`${i}\t${latencies[i]!.toFixed(4)}`);
  }
  console.log(`Avg latency: ${(latencies.reduce((sum, ms) => sum + ms, 0) / count).toFixed(4)} ms\n`);
  const sorted = latencies.sort();
  const at = (share: number) => percentile(sorted, share).toFixed(2);
  console.log(`Percentiles: 50th = ${at(0.5)}, 99th = ${at(0.99)}, 99.9th = ${at(0.999)}`);
}

export function endToEndLatencyCommand(): Command {
  return new Command('end-to-end-latency')
    .description('measure the time from sending a record to having read it')
    .argument('<broker_list>', 'brokers, or zookeeper=HOST:PORT/chroot')
    .argument('<topic>')
    .argument('<num_messages>')
    .argument('<producer_acks>', '1, all or -1')
    .argument('<message_size_bytes>')
    .argument('[properties_file]', 'settings of both clients')
    .action(action<unknown>(run));
}
