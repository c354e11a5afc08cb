/** Broker settings: Kafka's names and defaults, cross-checks, and what a beginner gets wrong. */
import {
  brokerConfigTable,
  listenersOf,
  logDefaultsOf,
  parseBrokerConfig,
} from '../../src/broker/broker-config';
import { connectionLimitsOf, shareDescriptors } from '../../src/broker/connection-config';
import { LONG_MAX, parseProperties } from '../../src/common/config-def';
import { validateTopicConfig, withOverrides } from '../../src/log/log-config';

const parse = (raw: Record<string, unknown> = {}) =>
  parseBrokerConfig({ 'zookeeper.connect': 'z:2181', ...raw });

test('a properties file is read as Java reads it', () => {
  expect(parseProperties('# c\n! c\n a = b \nlist=x,\\\n   y\nurl: http://h:1/p=q\nempty=\n')).toEqual({
    a: 'b',
    list: 'x,y',
    url: 'http://h:1/p=q',
    empty: '',
  });
});

test('the finer unit wins, and topics inherit', () => {
  expect(logDefaultsOf(parse())['retention.ms']).toBe(604800000);
  expect(logDefaultsOf(parse({ 'log.retention.hours': 1, 'log.retention.minutes': 2 }))['retention.ms']).toBe(
    120000,
  );
  expect(logDefaultsOf(parse({ 'log.retention.minutes': 2, 'log.retention.ms': -1 }))['retention.ms']).toBe(
    -1,
  );
  expect(logDefaultsOf(parse({ 'message.max.bytes': 77 }))['max.message.bytes']).toBe(77);
});

test('listeners: what is bound, what is told, what brokers use among themselves', () => {
  const config = parse({
    'listeners': 'IN://:9092,OUT://0.0.0.0:9093',
    'advertised.listeners': 'in://b1:9092,OUT://localhost:19093',
    'listener.security.protocol.map': 'IN:PLAINTEXT,OUT:PLAINTEXT',
    'inter.broker.listener.name': 'in',
  });
  expect(listenersOf(config)).toMatchObject({
    interBroker: 'IN',
    bound: [
      { listener: 'IN', host: '', port: 9092 },
      { listener: 'OUT', host: '0.0.0.0' },
    ],
    advertised: [{ listener: 'IN', host: 'b1' }, { port: 19093 }],
  });
});

describe('which listeners serve brokers and the controller', () => {
  const two = {
    'listeners': 'OUT://h:1,IN://h:2',
    'listener.security.protocol.map': 'OUT:PLAINTEXT,IN:PLAINTEXT,CTL:PLAINTEXT',
  };
  const three = { ...two, 'listeners': 'OUT://h:1,IN://h:2,CTL://h:3' };

  test.each([
    [
      'every one, where no setting names one',
      two,
      { controlOnly: undefined, replicationOnly: undefined, controlPlane: 'OUT' },
    ],
    [
      'the inter-broker listener alone, where it is named',
      { ...two, 'inter.broker.listener.name': 'in' },
      { controlOnly: 'IN', replicationOnly: 'IN', controlPlane: 'IN', forBrokers: ['IN'] },
    ],
    [
      'the control plane listener for the controller, and the inter-broker listener for followers',
      { ...three, 'inter.broker.listener.name': 'IN', 'control.plane.listener.name': 'ctl' },
      { controlOnly: 'CTL', replicationOnly: 'IN', controlPlane: 'CTL', forBrokers: ['IN', 'CTL'] },
    ],
    [
      'the control plane listener alone, with followers among the clients',
      { ...two, 'listeners': 'OUT://h:1,CTL://h:3', 'control.plane.listener.name': 'CTL' },
      { controlOnly: 'CTL', replicationOnly: 'OUT', controlPlane: 'CTL', forBrokers: ['CTL'] },
    ],
    [
      'every one, as long as a rolling restart needs it',
      {
        ...three,
        'inter.broker.listener.name': 'IN',
        'control.plane.listener.name': 'CTL',
        'broker.requests.on.any.listener': 'true',
      },
      {
        controlOnly: undefined,
        replicationOnly: undefined,
        controlPlane: 'CTL',
        interBroker: 'IN',
        isOpenToAll: true,
      },
    ],
  ])('%s', (_, raw, expected) => {
    expect(listenersOf(parse(raw))).toMatchObject(expected);
  });
});

