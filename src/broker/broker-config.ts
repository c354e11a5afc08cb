/**
 * The broker's settings, with Kafka's names and the defaults of Kafka 2.8. Two defaults differ: the listeners
 * are on 127.0.0.1, and the log dir has another name. Delays that are constants in Kafka are `internal`
 * settings here.
 *
 * [p] Kafka: server/KafkaConfig.scala@2.8.2
 */
import { Endpoint } from '../common/cluster-types';
import {
  ConfigOf,
  LONG_MAX,
  optional,
  parseConfig,
  RawConfig,
  setting,
  SettingsTable,
} from '../common/config-def';
import { KafkaError } from '../common/errors';
import { ListenerLimits } from '../network/connection-quotas';
import { LogConfig, logConfigTable } from '../log/log-config';
import { connectionLimitsOf, isListenerSetting, listenerLimitsOf } from './connection-config';
import { parseEndpoint } from '../zk/znodes';

export const brokerConfigTable = {
  'broker.id': setting('int', -1, 'The id of this broker; -1: one is generated.', { min: -1 }),
  'broker.id.generation.enable': setting('boolean', true, 'Whether ids may be generated.'),
  'reserved.broker.max.id': setting(
    'int',
    1000,
    'Largest id that may be configured; generated ones are above.',
    { min: 0 },
  ),
  'broker.rack': optional('string', 'The rack of this broker, for rack-aware assignment.'),
  'zookeeper.connect': optional('string', 'ZooKeeper servers and chroot: h1:2181,h2:2181/chroot. Required.'),
  'zookeeper.session.timeout.ms': setting('int', 18000, 'Session timeout asked of ZooKeeper, in ms.', {
    min: 1,
  }),
  'zookeeper.connection.timeout.ms': optional(
    'int',
    'How long to wait for ZooKeeper at start, in ms; not set: the session timeout.',
    { min: 1 },
  ),
  'zookeeper.max.in.flight.requests': setting('int', 10, 'Requests on the way to ZooKeeper at once.', {
    min: 1,
  }),
  'listeners': setting(
    'list',
    ['PLAINTEXT://127.0.0.1:9092'],
    'Where to listen: NAME://host:port. Kafka listens on every address; an empty host does that here too.',
  ),
  'advertised.listeners': optional(
    'list',
    'What to register instead of listeners: the addresses clients and brokers are to use.',
  ),
  'listener.security.protocol.map': setting(
    'list',
    ['PLAINTEXT:PLAINTEXT'],
    'Security protocol of each listener name; only PLAINTEXT is implemented.',
  ),
  'inter.broker.listener.name': optional(
    'string',
    'The listener brokers use among themselves; not set: the ' +
      'first one with PLAINTEXT. Where it is set, fetches with a replica id are refused on all others, and ' +
      "the controller's requests too.",
  ),
  'control.plane.listener.name': optional(
    'string',
    'A listener for requests of the controller and ' +
      'ControlledShutdown: they are refused on all others, and fetches with a replica id on all but the ' +
      'inter-broker listener. Not set: they come over the inter-broker listener.',
  ),
  'broker.requests.on.any.listener': setting(
    'boolean',
    false,
    'Serve what brokers and the controller send on ' +
      'every listener, as Kafka does. For a rolling restart that moves brokers to listeners of their own, ' +
      'and not longer. Ours, not in Kafka.',
  ),
  'log.dir': setting(
    'string',
    '.samsa/logs',
    'Where logs are kept, if log.dirs is not set. Kafka: /tmp/kafka-logs.',
  ),
  'log.dirs': optional('list', 'Where logs are kept.'),
  'num.partitions': setting('int', 1, 'Partitions of a topic created without a number.', { min: 1 }),
  'default.replication.factor': setting('int', 1, 'Replication factor of a topic created without one.', {
    min: 1,
  }),
  'auto.create.topics.enable': setting('boolean', true, 'Whether a Metadata request may create its topics.'),
  'min.insync.replicas': setting('int', 1, 'In-sync replicas that acks=all needs.', { min: 1 }),
  'unclean.leader.election.enable': setting(
    'boolean',
    false,
    'Whether a replica outside the ISR may lead when no other can.',
  ),
  'auto.leader.rebalance.enable': setting(
    'boolean',
    true,
    'Whether leadership goes back to preferred replicas by itself.',
  ),
  'leader.imbalance.check.interval.seconds': setting(
    'long',
    300,
    'How often the balance of leaders is looked at, in s.',
    { min: 1 },
  ),
  'leader.imbalance.per.broker.percentage': setting(
    'int',
    10,
    'Share of leaders on a broker that are not the preferred replica, above which they are moved, in ' +
      'percent.',
    { min: 0 },
  ),
  'controlled.shutdown.enable': setting('boolean', true, 'Whether leaders are moved away before a stop.'),
  'controlled.shutdown.max.retries': setting('int', 3, 'How often the controller is asked.', { min: 1 }),
  'controlled.shutdown.retry.backoff.ms': setting('long', 5000, 'Wait between two attempts, in ms.', {
    min: 0,
  }),
  'controller.socket.timeout.ms': setting(
    'int',
    30000,
    'How long the controller waits for an answer, in ms.',
    { min: 1 },
  ),
  'request.timeout.ms': setting('int', 30000, 'How long brokers wait for an answer of each other, in ms.', {
    min: 1,
  }),
  'replica.lag.time.max.ms': setting(
    'long',
    30000,
    'A follower that has not caught up for this long leaves the ISR, in ms.',
    { min: 1 },
  ),
  'replica.fetch.wait.max.ms': setting(
    'int',
    500,
    "How long a follower's fetch waits at the leader, in ms.",
    { min: 0 },
  ),
  'replica.fetch.min.bytes': setting('int', 1, "Bytes a follower's fetch waits for.", { min: 0 }),
  'replica.fetch.max.bytes': setting('int', 1048576, "Bytes of one partition in a follower's fetch.", {
    min: 1,
  }),
  'replica.fetch.response.max.bytes': setting('int', 10485760, "Bytes of a whole follower's fetch.", {
    min: 1,
  }),
  'replica.fetch.backoff.ms': setting('int', 1000, 'Wait after a fetch error, in ms.', { min: 0 }),
  'replica.socket.timeout.ms': setting('int', 30000, 'How long a follower waits for its leader, in ms.', {
    min: 1,
  }),
  'replica.high.watermark.checkpoint.interval.ms': setting(
    'long',
    5000,
    'How often high watermarks are saved, in ms.',
    { min: 1 },
  ),
  'num.replica.fetchers': setting('int', 1, 'Fetchers a leader; accepted, one event loop needs one.', {
    min: 1,
  }),
  'message.max.bytes': setting('int', 1048588, 'Largest batch accepted, in bytes.', { min: 0 }),
  'fetch.max.bytes': setting('int', 57671680, 'Largest response to a fetch, in bytes.', { min: 1024 }),
  'socket.request.max.bytes': setting('int', 104857600, 'Largest request accepted, in bytes.', { min: 1 }),
  'queued.max.request.bytes': setting(
    'long',
    -1,
    'Bytes of large requests that clients are sending, over all ' +
      'connections; brokers have as much again. -1: twice socket.request.max.bytes (Kafka: no bound).',
    { min: -1 },
  ),
  'queued.max.response.bytes': setting(
    'long',
    -1,
    'Bytes of large responses on their way to clients, over all ' +
      'connections; brokers have as much again. -1: four times fetch.max.bytes. Kafka has none: it sends ' +
      'from files.',
    { min: -1 },
  ),
  'max.connections': setting(
    'int',
    2147483647,
    'Connections accepted, within what descriptors allow; those of a ' +
      'listener that only brokers use are not refused. listener.name.NAME.max.connections bounds one ' +
      'listener.',
    { min: 0 },
  ),
  'max.connections.per.ip': setting('int', 2147483647, 'Connections accepted from one address.', { min: 0 }),
  'max.connections.per.ip.overrides': setting(
    'list',
    [],
    'Addresses with another bound: ' + '10.0.0.7:100,10.0.0.8:200. Addresses only, no host names.',
  ),
  'max.connection.creation.rate': setting(
    'int',
    2147483647,
    'New connections a second; those beyond wait up to 1 s, ' +
      'then they are refused. listener.name.NAME.max.connection.creation.rate bounds one listener.',
    { min: 1 },
  ),
  'connections.max.idle.ms': setting(
    'long',
    600000,
    'A connection on which no byte moves for so long is closed, ' + 'in ms; negative: never.',
  ),
  'compression.type': setting(
    'string',
    'producer',
    "Codec of stored batches; producer keeps the producer's.",
    { oneOf: ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] },
  ),
  'log.segment.bytes': setting('int', 1073741824, 'Size at which a segment is rolled, in bytes.', {
    min: 14,
  }),
  'log.roll.hours': setting('int', 168, 'Age at which a segment is rolled, in h.', { min: 1 }),
  'log.roll.ms': optional('long', '... in ms; overrides log.roll.hours.', { min: 1 }),
  'log.roll.jitter.hours': setting('int', 0, 'Random time taken off the roll age, in h.', { min: 0 }),
  'log.roll.jitter.ms': optional('long', '... in ms; overrides log.roll.jitter.hours.', { min: 0 }),
  'log.retention.hours': setting('int', 168, 'Longest age of a segment, in h.'),
  'log.retention.minutes': optional('int', '... in minutes; overrides log.retention.hours.'),
  'log.retention.ms': optional('long', '... in ms; overrides both. -1: no limit.'),
  'log.retention.bytes': setting('long', -1, "Largest size of a partition's log; -1: no limit."),
  'log.retention.check.interval.ms': setting('long', 300000, 'How often retention is applied, in ms.', {
    min: 1,
  }),
  'log.cleanup.policy': setting('list', ['delete'], 'What happens to old segments.', {
    oneOf: ['delete', 'compact'],
  }),
  'log.segment.delete.delay.ms': setting('long', 60000, 'How long deleted files stay, in ms.', { min: 0 }),
  'log.index.size.max.bytes': setting('int', 10485760, 'Largest index file, in bytes.', { min: 4 }),
  'log.index.interval.bytes': setting('int', 4096, 'An index entry each this many bytes.', { min: 0 }),
  'log.flush.interval.messages': setting('long', LONG_MAX, 'fsync after this many records.', { min: 1 }),
  'log.flush.interval.ms': optional('long', 'fsync after this many ms; not set: never by time.'),
  'log.flush.scheduler.interval.ms': setting(
    'long',
    3000,
    'How often flush.ms is looked at, in ms (Kafka: 2⁶³−1, never).',
  ),
  'log.flush.offset.checkpoint.interval.ms': setting(
    'int',
    60000,
    'How often recovery points are saved, in ms.',
    { min: 1 },
  ),
  'log.message.timestamp.type': setting('string', 'CreateTime', 'Whose clock stamps a record.', {
    oneOf: ['CreateTime', 'LogAppendTime'],
  }),
  'log.message.timestamp.difference.max.ms': setting(
    'long',
    LONG_MAX,
    'Largest accepted difference of a timestamp, in ms.',
    { min: 0 },
  ),
  'log.message.format.version': setting(
    'string',
    '2.6-IV0',
    'Accepted for compatibility; batches are always magic 2.',
  ),
  'inter.broker.protocol.version': setting(
    'string',
    '2.6-IV0',
    'Accepted for compatibility; ZooKeeper is written as at 2.6.',
  ),
  'log.preallocate': setting(
    'boolean',
    false,
    'Accepted for compatibility; files are never preallocated here.',
  ),
  'log.cleaner.enable': setting('boolean', true, 'Whether compacted topics are cleaned.'),
  'log.cleaner.threads': setting('int', 1, 'Accepted for compatibility: one log is cleaned at a time.', {
    min: 0,
  }),
  'log.cleaner.backoff.ms': setting('long', 15000, 'Wait between two looks for logs to clean, in ms.', {
    min: 0,
  }),
  'log.cleaner.dedupe.buffer.size': setting(
    'long',
    134217728,
    'Largest memory for the keys of one cleaning, in bytes; 24 a key.',
    { min: 48 },
  ),
  'log.cleaner.io.buffer.size': setting('int', 524288, 'Accepted for compatibility.', { min: 0 }),
  'log.cleaner.delete.retention.ms': setting('long', 86400000, 'How long tombstones are kept, in ms.', {
    min: 0,
  }),
  'log.cleaner.min.cleanable.ratio': setting('double', 0.5, 'Dirty share that makes a log worth cleaning.', {
    min: 0,
    max: 1,
  }),
  'log.cleaner.min.compaction.lag.ms': setting(
    'long',
    0,
    'Shortest time a record stays uncompacted, in ms.',
    { min: 0 },
  ),
  'log.cleaner.max.compaction.lag.ms': setting(
    'long',
    LONG_MAX,
    'Longest time a record stays uncompacted, in ms.',
    { min: 1 },
  ),
  'group.min.session.timeout.ms': setting(
    'int',
    6000,
    'Shortest session timeout a member may ask for, in ms.',
    { min: 0 },
  ),
  'group.max.session.timeout.ms': setting(
    'int',
    1800000,
    'Longest session timeout a member may ask for, in ms.',
    { min: 0 },
  ),
  'group.initial.rebalance.delay.ms': setting(
    'int',
    3000,
    'How long an empty group waits for more members before its first generation, in ms.',
    { min: 0 },
  ),
  'group.max.size': setting('int', 2147483647, 'Members a group may have.', { min: 1 }),
  'offset.metadata.max.bytes': setting('int', 4096, 'Longest note with a committed offset, in bytes.', {
    min: 0,
  }),
  'offsets.topic.num.partitions': setting('int', 50, 'Partitions of __consumer_offsets when it is created.', {
    min: 1,
  }),
  'offsets.topic.replication.factor': setting(
    'int',
    3,
    'Replication factor of __consumer_offsets; it is not created before there are as many brokers.',
    { min: 1 },
  ),
  'offsets.topic.segment.bytes': setting('int', 104857600, 'Segment size of __consumer_offsets, in bytes.', {
    min: 14,
  }),
  'offsets.topic.compression.codec': setting(
    'int',
    0,
    'Codec of its batches: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.',
    { min: 0, max: 4 },
  ),
  'offsets.retention.minutes': setting(
    'int',
    10080,
    'How long the offsets of a group without members are kept, in minutes.',
    { min: 1 },
  ),
  'offsets.retention.check.interval.ms': setting(
    'long',
    600000,
    'How often expired offsets are looked for, in ms.',
    { min: 1 },
  ),
  'offsets.commit.timeout.ms': setting(
    'int',
    5000,
    'How long a commit waits for the in-sync replicas, in ms.',
    { min: 1 },
  ),
  'offsets.commit.required.acks': setting(
    'int',
    -1,
    'Accepted for compatibility: commits always wait for every in-sync replica.',
    { min: -1, max: -1 },
  ),
  'offsets.load.buffer.size': setting('int', 5242880, 'Bytes read at once when groups are loaded.', {
    min: 1,
  }),
  'transactional.id.expiration.ms': setting(
    'int',
    604800000,
    'An idempotent producer that wrote nothing for this long is forgotten, in ms.',
    { min: 1 },
  ),
  'replica.missing.check.interval.ms': setting(
    'int',
    10000,
    'How often a broker looks whether the replicas ' + 'that the controller assigned to it are here.',
    { min: 1, internal: true },
  ),
  'producer.id.expiration.ms': optional(
    'int',
    '... as later Kafkas call it (KIP-854); overrides transactional.id.expiration.ms.',
    { min: 1 },
  ),
  'isr.change.check.interval.ms': setting('int', 2500, 'How often changed ISRs are looked for.', {
    min: 1,
    internal: true,
  }),
  'isr.change.quiet.ms': setting('int', 5000, 'They are announced this long after the last change ...', {
    min: 0,
    internal: true,
  }),
  'isr.change.propagation.ms': setting('int', 60000, '... or this long after the last announcement.', {
    min: 0,
    internal: true,
  }),
  'controller.retry.backoff.ms': setting('int', 100, 'Wait before the controller repeats a request.', {
    min: 0,
    internal: true,
  }),
  'leader.imbalance.first.check.ms': setting(
    'int',
    5000,
    'First look at the balance of leaders after an election.',
    { min: 0, internal: true },
  ),
  'log.initial.task.delay.ms': setting('int', 30000, 'Delay of the first background task of the logs.', {
    min: 0,
    internal: true,
  }),
  'log.max.open.files': setting('int', 10000, 'Descriptors of log files kept open.', {
    min: 8,
    internal: true,
  }),
  'produce.decompression.max.bytes': setting(
    'long',
    268435456,
    'Bytes that all compressed batches of a produce request ' +
      'may expand to; those beyond are refused with MESSAGE_TOO_LARGE.',
    { min: 1, internal: true },
  ),
  'log.tail.cache.bytes': setting(
    'int',
    8388608,
    'Recently appended batches kept in memory, over all logs.',
    { min: 0, internal: true },
  ),
  'event.loop.stall.warn.ms': setting('int', 1000, 'A warning when the event loop was blocked this long.', {
    min: 1,
    internal: true,
  }),
  'shutdown.timeout.ms': setting('int', 60000, 'A shutdown that takes longer ends without being clean.', {
    min: 1,
    internal: true,
  }),
  'lab.truncate.to.high.watermark': setting(
    'boolean',
    false,
    'LESSON: followers truncate to their high watermark, as before KIP-101. Loses acknowledged data.',
    { internal: true },
  ),
  'lab.isr.join.at.high.watermark': setting(
    'boolean',
    false,
    'LESSON: a follower joins the ISR before it reached the current epoch (KAFKA-7128). Loses acknowledged ' +
      'data.',
    { internal: true },
  ),
  'lab.freeze.on.isr.conflict': setting(
    'boolean',
    false,
    'LESSON: the leader gives up on a version conflict ("Cached zkVersion", KAFKA-2729). The ISR freezes.',
    { internal: true },
  ),
  'lab.commit.without.generation': setting(
    'boolean',
    false,
    'LESSON: the coordinator takes commits of members that have lost their partitions. Offsets go back.',
    { internal: true },
  ),
} as const satisfies SettingsTable;

