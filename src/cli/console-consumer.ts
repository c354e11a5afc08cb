/**
 * `samsa console-consumer`: prints records to standard output and their number to standard error.
 *
 * It joins a group (`--group`, or one of its own), or reads one partition. `--zookeeper` only gives the
 * address of the cluster; `--old-consumer` selects the consumer of 0.8, whose group is stored in ZooKeeper.
 *
 * Kafka: tools/ConsoleConsumer.scala@2.8.2
 */
import { Command } from 'commander';
import { deserializerOf } from '../common/serialization';
import { Consumer } from '../consumer/consumer';
import { ConsumerRecord } from '../consumer/consumer-record';
import { ZooKeeperConsumer } from '../consumer/zookeeper-consumer';
import { configFile, untilSignal } from './client-options';
import {
  action,
  addConnectionOptions,
  clientHost,
  ConnectionOptions,
  connectionConfig,
  environmentOf,
  keyValue,
  wholeNumber,
} from './command';
import { formatterOf, RecordFormatter } from './record-formatters';

interface Options extends ConnectionOptions {
  readonly topic?: string;
  readonly whitelist?: string;
  readonly group?: string;
  readonly fromBeginning?: boolean;
  readonly partition?: number;
  readonly offset?: string;
  readonly maxMessages?: number;
  readonly timeoutMs?: number;
  readonly formatter?: string;
  readonly property?: Record<string, string>;
  readonly consumerProperty?: Record<string, string>;
  readonly 'consumer.config'?: string;
  readonly keyDeserializer?: string;
  readonly valueDeserializer?: string;
  readonly skipMessageOnError?: boolean;
  readonly isolationLevel?: string;
  readonly oldConsumer?: boolean;
  readonly deleteConsumerOffsets?: boolean;
}

const POLL_MS = 1000;

function checkOptions({
  topic,
  whitelist,
  partition,
  offset,
  group,
  fromBeginning,
  oldConsumer,
  zookeeper,
}: Options): void {
  if ((topic === undefined) === (whitelist === undefined))
    throw new Error('Exactly one of --topic and --whitelist is required.');
  if (partition !== undefined && topic === undefined)
    throw new Error('The topic is required when partition is specified.');
  if (partition !== undefined && group !== undefined)
    throw new Error('Options group and partition cannot be specified together.');
  if (offset !== undefined && partition === undefined)
    throw new Error('The partition is required when offset is specified.');
  if (offset !== undefined && fromBeginning)
    throw new Error('Options from-beginning and offset cannot be specified together.');
  if (offset !== undefined && !/^(\d+|earliest|latest)$/.test(offset)) {
    throw new Error(
      `The provided offset value '${offset}' is incorrect. Valid values are 'earliest', 'latest', or a ` +
        `non-negative long.`,
    );
  }
  if (oldConsumer && (zookeeper === undefined || topic === undefined))
    throw new Error('--old-consumer needs --zookeeper and --topic: its group lives in ZooKeeper.');
}

/** Prints records until the maximum is reached, none arrives within the timeout, or a signal ends it. */
class Printer {
  count = 0;
  private lastMs: number;

  constructor(
    private readonly options: Options,
    private readonly formatter: RecordFormatter,
    private readonly now: () => number,
  ) {
    this.lastMs = now();
  }

  get isDone(): boolean {
    return this.count >= (this.options.maxMessages ?? Infinity) || this.leftMs <= 0;
  }
  get leftMs(): number {
    return (this.options.timeoutMs ?? Infinity) - (this.now() - this.lastMs);
  }

  async print(records: readonly ConsumerRecord[]): Promise<void> {
    if (records.length > 0) this.lastMs = this.now();
    const lines: Buffer[] = [];
    for (const record of records) {
      if (this.count >= (this.options.maxMessages ?? Infinity)) break;
      try {
        lines.push(this.formatter(record));
        this.count++;
      } catch (error) {
        if (!this.options.skipMessageOnError) throw error;
        process.stderr.write(
          `Error processing message, skipping this message: ${(error as Error).message}\n`,
        );
      }
    }
    if (lines.length > 0 && !process.stdout.write(Buffer.concat(lines)))
      await new Promise((resolve) => process.stdout.once('drain', resolve));
  }
}

async function begin(consumer: Consumer, options: Options): Promise<void> {
  if (options.partition === undefined)
    return consumer.subscribe(
      options.topic !== undefined
        ? [options.topic]
        : new RegExp(`^(${options.whitelist!.replaceAll(',', '|')})$`),
    );
  const tp = { topic: options.topic!, partition: options.partition };
  const known = await consumer.partitionsFor(tp.topic, options.timeoutMs);
  if (!known.some(({ partition }) => partition === tp.partition))
    throw new Error(`Topic ${tp.topic} has no partition ${tp.partition}.`);
  consumer.assign([tp]);
  if (options.fromBeginning || options.offset === 'earliest') consumer.seekToBeginning([tp]);
  else if (options.offset === undefined || options.offset === 'latest') consumer.seekToEnd([tp]);
  else consumer.seek(tp, Number(options.offset));
}

