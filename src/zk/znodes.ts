/**
 * Every znode as one object: its path, its encoder (byte for byte as Kafka writes it), its decoder.
 *
 * Decoders are as strict as Kafka's: an integer must be a JSON integer, a string a JSON string; unknown keys
 * are ignored. Numbers that Kafka writes as strings: every `timestamp`, and the `version` of `/cluster/id`.
 *
 * [p] Kafka: zk/ZkData.scala@2.8.2, as written at inter.broker.protocol.version=2.6
 */
import { BrokerInfo, Endpoint, LeaderIsrAndControllerEpoch, TopicPartition } from '../common/cluster-types';
import { decodeEpochs, encodeEpochs } from './incarnation-data';

/** The data of a znode does not have the form that Kafka writes. */
export class ZnodeError extends Error {
  override readonly name = 'ZnodeError';
}

type Json = Readonly<Record<string, unknown>>;

function encode(value: Json): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

function decode(path: string, data: Buffer): Json {
  let value: unknown;
  try {
    value = JSON.parse(data.toString('utf8'));
  } catch {
    throw new ZnodeError(`${path} is not JSON: ${data.toString('utf8').slice(0, 200)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ZnodeError(`${path} is not a JSON object`);
  return value as Json;
}

/** Kafka's Int: a greater number, such as a leader epoch of 2^40, would not fit into a request. */
function isInt32(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= -(2 ** 31) && (value as number) < 2 ** 31;
}

function integer(path: string, json: Json, key: string): number {
  const value = json[key];
  if (!isInt32(value)) throw new ZnodeError(`${path}: ${key} is ${JSON.stringify(value)}, not an integer`);
  return value;
}

/** Parses a non-negative number stored as text. Throws ZnodeError if it is not one or exceeds `max`. */
function count(path: string, text: string, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value <= max)) throw new ZnodeError(`${path}: '${text}' is not a number up to ${max}`);
  return value;
}

const INT_MAX = 2 ** 31 - 1;

function string(path: string, json: Json, key: string): string {
  const value = json[key];
  if (typeof value !== 'string')
    throw new ZnodeError(`${path}: ${key} is ${JSON.stringify(value)}, not a string`);
  return value;
}

function integers(path: string, value: unknown): number[] {
  if (Array.isArray(value) && value.every(isInt32)) return value;
  throw new ZnodeError(`${path}: ${JSON.stringify(value)} is not a list of integers`);
}

function object(path: string, value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ZnodeError(`${path}: ${JSON.stringify(value)} is not an object`);
  return value as Json;
}

/** One row of the znode reference; docs/znodes.md is generated from these. */
export interface ZnodeDoc {
  readonly path: string;
  readonly mode: 'persistent' | 'ephemeral' | 'persistent-sequential';
  readonly written: string;
  readonly watched: string;
  readonly example: string;
}

export const clusterIdZnode = {
  path: '/cluster/id',
  encode: (id: string) => encode({ version: '1', id }),
  decode: (data: Buffer) => string('/cluster/id', decode('/cluster/id', data), 'id'),
};

export const controllerZnode = {
  path: '/controller',
  encode: (brokerId: number, timestampMs: number) =>
    encode({ version: 1, brokerid: brokerId, timestamp: String(timestampMs) }),
  decode: (data: Buffer) => integer('/controller', decode('/controller', data), 'brokerid'),
};

export const controllerEpochZnode = {
  path: '/controller_epoch',
  encode: (epoch: number) => Buffer.from(String(epoch)),
  decode: (data: Buffer) => count('/controller_epoch', data.toString('utf8'), INT_MAX),
};

export interface BrokerRegistrationData extends Omit<BrokerInfo, 'epoch'> {
  readonly jmxPort: number;
  readonly timestampMs: number;
}

const ENDPOINT = /^(.*):\/\/(?:\[([0-9a-zA-Z\-%._:]*)\]|([0-9a-zA-Z\-%._]*)):(-?\d+)$/;

/** Parses `NAME://host:port`. `protocolOf` maps the listener to its security protocol. */
export function parseEndpoint(text: string, protocolOf: (listener: string) => string | undefined): Endpoint {
  const match = ENDPOINT.exec(text);
  if (!match) throw new ZnodeError(`'${text}' is not an endpoint NAME://host:port`);
  const listener = match[1]!.toUpperCase();
  return {
    listener,
    securityProtocol: protocolOf(listener) ?? listener,
    host: match[2] ?? match[3]!,
    port: Number(match[4]),
  };
}

export function endpointText({ listener, host, port }: Endpoint): string {
  return `${listener}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

export const brokerIdsZnode = { path: '/brokers/ids' };

export const brokerIdZnode = {
  path: (id: number) => `/brokers/ids/${id}`,
  /** Version 4: IBP 2.6 has no features key. Host and port are those of the first PLAINTEXT endpoint. */
  encode: ({ endpoints, rack, jmxPort, timestampMs }: BrokerRegistrationData) => {
    const plaintext = endpoints.find((endpoint) => endpoint.securityProtocol === 'PLAINTEXT');
    return encode({
      listener_security_protocol_map: Object.fromEntries(
        endpoints.map((endpoint) => [endpoint.listener, endpoint.securityProtocol]),
      ),
      endpoints: endpoints.map(endpointText),
      ...(rack === null ? {} : { rack }),
      jmx_port: jmxPort,
      port: plaintext?.port ?? -1,
      host: plaintext?.host ?? null,
      version: 4,
      timestamp: String(timestampMs),
    });
  },
  decode: (id: number, data: Buffer, czxid: number): BrokerInfo => {
    const path = `/brokers/ids/${id}`;
    const json = decode(path, data);
    const version = integer(path, json, 'version');
    if (version < 1) throw new ZnodeError(`${path}: version ${version} is not supported`);
    integer(path, json, 'jmx_port');
    const rack = typeof json.rack === 'string' ? json.rack : null;
    if (version === 1) {
      const endpoint = {
        listener: 'PLAINTEXT',
        securityProtocol: 'PLAINTEXT',
        host: string(path, json, 'host'),
        port: integer(path, json, 'port'),
      };
      return { id, epoch: czxid, endpoints: [endpoint], rack };
    }
    const map =
      json.listener_security_protocol_map === undefined
        ? {}
        : object(path, json.listener_security_protocol_map);
    if (!Array.isArray(json.endpoints)) throw new ZnodeError(`${path}: endpoints is not a list`);
    const endpoints = json.endpoints.map((text) =>
      parseEndpoint(String(text), (listener) => map[listener] as string | undefined),
    );
    return { id, epoch: czxid, endpoints, rack };
  },
};

/**
 * Not in Kafka: exists while the broker is registered with this epoch. Its data is the broker epoch of the
 * process's first registration (docs/decisions/0004, 0010), and, if they are others, the broker epochs since
 * which the broker has lost nothing that it wrote, and nothing that it flushed (0020).
 */
export const incarnationZnode = {
  parent: '/samsa/incarnations',
  path: (brokerId: number, brokerEpoch: number) => `/samsa/incarnations/${brokerId}-${brokerEpoch}`,
  encode: encodeEpochs,
  decode: decodeEpochs,
};

export const brokerSequenceIdZnode = { path: '/brokers/seqid' };

/** The replicas of each partition and, during a reassignment, those that are being added and removed. */
export interface TopicAssignment {
  readonly partitions: ReadonlyMap<number, readonly number[]>;
  readonly adding: ReadonlyMap<number, readonly number[]>;
  readonly removing: ReadonlyMap<number, readonly number[]>;
}

function assignmentJson(map: ReadonlyMap<number, readonly number[]>): Json {
  return Object.fromEntries(
    [...map].sort(([a], [b]) => a - b).map(([partition, replicas]) => [String(partition), replicas]),
  );
}

function assignmentMap(path: string, value: unknown): Map<number, number[]> {
  if (value === undefined) return new Map();
  return new Map(
    Object.entries(object(path, value)).map(([partition, replicas]) => [
      count(path, partition, INT_MAX),
      integers(path, replicas),
    ]),
  );
}

export const topicsZnode = { path: '/brokers/topics' };

export const topicZnode = {
  path: (topic: string) => `/brokers/topics/${topic}`,
  encode: ({ partitions, adding, removing }: TopicAssignment) =>
    encode({
      partitions: assignmentJson(partitions),
      adding_replicas: assignmentJson(adding),
      removing_replicas: assignmentJson(removing),
      version: 3,
    }),
  decode: (topic: string, data: Buffer): TopicAssignment => {
    const path = `/brokers/topics/${topic}`;
    const json = decode(path, data);
    const partitions = assignmentMap(path, object(path, json.partitions));
    if (partitions.size === 0) throw new ZnodeError(`${path} has no partitions`);
    return {
      partitions,
      adding: assignmentMap(path, json.adding_replicas),
      removing: assignmentMap(path, json.removing_replicas),
    };
  },
};

export const partitionsZnode = { path: (topic: string) => `/brokers/topics/${topic}/partitions` };
export const partitionZnode = {
  path: ({ topic, partition }: TopicPartition) => `/brokers/topics/${topic}/partitions/${partition}`,
};

export const partitionStateZnode = {
  path: ({ topic, partition }: TopicPartition) => `/brokers/topics/${topic}/partitions/${partition}/state`,
  encode: ({ controllerEpoch, leader, leaderEpoch, isr }: Omit<LeaderIsrAndControllerEpoch, 'zkVersion'>) =>
    encode({ controller_epoch: controllerEpoch, leader, version: 1, leader_epoch: leaderEpoch, isr }),
  decode: (tp: TopicPartition, data: Buffer, zkVersion: number): LeaderIsrAndControllerEpoch => {
    const path = `/brokers/topics/${tp.topic}/partitions/${tp.partition}/state`;
    const json = decode(path, data);
    return {
      controllerEpoch: integer(path, json, 'controller_epoch'),
      leader: integer(path, json, 'leader'),
      leaderEpoch: integer(path, json, 'leader_epoch'),
      isr: integers(path, json.isr),
      zkVersion,
    };
  },
};

export type ConfigType = 'topics' | 'clients' | 'users' | 'brokers' | 'ips';

export const configZnode = {
  path: (type: ConfigType, entity: string) => `/config/${type}/${entity}`,
  encode: (config: Readonly<Record<string, string>>) => encode({ version: 1, config }),
  decode: (path: string, data: Buffer): Record<string, string> => {
    if (data.length === 0) return {};
    const config = decode(path, data).config;
    if (config === undefined) return {};
    return Object.fromEntries(
      Object.entries(object(path, config)).map(([key, value]) => [key, String(value)]),
    );
  },
};

export const configChangesZnode = {
  path: '/config/changes',
  createPath: '/config/changes/config_change_',
  encode: (entityPath: string) => encode({ version: 2, entity_path: entityPath }),
  /** `topics/T`, also from the older version 1; undefined if the data is neither. */
  decode: (path: string, data: Buffer): string | undefined => {
    const json = decode(path, data);
    if (json.version === 2 && typeof json.entity_path === 'string') return json.entity_path;
    if (json.version === 1 && typeof json.entity_type === 'string')
      return `${json.entity_type}/${String(json.entity_name)}`;
    return undefined;
  },
};

function partitionList(path: string, data: Buffer): TopicPartition[] {
  const list = decode(path, data).partitions;
  if (!Array.isArray(list)) throw new ZnodeError(`${path}: partitions is not a list`);
  return list.map((item) => {
    const json = object(path, item);
    return { topic: string(path, json, 'topic'), partition: integer(path, json, 'partition') };
  });
}

function encodePartitionList(partitions: readonly TopicPartition[]): Buffer {
  return encode({ version: 1, partitions: partitions.map(({ topic, partition }) => ({ topic, partition })) });
}

export const isrChangeZnode = {
  path: '/isr_change_notification',
  createPath: '/isr_change_notification/isr_change_',
  encode: encodePartitionList,
  decode: (path: string, data: Buffer) => partitionList(path, data),
};

export const preferredElectionZnode = {
  path: '/admin/preferred_replica_election',
  encode: encodePartitionList,
  decode: (data: Buffer) => partitionList('/admin/preferred_replica_election', data),
};

export const deleteTopicsZnode = { path: '/admin/delete_topics' };

/** Event 1: a log dir failed. Kafka: ZkData.scala#LogDirEventNotificationSequenceZNode */
const LOG_DIR_FAILURE_EVENT = 1;

export const logDirEventZnode = {
  path: '/log_dir_event_notification',
  createPath: '/log_dir_event_notification/log_dir_event_',
  encode: (brokerId: number) => encode({ version: 1, broker: brokerId, event: LOG_DIR_FAILURE_EVENT }),
  /** The broker whose log dir failed. */
  decode: (path: string, data: Buffer) => integer(path, decode(path, data), 'broker'),
};

export interface ProducerIdBlock {
  readonly brokerId: number;
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
}

export const producerIdBlockZnode = {
  path: '/latest_producer_id_block',
  encode: ({ brokerId, start, end }: ProducerIdBlock) =>
    encode({ version: 1, broker: brokerId, block_start: String(start), block_end: String(end) }),
  /** Undefined if no block was claimed yet. */
  decode: (data: Buffer): ProducerIdBlock | undefined => {
    if (data.length === 0) return undefined;
    const path = '/latest_producer_id_block';
    const json = decode(path, data);
    const id = (key: string) => count(path, string(path, json, key), Number.MAX_SAFE_INTEGER);
    return { brokerId: integer(path, json, 'broker'), start: id('block_start'), end: id('block_end') };
  },
};

export const featureZnode = {
  path: '/feature',
  /** Status 0: disabled, as in every cluster below IBP 2.7. */
  encode: () => encode({ features: {}, version: 1, status: 0 }),
};

/** The znodes that a broker creates at start-up if they are missing. Kafka: ZkData.scala#PersistentZkPaths */
export const persistentPaths: readonly string[] = [
  '/consumers',
  '/brokers/ids',
  '/brokers/topics',
  '/config/changes',
  '/admin/delete_topics',
  '/brokers/seqid',
  '/isr_change_notification',
  '/latest_producer_id_block',
  '/log_dir_event_notification',
  '/config/topics',
  '/config/clients',
  '/config/users',
  '/config/brokers',
  '/config/ips',
];

const sampleState = { controllerEpoch: 1, leader: 1, leaderEpoch: 0, isr: [1, 2, 3] };
const sampleTopic = { partitions: new Map([[0, [1, 2, 3]]]), adding: new Map(), removing: new Map() };
const sampleEndpoint = {
  listener: 'PLAINTEXT',
  securityProtocol: 'PLAINTEXT',
  host: '127.0.0.1',
  port: 9092,
};
const sampleBroker = brokerIdZnode.encode({
  id: 2,
  endpoints: [sampleEndpoint],
  rack: null,
  jmxPort: -1,
  timestampMs: 1600000000000,
});
const sampleBlock = producerIdBlockZnode.encode({ brokerId: 1, start: 0, end: 999 });
const samplePartitions = [{ topic: 't', partition: 0 }];

export const znodeDocs: readonly ZnodeDoc[] = [
  {
    path: '/cluster/id',
    mode: 'persistent',
    written: 'the first broker',
    watched: 'nobody',
    example: clusterIdZnode.encode('Cw4hKdTpQVqsn0Jy3v8ZsQ').toString(),
  },
  {
    path: '/feature',
    mode: 'persistent',
    written: 'the controller',
    watched: 'nobody',
    example: featureZnode.encode().toString(),
  },
  {
    path: '/controller',
    mode: 'ephemeral',
    written: 'the broker that wins the race, in a multi with the epoch',
    watched: 'every broker',
    example: controllerZnode.encode(2, 1600000000000).toString(),
  },
  {
    path: '/controller_epoch',
    mode: 'persistent',
    written: 'the winner; the version is checked by every controller write',
    watched: 'nobody',
    example: '1',
  },
  {
    path: '/brokers/ids/N',
    mode: 'ephemeral',
    written: 'broker N; its czxid is the broker epoch',
    watched: 'the controller and clients',
    example: sampleBroker.toString(),
  },
  {
    path: '/samsa/incarnations/N-EPOCH',
    mode: 'ephemeral',
    example: '120 85',
    written: 'broker N, once it is registered; checked by a leader that takes it into the ISR',
    watched: 'nobody; read by a controller that takes over',
  },
  {
    path: '/brokers/seqid',
    mode: 'persistent',
    written: 'a broker without broker.id: the version is its number',
    watched: 'nobody; read by a controller that takes over',
    example: '120',
  },
  {
    path: '/brokers/topics/T',
    mode: 'persistent',
    written: 'who creates the topic',
    watched: 'the controller and clients',
    example: topicZnode.encode(sampleTopic).toString(),
  },
  {
    path: '/brokers/topics/T/partitions/P/state',
    mode: 'persistent',
    written: 'the controller; the leader, when the ISR changes',
    watched: 'clients',
    example: partitionStateZnode.encode(sampleState).toString(),
  },
  {
    path: '/config/topics/T',
    mode: 'persistent',
    written: 'who creates or alters the topic',
    watched: 'nobody, see /config/changes',
    example: configZnode.encode({ 'retention.ms': '1000' }).toString(),
  },
  {
    path: '/config/changes/config_change_N',
    mode: 'persistent-sequential',
    written: 'who changed a config',
    watched: 'every broker',
    example: configChangesZnode.encode('topics/t').toString(),
  },
  {
    path: '/latest_producer_id_block',
    mode: 'persistent',
    written: 'a broker that claims the next 1000 producer ids, at its start',
    watched: 'nobody',
    example: sampleBlock.toString(),
  },
  {
    path: '/admin/preferred_replica_election',
    mode: 'persistent',
    written: 'a tool',
    watched: 'the controller',
    example: preferredElectionZnode.encode(samplePartitions).toString(),
  },
  {
    path: '/isr_change_notification/isr_change_N',
    mode: 'persistent-sequential',
    written: 'a leader whose ISR changed',
    watched: 'the controller',
    example: isrChangeZnode.encode(samplePartitions).toString(),
  },
  {
    path: '/log_dir_event_notification/log_dir_event_N',
    mode: 'persistent-sequential',
    written: 'a broker whose log dir failed',
    watched: 'the controller',
    example: logDirEventZnode.encode(2).toString(),
  },
];
