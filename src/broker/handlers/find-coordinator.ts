/**
 * FindCoordinator: the leader of the group's partition of `__consumer_offsets`. The first request creates the
 * topic.
 *
 * Invariant: the group's partition is computed with the number of partitions in ZooKeeper, even while the
 * metadata cache knows only some of them.
 *
 * Kafka: server/KafkaApis.scala#handleFindCoordinatorRequest, #createInternalTopic@2.8.2
 */
import { GROUP_METADATA_TOPIC } from '../../common/cluster-types';
import { errorCode, ErrorName, messageOf, shortened } from '../../common/errors';
import { Clock, withDeadline } from '../../common/host';
import { findCoordinator } from '../../protocol/messages/groups';
import { TypeOf } from '../../protocol/schema';
import { OffsetsTopic } from '../group/offsets-topic';
import { MetadataCache } from '../metadata-cache';

type Request = TypeOf<typeof findCoordinator.request>;
type Response = TypeOf<typeof findCoordinator.response>;

/** If ZooKeeper does not answer within this time, the client gets an error and may ask another broker. */
const READ_WAIT_MS = 3000;

export interface FindCoordinatorDeps {
  readonly clock: Clock;
  readonly cache: MetadataCache;
  readonly offsetsTopic: OffsetsTopic;
  /** Creates `__consumer_offsets`. Also resolves if the topic could not be created. */
  readonly createOffsetsTopic: () => Promise<void>;
}

function refused(error: ErrorName, errorMessage: string): Response {
  return {
    errorCode: errorCode(error),
    errorMessage: shortened(errorMessage),
    nodeId: -1,
    host: '',
    port: -1,
  };
}

export async function handleFindCoordinator(
  deps: FindCoordinatorDeps,
  request: Request,
  listener: string,
): Promise<Response> {
  if (request.keyType !== 0)
    return refused('INVALID_REQUEST', 'only groups have coordinators here: transactions are not supported');
  if (request.key === '') return refused('INVALID_GROUP_ID', 'the group id is empty');
  const { clock, cache, offsetsTopic, createOffsetsTopic } = deps;
  try {
    const timeUp = () => new Error('ZooKeeper does not answer');
    if ((await withDeadline(clock, READ_WAIT_MS, offsetsTopic.partitionCount(), timeUp)) === undefined) {
      await createOffsetsTopic();
      return refused('COORDINATOR_NOT_AVAILABLE', `${GROUP_METADATA_TOPIC} is being created`);
    }
  } catch (error) {
    return refused('COORDINATOR_NOT_AVAILABLE', messageOf(error));
  }
  const state = cache.partition({
    topic: GROUP_METADATA_TOPIC,
    partition: offsetsTopic.partitionOf(request.key)!,
  });
  const endpoint = state && state.leader >= 0 ? cache.endpoint(state.leader, listener) : undefined;
  if (!state || !endpoint)
    return refused('COORDINATOR_NOT_AVAILABLE', `the partition of group ${request.key} has no leader`);
  return { errorCode: 0, errorMessage: null, nodeId: state.leader, host: endpoint.host, port: endpoint.port };
}
