/**
 * `samsa verifiable-consumer`: a group member that prints, as JSON lines, its assignments and what it reads
 * and commits.
 *
 * Kafka: tools/VerifiableConsumer.java@2.8.2
 */
import { Command } from 'commander';
import { KafkaError, messageOf } from '../common/errors';
import { TopicPartition } from '../common/cluster-types';
import { Consumer } from '../consumer/consumer';
import { ConsumerRecord } from '../consumer/consumer-record';
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
  readonly groupId: string;
  readonly groupInstanceId?: string;
  readonly maxMessages: number;
  readonly sessionTimeout: number;
  readonly verbose?: boolean;
  readonly enableAutocommit?: boolean;
  readonly resetPolicy: string;
  readonly assignmentStrategy: string;
  readonly 'consumer.config'?: string;
}

interface Range {
  readonly topic: string;
  readonly partition: number;
  count: number;
  minOffset: number;
  maxOffset: number;
}

function ranges(records: readonly ConsumerRecord[]): Range[] {
  const found = new Map<string, Range>();
  for (const { topic, partition, offset } of records) {
    const key = `${topic}-${partition}`;
    const range = found.get(key);
    if (!range) found.set(key, { topic, partition, count: 1, minOffset: offset, maxOffset: offset });
    else {
      range.count++;
      range.maxOffset = offset;
    }
  }
  return [...found.values()];
}

const POLL_MS = 1000;

async function run(options: Options): Promise<void> {
  const host = clientHost('verifiable-consumer');
  const print = (name: string, fields: Readonly<Record<string, unknown>> = {}) =>
    process.stdout.write(`${JSON.stringify({ timestamp: host.clock.wallMs(), name, ...fields })}\n`);
  const stop = untilSignal();
  const plain = (tps: readonly TopicPartition[]) => tps.map(({ topic, partition }) => ({ topic, partition }));
  const consumer = new Consumer(environmentOf(host), {
    'client.id': 'verifiable-consumer',
    ...connectionConfig(options),
    'group.id': options.groupId,
    'group.instance.id': options.groupInstanceId ?? null,
    'enable.auto.commit': options.enableAutocommit ?? false,
    'auto.offset.reset': options.resetPolicy,
    'session.timeout.ms': options.sessionTimeout,
    'partition.assignment.strategy': options.assignmentStrategy,
    ...configFile(options['consumer.config']),
  });
  await consumer.subscribe([options.topic], {
    onPartitionsAssigned: (tps) => void print('partitions_assigned', { partitions: plain(tps) }),
    onPartitionsRevoked: (tps) => void print('partitions_revoked', { partitions: plain(tps) }),
  });
  print('startup_complete');
  let consumed = 0;
  try {
    while (!stop.aborted && (options.maxMessages < 0 || consumed < options.maxMessages)) {
      const records = await consumer.poll(POLL_MS, { signal: stop });
      if (records.length === 0) continue;
      consumed += records.length;
      print('records_consumed', { count: records.length, partitions: ranges(records) });
      if (options.verbose)
        for (const { key, value, topic, partition, offset } of records)
          print('record_data', {
            key: key?.toString() ?? null,
            value: value?.toString() ?? null,
            topic,
            partition,
            offset,
          });
      if (!options.enableAutocommit) await commit(consumer, records, print);
    }
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    await consumer.close();
    print('shutdown_complete');
    // A parent process may keep standard input open, which would keep this process running.
    process.stdin.destroy();
  }
}

async function commit(
  consumer: Consumer,
  records: readonly ConsumerRecord[],
  print: (name: string, fields: Record<string, unknown>) => void,
): Promise<void> {
  const offsets = ranges(records).map(({ topic, partition, maxOffset }) => ({
    topic,
    partition,
    offset: maxOffset + 1,
  }));
  try {
    await consumer.commitSync(offsets);
    print('offsets_committed', { offsets, success: true });
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    print('offsets_committed', { offsets, error: messageOf(error), success: false });
  }
}

export function verifiableConsumerCommand(): Command {
  return addConnectionOptions(
    new Command('verifiable-consumer').description('read as a member of a group and report it as JSON'),
  )
    .requiredOption('--topic <name>', 'the topic')
    .requiredOption('--group-id <id>', 'the group')
    .option('--group-instance-id <id>', 'a static member')
    .option('--max-messages <n>', 'stop after so many; -1: never', wholeNumber, -1)
    .option('--session-timeout <ms>', 'session.timeout.ms', wholeNumber, 30000)
    .option('--verbose', 'a line a record')
    .option('--enable-autocommit', 'commit by itself instead of after every poll')
    .option('--reset-policy <policy>', 'earliest, latest or none', 'earliest')
    .option('--assignment-strategy <names>', 'assignors, separated by commas', 'range')
    .option('--consumer.config <path>', 'a properties file of settings')
    .action(action<Options>(run));
}
