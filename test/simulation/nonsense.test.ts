/**
 * A peer that speaks the protocol and means nothing by it: its requests cost the peer its connection at most.
 */
import { resourcesAboveFloor } from '../../src/checkers/resources';
import { errorName } from '../../src/common/errors';
import { RpcConnection } from '../../src/network/rpc-connection';
import { allApis } from '../../src/protocol/apis';
import { createTopics, metadata } from '../../src/protocol/messages/metadata';
import {
  controlledShutdown,
  leaderAndIsr,
  stopReplica,
  updateMetadata,
} from '../../src/protocol/messages/replica-control';
import { Schema } from '../../src/protocol/schema';
import { Prng } from '../../src/simulation/prng';
import { ask, rowOf, stampFor } from '../support/control';
import { bringUp, openProducer, runUntil, send } from '../support/sim';

/** Without authentication, who sends these is the controller. */
const CONTROL = [leaderAndIsr, stopReplica, updateMetadata, controlledShutdown].map(({ key }) => key);

/** Some value of the schema, often one that is known to the cluster. */
function nonsense(schema: Schema<unknown>, random: Prng): unknown {
  switch (schema.kind) {
    case 'int8':
      return random.pick([0, 1, -1, 127, -128]);
    case 'int16':
      return random.pick([0, 1, -1, 32767, -32768]);
    case 'int32':
      return random.pick([0, 0, 1, -1, 5, 1000, 2 ** 31 - 1, -(2 ** 31)]);
    case 'int64':
      return random.pick([0, 0, 1, -1, 1000, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]);
    case 'bool':
      return random.chance(0.5);
    case 'string':
      return random.pick([
        't',
        't',
        '',
        'g',
        'g-1',
        '__consumer_offsets',
        '..',
        '__proto__',
        'consumer',
        'ключ',
        'x'.repeat(300),
      ]);
    case 'nullableString':
      return random.pick([null, '', 'g-1', 'x']);
    case 'bytes':
      return random.bytes(random.below(100));
    case 'records':
      return [random.bytes(random.below(200))];
    case 'array':
      return Array.from({ length: random.below(4) }, () => nonsense(schema.of, random));
    case 'struct':
      return Object.fromEntries(schema.fields.map((field) => [field.name, nonsense(field.type, random)]));
  }
}

test.each(['a', 'b', 'c'])(
  'nonsense that fits the protocol neither ends a broker nor stops the others (%s)',
  async (seed) => {
    const cluster = await bringUp(`nonsense-${seed}`, 3, [1, 2, 3], {
      settings: { 'offsets.topic.num.partitions': '2', 'offsets.topic.replication.factor': '3' },
    });
    const producer = await openProducer(cluster);
    const random = new Prng(`nonsense-${seed}`);
    const { host } = cluster.environment();
    const apis = allApis.filter(({ key }) => !CONTROL.includes(key) && key !== createTopics.key);
    for (let round = 0; round < 60; round++) {
      const options = { clientId: 'x', requestTimeoutMs: 3000, connectTimeoutMs: 1000 };
      const address = { host: `broker-${random.between(1, 3)}`, port: 9092 };
      const connection = await cluster.world.complete(
        RpcConnection.open(host, address, options),
        30000,
        'connecting',
      );
      const asked = Array.from({ length: 10 }, () => {
        const api = random.pick(apis);
        return connection.request(api, nonsense(api.request, random)).catch(() => undefined);
      });
      await cluster.world.complete(Promise.all(asked), 30000, 'answers, or the end of the connection');
      connection.close();
      expect(await send(cluster, producer, `v${round}`)).toEqual(expect.any(Number));
    }
    expect(cluster.brokers.map(({ id, host: { exited } }) => ({ id, exited }))).toEqual(
      [1, 2, 3].map((id) => ({ id, exited: undefined })),
    );
    const metered = cluster.brokers.map(({ id, broker }) => ({ id, metrics: broker!.metrics }));
    await runUntil(
      cluster,
      'brokers hold nothing for the peer',
      () => resourcesAboveFloor(metered).length === 0,
    );
    expect(cluster.world.violations).toEqual([]);
  },
);

