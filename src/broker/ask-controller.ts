/**
 * Controlled shutdown as the stopping broker does it: asks the controller, wherever it is, to move this
 * broker's leaders to other brokers.
 *
 * A follower that rejoined an ISR during the shutdown would delay every producer with acks=all after the
 * broker has stopped. So from now on the broker does not follow a leader whose ISR it has left.
 *
 * Kafka: server/KafkaServer.scala#controlledShutdown@2.8.2; differs: it takes at most half of
 * `shutdown.timeout.ms`. Since 3.3 the controller refuses to add a broker that is shutting down to an ISR
 * (KAFKA-14140).
 */
import { KafkaError, messageOf } from '../common/errors';
import { Host, Log, sleep, withDeadline } from '../common/host';
import { RpcConnection } from '../network/rpc-connection';
import { controlledShutdown } from '../protocol/messages/replica-control';
import { readBrokers } from '../zk/broker-registration';
import { readControllerId } from '../zk/controller-election';
import { ZkConnection } from '../zk/zk-connection';
import { BrokerConfig } from './broker-config';
import { ReplicaFetcherManager } from './replica-fetcher-manager';

export interface LeavingBroker {
  readonly host: Host;
  readonly log: Log;
  readonly zk: ZkConnection;
  readonly config: BrokerConfig;
  /** Listener names in order of preference: the first for which the controller has an endpoint is used. */
  readonly listeners: readonly string[];
  readonly brokerId: number;
  /** The broker epoch at the time of the call: the session may be replaced during the shutdown. */
  readonly brokerEpoch: () => number;
  readonly fetchers: Pick<ReplicaFetcherManager, 'leave' | 'close'>;
}

/**
 * Share of the total time that one attempt may take, so that a new controller can be elected and asked if the
 * first one does not answer.
 */
const SHARE_OF_ATTEMPT = 1 / 6;

/**
 * Makes at most controlled.shutdown.max.retries attempts within half of shutdown.timeout.ms. Never rejects:
 * after failures the shutdown continues without the controller.
 */
export async function moveLeadersAway(broker: LeavingBroker): Promise<void> {
  const {
    host: { clock },
    log,
    config,
    fetchers,
  } = broker;
  const limitMs = config['shutdown.timeout.ms'] / 2;
  const endMs = clock.monotonicMs() + limitMs;
  const retries = config['controlled.shutdown.max.retries'];
  const backoffMs = config['controlled.shutdown.retry.backoff.ms'];
  fetchers.leave();
  for (let attempt = 1; ; attempt++) {
    const isLast = attempt >= retries || clock.monotonicMs() + backoffMs >= endMs;
    try {
      const ms = isLast ? endMs - clock.monotonicMs() : limitMs * SHARE_OF_ATTEMPT;
      const remaining = await ask(broker, Math.min(ms, config['controller.socket.timeout.ms']));
      // The controller has removed this broker from all ISRs in which it follows.
      fetchers.close();
      if (remaining === 0) return log.info('Controlled shutdown succeeded');
      log.warn(`${remaining} partitions are still led here`);
    } catch (error) {
      log.warn(`Controlled shutdown attempt ${attempt} failed: ${messageOf(error)}`);
    }
    if (isLast || clock.monotonicMs() + backoffMs >= endMs) break;
    await sleep(clock, backoffMs);
  }
  log.warn('Proceeding to do an unclean shutdown as all the controlled shutdown attempts failed');
}

/** Sends one ControlledShutdown. Returns the number of partitions that the broker still leads. */
async function ask(broker: LeavingBroker, timeoutMs: number): Promise<number> {
  const { host, zk, listeners, brokerId } = broker;
  const endMs = host.clock.monotonicMs() + timeoutMs;
  const leftMs = () => Math.max(1, endMs - host.clock.monotonicMs());
  const noAnswer = () => new Error('ZooKeeper does not answer');
  const controllerId = await withDeadline(host.clock, leftMs(), readControllerId(zk), noAnswer);
  const brokers = await withDeadline(host.clock, leftMs(), readBrokers(zk), noAnswer);
  const endpoints = brokers.find(({ id }) => id === controllerId)?.endpoints;
  const on = (listener: string) => endpoints?.find((one) => one.listener === listener);
  const target = listeners.map(on).find((one) => one !== undefined);
  if (!target) throw new Error('there is no controller');
  const options = { clientId: `broker-${brokerId}`, requestTimeoutMs: leftMs() };
  const connection = await RpcConnection.open(host, target, options);
  try {
    const request = { brokerId, brokerEpoch: broker.brokerEpoch() };
    const response = await connection.request(controlledShutdown, request, leftMs());
    if (response.errorCode !== 0) throw KafkaError.ofCode(response.errorCode);
    return response.remainingPartitions.length;
  } finally {
    connection.close();
  }
}
