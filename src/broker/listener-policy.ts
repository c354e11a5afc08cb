/**
 * Which listener serves what brokers and the controller send. Where they have listeners of their own, their
 * requests are refused on all others, so that who reaches the clients' port can neither play controller nor
 * follower.
 *
 * Refused is with CLUSTER_AUTHORIZATION_FAILED, as Kafka answers who lacks the permission ClusterAction: to
 * the sender it is the same, it may not do that here. Kafka serves every request on every listener and
 * leaves the rest to ACLs; a follower's fetch without the permission is answered there with an error for
 * each partition, here with one for the request. (docs/decisions/0017)
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

/** The refusal of a request of brokers, in that API's own response. */
export function notAllowed(api: Api): unknown {
  return REFUSALS[api.key];
}

const CONTROL_KEYS: readonly number[] = [leaderAndIsr, stopReplica, updateMetadata, controlledShutdown].map(
  ({ key }) => key,
);

/** The listener on which alone the request is served; undefined: on every one. */
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

  /** The refusing response, or undefined where the request is served. */
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