test('a topic of two billion partitions is refused before memory is taken for it', async () => {
  const cluster = await bringUp('two-billion', 3, [1, 2, 3]);
  const { host } = cluster.environment();
  const options = { clientId: 'x', requestTimeoutMs: 3000, connectTimeoutMs: 1000 };
  const open = RpcConnection.open(host, { host: 'broker-1', port: 9092 }, options);
  const connection = await cluster.world.complete(open, 30000, 'connecting');
  const topic = {
    name: 'wide',
    numPartitions: 2 ** 31 - 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  };
  const asked = connection.request(createTopics, { topics: [topic], timeoutMs: 1000, validateOnly: false });
  const { topics } = await cluster.world.complete(asked, 30000, 'the answer');
  expect(topics.map(({ errorCode }) => errorName(errorCode))).toEqual(['INVALID_PARTITIONS']);
});

test('a request that creates very many topics is refused, and one that names a topic twice is told so once', async () => {
  const cluster = await bringUp('many-topics', 3, [1, 2, 3]);
  const topic = (name: string, numPartitions = 1) => {
    return { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
  };
  const create = async (topics: readonly ReturnType<typeof topic>[], validateOnly = false) => {
    const answer = await ask(cluster, 1, createTopics, { topics, timeoutMs: 5000, validateOnly });
    return answer.topics.map(({ name, errorCode }) => `${name} ${errorName(errorCode)}`);
  };
  const many = await create(Array.from({ length: 1001 }, (_, i) => topic(`many-${i}`)));
  expect(new Set(many.map((row) => row.split(' ')[1]))).toEqual(new Set(['INVALID_REQUEST']));
  expect(await create([topic('a.b'), topic('b'), topic('a_b'), topic('b'), topic('c'), topic('t')])).toEqual([
    'a.b NONE',
    'b INVALID_REQUEST',
    'a_b INVALID_TOPIC_EXCEPTION',
    'c NONE',
    't TOPIC_ALREADY_EXISTS',
  ]);
  expect(await create([topic('d', 60_000), topic('e', 60_000)], true)).toEqual([
    'd NONE',
    'e INVALID_PARTITIONS',
  ]);
});

test('what no partition can be called is not told on, though who plays controller says it', async () => {
  const cluster = await bringUp('no-such-names', 3, [1, 2, 3]);
  const names = ['', '.', '../../etc', 'with blank', 'x'.repeat(250), 'line\nbreak'];
  const known = { ...rowOf(cluster), offlineReplicas: [] };
  const { isNew: _, ...row } = known;
  const partitionStates = [
    ...names.map((topic) => ({ ...row, topic })),
    { ...row, topic: 'u', partition: -1 },
    { ...row, topic: 'v' },
  ];
  const liveBrokers = [1, 2, 3].map((id) => ({
    id,
    epoch: cluster.broker(id).broker!.epoch,
    rack: null,
    endpoints: [...cluster.broker(id).broker!.endpoints],
  }));
  const request = { ...stampFor(cluster, 1), partitionStates, liveBrokers };
  expect(await ask(cluster, 1, updateMetadata, request)).toEqual({ errorCode: 0 });
  const answer = await ask(cluster, 1, metadata, {
    topics: [],
    allTopics: true,
    allowAutoTopicCreation: false,
  });
  expect(answer.topics.map(({ name }) => name)).toEqual(['t', 'v']);
});

test('metadata of a topic that is named many times tells it once', async () => {
  const cluster = await bringUp('named-twice', 3, [1, 2, 3]);
  const topics = new Array(10_000).fill('t');
  const answer = await ask(cluster, 1, metadata, { topics, allTopics: false, allowAutoTopicCreation: false });
  expect(answer.topics.map(({ name }) => name)).toEqual(['t']);
});
