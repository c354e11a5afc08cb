/**
 * `samsa consumer-perf-test`: measures how fast records are read, with the output of Kafka's tool.
 *
 * Kafka: tools/ConsumerPerformance.scala@2.8.2
 */
import { Command } from 'commander';
import { Consumer } from '../consumer/consumer';
import { configFile, timeText } from './client-options';
import {
  action,
  addConnectionOptions,
  clientHost,
  ConnectionOptions,
  connectionConfig,
  environmentOf,
  wholeNumber,
} from './command';

interface Options extends ConnectionOptions {
  readonly topic: string;
  readonly messages: number;
  readonly group?: string;
  readonly fetchSize: number;
  readonly fromLatest?: boolean;
  readonly timeout: number;
  readonly hideHeader?: boolean;
  readonly showDetailedStats?: boolean;
  readonly reportingInterval: number;
  readonly 'consumer.config'?: string;
}

const POLL_MS = 1000;
const MB = 1048576;

async function run(options: Options): Promise<void> {
  const host = clientHost('consumer-perf-test');
  const now = () => host.clock.wallMs();
  const consumer = new Consumer(environmentOf(host), {
    'group.id': options.group ?? `perf-consumer-${host.random.below(100000)}`,
    'client.id': 'perf-consumer-client',
    'auto.offset.reset': options.fromLatest ? 'latest' : 'earliest',
    'max.partition.fetch.bytes': options.fetchSize,
    'receive.buffer.bytes': 2 * MB,
    'check.crcs': false,
    ...connectionConfig(options),
    ...configFile(options['consumer.config']),
  });
  let joinStartMs = now();
  let joinMs = 0;
  await consumer.subscribe([options.topic], {
    onPartitionsAssigned: () => {
      joinMs += now() - joinStartMs;
    },
    onPartitionsRevoked: () => {
      joinStartMs = now();
    },
  });
  let bytes = 0;
  let count = 0;
  let windowBytes = 0;
  let windowCount = 0;
  const startMs = now();
  let windowMs = startMs;
  let lastMs = startMs;
  if (options.showDetailedStats && !options.hideHeader)
    console.log(
      'time, threadId, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, ' +
        'fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec',
    );
  while (count < options.messages && now() - lastMs <= options.timeout) {
    const records = await consumer.poll(POLL_MS);
    if (records.length > 0) lastMs = now();
    for (const { key, value } of records) bytes += (key?.length ?? 0) + (value?.length ?? 0);
    count += records.length;
    const elapsedMs = now() - windowMs;
    if (options.showDetailedStats && elapsedMs >= options.reportingInterval) {
      const mbRate = ((1000 * (bytes - windowBytes)) / MB / elapsedMs).toFixed(4);
      const rate = ((1000 * (count - windowCount)) / elapsedMs).toFixed(4);
      console.log(
        [
          timeText(now()),
          0,
          (bytes / MB).toFixed(4),
          mbRate,
          count,
          rate,
          joinMs,
          elapsedMs,
          mbRate,
          rate,
        ].join(', '),
      );
      windowMs = now();
      windowBytes = bytes;
      windowCount = count;
    }
  }
  const endMs = now();
  await consumer.close();
  if (count < options.messages)
    console.log(
      `WARNING: Exiting before consuming the expected number of messages: timeout (${options.timeout} ms) ` +
        `exceeded. You can use the --timeout option to increase the timeout.`,
    );
  if (options.showDetailedStats) return;
  const seconds = (endMs - startMs) / 1000;
  const fetchMs = Math.max(1, endMs - startMs - joinMs);
  if (!options.hideHeader)
    console.log(
      'start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, ' +
        'rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec',
    );
  const mb = bytes / MB;
  const figures = [
    mb,
    mb / seconds,
    count,
    count / seconds,
    joinMs,
    fetchMs,
    (1000 * mb) / fetchMs,
    (1000 * count) / fetchMs,
  ];
  console.log(
    [
      timeText(startMs),
      timeText(endMs),
      ...figures.map((figure) => (Number.isInteger(figure) ? figure : figure.toFixed(4))),
    ].join(', '),
  );
}

export function consumerPerfTestCommand(): Command {
  return addConnectionOptions(
    new Command('consumer-perf-test').description('measure how fast records are read'),
  )
    .requiredOption('--topic <name>', 'the topic')
    .requiredOption('--messages <n>', 'records to read', wholeNumber)
    .option('--group <id>', 'the group; not set: a new one')
    .option('--fetch-size <bytes>', 'bytes of a partition in a fetch', wholeNumber, MB)
    .option('--from-latest', 'without a committed offset begin with the latest')
    .option('--timeout <ms>', 'stop when nothing came for so long', wholeNumber, 10000)
    .option('--hide-header', 'leave the header out')
    .option('--show-detailed-stats', 'a line each reporting interval')
    .option('--reporting-interval <ms>', 'how often', wholeNumber, 5000)
    .option('--consumer.config <path>', 'a properties file of settings')
    .action(action<Options>(run));
}
