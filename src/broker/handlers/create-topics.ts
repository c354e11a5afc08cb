/**
 * CreateTopics: checks each topic, assigns its replicas, writes it to ZooKeeper, and waits until it has
 * leaders.
 *
 * Kafka: server/AdminManager.scala#createTopics@2.8.2; differs: every broker serves it, because only
 * ZooKeeper is needed.
 */
import { errorCode, KafkaError } from '../../common/errors';
import { Host, sleep } from '../../common/host';
import { inTurns } from '../../common/in-turns';
import { validateTopicConfig } from '../../log/log-config';
import { Asker, RequestContext } from '../../network/server-connection';
import { createTopics } from '../../protocol/messages/metadata';
import { TypeOf } from '../../protocol/schema';
import { createTopic, readSurroundings, TopicSurroundings } from '../../zk/topic-creation';
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
/**
 * Limit for all topics of a request together. The znode of a topic with more partitions would exceed
 * ZooKeeper's default jute.maxbuffer (1 MB).
 */
const MAX_PARTITIONS = 100_000;
const MAX_TOPICS = 1000;

interface CreateOptions {
  readonly validateOnly: boolean;
  readonly surroundings?: TopicSurroundings;
}

async function createOne(deps: CreateTopicsDeps, topic: Topic, options: CreateOptions): Promise<void> {
  const configs = Object.fromEntries(
    topic.configs.map(({ name, value }) => {
      if (value !== null) return [name, value];
      throw new KafkaError('INVALID_CONFIG', `Null value not supported for topic configs: ${name}`);
    }),
  );
  const manual = topic.assignments.length > 0;
  if (manual && (topic.numPartitions !== -1 || topic.replicationFactor !== -1)) {
    throw new KafkaError(
      'INVALID_REQUEST',
      'Both numPartitions or replicationFactor and replicasAssignments were set. Both cannot be used at ' +
        'the same time.',
    );
  }
  if (topic.numPartitions > MAX_PARTITIONS) {
    throw new KafkaError(
      'INVALID_PARTITIONS',
      `Number of partitions must not be larger than ${MAX_PARTITIONS}.`,
    );
  }
  await createTopic(
    deps.zk,
    deps.host.random,
    {
      name: topic.name,
      configs,
      partitions: topic.numPartitions === -1 ? deps.numPartitions : topic.numPartitions,
      replicationFactor: topic.replicationFactor === -1 ? deps.replicationFactor : topic.replicationFactor,
      assignment: manual
        ? new Map(topic.assignments.map((row) => [row.partitionIndex, row.brokerIds]))
        : undefined,
    },
    { validateConfig: validateTopicConfig, ...options },
  );
}

/**
 * Waits until this broker knows a leader for every partition, the time is over, or the client has
 * disconnected. Returns the topics that still have partitions without a leader.
 */
async function awaitLeaders(
  { host, cache }: CreateTopicsDeps,
  topics: readonly string[],
  timeoutMs: number,
  asker: Asker,
): Promise<Set<string>> {
  let isGone = false;
  asker.onGone(() => {
    isGone = true;
  });
  const deadline = host.clock.monotonicMs() + timeoutMs;
  const waiting = new Set(topics);
  for (;;) {
    // A pass ends at the first topic without leaders; the next pass begins with that topic.
    for (const topic of waiting) {
      if (!cache.hasLeaders(topic)) break;
      waiting.delete(topic);
    }
    if (waiting.size === 0 || isGone || host.clock.monotonicMs() >= deadline) break;
    await sleep(host.clock, POLL_MS);
  }
  for (const topic of waiting) if (cache.hasLeaders(topic)) waiting.delete(topic);
  return waiting;
}

type Row = { name: string; errorCode: number; errorMessage: string | null };

function failedRow(name: string, error: unknown): Row {
  const known = error instanceof KafkaError ? error : new KafkaError('UNKNOWN_SERVER_ERROR', String(error));
  return { name, errorCode: known.code, errorMessage: known.message };
}

/**
 * The topics by name, with the number of rows that have that name. Kafka: KafkaApis#handleCreateTopicsRequest
 */
function distinct(topics: readonly Topic[]): Map<string, { readonly topic: Topic; times: number }> {
  const found = new Map<string, { topic: Topic; times: number }>();
  for (const topic of topics) {
    const known = found.get(topic.name);
    if (known) known.times++;
    else found.set(topic.name, { topic, times: 1 });
  }
  return found;
}

/** Creates the topics one after the other; stops when the client disconnects. */
async function createAll(deps: CreateTopicsDeps, request: Request, asker: Asker): Promise<Row[]> {
  let isGone = false;
  asker.onGone(() => {
    isGone = true;
  });
  const topics = distinct(request.topics);
  let partitionsLeft = MAX_PARTITIONS;
  let surroundings: TopicSurroundings | undefined;
  const turns = { clock: deps.host.clock, next: () => asker.nextTurn() };
  return inTurns(turns, topics.values(), async ({ topic, times }) => {
    const { name, numPartitions, assignments } = topic;
    try {
      if (topics.size > MAX_TOPICS) {
        throw new KafkaError(
          'INVALID_REQUEST',
          `A request may create ${MAX_TOPICS} topics, not ${topics.size}.`,
        );
      }
      if (times > 1) throw new KafkaError('INVALID_REQUEST', `Duplicate topic ${name} in request.`);
      if (isGone) throw new KafkaError('REQUEST_TIMED_OUT', 'nobody waits for the answer');
      partitionsLeft -= Math.max(numPartitions, assignments.length, 1);
      if (partitionsLeft < 0) {
        throw new KafkaError(
          'INVALID_PARTITIONS',
          `Number of partitions must not be larger than ${MAX_PARTITIONS}.`,
        );
      }
      surroundings ??= await readSurroundings(deps.zk);
      await createOne(deps, topic, { validateOnly: request.validateOnly, surroundings });
      return { name, errorCode: 0, errorMessage: null };
    } catch (error) {
      return failedRow(name, error);
    }
  });
}

export async function handleCreateTopics(
  deps: CreateTopicsDeps,
  request: Request,
  { asker }: Pick<RequestContext, 'asker'>,
): Promise<Response> {
  const rows = await createAll(deps, request, asker);
  if (request.validateOnly || request.timeoutMs <= 0) return { topics: rows };
  const created = rows.filter((row) => row.errorCode === 0).map((row) => row.name);
  const late = await awaitLeaders(deps, created, request.timeoutMs, asker);
  const isLate = {
    errorCode: errorCode('REQUEST_TIMED_OUT'),
    errorMessage: 'The topic was created, but has no leaders yet.',
  };
  return { topics: rows.map((row) => (late.has(row.name) ? { ...row, ...isLate } : row)) };
}

/** Creates one topic, with the broker's defaults for missing values. Throws KafkaError. */
export async function createTopicNow(
  deps: CreateTopicsDeps,
  topic: {
    name: string;
    numPartitions?: number;
    replicationFactor?: number;
    configs?: Readonly<Record<string, string>>;
  },
): Promise<void> {
  const configs = Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value }));
  await createOne(
    deps,
    {
      name: topic.name,
      numPartitions: topic.numPartitions ?? -1,
      replicationFactor: topic.replicationFactor ?? -1,
      assignments: [],
      configs,
    },
    { validateOnly: false },
  );
}
