/**
 * Creates a topic, for the command-line tool with `--zookeeper` and for brokers that serve CreateTopics:
 * checks name and config, assigns replicas to live brokers, writes the znodes. The controller's watch then
 * starts the partitions.
 *
 * Kafka: zk/AdminZkClient.scala#createTopic@2.8.2
 */
import { Random } from '../common/host';
import { readBrokers } from './broker-registration';
import { assignReplicas, checkManualAssignment } from './replica-assignment';
import { createTopicZnodes, TopicNames } from './topic-store';
import { ZkConnection } from './zk-connection';

export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** If given, `partitions` and `replicationFactor` are ignored. */
  readonly assignment: ReadonlyMap<number, readonly number[]> | undefined;
  readonly configs: Readonly<Record<string, string>>;
}

export interface CreateTopicOptions {
  /** Throws INVALID_CONFIG. */
  readonly validateConfig: (configs: Readonly<Record<string, string>>) => void;
  readonly validateOnly: boolean;
  /** Read from ZooKeeper if not given. */
  readonly surroundings?: TopicSurroundings;
}

/** Input shared by many topics created at once: the existing topic names and the live brokers. */
export interface TopicSurroundings {
  readonly names: TopicNames;
  readonly brokers: Awaited<ReturnType<typeof readBrokers>>;
}

export async function readSurroundings(zk: ZkConnection): Promise<TopicSurroundings> {
  return { names: await TopicNames.read(zk), brokers: await readBrokers(zk) };
}

/** Throws a KafkaError, and then has not created the topic. */
export async function createTopic(
  zk: ZkConnection,
  random: Random,
  topic: NewTopic,
  options: CreateTopicOptions,
): Promise<void> {
  const { names, brokers } = options.surroundings ?? (await readSurroundings(zk));
  names.check(topic.name);
  options.validateConfig(topic.configs);
  let { assignment } = topic;
  if (assignment)
    checkManualAssignment(
      assignment,
      brokers.map((broker) => broker.id),
    );
  else {
    const bound = Math.max(1, brokers.length);
    const start = { startIndex: random.below(bound), shift: random.below(bound) };
    assignment = assignReplicas(brokers, topic.partitions, topic.replicationFactor, start);
  }
  if (options.validateOnly) return;
  await createTopicZnodes(zk, topic.name, assignment, topic.configs);
  names.add(topic.name);
}
