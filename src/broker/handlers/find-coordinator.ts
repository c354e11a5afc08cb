/**
 * FindCoordinator: the leader of the group's partition of `__consumer_offsets`. The first one to ask creates the topic.
 *
 * Kafka: server/KafkaApis.scala#handleFindCoordinatorRequest, #createInternalTopic@2.8.2
 */
import { GROUP_METADATA_TOPIC } from '../../common/cluster-types';
import { errorCode, ErrorName } from '../../common/errors';
import { findCoordinator } from '../../protocol/messages/groups';
import { TypeOf } from '../../protocol/schema';
import { partitionForGroup } from '../group/group-records';
import { MetadataCache } from '../metadata-cache';

type Response = TypeOf<typeof findCoordinator.response>;

export interface FindCoordinatorDeps {
  readonly cache: MetadataCache;
  /** Creates `__consumer_offsets`; resolves when that was asked for, also if it could not be done. */
  readonly createOffsetsTopic: () => Promise<void>;
}

function refused(error: ErrorName, errorMessage: string): Response {
  return { errorCode: errorCode(error), errorMessage, nodeId: -1, host: '', port: -1 };
}

export async function handleFindCoordinator({ cache, createOffsetsTopic }: FindCoordinatorDeps, request: TypeOf<typeof findCoordinator.request>, listener: string): Promise<Response> {
  if (request.keyType !== 0) return refused('INVALID_REQUEST', 'only groups have coordinators here: transactions are not supported');
  if (request.key === '') return refused('INVALID_GROUP_ID', 'the group id is empty');
  const partitions = cache.partitions(GROUP_METADATA_TOPIC);
  if (!partitions) {
    await createOffsetsTopic();
    return refused('COORDINATOR_NOT_AVAILABLE', `${GROUP_METADATA_TOPIC} is being created`);
  }
  const state = partitions[partitionForGroup(request.key, partitions.length)];
  const endpoint = state && state.leader >= 0 ? cache.endpoint(state.leader, listener) : undefined;
  if (!state || !endpoint) return refused('COORDINATOR_NOT_AVAILABLE', `the partition of group ${request.key} has no leader`);
  return { errorCode: 0, errorMessage: null, nodeId: state.leader, host: endpoint.host, port: endpoint.port };
}
