/**
 * Which listener serves the requests of brokers and of the controller. If brokers have separate listeners,
 * all other listeners refuse these requests, so that a client cannot act as controller or follower.
 *
 * They are refused with CLUSTER_AUTHORIZATION_FAILED, Kafka's error for a missing ClusterAction permission.
 * Kafka serves every request on every listener and leaves the rest to ACLs. There a follower's fetch without
 * the permission gets an error for each partition, here one for the whole request. (docs/decisions/0017)
 *
 * Kafka: server/AuthHelper.scala#authorizeClusterOperation, controller/ControllerChannelManager.scala@2.8.2
 * (KIP-291)
 */
import { errorCode } from '../common/errors';
import { RepeatedWarnings } from '../common/repeated-warnings';
import { RequestContext } from '../network/server-connection';
import { fetch } from '../protocol/messages/produce-fetch';
import {
  controlledShutdown,
  leaderAndIsr,
  stopReplica,
  updateMetadata,
} from '../protocol/messages/replica-control';
import { Api, TypeOf } from '../protocol/schema';
import { Listeners } from './broker-config';

const NOT_ALLOWED = errorCode('CLUSTER_AUTHORIZATION_FAILED');
const CONSUMER = -1;

type Answers = Readonly<Record<number, unknown>>;

function answers(code: number): Answers {
  return {
    [leaderAndIsr.key]: { errorCode: code, partitionErrors: [] },
    [stopReplica.key]: { errorCode: code, partitionErrors: [] },
    [updateMetadata.key]: { errorCode: code },
    [controlledShutdown.key]: { errorCode: code, remainingPartitions: [] },
    [fetch.key]: { errorCode: code, responses: [] },
  };
}

const REFUSALS = answers(NOT_ALLOWED);

/** The API's response with CLUSTER_AUTHORIZATION_FAILED. */
export function notAllowed(api: Api): unknown {
  return REFUSALS[api.key];
}

const CONTROL_KEYS: readonly number[] = [leaderAndIsr, stopReplica, updateMetadata, controlledShutdown].map(
  ({ key }) => key,
);

/** The only listener that serves the request; undefined if every listener does. */
export function onlyListenerFor(
  api: Api,
  body: unknown,
  listeners: Pick<Listeners, 'controlOnly' | 'replicationOnly'>,
): string | undefined {
  if (CONTROL_KEYS.includes(api.key)) return listeners.controlOnly;
  if (api.key !== fetch.key) return undefined;
  return (body as TypeOf<typeof fetch.request>).replicaId === CONSUMER
    ? undefined
    : listeners.replicationOnly;
}

export class ListenerPolicy {
  constructor(
    private readonly listeners: Pick<Listeners, 'controlOnly' | 'replicationOnly'>,
    private readonly warning: RepeatedWarnings,
  ) {}

  /** The error response, or undefined if the request is served. */
  refuse(api: Api, body: unknown, context: RequestContext): unknown {
    const only = onlyListenerFor(api, body, this.listeners);
    if (only === undefined || only === context.listener) return undefined;
    const what = api.key === fetch.key ? 'a Fetch with a replica id' : api.name;
    const text = `Refusing ${what} from ${context.remoteAddress} on listener ${context.listener}`;
    this.warning.warn(
      `${api.name} ${context.listener}`,
      `${text}: CLUSTER_AUTHORIZATION_FAILED, it is served on ${only} alone`,
    );
    return notAllowed(api);
  }
}