export type BrokerConfig = ConfigOf<typeof brokerConfigTable> & {
  /** Settings of single listeners, such as listener.name.NAME.max.connections. */
  readonly listenerLimits: ReadonlyMap<string, ListenerLimits>;
};

/** The names of the teaching switches (`lab.*`) that are on. */
export function labSwitches(config: BrokerConfig): string[] {
  return Object.keys(config).filter(
    (name) => name.startsWith('lab.') && config[name as keyof BrokerConfig] === true,
  );
}

/**
 * Parses the settings and checks them against each other. Throws a CONFIG_EXCEPTION that names setting, value
 * and reason.
 */
export function parseBrokerConfig(raw: RawConfig, onUnknown?: (name: string) => void): BrokerConfig {
  const config: BrokerConfig = {
    ...parseConfig(brokerConfigTable, raw, (name) => {
      if (!isListenerSetting(name)) onUnknown?.(name);
    }),
    listenerLimits: listenerLimitsOf(raw),
  };
  const fail = (message: string): never => {
    throw new KafkaError('CONFIG_EXCEPTION', message);
  };
  if (config['zookeeper.connect'] === null)
    fail('Missing required configuration "zookeeper.connect" which has no default value.');
  if (config['broker.id'] < 0 && !config['broker.id.generation.enable']) {
    fail('broker.id must be equal or greater than 0 when broker.id.generation.enable is false');
  }
  if (config['broker.id.generation.enable'] && config['broker.id'] > config['reserved.broker.max.id']) {
    fail(
      `broker.id ${config['broker.id']} must be equal or less than reserved.broker.max.id ` +
        `${config['reserved.broker.max.id']}`,
    );
  }
  if (config['replica.fetch.wait.max.ms'] > config['replica.lag.time.max.ms']) {
    fail(
      'replica.fetch.wait.max.ms should always be at most replica.lag.time.max.ms to prevent frequent ' +
        'changes in ISR',
    );
  }
  const { bound } = listenersOf(config);
  for (const name of config.listenerLimits.keys()) {
    if (!bound.some(({ listener }) => listener === name))
      fail(`listener.name.${name.toLowerCase()}: there is no such listener`);
  }
  connectionLimitsOf(config, undefined);
  return config;
}

