/**
 * The functions of `samsa topics`: create, list and describe topics, through ZooKeeper or through a broker.
 *
 * Kafka: admin/TopicCommand.scala@2.8.2
 */
import { HostPort } from '../common/cluster-types';
import { errorName, KafkaError } from '../common/errors';
import { Host } from '../common/host';
import { validateTopicConfig } from '../log/log-config';
import { ConnectionPool } from '../network/connection-pool';
import { createTopics, metadata } from '../protocol/messages/metadata';
import { readPartitionStates } from '../zk/partition-state-store';
import { createTopic, NewTopic } from '../zk/topic-creation';
import { readTopicConfig, readTopicNames, readTopics } from '../zk/topic-store';
import { ZkConnection } from '../zk/zk-connection';

export interface PartitionDescription {
  readonly partition: number;
  readonly leader: number | undefined;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

export interface TopicDescription {
  readonly topic: string;
  readonly configs: Readonly<Record<string, string>>;
  readonly partitions: readonly PartitionDescription[];
}

/** The topic operations, the same for both ways. */
export interface TopicAdmin {
  create(topic: NewTopic): Promise<void>;
  list(): Promise<string[]>;
  /** Throws UNKNOWN_TOPIC_OR_PARTITION. */
  describe(topic: string): Promise<TopicDescription>;
}

const unknown = (topic: string) =>
  new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `Topic '${topic}' does not exist as expected`);

export function zooKeeperTopicAdmin(host: Host, zk: ZkConnection): TopicAdmin {
  return {
    create: (topic) =>
      createTopic(zk, host.random, topic, { validateConfig: validateTopicConfig, validateOnly: false }),
    list: () => readTopicNames(zk),
    describe: async (topic) => {
      const assignment = (await readTopics(zk, [topic])).get(topic);
      if (!assignment) throw unknown(topic);
      const ids = [...assignment.partitions.keys()].sort((a, b) => a - b);
      const states = await readPartitionStates(
        zk,
        ids.map((partition) => ({ topic, partition })),
      );
      const partitions = ids.map((partition) => {
        const state = states.get(`${topic}-${partition}`);
        return {
          partition,
          leader: state && state.leader >= 0 ? state.leader : undefined,
          replicas: assignment.partitions.get(partition)!,
          isr: state?.isr ?? [],
        };
      });
      return { topic, configs: (await readTopicConfig(zk, topic)).config, partitions };
    },
  };
}

const CREATE_TIMEOUT_MS = 30000;

export function rpcTopicAdmin(pool: ConnectionPool, server: HostPort): TopicAdmin {
  const describeAll = (topics: readonly string[], allTopics: boolean) =>
    pool.request(server, metadata, { topics, allTopics, allowAutoTopicCreation: false });
  return {
    create: async ({ name, partitions, replicationFactor, assignment, configs }) => {
      const topic = {
        name,
        numPartitions: assignment ? -1 : partitions,
        replicationFactor: assignment ? -1 : replicationFactor,
        assignments: [...(assignment ?? [])].map(([partitionIndex, brokerIds]) => ({
          partitionIndex,
          brokerIds,
        })),
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      };
      const row = (
        await pool.request(
          server,
          createTopics,
          { topics: [topic], timeoutMs: CREATE_TIMEOUT_MS, validateOnly: false },
          2 * CREATE_TIMEOUT_MS,
        )
      ).topics[0]!;
      if (row.errorCode !== 0) throw new KafkaError(errorName(row.errorCode), row.errorMessage ?? undefined);
    },
    list: async () => (await describeAll([], true)).topics.map((topic) => topic.name).sort(),
    describe: async (topic) => {
      const found = (await describeAll([topic], false)).topics[0]!;
      if (found.errorCode !== 0)
        throw errorName(found.errorCode) === 'UNKNOWN_TOPIC_OR_PARTITION'
          ? unknown(topic)
          : KafkaError.ofCode(found.errorCode);
      const partitions = found.partitions.map((row) => ({
        partition: row.partitionIndex,
        leader: row.leaderId >= 0 ? row.leaderId : undefined,
        replicas: row.replicas,
        isr: row.isr,
      }));
      return { topic, configs: {}, partitions };
    },
  };
}
