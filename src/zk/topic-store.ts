/**
 * Topics and their configs in ZooKeeper: lists, reads and creates them, and notifies brokers of changed
 * configs.
 *
 * A topic exists as soon as `/brokers/topics/T` does. As in Kafka its config is written first, so that no
 * broker sees the topic without it.
 *
 * Kafka: zk/AdminZkClient.scala, zk/KafkaZkClient.scala@2.8.2
 */
import { nameInMetrics, topicNameProblem } from '../common/cluster-types';
import { KafkaError, messageOf } from '../common/errors';
import { isOfOneZnode, OnBad, readEach } from './read-each';
import { isZkError } from './zk-session';
import { ZkConnection } from './zk-connection';
import { configChangesZnode, configZnode, TopicAssignment, topicsZnode, topicZnode } from './znodes';

export async function readTopicNames(zk: ZkConnection): Promise<string[]> {
  return (await zk.children(topicsZnode.path)) ?? [];
}

export async function readTopic(zk: ZkConnection, topic: string): Promise<TopicAssignment | undefined> {
  const znode = await zk.get(topicZnode.path(topic));
  return znode ? topicZnode.decode(topic, znode.data) : undefined;
}

/** Assignments of the topics that exist and can be decoded, read in parallel. */
export function readTopics(
  zk: ZkConnection,
  topics: readonly string[],
  onBad: OnBad<string> = () => {},
): Promise<Map<string, TopicAssignment>> {
  return readEach(topics, (topic) => readTopic(zk, topic), onBad);
}

export interface TopicConfig {
  readonly config: Record<string, string>;
  /** Why the config could not be read; `config` is empty then. */
  readonly problem?: string;
}

/**
 * The topic's own config; empty if there is no znode. A znode that cannot be read is reported as `problem`,
 * not as a rejection.
 */
export async function readTopicConfig(zk: ZkConnection, topic: string): Promise<TopicConfig> {
  const path = configZnode.path('topics', topic);
  try {
    const znode = await zk.get(path);
    return { config: znode ? configZnode.decode(path, znode.data) : {} };
  } catch (error) {
    if (!isOfOneZnode(error)) throw error;
    return { config: {}, problem: messageOf(error) };
  }
}

export async function readAllTopicConfigs(zk: ZkConnection): Promise<Map<string, TopicConfig>> {
  const topics = (await zk.children('/config/topics')) ?? [];
  return readEach(
    topics,
    (topic) => readTopicConfig(zk, topic),
    () => {},
  );
}

/** The existing topic names, read once for checks of many new topics. */
export class TopicNames {
  private readonly taken: Set<string>;
  /** By the form of the name in metrics, in which '.' and '_' are the same. */
  private readonly inMetrics: Map<string, string>;

  constructor(existing: readonly string[]) {
    this.taken = new Set(existing);
    this.inMetrics = new Map(existing.map((name) => [nameInMetrics(name), name]));
  }

  static async read(zk: ZkConnection): Promise<TopicNames> {
    return new TopicNames(await readTopicNames(zk));
  }

  /** Throws INVALID_TOPIC_EXCEPTION or TOPIC_ALREADY_EXISTS if a topic with this name cannot be created. */
  check(topic: string): void {
    const problem = topicNameProblem(topic);
    if (problem) throw new KafkaError('INVALID_TOPIC_EXCEPTION', problem);
    if (this.taken.has(topic))
      throw new KafkaError('TOPIC_ALREADY_EXISTS', `Topic '${topic}' already exists.`);
    const rival = this.inMetrics.get(nameInMetrics(topic));
    if (rival !== undefined)
      throw new KafkaError(
        'INVALID_TOPIC_EXCEPTION',
        `Topic '${topic}' collides with existing topics: ${rival}`,
      );
  }

  add(topic: string): void {
    this.taken.add(topic);
    this.inMetrics.set(nameInMetrics(topic), topic);
  }
}

/**
 * Writes the config, then the topic. The caller has checked the assignment (src/zk/replica-assignment.ts).
 */
export async function createTopicZnodes(
  zk: ZkConnection,
  topic: string,
  partitions: ReadonlyMap<number, readonly number[]>,
  config: Readonly<Record<string, string>>,
): Promise<void> {
  await writeTopicConfig(zk, topic, config);
  const data = topicZnode.encode({ partitions, adding: new Map(), removing: new Map() });
  let mayBeOurs = false;
  for (;;) {
    try {
      await zk.create(topicZnode.path(topic), data);
      return;
    } catch (error) {
      if (!isZkError(error, 'NODE_EXISTS', 'CONNECTION_LOSS')) throw error;
      mayBeOurs ||= error.maybeApplied;
    }
    const there = await zk.get(topicZnode.path(topic));
    // The topic is missing, or this server lags: another create gives the answer.
    if (there === null) continue;
    if (mayBeOurs && there.data.equals(data)) return;
    throw new KafkaError('TOPIC_ALREADY_EXISTS', `Topic '${topic}' already exists.`);
  }
}

/** Creates the topic's config, or replaces it with the zkVersion that was read. */
async function writeTopicConfig(
  zk: ZkConnection,
  topic: string,
  config: Readonly<Record<string, string>>,
): Promise<void> {
  const path = configZnode.path('topics', topic);
  for (;;) {
    try {
      const known = await zk.exists(path);
      if (known) await zk.set(path, configZnode.encode(config), known.version);
      else await zk.create(path, configZnode.encode(config));
      return;
    } catch (error) {
      if (!isZkError(error, 'NODE_EXISTS', 'NO_NODE', 'BAD_VERSION', 'CONNECTION_LOSS')) throw error;
    }
  }
}

/** Changes a topic's config and creates the notification for the brokers. */
export async function alterTopicConfig(
  zk: ZkConnection,
  topic: string,
  config: Readonly<Record<string, string>>,
): Promise<void> {
  await writeTopicConfig(zk, topic, config);
  await zk.create(
    configChangesZnode.createPath,
    configChangesZnode.encode(`topics/${topic}`),
    'persistent-sequential',
  );
}

/** The entity path in the notification, as `topics/T`; undefined if it is gone or not about a topic. */
export async function readConfigChange(zk: ZkConnection, name: string): Promise<string | undefined> {
  const path = `${configChangesZnode.path}/${name}`;
  const znode = await zk.get(path);
  return znode ? configChangesZnode.decode(path, znode.data) : undefined;
}