function endpoints(
  config: BrokerConfig,
  name: 'listeners' | 'advertised.listeners',
  texts: readonly string[],
): Endpoint[] {
  const protocols = new Map(
    config['listener.security.protocol.map'].map((pair) => {
      const [listener, protocol] = pair.split(':');
      return [listener!.toUpperCase(), (protocol ?? '').toUpperCase()];
    }),
  );
  const parsed = texts.map((text) => {
    try {
      return parseEndpoint(text, (listener) => protocols.get(listener));
    } catch {
      throw new KafkaError(
        'CONFIG_EXCEPTION',
        `Invalid value ${text} for configuration ${name}: Error creating broker listeners: unable to parse ` +
          `it to a broker endpoint`,
      );
    }
  });
  if (parsed.length === 0)
    throw new KafkaError(
      'CONFIG_EXCEPTION',
      `Invalid value for configuration ${name}: at least one listener is needed`,
    );
  if (new Set(parsed.map((one) => one.listener)).size !== parsed.length) {
    throw new KafkaError(
      'CONFIG_EXCEPTION',
      `Invalid value ${texts.join(',')} for configuration ${name}: Each listener must have a different name`,
    );
  }
  for (const one of parsed) {
    if (one.securityProtocol !== 'PLAINTEXT') {
      throw new KafkaError(
        'CONFIG_EXCEPTION',
        `Invalid value ${endpointName(one)} for configuration ${name}: No security protocol PLAINTEXT is ` +
          `mapped to listener ${one.listener}; only PLAINTEXT is implemented`,
      );
    }
    if (one.port > 65535)
      throw new KafkaError(
        'CONFIG_EXCEPTION',
        `Invalid value ${endpointName(one)} for configuration ${name}: the port is out of range`,
      );
  }
  return parsed;
}

