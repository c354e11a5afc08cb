/**
 * Creating a topic, as the tool with `--zookeeper` and the broker serving CreateTopics both do it: check the name and
 * the settings, assign replicas to live brokers, write the znodes. The controller does the rest.
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
  /** Replaces partitions and replicationFactor. */
  readonly assignment: ReadonlyMap<number, readonly number[]> | undefined;
  readonly configs: Readonly<Record<string, string>>;
}

export interface CreateTopicOptions {
  /** Throws INVALID_CONFIG. */
  readonly validateConfig: (configs: Readonly<Record<string, string>>) => void;
  readonly validateOnly: boolean;
  /** Not given: they are read. */
  readonly surroundings?: TopicSurroundings;
}

/** What is the same for many topics created at once: the names that are taken, and the brokers that live. */
export interface TopicSurroundings {
  readonly names: TopicNames;
  readonly brokers: Awaited<ReturnType<typeof readBrokers>>;
}

export async function readSurroundings(zk: ZkConnection): Promise<TopicSurroundings> {
  return { names: await TopicNames.read(zk), brokers: await readBrokers(zk) };
}

/** Throws KafkaError with the name of what is wrong; then nothing was created. */
export async function createTopic(
  zk: ZkConnection, random: Random, topic: NewTopic, options: CreateTopicOptions,
): Promise<void> {
  const { names, brokers } = options.surroundings ?? await readSurroundings(zk);
  names.check(topic.name);
  options.validateConfig(topic.configs);
  let { assignment } = topic;
  if (assignment) checkManualAssignment(assignment, brokers.map((broker) => broker.id));
  else {
    const bound = Math.max(1, brokers.length);
    const start = { startIndex: random.below(bound), shift: random.below(bound) };
    assignment = assignReplicas(brokers, topic.partitions, topic.replicationFactor, start);
  }
  if (options.validateOnly) return;
  await createTopicZnodes(zk, topic.name, assignment, topic.configs);
  names.add(topic.name);
}
