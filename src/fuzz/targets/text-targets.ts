/**
 * Targets for text that people and other programs write: properties files, settings, znodes.
 */
import { KafkaError } from '../../common/errors';
import { parseProperties } from '../../common/config-def';
import { brokerConfigTable, listenersOf, parseBrokerConfig } from '../../broker/broker-config';
import { validateTopicConfig } from '../../log/log-config';
import { consumerIdsZnode, consumerOffsetZnode } from '../../zk/consumer-znodes';
import {
  brokerIdZnode,
  clusterIdZnode,
  configChangesZnode,
  configZnode,
  controllerEpochZnode,
  controllerZnode,
  incarnationZnode,
  isrChangeZnode,
  logDirEventZnode,
  partitionStateZnode,
  preferredElectionZnode,
  producerIdBlockZnode,
  topicZnode,
  ZnodeError,
} from '../../zk/znodes';
import { FuzzTarget } from '../fuzz-target';

const text = (...lines: string[]) => Buffer.from(lines.join('\n'));

const properties: FuzzTarget = {
  name: 'properties',
  seeds: () => [
    text('# comment', 'a=b', 'c : d', 'long=x\\', '  y'),
    text('listeners=PLAINTEXT://:9092'),
    Buffer.alloc(0),
  ],
  decode: (input) => parseProperties(input.toString('utf8')),
  isRefusal: () => false,
};

const isConfigError = (error: unknown) =>
  error instanceof KafkaError && ['CONFIG_EXCEPTION', 'INVALID_CONFIG'].includes(error.errorName);

const brokerSettings: FuzzTarget = {
  name: 'broker-settings',
  seeds: () => [
    text(
      'zookeeper.connect=localhost:2181',
      'broker.id=1',
      'listeners=PLAINTEXT://127.0.0.1:0,B://:1',
      'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,B:PLAINTEXT',
    ),
    ...Object.keys(brokerConfigTable).map((name) => text('zookeeper.connect=z', `${name}=1`)),
  ],
  decode: (input) => {
    const config = parseBrokerConfig(
      { 'zookeeper.connect': 'z', ...parseProperties(input.toString('utf8')) },
      () => {},
    );
    return { names: Object.keys(config).length, listeners: listenersOf(config) };
  },
  isRefusal: isConfigError,
};

const topicSettings: FuzzTarget = {
  name: 'topic-settings',
  seeds: () => [
    text('retention.ms=1000', 'cleanup.policy=compact,delete'),
    text('max.message.bytes=5', 'compression.type=gzip'),
  ],
  decode: (input) => {
    validateTopicConfig(parseProperties(input.toString('utf8')));
    return null;
  },
  isRefusal: isConfigError,
};

interface Codec {
  readonly samples: readonly Buffer[];
  readonly decode: (data: Buffer) => unknown;
  readonly encode?: (value: never) => Buffer;
}

const tp = { topic: 't', partition: 0 };
const endpoint = { listener: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: '127.0.0.1', port: 9092 };
const registration = {
  id: 2,
  endpoints: [endpoint, { ...endpoint, listener: 'B', host: '::1' }],
  rack: 'r',
  jmxPort: -1,
  timestampMs: 1,
};
const codec = <T>(
  samples: readonly Buffer[],
  decode: (data: Buffer) => T,
  encode?: (value: T) => Buffer,
): Codec => ({ samples, decode, encode: encode as Codec['encode'] });

const znodes: readonly Codec[] = [
  codec([clusterIdZnode.encode('abc')], clusterIdZnode.decode, clusterIdZnode.encode),
  codec([controllerZnode.encode(2, 5)], controllerZnode.decode, (id) => controllerZnode.encode(id, 0)),
  codec([controllerEpochZnode.encode(7)], controllerEpochZnode.decode, controllerEpochZnode.encode),
  codec(
    [brokerIdZnode.encode(registration), Buffer.from('{"version":1,"host":"h","port":1,"jmx_port":-1}')],
    (data) => brokerIdZnode.decode(2, data, 9),
  ),
  codec([incarnationZnode.encode({ processEpoch: 9, keptSince: 5 })], incarnationZnode.decode, (epochs) =>
    epochs === undefined ? Buffer.alloc(0) : incarnationZnode.encode(epochs),
  ),
  codec(
    [
      topicZnode.encode({
        partitions: new Map([
          [0, [1, 2]],
          [1, []],
        ]),
        adding: new Map([[0, [3]]]),
        removing: new Map(),
      }),
    ],
    (data) => topicZnode.decode('t', data),
    topicZnode.encode,
  ),
  codec(
    [partitionStateZnode.encode({ controllerEpoch: 1, leader: 1, leaderEpoch: 2, isr: [1, 2] })],
    (data) => partitionStateZnode.decode(tp, data, 3),
    partitionStateZnode.encode,
  ),
  codec(
    [configZnode.encode({ 'retention.ms': '5' }), Buffer.alloc(0)],
    (data) => configZnode.decode('/c', data),
    configZnode.encode,
  ),
  codec(
    [
      configChangesZnode.encode('topics/t'),
      Buffer.from('{"version":1,"entity_type":"topics","entity_name":"t"}'),
    ],
    (data) => configChangesZnode.decode('/c', data),
  ),
  codec([isrChangeZnode.encode([tp])], (data) => isrChangeZnode.decode('/i', data), isrChangeZnode.encode),
  codec(
    [preferredElectionZnode.encode([tp, tp])],
    preferredElectionZnode.decode,
    preferredElectionZnode.encode,
  ),
  codec([logDirEventZnode.encode(1)], (data) => logDirEventZnode.decode('/l', data), logDirEventZnode.encode),
  codec(
    [producerIdBlockZnode.encode({ brokerId: 1, start: 0, end: 999 }), Buffer.alloc(0)],
    producerIdBlockZnode.decode,
    (block) => (block === undefined ? Buffer.alloc(0) : producerIdBlockZnode.encode(block)),
  ),
  codec([consumerIdsZnode.encode({ t: 2 }, 5)], consumerIdsZnode.decode),
  codec([consumerOffsetZnode.encode(42)], consumerOffsetZnode.decode, (offset) =>
    offset === undefined ? Buffer.alloc(0) : consumerOffsetZnode.encode(offset),
  ),
];

const which = (input: Buffer) => (input[0] ?? 0) % znodes.length;

/** The first byte selects the znode; the rest is its data. */
const znode: FuzzTarget = {
  name: 'znode',
  seeds: () =>
    znodes.flatMap(({ samples }, i) => samples.map((sample) => Buffer.concat([Buffer.of(i), sample]))),
  decode: (input) => ({ which: which(input), value: znodes[which(input)]!.decode(input.subarray(1)) }),
  isRefusal: (error) => error instanceof ZnodeError,
  encode: ({ which: i, value }: { which: number; value: unknown }) => {
    const { encode } = znodes[i]!;
    return encode === undefined ? undefined : Buffer.concat([Buffer.of(i), encode(value as never)]);
  },
};

export const textTargets: readonly FuzzTarget[] = [properties, brokerSettings, topicSettings, znode];
