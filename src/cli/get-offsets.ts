/**
 * `samsa get-offsets`: prints `topic:partition:offset`. Kafka: tools/GetOffsetShell.scala@2.8.2
 */
import { Command } from 'commander';
import { tpName } from '../common/cluster-types';
import { Consumer } from '../consumer/consumer';
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
  readonly topic?: string;
  readonly partitions?: string;
  readonly time: number;
}

async function run(options: Options): Promise<void> {
  const consumer = await Consumer.open(environmentOf(clientHost('get-offsets')), {
    'client.id': 'GetOffsetShell',
    'allow.auto.create.topics': false,
    ...connectionConfig(options),
  });
  try {
    const existing = await consumer.listTopics();
    const topics =
      options.topic === undefined
        ? existing
        : existing.filter((topic) => new RegExp(`^(${options.topic})$`).test(topic));
    if (topics.length === 0)
      throw new Error('Could not match any topic-partitions with the specified filters');
    const wanted = options.partitions?.split(',').map(Number);
    for (const topic of topics) {
      const tps = (await consumer.partitionsFor(topic))
        .map(({ partition }) => ({ topic, partition }))
        .filter(({ partition }) => wanted?.includes(partition) ?? true);
      const offsets = await offsetsAt(consumer, tps, options.time);
      for (const tp of tps) console.log(`${topic}:${tp.partition}:${offsets.get(tpName(tp)) ?? ''}`);
    }
  } finally {
    await consumer.close();
  }
}

async function offsetsAt(
  consumer: Consumer,
  tps: readonly { topic: string; partition: number }[],
  time: number,
): Promise<Map<string, number>> {
  if (time === -1) return consumer.endOffsets(tps);
  if (time === -2) return consumer.beginningOffsets(tps);
  return new Map(
    [...(await consumer.offsetsForTimes(tps.map((tp) => ({ ...tp, timestamp: time }))))].map(
      ([name, { offset }]) => [name, offset],
    ),
  );
}

export function getOffsetsCommand(): Command {
  return addConnectionOptions(new Command('get-offsets').description('print the offsets of a topic'))
    .option('--topic <pattern>', 'topics, as a regular expression; not set: all')
    .option('--partitions <list>', 'partitions, separated by commas; not set: all')
    .option(
      '--time <ms>',
      '-1 the latest, -2 the earliest, or the first offset at or after this time',
      wholeNumber,
      -1,
    )
    .action(action<Options>(run));
}
