/** Znodes, byte for byte as Kafka 2.8.2's own classes write them at inter.broker.protocol.version=2.6. */
import * as z from '../../src/zk/znodes';
import { consumerOffsetZnode } from '../../src/zk/consumer-znodes';

const plaintext = { listener: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: 'h2', port: 9092 };
const internal = { listener: 'INTERNAL', securityProtocol: 'PLAINTEXT', host: 'h2', port: 9093 };

test('what we write equals what Kafka writes', () => {
  const cases: [Buffer, string][] = [
    [z.clusterIdZnode.encode('Cw4hKdTpQVqsn0Jy3v8ZsQ'), '{"version":"1","id":"Cw4hKdTpQVqsn0Jy3v8ZsQ"}'],
    [z.controllerZnode.encode(2, 1600000000000), '{"version":1,"brokerid":2,"timestamp":"1600000000000"}'],
    [z.controllerEpochZnode.encode(7), '7'],
    [
      z.brokerIdZnode.encode({
        id: 2,
        endpoints: [plaintext],
        rack: null,
        jmxPort: -1,
        timestampMs: 1795220347406,
      }),
      '{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://h2:9092"],"jmx_port":-1,"port":9092,"host":"h2","version":4,"timestamp":"1795220347406"}',
    ],
    [
      z.brokerIdZnode.encode({
        id: 2,
        endpoints: [plaintext, internal],
        rack: 'r1',
        jmxPort: -1,
        timestampMs: 1795220347773,
      }),
      '{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT","INTERNAL":"PLAINTEXT"},"endpoints":["PLAINTEXT://h2:9092","INTERNAL://h2:9093"],"rack":"r1","jmx_port":-1,"port":9092,"host":"h2","version":4,"timestamp":"1795220347773"}',
    ],
    [
      z.topicZnode.encode({ partitions: new Map([[0, [1, 2, 3]]]), adding: new Map(), removing: new Map() }),
      '{"partitions":{"0":[1,2,3]},"adding_replicas":{},"removing_replicas":{},"version":3}',
    ],
    [
      z.topicZnode.encode({
        partitions: new Map([
          [1, [1, 2, 3]],
          [0, [3, 2, 1]],
        ]),
        adding: new Map([[0, [3]]]),
        removing: new Map([[0, [1]]]),
      }),
      '{"partitions":{"0":[3,2,1],"1":[1,2,3]},"adding_replicas":{"0":[3]},"removing_replicas":{"0":[1]},"version":3}',
    ],
    [
      z.partitionStateZnode.encode({ controllerEpoch: 1, leader: 1, leaderEpoch: 0, isr: [1, 2, 3] }),
      '{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1,2,3]}',
    ],
    [z.configZnode.encode({ 'retention.ms': '1000' }), '{"version":1,"config":{"retention.ms":"1000"}}'],
    [z.configChangesZnode.encode('topics/t'), '{"version":2,"entity_path":"topics/t"}'],
    [z.logDirEventZnode.encode(1), '{"version":1,"broker":1,"event":1}'],
    [
      z.isrChangeZnode.encode([{ topic: 't', partition: 0 }]),
      '{"version":1,"partitions":[{"topic":"t","partition":0}]}',
    ],
    [
      z.producerIdBlockZnode.encode({ brokerId: 1, start: 0, end: 999 }),
      '{"version":1,"broker":1,"block_start":"0","block_end":"999"}',
    ],
    [z.featureZnode.encode(), '{"features":{},"version":1,"status":0}'],
  ];
  for (const [data, text] of cases) expect(data.toString()).toBe(text);
});

test('what Kafka writes at any version is read', () => {
  const v5 =
    '{"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://[::1]:9092"],"jmx_port":-1,"port":9092,"host":"h2","version":5,"timestamp":"1600000000000","rack":"r1"}';
  expect(z.brokerIdZnode.decode(2, Buffer.from(v5), 77)).toEqual({
    id: 2,
    epoch: 77,
    rack: 'r1',
    endpoints: [{ ...plaintext, host: '::1' }],
  });
  const v1 = '{"version":1,"host":"h","port":9092,"jmx_port":-1,"timestamp":"1"}';
  expect(z.brokerIdZnode.decode(2, Buffer.from(v1), 1).endpoints[0]).toMatchObject({ host: 'h', port: 9092 });
  expect(
    z.topicZnode.decode('t', Buffer.from('{"version":1,"partitions":{"0":[1]}}')).partitions.get(0),
  ).toEqual([1]);
  expect(
    z.configChangesZnode.decode('p', Buffer.from('{"version":1,"entity_type":"topics","entity_name":"t"}')),
  ).toBe('topics/t');
});

