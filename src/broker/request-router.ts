/**
 * The table of APIs and their handlers. Handlers take and return typed objects and know neither sockets nor
 * msgpack (design D5). An error that a handler throws goes into the response, and the broker continues; a
 * broken invariant stops the broker.
 *
 * Kafka: server/KafkaApis.scala#handle@2.8.2
 */
import { errorCode, InvariantError, KafkaError, stackOf } from '../common/errors';
import { Host, Log } from '../common/host';
import { LogManager } from '../log/log-manager';
import {
  Asker,
  CloseConnection,
  DeferredResponse,
  RequestContext,
  Serve,
} from '../network/server-connection';
import {
  deleteGroups,
  describeGroups,
  findCoordinator,
  heartbeat,
  joinGroup,
  leaveGroup,
  listGroups,
  offsetCommit,
  offsetDelete,
  offsetFetch,
  syncGroup,
} from '../protocol/messages/groups';
import { deleteRecords, describeLogDirs } from '../protocol/messages/log-admin';
import { apiVersions, createTopics, listOffsets, metadata } from '../protocol/messages/metadata';
import { fetch, initProducerId, offsetForLeaderEpoch, produce } from '../protocol/messages/produce-fetch';
import {
  controlledShutdown,
  leaderAndIsr,
  stopReplica,
  updateMetadata,
} from '../protocol/messages/replica-control';
import { Api } from '../protocol/schema';
import { errorResponse } from './error-response';
import { ControlGate } from './control-gate';
import { handleControlledShutdown, MoveLeaders } from './handlers/controlled-shutdown';
import { CreateTopicsDeps, handleCreateTopics } from './handlers/create-topics';
import { callerOf, GroupService } from './group/group-service';
import { handleDeleteRecords } from './handlers/delete-records';
import { handleDescribeLogDirs } from './handlers/describe-log-dirs';
import { FetchHandler } from './handlers/fetch';
import { FindCoordinatorDeps, handleFindCoordinator } from './handlers/find-coordinator';
import { handleInitProducerId } from './handlers/init-producer-id';
import { handleApiVersions, handleMetadata, MetadataHandlerDeps } from './handlers/metadata';
import { handleListOffsets, handleOffsetForLeaderEpoch } from './handlers/offsets';
import { handleProduce } from './handlers/produce';
import { ReplicaManager } from './replica-manager';

export interface RouterDeps {
  readonly host: Host;
  readonly log: Log;
  readonly brokerId: number;
  readonly clusterId: string;
  readonly replicas: ReplicaManager;
  readonly gate: ControlGate;
  readonly logs: LogManager;
  readonly moveLeaders: MoveLeaders;
  readonly metadata: MetadataHandlerDeps;
  readonly createTopics: CreateTopicsDeps;
  readonly findCoordinator: FindCoordinatorDeps;
  readonly groups: GroupService;
  readonly generateProducerId: () => Promise<number>;
  readonly fetchMaxBytes: number;
  /** The limit for the decompressed size of a produce request's batches, in bytes. */
  readonly maxExpandedBytes: number;
  readonly requestTimeoutMs: number;
  /** Called with a broken invariant: the broker must stop. */
  readonly onFatal: (error: unknown) => void;
}

const CONTROLLER_APIS = [leaderAndIsr, updateMetadata, stopReplica].map(({ key }) => key);

type Handler = (body: never, context: RequestContext) => unknown;
type Answer<R> = R | DeferredResponse | CloseConnection | undefined;

/** For responses that may be large: built when it is their turn to be sent. */
function later(build: () => unknown): DeferredResponse {
  return new DeferredResponse(build);
}

