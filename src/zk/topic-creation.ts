/**
 * Creating a topic, as the tool with `--zookeeper` and the broker serving CreateTopics both do it: check the name and
 * the settings, assign replicas to live brokers, write the znodes. The controller does the rest.
 *
 * Kafka: zk/AdminZkClient.scala#createTopic@2.8.2
 */
import { Random } from '../common/host';
import { readBrokers } from './broker-registration';
import { assignReplicas, checkManualAssignment } from './replica-assignment';
import { checkNewTopicName, createTopicZnodes } from './topic-store';
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
}

/** Throws KafkaError with the name of what is wrong; then nothing was created. */
export async function createTopic(zk: ZkConnection, random: Random, topic: NewTopic, options: CreateTopicOptions): Promise<void> {
  await checkNewTopicName(zk, topic.name);
  options.validateConfig(topic.configs);
  const brokers = await readBrokers(zk);
  let { assignment } = topic;
  if (assignment) checkManualAssignment(assignment, brokers.map((broker) => broker.id));
  else {
    const bound = Math.max(1, brokers.length);
    assignment = assignReplicas(brokers, topic.partitions, topic.replicationFactor, { startIndex: random.below(bound), shift: random.below(bound) });
  }
  if (!options.validateOnly) await createTopicZnodes(zk, topic.name, assignment, topic.configs);
}