function endpointName({ listener, port }: Endpoint): string {
  return `${listener}:${port}`;
}

export interface Listeners {
  /** The endpoints to bind. */
  readonly bound: readonly Endpoint[];
  /** The endpoints to register; undefined: the bound ones, with their actual ports. */
  readonly advertised: readonly Endpoint[] | undefined;
  readonly interBroker: string;
  /** The listener on which the controller and other brokers send control requests to this broker. */
  readonly controlPlane: string;
  /**
   * The only listeners that serve control requests and followers' fetches; undefined: every listener does.
   */
  readonly controlOnly: string | undefined;
  readonly replicationOnly: string | undefined;
  /** Brokers have separate listeners, but the other listeners serve their requests, too. */
  readonly isOpenToAll: boolean;
  /** The listeners on which only brokers connect. */
  readonly forBrokers: readonly string[];
}

export function listenersOf(config: BrokerConfig): Listeners {
  const bound = endpoints(config, 'listeners', config.listeners);
  const advertised =
    config['advertised.listeners'] === null
      ? undefined
      : endpoints(config, 'advertised.listeners', config['advertised.listeners']);
  const interBroker = config['inter.broker.listener.name']?.toUpperCase() ?? bound[0]!.listener;
  if (!(advertised ?? bound).some((one) => one.listener === interBroker)) {
    throw new KafkaError(
      'CONFIG_EXCEPTION',
      `inter.broker.listener.name must be a listener name defined in advertised.listeners; ${interBroker} ` +
        `is not`,
    );
  }
  for (const { listener } of advertised ?? []) {
    if (!bound.some((one) => one.listener === listener)) {
      const text = 'advertised.listeners listener names must be a subset of the ones defined in listeners';
      throw new KafkaError('CONFIG_EXCEPTION', `${text}; ${listener} is not`);
    }
  }
  for (const one of advertised ?? []) {
    if (one.host === '' || one.host === '0.0.0.0')
      throw new KafkaError(
        'CONFIG_EXCEPTION',
        'advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.',
      );
  }
  return { bound, advertised, interBroker, ...brokersOnly(config, bound, interBroker, advertised ?? bound) };
}

