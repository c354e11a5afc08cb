/**
 * CreateTopics: checks a topic, assigns its replicas, writes it to ZooKeeper, and waits until it has leaders.
 *
 * Kafka: server/AdminManager.scala#createTopics@2.8.2; differs: every broker serves it, because all it takes is ZooKeeper.
 */
import { errorCode, KafkaError } from '../../common/errors';
import { Host, sleep } from '../../common/host';
import { validateTopicConfig } from '../../log/log-config';
import { Asker, RequestContext } from '../../network/server-connection';
import { createTopics } from '../../protocol/messages/metadata';
import { TypeOf } from '../../protocol/schema';
import { createTopic } from '../../zk/topic-creation';
import { ZkConnection } from '../../zk/zk-connection';
import { MetadataCache } from '../metadata-cache';

type Request = TypeOf<typeof createTopics.request>;
type Topic = Request['topics'][number];
type Response = TypeOf<typeof createTopics.response>;

export interface CreateTopicsDeps {
  readonly host: Host;
  readonly zk: ZkConnection;
  readonly cache: MetadataCache;
  readonly numPartitions: number;
  readonly replicationFactor: number;
}

const POLL_MS = 10;
/** The znode of a topic with more would not fit ZooKeeper's default jute.maxbuffer (1 MB). */
const MAX_PARTITIONS = 100_000;

async function createOne(deps: CreateTopicsDeps, topic: Topic, validateOnly: boolean): Promise<void> {
  const configs = Object.fromEntries(topic.configs.map(({ name, value }) => {
    if (value !== null) return [name, value];
    throw new KafkaError('INVALID_CONFIG', `Null value not supported for topic configs: ${name}`);
  }));
  const manual = topic.assignments.length > 0;
  if (manual && (topic.numPartitions !== -1 || topic.replicationFactor !== -1)) {
    throw new KafkaError('INVALID_REQUEST', 'Both numPartitions or replicationFactor and replicasAssignments were set. Both cannot be used at the same time.');
  }
  if (topic.numPartitions > MAX_PARTITIONS) {
    throw new KafkaError('INVALID_PARTITIONS', `Number of partitions must not be larger than ${MAX_PARTITIONS}.`);
  }
  await createTopic(deps.zk, deps.host.random, {
    name: topic.name, configs,
    partitions: topic.numPartitions === -1 ? deps.numPartitions : topic.numPartitions,
    replicationFactor: topic.replicationFactor === -1 ? deps.replicationFactor : topic.replicationFactor,
    assignment: manual ? new Map(topic.assignments.map((row) => [row.partitionIndex, row.brokerIds])) : undefined,
  }, { validateConfig: validateTopicConfig, validateOnly });
}

/** Until this broker knows a leader for every partition, or time is over, or nobody waits for the answer. */
async function awaitLeaders(
  { host, cache }: CreateTopicsDeps, topics: readonly string[], timeoutMs: number, asker: Asker,
): Promise<Set<string>> {
  let isGone = false;
  asker.onGone(() => { isGone = true; });
  const deadline = host.clock.monotonicMs() + timeoutMs;
  const waiting = new Set(topics);
  for (;;) {
    for (const topic of waiting) {
      const partitions = cache.partitions(topic);
      if (partitions?.every((partition) => partition.leader >= 0)) waiting.delete(topic);
    }
    if (waiting.size === 0 || isGone || host.clock.monotonicMs() >= deadline) return waiting;
    await sleep(host.clock, POLL_MS);
  }
}

export async function handleCreateTopics(
  deps: CreateTopicsDeps, request: Request, { asker }: Pick<RequestContext, 'asker'>,
): Promise<Response> {
  const rows: { name: string; errorCode: number; errorMessage: string | null }[] = [];
  const names = request.topics.map((topic) => topic.name);
  for (const topic of request.topics) {
    const row = { name: topic.name, errorCode: 0, errorMessage: null as string | null };
    rows.push(row);
    try {
      if (names.filter((name) => name === topic.name).length > 1) throw new KafkaError('INVALID_REQUEST', `Duplicate topic ${topic.name} in request.`);
      await createOne(deps, topic, request.validateOnly);
    } catch (error) {
      const known = error instanceof KafkaError ? error : new KafkaError('UNKNOWN_SERVER_ERROR', String(error));
      row.errorCode = known.code;
      row.errorMessage = known.message;
    }
  }
  if (request.validateOnly || request.timeoutMs <= 0) return { topics: rows };
  const created = rows.filter((row) => row.errorCode === 0).map((row) => row.name);
  const late = await awaitLeaders(deps, created, request.timeoutMs, asker);
  for (const row of rows) if (late.has(row.name)) Object.assign(row, { errorCode: errorCode('REQUEST_TIMED_OUT'), errorMessage: 'The topic was created, but has no leaders yet.' });
  return { topics: rows };
}

/** Creates one topic with the broker's defaults where `topic` does not say otherwise. Throws KafkaError. */
export async function createTopicNow(deps: CreateTopicsDeps, topic: { name: string; numPartitions?: number; replicationFactor?: number; configs?: Readonly<Record<string, string>> }): Promise<void> {
  const configs = Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value }));
  await createOne(deps, { name: topic.name, numPartitions: topic.numPartitions ?? -1, replicationFactor: topic.replicationFactor ?? -1, assignments: [], configs }, false);
}
