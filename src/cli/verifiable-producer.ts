/**
 * `samsa verifiable-producer`: writes numbered records and prints the outcome of each, as JSON lines.
 *
 * Kafka: tools/VerifiableProducer.java@2.8.2
 */
import { Command } from 'commander';
import { sleep } from '../common/host';
import { Producer } from '../producer/producer';
import { configFile, untilSignal } from './client-options';
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
  readonly maxMessages: number;
  readonly throughput: number;
  readonly acks: string;
  readonly valuePrefix?: string;
  readonly repeatingKeys?: number;
  readonly messageCreateTime: number;
  readonly 'producer.config'?: string;
}

async function run(options: Options): Promise<void> {
  const host = clientHost('verifiable-producer');
  const print = (name: string, fields: Readonly<Record<string, unknown>> = {}) =>
    process.stdout.write(`${JSON.stringify({ timestamp: host.clock.wallMs(), name, ...fields })}\n`);
  const stop = untilSignal();
  const producer = new Producer(environmentOf(host), {
    'client.id': 'verifiable-producer',
    ...connectionConfig(options),
    'acks': options.acks,
    'retries': 0,
    ...configFile(options['producer.config']),
  });
  print('startup_complete');
  const startMs = host.clock.monotonicMs();
  let sent = 0;
  let acked = 0;
  const limit = options.maxMessages < 0 ? Infinity : options.maxMessages;
  for (; sent < limit && !stop.aborted; sent++) {
    const key = options.repeatingKeys === undefined ? null : String(sent % options.repeatingKeys);
    const value = options.valuePrefix === undefined ? String(sent) : `${options.valuePrefix}.${sent}`;
    const timestamp = options.messageCreateTime < 0 ? undefined : options.messageCreateTime + sent;
    const wait = producer.produce(
      { topic: options.topic, key, value, ...(timestamp === undefined ? {} : { timestamp }) },
      (error, metadata) => {
        if (error)
          return void print('producer_send_error', {
            exception: error.errorName,
            message: error.message,
            topic: options.topic,
            key,
            value,
          });
        acked++;
        print('producer_send_success', {
          key,
          value,
          topic: metadata!.topic,
          partition: metadata!.partition,
          offset: metadata!.offset,
        });
      },
    );
    if (wait) await wait;
    else if (sent % 256 === 255) await new Promise<void>((resolve) => setImmediate(resolve));
    const earlyMs =
      options.throughput > 0
        ? startMs + ((sent + 1) * 1000) / options.throughput - host.clock.monotonicMs()
        : 0;
    if (earlyMs > 1) await sleep(host.clock, earlyMs);
  }
  await producer.close();
  print('shutdown_complete');
  const seconds = (host.clock.monotonicMs() - startMs) / 1000;
  print('tool_data', { sent, acked, target_throughput: options.throughput, avg_throughput: acked / seconds });
}

export function verifiableProducerCommand(): Command {
  return addConnectionOptions(
    new Command('verifiable-producer').description('write numbered records and report each as JSON'),
  )
    .requiredOption('--topic <name>', 'the topic')
    .option('--max-messages <n>', 'records to write; -1: until it is stopped', wholeNumber, -1)
    .option('--throughput <n>', 'records a second; -1: as fast as it goes', wholeNumber, -1)
    .option('--acks <n>', '0, 1, -1 or all', '-1')
    .option('--producer.config <path>', 'a properties file of settings')
    .option('--message-create-time <ms>', 'timestamps from here on; -1: now', wholeNumber, -1)
    .option('--value-prefix <n>', 'values become <prefix>.<number>')
    .option('--repeating-keys <n>', 'keys 0 to n-1, over and over', wholeNumber)
    .action(action<Options>(run));
}