test('a number in quotes, a missing field, an empty topic: refused with the path, as Kafka refuses them', () => {
  const state = (json: string) => () =>
    z.partitionStateZnode.decode({ topic: 't', partition: 0 }, Buffer.from(json), 0);
  expect(state('{"controller_epoch":1,"leader":"1","leader_epoch":0,"isr":[1]}')).toThrow(
    'leader is "1", not an integer',
  );
  expect(state('{"controller_epoch":1,"leader":1,"isr":[1]}')).toThrow('leader_epoch');
  expect(state('not json')).toThrow('/brokers/topics/t/partitions/0/state is not JSON');
  expect(() => z.topicZnode.decode('t', Buffer.from('{"version":3,"partitions":{}}'))).toThrow(
    'no partitions',
  );
  expect(() => z.controllerEpochZnode.decode(Buffer.from('x'))).toThrow('not a number');
  expect(() =>
    z.brokerIdZnode.decode(1, Buffer.from('{"version":4,"endpoints":["nonsense"],"jmx_port":-1}'), 1),
  ).toThrow('not an endpoint');
});

test('a number that Kafka would not read is refused with the path', () => {
  const tp = { topic: 't', partition: 0 };
  for (const bad of ['2147483648', '-2147483649', '9223372036854775807', '1e30', '0.5']) {
    const state = (json: string) => () => z.partitionStateZnode.decode(tp, Buffer.from(json), 0);
    expect(state(`{"controller_epoch":1,"leader":1,"leader_epoch":${bad},"isr":[1]}`)).toThrow(
      'leader_epoch',
    );
    expect(state(`{"controller_epoch":${bad},"leader":1,"leader_epoch":0,"isr":[1]}`)).toThrow(
      'controller_epoch',
    );
    expect(state(`{"controller_epoch":1,"leader":1,"leader_epoch":0,"isr":[${bad}]}`)).toThrow(
      'list of integers',
    );
    expect(() => z.controllerZnode.decode(Buffer.from(`{"brokerid":${bad}}`))).toThrow('brokerid');
    expect(() => z.controllerEpochZnode.decode(Buffer.from(bad))).toThrow('not a number');
    const topic = Buffer.from(`{"partitions":{"${bad}":[1]}}`);
    expect(() => z.topicZnode.decode('t', topic)).toThrow('not a number');
  }
  expect(z.controllerEpochZnode.decode(Buffer.from('2147483647'))).toBe(2147483647);
  const block = (end: string) => Buffer.from(`{"broker":1,"block_start":"0","block_end":"${end}"}`);
  expect(z.producerIdBlockZnode.decode(block('9007199254740991'))!.end).toBe(Number.MAX_SAFE_INTEGER);
  for (const bad of ['9007199254740992', '-1', 'x', '']) {
    expect(() => z.producerIdBlockZnode.decode(block(bad))).toThrow('/latest_producer_id_block');
  }
  expect(consumerOffsetZnode.decode(Buffer.from('9007199254740992'))).toBeUndefined();
});

test('a broker tells one, two or three epochs of its process; whatever else is there counts as nothing', () => {
  const { encode, decode } = z.incarnationZnode;
  for (const [text, epochs] of [
    ['9', { processEpoch: 9, keptSince: 9 }],
    ['9 5', { processEpoch: 9, keptSince: 5 }],
    ['9 9 4', { processEpoch: 9, keptSince: 9, flushedSince: 4 }],
    ['9 5 4', { processEpoch: 9, keptSince: 5, flushedSince: 4 }],
  ] as const) {
    expect(encode(epochs).toString()).toBe(text);
    expect(decode(Buffer.from(text))).toEqual(epochs);
  }
  for (const text of ['', 'x', '9 ', '9 10', '9 5 6', '9 5 4 3', '-1', '9007199254740993'])
    expect(decode(Buffer.from(text))).toBeUndefined();
});
