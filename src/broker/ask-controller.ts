/**
 * Asks the controller, wherever it is, to move this broker's leaders away before the broker stops.
 *
 * Kafka: server/KafkaServer.scala#controlledShutdown@2.8.2
 */
import { KafkaError, messageOf } from '../common/errors';
import { Host, Log, sleep, withDeadline } from '../common/host';
import { RpcConnection } from '../network/rpc-connection';
import { controlledShutdown } from '../protocol/messages/replica-control';
import { readBrokers } from '../zk/broker-registration';
import { readControllerId } from '../zk/controller-election';
import { ZkConnection } from '../zk/zk-connection';
import { BrokerConfig } from './broker-config';

export interface LeavingBroker {
  readonly host: Host;
  readonly log: Log;
  readonly zk: ZkConnection;
  readonly config: BrokerConfig;
  /** Of the controller's endpoints, the first that it has of these. */
  readonly listeners: readonly string[];
  readonly brokerId: number;
  readonly brokerEpoch: number;
}

/** Tries controlled.shutdown.max.retries times, then returns all the same. */
export async function moveLeadersAway(broker: LeavingBroker): Promise<void> {
  const { host, log, config } = broker;
  const retries = config['controlled.shutdown.max.retries'];
  for (let attempt = 1; attempt <= retries; attempt++) {
    try {
      const remaining = await ask(broker);
      if (remaining === 0) return log.info('Controlled shutdown succeeded');
      log.warn(`${remaining} partitions are still led here`);
    } catch (error) {
      log.warn(`Controlled shutdown attempt ${attempt} failed: ${messageOf(error)}`);
    }
    if (attempt < retries) await sleep(host.clock, config['controlled.shutdown.retry.backoff.ms']);
  }
  log.warn('Proceeding to do an unclean shutdown as all the controlled shutdown attempts failed');
}

/** How many partitions the broker still leads. */
async function ask(broker: LeavingBroker): Promise<number> {
  const { host, zk, config, listeners, brokerId, brokerEpoch } = broker;
  const timeoutMs = config['controller.socket.timeout.ms'];
  const noAnswer = () => new Error('ZooKeeper does not answer');
  const controllerId = await withDeadline(host.clock, timeoutMs, readControllerId(zk), noAnswer);
  const brokers = await withDeadline(host.clock, timeoutMs, readBrokers(zk), noAnswer);
  const endpoints = brokers.find(({ id }) => id === controllerId)?.endpoints;
  const on = (listener: string) => endpoints?.find((one) => one.listener === listener);
  const target = listeners.map(on).find((one) => one !== undefined);
  if (!target) throw new Error('there is no controller');
  const options = { clientId: `broker-${brokerId}`, requestTimeoutMs: timeoutMs };
  const connection = await RpcConnection.open(host, target, options);
  try {
    const response = await connection.request(controlledShutdown, { brokerId, brokerEpoch });
    if (response.errorCode !== 0) throw KafkaError.ofCode(response.errorCode);
    return response.remainingPartitions.length;
  } finally {
    connection.close();
  }
}
