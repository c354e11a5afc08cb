/** Group records byte for byte, the coordinator's tables, and offset resets. */
import {
  parseDateTime,
  parseDuration,
  parseOffsetsFile,
  planReset,
  ResetScenario,
} from '../../src/admin/offset-reset';
import { Group, GroupState, validPreviousStates } from '../../src/broker/group/group-metadata';
import {
  decodeGroupValue,
  decodeKey,
  decodeOffsetValue,
  encodeGroupKey,
  encodeGroupValue,
  encodeOffsetKey,
  encodeOffsetValue,
  partitionForGroup,
} from '../../src/broker/group/group-records';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../../src/protocol/consumer-protocol';

const hex = (bytes: Buffer) => bytes.toString('hex');
const T = 1600000000000;

test("keys and values of __consumer_offsets are Kafka's bytes", () => {
  expect(hex(encodeOffsetKey('g1', { topic: 't', partition: 2 }))).toBe('00010002673100017400000002');
  expect(hex(encodeGroupKey('g1'))).toBe('000200026731');
  const committed = { offset: 42, leaderEpoch: -1, metadata: '', commitTimestamp: T, expireTimestamp: -1 };
  expect(hex(encodeOffsetValue(committed))).toBe('0003000000000000002affffffff000000000174876e8000');
  expect(hex(encodeOffsetValue({ ...committed, expireTimestamp: T + 1000 }))).toBe(
    '0001000000000000002a000000000174876e800000000174876e83e8',
  );
  expect(decodeOffsetValue(encodeOffsetValue(committed))).toEqual(committed);
  expect(decodeKey(Buffer.from('00010002673100017400000002', 'hex'))).toEqual({
    kind: 'offset',
    group: 'g1',
    tp: { topic: 't', partition: 2 },
  });
  expect(decodeKey(Buffer.from('000700', 'hex'))).toEqual({ kind: 'unknown', version: 7 });
});

test("group values are Kafka's bytes, with members and without", () => {
  const stable = {
    protocolType: 'consumer',
    generation: 1,
    protocol: 'range',
    leader: 'c-1',
    currentStateTimestamp: T,
    members: [
      {
        memberId: 'c-1',
        groupInstanceId: null,
        clientId: 'c',
        clientHost: '/127.0.0.1',
        rebalanceTimeoutMs: 300000,
        sessionTimeoutMs: 10000,
        subscription: Buffer.from('000100000001000174ffffffff00000000', 'hex'),
        assignment: Buffer.from('000100000001000174000000020000000000000001ffffffff', 'hex'),
      },
    ],
  };
  expect(hex(encodeGroupValue(stable))).toBe(
    '00030008636f6e73756d657200000001000572616e67650003632d3100000174876e8000000000010003632d31ffff000163000a2f3132372e302e302e31000493e00000271000000011000100000001000174ffffffff0000000000000019000100000001000174000000020000000000000001ffffffff',
  );
  expect(decodeGroupValue(encodeGroupValue(stable))).toEqual(stable);
  expect(
    hex(
      encodeGroupValue({
        protocolType: 'consumer',
        generation: 2,
        protocol: null,
        leader: null,
        currentStateTimestamp: T,
        members: [],
      }),
    ),
  ).toBe('00030008636f6e73756d657200000002ffffffff00000174876e800000000000');
});

test("subscriptions and assignments are Kafka's bytes; version 0 and newer ones are read", () => {
  expect(hex(encodeSubscription({ topics: ['t'], userData: null, ownedPartitions: [] }))).toBe(
    '000100000001000174ffffffff00000000',
  );
  expect(
    hex(
      encodeSubscription({
        topics: ['t'],
        userData: null,
        ownedPartitions: [0, 1].map((partition) => ({ topic: 't', partition })),
      }),
    ),
  ).toBe('000100000001000174ffffffff00000001000174000000020000000000000001');
  expect(
    hex(
      encodeAssignment({
        partitions: [0, 1].map((partition) => ({ topic: 't', partition })),
        userData: null,
      }),
    ),
  ).toBe('000100000001000174000000020000000000000001ffffffff');
  expect(decodeSubscription(Buffer.from('000000000001000174ffffffff', 'hex')).topics).toEqual(['t']);
  expect(decodeSubscription(Buffer.from('000900000001000174ffffffff0000000099', 'hex')).topics).toEqual([
    't',
  ]);
  expect(decodeAssignment(Buffer.alloc(0)).partitions).toEqual([]);
  expect(() => decodeSubscription(Buffer.from('00010000ffff', 'hex'))).toThrow('Not a consumer subscription');
});