async function consumeNew(options: Options, printer: Printer, stop: AbortSignal): Promise<void> {
  const host = clientHost('console-consumer');
  const given = { ...configFile(options['consumer.config']), ...options.consumerProperty };
  const isAnonymous = given['group.id'] === undefined && options.group === undefined;
  const own: Record<string, unknown> =
    options.partition !== undefined || !isAnonymous
      ? {}
      : { 'group.id': `console-consumer-${host.random.below(100000)}`, 'enable.auto.commit': false };
  const consumer = await Consumer.open(environmentOf(host), {
    'client.id': 'console-consumer',
    'auto.offset.reset': options.fromBeginning ? 'earliest' : 'latest',
    ...own,
    ...connectionConfig(options),
    ...given,
    ...(options.group === undefined ? {} : { 'group.id': options.group }),
    ...(options.isolationLevel === undefined ? {} : { 'isolation.level': options.isolationLevel }),
  });
  try {
    await begin(consumer, options);
    // Polls no more records than it prints, because polled records are committed.
    while (!printer.isDone && !stop.aborted) {
      const left = (options.maxMessages ?? Infinity) - printer.count;
      await printer.print(
        left < 500
          ? await takeFew(consumer, printer, stop, left)
          : await consumer.poll(Math.min(POLL_MS, printer.leftMs), { signal: stop }),
      );
    }
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    await consumer.close();
  }
}

async function takeFew(
  consumer: Consumer,
  printer: Printer,
  stop: AbortSignal,
  left: number,
): Promise<ConsumerRecord[]> {
  return (await consumer.poll(Math.min(POLL_MS, printer.leftMs), { signal: stop, maxRecords: left })).slice(
    0,
    left,
  );
}

async function consumeOld(options: Options, printer: Printer, stop: AbortSignal): Promise<void> {
  const host = clientHost('console-consumer');
  const consumer = new ZooKeeperConsumer(environmentOf(host), {
    'zookeeper.connect': options.zookeeper!,
    'group.id': options.group ?? `console-consumer-${host.random.below(100000)}`,
    'auto.offset.reset': options.fromBeginning ? 'smallest' : 'largest',
    ...(options.timeoutMs === undefined ? {} : { 'consumer.timeout.ms': options.timeoutMs }),
    ...configFile(options['consumer.config']),
    ...options.consumerProperty,
  });
  try {
    const [stream] = (await consumer.createMessageStreams({ [options.topic!]: 1 })).get(options.topic!)!;
    stop.addEventListener('abort', () => stream!.end());
    for (let record = await stream!.next(); record !== undefined; record = await stream!.next()) {
      await printer.print([record]);
      if (printer.isDone) break;
    }
  } catch (error) {
    if ((error as { errorName?: string }).errorName !== 'TIMEOUT') throw error;
  } finally {
    await consumer.shutdown();
  }
}

async function consume(options: Options): Promise<void> {
  checkOptions(options);
  const deserializers = {
    key: deserializerOf('key-deserializer', options.keyDeserializer ?? 'buffer'),
    value: deserializerOf('value-deserializer', options.valueDeserializer ?? 'buffer'),
  };
  const printer = new Printer(
    options,
    formatterOf(options.formatter, options.property ?? {}, deserializers),
    () => performance.now(),
  );
  const stop = untilSignal();
  try {
    await (options.oldConsumer ? consumeOld : consumeNew)(options, printer, stop);
  } finally {
    process.stderr.write(`Processed a total of ${printer.count} messages\n`);
  }
}

export function consoleConsumerCommand(): Command {
  return addConnectionOptions(new Command('console-consumer').description('print the records of a topic'))
    .option('--topic <name>', 'the topic')
    .option('--whitelist <pattern>', 'topics that match a regular expression')
    .option('--group <id>', 'the group; not set: one of its own, without commits')
    .option('--from-beginning', 'without a committed offset start with the earliest record')
    .option('--partition <n>', 'only this partition, without a group', wholeNumber)
    .option('--offset <offset>', 'earliest, latest, or a number; needs --partition')
    .option('--max-messages <n>', 'stop after so many', wholeNumber)
    .option('--timeout-ms <n>', 'stop when nothing came for so long', wholeNumber)
    .option(
      '--formatter <name>',
      "default, logging, noop, checksum or offsets (the records of __consumer_offsets); Kafka's class " +
        'names do, too',
    )
    .option(
      '--property <key=value>',
      'print.key, print.value, print.offset, print.partition, print.timestamp, print.headers, ' +
        'key.separator, line.separator …; may be repeated',
      keyValue,
    )
    .option('--key-deserializer <name>', 'string, integer, long, double …')
    .option('--value-deserializer <name>', 'likewise')
    .option('--consumer-property <key=value>', 'a consumer setting; may be repeated', keyValue)
    .option('--consumer.config <path>', 'a properties file of settings')
    .option('--skip-message-on-error', 'go on after a record that cannot be printed')
    .option('--isolation-level <level>', 'read_uncommitted or read_committed')
    .option('--old-consumer', 'the consumer of 0.8; needs --zookeeper')
    .action(action<Options>(consume));
}
