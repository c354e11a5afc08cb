/**
 * `samsa console-consumer`: prints records to standard output and their number to standard error.
 *
 * Kafka: tools/ConsoleConsumer.scala@2.8.2
 */
import { Command } from 'commander';
import { Consumer } from '../consumer/consumer';
import { ConsumerRecord } from '../consumer/consumer-record';
import { action, addConnectionOptions, clientHost, ConnectionOptions, connectionConfig, environmentOf, keyValue, wholeNumber } from './command';

interface Options extends ConnectionOptions {
  readonly topic: string;
  readonly fromBeginning?: boolean;
  readonly partition?: number;
  readonly offset?: string;
  readonly maxMessages?: number;
  readonly timeoutMs?: number;
  readonly property?: Record<string, string>;
  readonly consumerProperty?: Record<string, string>;
}

const POLL_MS = 1000;

/** The bytes of one printed line. Key and value go out as they are, whatever they are. */
export function formatRecord(record: ConsumerRecord, properties: Readonly<Record<string, string>>): Buffer {
  const on = (name: string) => properties[`print.${name}`] === 'true';
  const separator = Buffer.from(properties['key.separator'] ?? '\t');
  const fields: Buffer[] = [];
  if (on('timestamp')) fields.push(Buffer.from(`CreateTime:${record.timestamp}`));
  if (on('partition')) fields.push(Buffer.from(`Partition:${record.partition}`));
  if (on('offset')) fields.push(Buffer.from(`Offset:${record.offset}`));
  if (on('key')) fields.push(record.key ?? Buffer.from('null'));
  if (properties['print.value'] !== 'false') fields.push(record.value ?? Buffer.from('null'));
  return Buffer.concat([...fields.flatMap((field, i) => (i === 0 ? [field] : [separator, field])), Buffer.from('\n')]);
}

function start(consumer: Consumer, options: Options): void {
  const tps = consumer.assignment();
  if (options.offset !== undefined && options.offset !== 'earliest' && options.offset !== 'latest') {
    for (const tp of tps) consumer.seek(tp, Number(options.offset));
  } else if (options.fromBeginning || options.offset === 'earliest') consumer.seekToBeginning(tps);
  else consumer.seekToEnd(tps);
}

function checkOptions({ partition, offset }: Options): void {
  if (offset !== undefined && partition === undefined) throw new Error('The partition is required when offset is specified.');
  if (offset !== undefined && !/^(\d+|earliest|latest)$/.test(offset)) {
    throw new Error(`The provided offset value '${offset}' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.`);
  }
}

async function consume(options: Options): Promise<void> {
  checkOptions(options);
  const host = clientHost('console-consumer');
  const consumer = await Consumer.open(environmentOf(host), { 'client.id': 'console-consumer', ...connectionConfig(options), ...options.consumerProperty });
  let count = 0;
  const limit = options.maxMessages ?? Infinity;
  let stopped = false;
  process.on('SIGINT', () => { stopped = true; });
  try {
    const partitions = options.partition === undefined
      ? (await consumer.partitionsFor(options.topic, options.timeoutMs)).map((info) => info.partition) : [options.partition];
    consumer.assign(partitions.map((partition) => ({ topic: options.topic, partition })));
    start(consumer, options);
    let lastMs = host.clock.monotonicMs();
    while (count < limit && !stopped) {
      const leftMs = (options.timeoutMs ?? Infinity) - (host.clock.monotonicMs() - lastMs);
      if (leftMs <= 0) break;
      const records = await consumer.poll(Math.min(POLL_MS, leftMs));
      if (records.length > 0) lastMs = host.clock.monotonicMs();
      const lines: Buffer[] = [];
      for (const record of records) if (count < limit) {
        lines.push(formatRecord(record, options.property ?? {}));
        count++;
      }
      if (lines.length > 0 && !process.stdout.write(Buffer.concat(lines))) await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
  } finally {
    await consumer.close();
    process.stderr.write(`Processed a total of ${count} messages\n`);
  }
}

export function consoleConsumerCommand(): Command {
  return addConnectionOptions(new Command('console-consumer').description('print the records of a topic'))
    .requiredOption('--topic <name>', 'the topic')
    .option('--from-beginning', 'start with the earliest record')
    .option('--partition <n>', 'only this partition', wholeNumber)
    .option('--offset <offset>', 'earliest, latest, or a number; needs --partition')
    .option('--max-messages <n>', 'stop after so many', wholeNumber)
    .option('--timeout-ms <n>', 'stop when nothing came for so long', wholeNumber)
    .option('--property <key=value>', 'print.key, print.offset, print.partition, print.timestamp=true; may be repeated', keyValue)
    .option('--consumer-property <key=value>', 'a consumer setting; may be repeated', keyValue)
    .action(action<Options>(consume));
}