test('a group lives in the partition Kafka would put it in', () => {
  expect(
    ['g1', 'my-group', 'test', 'console-consumer-1', 'polygenelubricants'].map((group) =>
      partitionForGroup(group, 50),
    ),
  ).toEqual([42, 12, 48, 24, 0]);
});

test('group states change along the table, and along nothing else', () => {
  for (const to of Object.keys(validPreviousStates) as GroupState[]) {
    for (const from of Object.keys(validPreviousStates) as GroupState[]) {
      const group = new Group('g', 0);
      group.state = from;
      const legal = (validPreviousStates[to] as readonly GroupState[]).includes(from);
      if (legal) group.transitionTo(to, 1);
      else expect(() => group.transitionTo(to, 1)).toThrow(`cannot go from ${from} to ${to}`);
      expect(group.state).toBe(legal ? to : from);
    }
  }
});

test('members vote for a protocol that all support', () => {
  const group = new Group('g', 0);
  const add = (memberId: string, names: string[]) =>
    group.add({
      memberId,
      groupInstanceId: null,
      clientId: 'c',
      clientHost: '/h',
      rebalanceTimeoutMs: 1,
      sessionTimeoutMs: 1,
      protocols: names.map((name) => ({ name, metadata: Buffer.from(name) })),
      assignment: Buffer.alloc(0),
      awaitingJoin: undefined,
      awaitingSync: undefined,
      isNew: true,
      deadlineMs: 0,
      timer: undefined,
      timerAtMs: 0,
      commitSequence: -1,
    });
  group.protocolType = 'consumer';
  add('a', ['sticky', 'range']);
  add('b', ['range', 'sticky']);
  add('c', ['roundrobin', 'range', 'sticky']);
  expect(group.selectProtocol()).toBe('range');
  expect(group.supports('consumer', ['roundrobin'])).toBe(false);
  expect(group.supports('connect', ['range'])).toBe(false);
  expect(group.supports('consumer', ['range'])).toBe(true);
});

describe('resetting offsets', () => {
  const tps = [{ topic: 't', partition: 0 }];
  const source = {
    beginningOffsets: async () => new Map([['t-0', 10]]),
    endOffsets: async () => new Map([['t-0', 100]]),
    offsetsForTimes: async () => new Map([['t-0', { offset: 55 }]]),
  };
  const plan = async (scenario: ResetScenario, committed: [string, number][] = [['t-0', 40]]) =>
    (await planReset(scenario, tps, new Map(committed), source, () => {}))[0]!.offset;

  test('each scenario gives its offset, kept within the log', async () => {
    expect(await plan({ kind: 'earliest' })).toBe(10);
    expect(await plan({ kind: 'latest' })).toBe(100);
    expect(await plan({ kind: 'current' })).toBe(40);
    expect(await plan({ kind: 'offset', offset: 5 })).toBe(10);
    expect(await plan({ kind: 'offset', offset: 500 })).toBe(100);
    expect(await plan({ kind: 'shift', by: -15 })).toBe(25);
    expect(await plan({ kind: 'time', timestamp: 1 })).toBe(55);
    expect(await plan({ kind: 'file', offsets: new Map([['t-0', 77]]) })).toBe(77);
    await expect(plan({ kind: 'shift', by: 1 }, [])).rejects.toThrow('no current committed offset');
  });

  test("durations, times and files are read as Kafka's tool reads them, and nonsense is refused", () => {
    expect(parseDuration('P1DT2H3M4.5S')).toBe(((24 + 2) * 3600 + 3 * 60 + 4.5) * 1000);
    for (const bad of ['', 'P', 'PT', '1D', 'P1Y', 'P1DT'])
      expect(() => parseDuration(bad)).toThrow('is not a duration');
    expect(parseDateTime('2020-09-13T12:26:40.000', Date.parse)).toBe(T);
    expect(parseDateTime('2020-09-13T14:26:40.000+02:00', Date.parse)).toBe(T);
    for (const bad of ['yesterday', '2020-13-45T00:00:00.000'])
      expect(() => parseDateTime(bad, Date.parse)).toThrow('is not a time');
    expect(parseOffsetsFile('t,0,5\n"a-b",12,7\n')).toEqual(
      new Map([
        ['t-0', 5],
        ['a-b-12', 7],
      ]),
    );
    expect(() => parseOffsetsFile('t,0\n')).toThrow('is not a line topic,partition,offset');
  });
});