type BrokersOnly = Omit<Listeners, 'bound' | 'advertised' | 'interBroker'>;

/**
 * Determines which listeners are for brokers, and which requests only they serve. A listener is only for
 * brokers if a setting names it and clients have another one.
 */
function brokersOnly(
  config: BrokerConfig,
  bound: readonly Endpoint[],
  interBroker: string,
  registered: readonly Endpoint[],
): BrokersOnly {
  const dedicated = config['control.plane.listener.name']?.toUpperCase();
  const fail = (text: string) => {
    throw new KafkaError('CONFIG_EXCEPTION', `control.plane.listener.name ${text}`);
  };
  if (dedicated !== undefined && !registered.some((one) => one.listener === dedicated)) {
    fail(`must be a listener name defined in advertised.listeners; ${dedicated} is not`);
  }
  if (dedicated === interBroker) {
    fail(`should have a different value from the inter broker listener name; both are ${dedicated}`);
  }
  const others = bound.filter(({ listener }) => listener !== interBroker && listener !== dedicated);
  const own = others.length > 0 ? [interBroker] : [];
  const forBrokers = dedicated === undefined ? own : [...own, dedicated];
  const isNamed = dedicated !== undefined || config['inter.broker.listener.name'] !== null;
  const isOpen = config['broker.requests.on.any.listener'] || !isNamed;
  const controlPlane = dedicated ?? interBroker;
  return {
    controlPlane,
    forBrokers,
    controlOnly: isOpen ? undefined : controlPlane,
    replicationOnly: isOpen ? undefined : interBroker,
    isOpenToAll: isNamed && isOpen,
  };
}