export function requestRouter(deps: RouterDeps): Serve {
  const { replicas, gate } = deps;
  const fetcher = new FetchHandler(deps.host.clock, replicas, deps.fetchMaxBytes, deps.log);
  const { host, log, maxExpandedBytes } = deps;
  const produceDeps = { host, log, replicas, maxExpandedBytes };
  const turnsOf = (asker: Asker) => ({ clock: deps.host.clock, next: () => asker.nextTurn() });
  const table = new Map<number, Handler>();
  const on = <Q, R>(
    api: Api<Q, R>,
    handler: (body: Q, context: RequestContext) => Answer<R> | Promise<Answer<R>>,
  ) => table.set(api.key, handler as Handler);

  on(apiVersions, () => handleApiVersions(deps.brokerId, deps.clusterId));
  on(produce, (body, context) => handleProduce(produceDeps, body, context));
  on(fetch, (body, { asker }) => fetcher.handle(body, asker));
  on(listOffsets, (body, { asker }) => handleListOffsets(turnsOf(asker), deps, body));
  on(offsetForLeaderEpoch, (body, { asker }) => handleOffsetForLeaderEpoch(turnsOf(asker), deps, body));
  const deleteDeps = { replicas, log, clock: host.clock };
  on(deleteRecords, (body, context) => handleDeleteRecords(deleteDeps, body, context));
  on(describeLogDirs, (body) => later(() => handleDescribeLogDirs(deps.logs, body)));
  on(metadata, (body, context) => handleMetadata(deps.metadata, body, context.listener));
  on(createTopics, (body, context) => handleCreateTopics(deps.createTopics, body, context));
  on(initProducerId, (body) => handleInitProducerId(deps.generateProducerId, body));
  on(leaderAndIsr, (body, context) => gate.leaderAndIsr(body, context));
  on(updateMetadata, (body, context) => gate.updateMetadata(body, context));
  on(stopReplica, (body, context) => gate.stopReplica(body, context));
  on(controlledShutdown, (body) =>
    handleControlledShutdown(deps.host.clock, deps.moveLeaders, deps.requestTimeoutMs, body),
  );

  const { coordinator, offsets } = deps.groups;
  on(findCoordinator, (body, context) => handleFindCoordinator(deps.findCoordinator, body, context.listener));
  on(joinGroup, (body, context) => coordinator.join(body, callerOf(context)));
  on(syncGroup, (body) => coordinator.sync(body));
  on(heartbeat, (body) => coordinator.heartbeat(body));
  on(leaveGroup, (body) => coordinator.leave(body));
  on(offsetCommit, (body) => offsets.commit(body));
  on(offsetFetch, (body) => later(() => offsets.fetch(body)));
  on(offsetDelete, (body) => offsets.delete(body));
  on(describeGroups, (body) => later(() => offsets.describe(body.groups)));
  on(listGroups, (body) => later(() => offsets.list(body.statesFilter)));
  on(deleteGroups, (body) => offsets.deleteGroups(body.groupsNames));

  const failed = (api: Api, body: unknown, error: unknown): unknown => {
    deps.log.error(`${api.name} failed: ${stackOf(error)}`);
    if (error instanceof InvariantError) deps.onFatal(error);
    // Without a response the controller repeats the request.
    if (error instanceof InvariantError || CONTROLLER_APIS.includes(api.key)) throw error;
    const name = error instanceof KafkaError ? error.errorName : 'UNKNOWN_SERVER_ERROR';
    return errorResponse(api, body, errorCode(name));
  };
  const guarded = (api: Api, body: unknown, action: () => unknown): unknown => {
    try {
      const result = action();
      return result instanceof DeferredResponse ? guardedLater(api, body, result) : result;
    } catch (error) {
      return failed(api, body, error);
    }
  };
  const guardedLater = (api: Api, body: unknown, { build }: DeferredResponse) =>
    new DeferredResponse((maxBytes) => guarded(api, body, () => build(maxBytes)));
  return (api, body, context) => {
    const result = guarded(api, body, () => {
      return gate.refuse(api, body, context) ?? table.get(api.key)!(body as never, context);
    });
    if (!(result instanceof Promise)) return result;
    return result.then(
      (answer) => (answer instanceof DeferredResponse ? guardedLater(api, body, answer) : answer),
      (error) => failed(api, body, error),
    );
  };
}
