/**
 * ApiVersions, and Metadata from the metadata cache, which the controller fills.
 *
 * Kafka: server/KafkaApis.scala#{handleApiVersionsRequest,handleTopicMetadataRequest}@2.8.2
 */
import { isInternalTopic, topicNameProblem } from '../../common/cluster-types';
import { errorCode, ErrorName, KafkaError } from '../../common/errors';
import { DeferredResponse } from '../../network/server-connection';
import { allApis } from '../../protocol/apis';
import { apiVersions, metadata } from '../../protocol/messages/metadata';
import { TypeOf } from '../../protocol/schema';
import { MetadataCache, PartitionMetadata } from '../metadata-cache';

/** The number of topics that one request may create; the client's next request creates further ones. */
const MAX_CREATED_TOPICS = 100;

type MetadataResponse = TypeOf<typeof metadata.response>;

export function handleApiVersions(brokerId: number, clusterId: string): TypeOf<typeof apiVersions.response> {
  const apiKeys = allApis.map(({ key, maxVersion }) => ({ apiKey: key, minVersion: 0, maxVersion }));
  return { errorCode: 0, apiKeys, brokerId, clusterId };
}

export interface MetadataHandlerDeps {
  readonly cache: MetadataCache;
  readonly clusterId: string;
  /** Creates a missing topic with the broker's defaults; undefined if automatic creation is off. */
  readonly autoCreate: ((topic: string) => Promise<void>) | undefined;
}

function partitionRow(
  cache: MetadataCache,
  listener: string,
  state: PartitionMetadata,
): MetadataResponse['topics'][number]['partitions'][number] {
  const isAlive = cache.broker(state.leader) !== undefined;
  const error: ErrorName = !isAlive
    ? 'LEADER_NOT_AVAILABLE'
    : cache.endpoint(state.leader, listener)
      ? 'NONE'
      : 'LISTENER_NOT_FOUND';
  const { partition: partitionIndex, leaderEpoch, replicas, isr, offlineReplicas } = state;
  return {
    errorCode: errorCode(error),
    partitionIndex,
    leaderId: isAlive ? state.leader : -1,
    leaderEpoch,
    replicas,
    isr,
    offlineReplicas,
  };
}

async function missing(deps: MetadataHandlerDeps, name: string, mayCreate: boolean): Promise<ErrorName> {
  if (topicNameProblem(name)) return 'INVALID_TOPIC_EXCEPTION';
  if (!mayCreate || deps.autoCreate === undefined) return 'UNKNOWN_TOPIC_OR_PARTITION';
  try {
    await deps.autoCreate(name);
    // As in Kafka: the client asks again until the new topic has leaders.
    return 'LEADER_NOT_AVAILABLE';
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return error.errorName === 'TOPIC_ALREADY_EXISTS' ? 'LEADER_NOT_AVAILABLE' : error.errorName;
  }
}

/**
 * For each topic that is not in the cache: the error for the response. Topics are created one after the
 * other.
 */
async function missingTopics(
  deps: MetadataHandlerDeps,
  names: readonly string[],
  mayCreate: boolean,
): Promise<Map<string, ErrorName>> {
  const errors = new Map<string, ErrorName>();
  let created = 0;
  for (const name of names) {
    if (deps.cache.hasTopic(name)) continue;
    const isWithin = created < MAX_CREATED_TOPICS;
    const error = await missing(deps, name, mayCreate && isWithin);
    if (error === 'LEADER_NOT_AVAILABLE') created++;
    errors.set(name, error);
  }
  return errors;
}

export async function handleMetadata(
  deps: MetadataHandlerDeps,
  request: TypeOf<typeof metadata.request>,
  listener: string,
): Promise<DeferredResponse> {
  const { cache } = deps;
  const names = request.allTopics ? [] : [...new Set(request.topics)];
  const errors = await missingTopics(deps, names, request.allowAutoTopicCreation);
  return new DeferredResponse((): MetadataResponse => {
    const topics = (request.allTopics ? cache.topicNames : names).map((name) => {
      const error = errors.get(name);
      const known = error === undefined ? cache.partitions(name) : undefined;
      if (known === undefined) {
        const code = errorCode(error ?? 'UNKNOWN_TOPIC_OR_PARTITION');
        return { errorCode: code, name, isInternal: false, partitions: [] };
      }
      const partitions = known.map((state) => partitionRow(cache, listener, state));
      return { errorCode: 0, name, isInternal: isInternalTopic(name), partitions };
    });
    const brokers = cache.liveBrokers.flatMap(({ id, rack }) => {
      const endpoint = cache.endpoint(id, listener);
      return endpoint ? [{ nodeId: id, host: endpoint.host, port: endpoint.port, rack }] : [];
    });
    return { brokers, clusterId: deps.clusterId, controllerId: cache.controllerId, topics };
  });
}
