/**
 * The settings that every client has, and how a client reaches the brokers with them.
 *
 * Kafka: clients/CommonClientConfigs.java@2.8.2
 */
import { HostPort, parseHostPort } from '../common/cluster-types';
import { ConfigOf, optional, setting, SettingsTable } from '../common/config-def';
import { KafkaError } from '../common/errors';
import { Host } from '../common/host';
import { ConnectionPool } from '../network/connection-pool';
import { metadata } from '../protocol/messages/metadata';
import { ZkConnection } from '../zk/zk-connection';
import { ZooKeeper } from '../zk/zk-session';
import { ClusterMetadata } from './cluster-metadata';
import { ConnectingMetadata } from './connecting-metadata';
import { RpcMetadata } from './rpc-metadata';
import { ZooKeeperMetadata } from './zookeeper-metadata';

export const clientConfigTable = {
  'bootstrap.servers': setting(
    'list',
    [],
    'Brokers to ask for metadata, HOST:PORT; not needed with zookeeper.connect.',
  ),
  'zookeeper.connect': optional(
    'string',
    'Find brokers and leaders in ZooKeeper, with watches: h1:2181,h2:2181/chroot.',
  ),
  'zookeeper.session.timeout.ms': setting('int', 18000, 'Session timeout asked of ZooKeeper, in ms.', {
    min: 1,
  }),
  'client.id': setting('string', '', "A name for the broker's logs."),
  'listener.name': optional(
    'string',
    'With zookeeper.connect: which listener of the brokers to use; not set: the first with PLAINTEXT.',
  ),
  'send.buffer.bytes': setting('int', 131072, 'SO_SNDBUF; accepted, Node leaves it to the system.', {
    min: -1,
  }),
  'receive.buffer.bytes': setting('int', 65536, 'SO_RCVBUF; accepted, Node leaves it to the system.', {
    min: -1,
  }),
  'connections.max.idle.ms': setting('long', 540000, 'Accepted for compatibility: connections stay open.', {
    min: -1,
  }),
  'request.timeout.ms': setting('int', 30000, 'How long to wait for a response, in ms.', { min: 0 }),
  'retry.backoff.ms': setting('long', 100, 'Wait before a retry, in ms.', { min: 0 }),
  'reconnect.backoff.ms': setting(
    'long',
    50,
    'Wait before connecting again, in ms; doubled with each failure.',
    { min: 0 },
  ),
  'reconnect.backoff.max.ms': setting('long', 1000, 'Longest wait before connecting again, in ms.', {
    min: 0,
  }),
  'metadata.max.age.ms': setting('long', 300000, 'Metadata is read again after this time, in ms.', {
    min: 0,
  }),
} as const satisfies SettingsTable;

export type ClientConfig = ConfigOf<typeof clientConfigTable>;

/**
 * The platform that a client runs on. `zookeeper` opens a session with the servers of the `zookeeper.connect`
 * setting.
 */
export interface ClientEnvironment {
  readonly host: Host;
  readonly zookeeper: (connectString: string) => ZooKeeper;
}

export function connectionPool(host: Host, config: ClientConfig): ConnectionPool {
  return new ConnectionPool(host, {
    clientId: config['client.id'],
    requestTimeoutMs: config['request.timeout.ms'],
    connectTimeoutMs: Math.min(10000, config['request.timeout.ms']),
    reconnectBackoffMs: config['reconnect.backoff.ms'],
    reconnectBackoffMaxMs: config['reconnect.backoff.max.ms'],
  });
}

/**
 * Metadata that connects to the cluster by itself, at once and again with each call. Throws CONFIG_EXCEPTION
 * if the settings name neither ZooKeeper nor a broker.
 */
export function connectMetadata(
  environment: ClientEnvironment,
  config: ClientConfig,
  pool: ConnectionPool,
  allowAutoTopicCreation: boolean,
): ConnectingMetadata {
  if (config['zookeeper.connect'] === null && config['bootstrap.servers'].length === 0) {
    throw new KafkaError('CONFIG_EXCEPTION', 'Neither zookeeper.connect nor bootstrap.servers is set');
  }
  config['bootstrap.servers'].map(parseHostPort);
  return new ConnectingMetadata(environment.host, config['retry.backoff.ms'], () =>
    openMetadata(environment, config, pool, allowAutoTopicCreation),
  );
}

/** Metadata from ZooKeeper if `zookeeper.connect` is set, otherwise from the brokers. */
async function openMetadata(
  { host, zookeeper }: ClientEnvironment,
  config: ClientConfig,
  pool: ConnectionPool,
  allowAutoTopicCreation: boolean,
): Promise<ClusterMetadata> {
  const connect = config['zookeeper.connect'];
  if (connect !== null) {
    const timeoutMs = config['zookeeper.session.timeout.ms'];
    const zk = await ZkConnection.open(host, zookeeper(connect), {
      sessionTimeoutMs: timeoutMs,
      connectTimeoutMs: timeoutMs,
      maxInFlightRequests: 64,
    });
    return ZooKeeperMetadata.open(host, zk, {
      listener: config['listener.name'] ?? undefined,
      refreshBackoffMs: config['retry.backoff.ms'],
      maxAgeMs: config['metadata.max.age.ms'],
      createTopic: allowAutoTopicCreation
        ? (topic, brokers) => askToCreate(host, pool, topic, brokers)
        : undefined,
    });
  }
  return new RpcMetadata(host, pool, {
    bootstrapServers: config['bootstrap.servers'].map(parseHostPort),
    refreshBackoffMs: config['retry.backoff.ms'],
    maxAgeMs: config['metadata.max.age.ms'],
    allowAutoTopicCreation,
  });
}

/**
 * Sends a Metadata request for the topic to one broker after the other, starting with a random one, until one
 * responds. Rejects if none does. Whether the topic was created shows in ZooKeeper, not in the response.
 */
async function askToCreate(
  host: Host,
  pool: ConnectionPool,
  topic: string,
  brokers: readonly HostPort[],
): Promise<void> {
  const start = host.random.below(brokers.length);
  let last: unknown;
  for (let i = 0; i < brokers.length; i++) {
    try {
      await pool.request(brokers[(start + i) % brokers.length]!, metadata, {
        topics: [topic],
        allTopics: false,
        allowAutoTopicCreation: true,
      });
      return;
    } catch (error) {
      last = error;
    }
  }
  throw last;
}
