/**
 * `samsa topics --create|--list|--describe`. Kafka: admin/TopicCommand.scala@2.8.2
 */
import { Command } from 'commander';
import { rpcTopicAdmin, TopicAdmin, TopicDescription, zooKeeperTopicAdmin } from '../admin/topics';
import { connectionPool } from '../client/client-config';
import { parseHostPort } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { parseProducerConfig } from '../producer/producer-config';
import {
  action,
  addConnectionOptions,
  clientHost,
  ConnectionOptions,
  connectionConfig,
  keyValue,
  wholeNumber,
  withZooKeeper,
} from './command';

interface Options extends ConnectionOptions {
  readonly create?: boolean;
  readonly list?: boolean;
  readonly describe?: boolean;
  readonly topic?: string;
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly replicaAssignment?: string;
  readonly config?: Record<string, string>;
  readonly ifNotExists?: boolean;
}

/** Parses `1:2,2:3`: partitions separated by commas, the replicas of each separated by colons. */
export function parseReplicaAssignment(text: string): Map<number, number[]> {
  return new Map(
    text.split(',').map((part, partition) => {
      const replicas = part.split(':').map((id) => Number(id.trim()));
      if (!replicas.every(Number.isInteger))
        throw new KafkaError('INVALID_REPLICA_ASSIGNMENT', `'${part}' is not a list of broker ids`);
      return [partition, replicas];
    }),
  );
}

async function create(admin: TopicAdmin, options: Options): Promise<void> {
  if (options.topic === undefined) throw new Error('Missing required argument "[topic]"');
  const assignment =
    options.replicaAssignment === undefined ? undefined : parseReplicaAssignment(options.replicaAssignment);
  if (assignment && (options.partitions !== undefined || options.replicationFactor !== undefined)) {
    throw new Error(
      'Option "[replica-assignment]" can\'t be used with option "[partitions]" or "[replication-factor]"',
    );
  }
  const missing =
    options.partitions === undefined
      ? 'partitions'
      : options.replicationFactor === undefined
        ? 'replication-factor'
        : undefined;
  if (!assignment && missing && options.zookeeper !== undefined)
    throw new Error(`Missing required argument "[${missing}]"`);
  try {
    await admin.create({
      name: options.topic,
      partitions: options.partitions ?? -1,
      replicationFactor: options.replicationFactor ?? -1,
      assignment,
      configs: options.config ?? {},
    });
  } catch (error) {
    if (!(options.ifNotExists && error instanceof KafkaError && error.errorName === 'TOPIC_ALREADY_EXISTS'))
      throw error;
  }
  console.log(`Created topic ${options.topic}.`);
}

function describe({ topic, configs, partitions }: TopicDescription): void {
  const settings = Object.entries(configs)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  console.log(
    `Topic: ${topic}\tPartitionCount: ${partitions.length}\tReplicationFactor: ` +
      `${partitions[0]?.replicas.length ?? 0}\tConfigs: ${settings}`,
  );
  for (const { partition, leader, replicas, isr } of partitions) {
    console.log(
      `\tTopic: ${topic}\tPartition: ${partition}\tLeader: ${leader ?? 'none'}\tReplicas: ` +
        `${replicas.join(',')}\tIsr: ${isr.join(',')}`,
    );
  }
}

async function run(admin: TopicAdmin, options: Options): Promise<void> {
  if (options.create) return create(admin, options);
  if (options.list) return (await admin.list()).forEach((topic) => console.log(topic));
  const topics = options.topic !== undefined ? [options.topic] : await admin.list();
  for (const topic of topics) describe(await admin.describe(topic));
}

export function topicsCommand(): Command {
  return addConnectionOptions(new Command('topics').description('create, list and describe topics'))
    .option('--create', 'create a topic')
    .option('--list', 'list topics')
    .option('--describe', 'describe topics')
    .option('--topic <name>', 'the topic')
    .option('--partitions <n>', 'number of partitions', wholeNumber)
    .option('--replication-factor <n>', 'number of replicas', wholeNumber)
    .option('--replica-assignment <list>', 'replicas by hand: 1:2,2:3')
    .option('--if-not-exists', 'an existing topic is no error')
    .option('--config <key=value>', 'a topic setting; may be repeated', keyValue)
    .action(
      action<Options>(async (options) => {
        const chosen = [options.create, options.list, options.describe].filter(Boolean).length;
        if (chosen !== 1)
          throw new Error('Command must include exactly one action: --create, --list or --describe');
        const host = clientHost('topics');
        const config = connectionConfig(options);
        if (options.zookeeper !== undefined)
          return withZooKeeper(host, options.zookeeper, (zk) => run(zooKeeperTopicAdmin(host, zk), options));
        const pool = connectionPool(host, parseProducerConfig(config));
        try {
          await run(rpcTopicAdmin(pool, parseHostPort(options.bootstrapServer!.split(',')[0]!)), options);
        } finally {
          pool.close();
        }
      }),
    );
}