test.each([
  [
    { 'control.plane.listener.name': 'CONTROL' },
    'control.plane.listener.name must be a listener name defined in advertised.listeners',
  ],
  [
    { 'control.plane.listener.name': 'PLAINTEXT' },
    'should have a different value from the inter broker listener name',
  ],
  [
    {
      'advertised.listeners': 'PLAINTEXT://a:1,MORE://a:2',
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,MORE:PLAINTEXT',
    },
    'advertised.listeners listener names must be a subset',
  ],
  [{ 'zookeeper.connect': null }, 'Missing required configuration "zookeeper.connect"'],
  [{ 'broker.id': 'x' }, 'Invalid value x for configuration broker.id'],
  [{ 'broker.id': 1001 }, 'reserved.broker.max.id'],
  [{ 'broker.id': -1, 'broker.id.generation.enable': false }, 'broker.id must be equal or greater than 0'],
  [{ 'auto.create.topics.enable': 'yes' }, 'Expected value to be either true or false'],
  [{ 'listeners': 'localhost:9092' }, 'unable to parse it to a broker endpoint'],
  [{ 'listeners': 'SSL://h:9092' }, 'only PLAINTEXT is implemented'],
  [{ 'listeners': 'PLAINTEXT://a:1,PLAINTEXT://b:2' }, 'Each listener must have a different name'],
  [{ 'advertised.listeners': 'PLAINTEXT://0.0.0.0:9092' }, 'nonroutable meta-address'],
  [{ 'inter.broker.listener.name': 'OTHER' }, 'inter.broker.listener.name'],
  [{ 'replica.fetch.wait.max.ms': 60000 }, 'replica.fetch.wait.max.ms'],
  [{ 'num.partitions': 0 }, 'Value must be at least 1'],
])('%j is refused with a reason', (raw, reason) => {
  expect(() => parse(raw)).toThrow(reason);
});

test('topic settings are checked by name and value', () => {
  expect(() => validateTopicConfig({ 'retention.ms': '5' })).not.toThrow();
  expect(() => validateTopicConfig({ 'no.such': '5' })).toThrow('Unknown topic config name: no.such');
  expect(() => validateTopicConfig({ 'cleanup.policy': 'burn' })).toThrow('cleanup.policy');
});

test('every setting has a sentence', () => {
  for (const [name, row] of Object.entries(brokerConfigTable))
    expect([name, row.doc.length > 5]).toEqual([name, true]);
});

test('a name that every object seems to have is no setting', () => {
  for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf']) {
    const raw = Object.fromEntries([[name, '1']]);
    expect(() => validateTopicConfig(raw)).toThrow(`Unknown topic config name: ${name}`);
    expect(withOverrides(logDefaultsOf(parse()), raw)).toEqual(logDefaultsOf(parse()));
    const unknown: string[] = [];
    parseBrokerConfig({ 'zookeeper.connect': 'z', ...raw }, (one) => unknown.push(one));
    if (name !== '__proto__') expect(unknown).toEqual([name]);
    expect(Object.entries(parseProperties(`${name}=1\n`))).toEqual([[name, '1']]);
  }
});

test("a long is Java's long, to the last one", () => {
  const set = (value: unknown) => () => validateTopicConfig({ 'retention.ms': value as string });
  for (const value of ['9223372036854775807', '+9223372036854775807', ' 5 ', '-1', LONG_MAX]) {
    expect(set(value)).not.toThrow();
  }
  const beyond = [
    '9223372036854775808',
    '9223372036854776000',
    '-9223372036854775809',
    '9'.repeat(400),
    '1e3',
  ];
  for (const value of beyond) {
    expect(set(value)).toThrow('Not a number of type LONG');
  }
  expect(() => validateTopicConfig({ 'segment.bytes': '2147483648' })).toThrow('Not a number of type INT');
});

test('a listener has settings of its own, and descriptors are shared between logs and clients', () => {
  const config = parse({
    'listeners': 'IN://:9092,OUT://:9093',
    'listener.security.protocol.map': 'IN:PLAINTEXT,OUT:PLAINTEXT',
    'inter.broker.listener.name': 'IN',
    'listener.name.out.max.connections': '50',
    'max.connections': '900',
    'listener.name.in.max.connection.creation.rate': '7',
    'max.connections.per.ip.overrides': '10.0.0.7:5,[::1]:6',
  });
  const limits = connectionLimitsOf(config, undefined);
  expect(limits.maxConnections).toBe(900);
  expect([...limits.perIpOverrides]).toEqual([
    ['10.0.0.7', 5],
    ['::1', 6],
  ]);
  expect([...limits.listeners]).toEqual([
    ['OUT', { maxConnections: 50, creationRate: Infinity }],
    ['IN', { maxConnections: Infinity, creationRate: 7 }],
  ]);
  expect(connectionLimitsOf(config, 1024).maxConnections).toBeLessThan(500);
  const { files, connections } = shareDescriptors(1024, 10000);
  expect(files).toBeGreaterThan(400);
  expect(files + connections).toBeLessThan(924);
  expect(shareDescriptors(1_000_000, 10000).files).toBe(10000);
});

test.each([
  [{ 'listener.name.other.max.connections': 5 }, 'listener.name.other: there is no such listener'],
  [{ 'listener.name.plaintext.max.connections': 0 }, 'Value must be at least 1'],
  [{ 'listener.name.plaintext.max.connections': 'x' }, 'Not a number of type INT'],
  [{ 'max.connections.per.ip.overrides': '10.0.0.1' }, 'it must be address:count'],
  [{ 'max.connections.per.ip': 0 }, 'it can be zero only with max.connections.per.ip.overrides'],
])('%j is refused with a reason', (raw, reason) => {
  expect(() => parse(raw)).toThrow(reason);
});