const HOUR_MS = 3_600_000;

/** The log settings of topics without a config of their own. */
export function logDefaultsOf(config: BrokerConfig): LogConfig {
  const retentionMs =
    config['log.retention.ms'] ??
    (config['log.retention.minutes'] === null
      ? config['log.retention.hours'] * HOUR_MS
      : config['log.retention.minutes'] * 60_000);
  const defaults = Object.fromEntries(
    Object.entries(logConfigTable).map(([name, row]) => [name, row.default]),
  ) as LogConfig;
  return {
    ...defaults,
    'cleanup.policy': config['log.cleanup.policy'],
    'compression.type': config['compression.type'],
    'delete.retention.ms': config['log.cleaner.delete.retention.ms'],
    'file.delete.delay.ms': config['log.segment.delete.delay.ms'],
    'flush.messages': config['log.flush.interval.messages'],
    'flush.ms': config['log.flush.interval.ms'] ?? LONG_MAX,
    'index.interval.bytes': config['log.index.interval.bytes'],
    'max.compaction.lag.ms': config['log.cleaner.max.compaction.lag.ms'],
    'max.message.bytes': config['message.max.bytes'],
    'message.timestamp.difference.max.ms': config['log.message.timestamp.difference.max.ms'],
    'message.timestamp.type': config['log.message.timestamp.type'],
    'min.cleanable.dirty.ratio': config['log.cleaner.min.cleanable.ratio'],
    'min.compaction.lag.ms': config['log.cleaner.min.compaction.lag.ms'],
    'min.insync.replicas': config['min.insync.replicas'],
    'retention.bytes': config['log.retention.bytes'],
    'retention.ms': Math.max(-1, retentionMs),
    'segment.bytes': config['log.segment.bytes'],
    'segment.index.bytes': config['log.index.size.max.bytes'],
    'segment.jitter.ms': config['log.roll.jitter.ms'] ?? config['log.roll.jitter.hours'] * HOUR_MS,
    'segment.ms': config['log.roll.ms'] ?? config['log.roll.hours'] * HOUR_MS,
    'unclean.leader.election.enable': config['unclean.leader.election.enable'],
  };
}
