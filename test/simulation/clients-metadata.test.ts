/** Where clients look for leaders when brokers tell what was true before, or say nothing. */
import { handleMetadata } from '../../src/broker/handlers/metadata';
import { MetadataCache } from '../../src/broker/metadata-cache';
import { TopicPartition } from '../../src/common/cluster-types';
import { metadata } from '../../src/protocol/messages/metadata';
import { TypeOf } from '../../src/protocol/schema';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { bringUp, openProducer, runFor, runUntil, send, TP } from '../support/sim';

const BOOTSTRAP = {
  'zookeeper.connect': null,
  'bootstrap.servers': 'broker-1:9092,broker-2:9092,broker-3:9092',
  'metadata.max.age.ms': 10_000_000,
};

function cacheOf(cluster: SimCluster, id: number): MetadataCache {
  return (cluster.broker(id).broker!.replicas as unknown as { deps: { metadata: MetadataCache } }).deps
    .metadata;
}

/** From now on the broker is told nothing more by the controller: its metadata stays as it is. */
function freezeMetadata(cluster: SimCluster, id: number): void {
  cacheOf(cluster, id).update = () => {};
}

async function moveLeader(cluster: SimCluster, away: number): Promise<void> {
  cluster.terminate(away);
  await runUntil(
    cluster,
    'another leads',
    () => cluster.stateOf(TP)!.leader !== away && !cluster.isRunning(away),
  );
}

test('a broker whose metadata is old is not believed for ever: the next broker is asked', async () => {
  for (const [i, stale] of [2, 3].entries()) {
    const cluster = await bringUp(`stale-broker-${i}`, 3, [1, 2, 3]);
    const producer = await openProducer(cluster, {
      ...BOOTSTRAP,
      'bootstrap.servers': `broker-${stale}:9092`,
      'delivery.timeout.ms': 60000,
      'request.timeout.ms': 3000,
    });
    expect(await send(cluster, producer, 'before')).toBe(0);
    freezeMetadata(cluster, stale);
    await moveLeader(cluster, 1);
    expect(await send(cluster, producer, 'after')).toBe(1);
  }
});

test('an answer that is older than what is known changes nothing: the leader epoch does not go back', async () => {
  const cluster = await bringUp('no-way-back', 3, [1, 2, 3]);
  const producer = await openProducer(cluster, { ...BOOTSTRAP, 'request.timeout.ms': 3000 });
  expect(await send(cluster, producer, 'before')).toBe(0);
  freezeMetadata(cluster, 3);
  await moveLeader(cluster, 1);
  expect(await send(cluster, producer, 'after')).toBe(1);
  const { metadata } = producer as unknown as {
    metadata: { requestUpdate(topic: string): void; leaderOf(tp: TopicPartition): { leader: number } };
  };
  for (let i = 0; i < 30; i++) {
    metadata.requestUpdate(TP.topic);
    await runFor(cluster, 40);
    expect(metadata.leaderOf(TP).leader).toBe(cluster.stateOf(TP)!.leader);
  }
});

test('a broker that says nothing keeps a client from the new leader for seconds at most', async () => {
  const cluster = await bringUp('mute-broker', 3, [1, 2, 3]);
  const producer = await openProducer(cluster, {
    ...BOOTSTRAP,
    'bootstrap.servers': 'broker-3:9092',
    'request.timeout.ms': 30000,
  });
  expect(await send(cluster, producer, 'before')).toBe(0);
  const client = cluster.lastClient;
  cluster.network.cut('broker-3', client);
  await moveLeader(cluster, 1);
  if (cluster.stateOf(TP)!.leader === 3) throw new Error('the mute broker leads: choose another seed');
  expect(await send(cluster, producer, 'after', 15000)).toBe(1);
});

test('partitions are found by their number, whatever the order and the gaps of an answer', async () => {
  const cluster = await bringUp('gaps', 1, [1]);
  const metadataCache = cacheOf(cluster, 1);
  const assignment = new Map([
    [0, [1]],
    [1, [1]],
    [2, [1]],
  ]);
  await cluster.world.complete(cluster.createTopic('three', assignment), 30000, 'creating');
  await runUntil(cluster, 'all have leaders', () => metadataCache.partitions('three')?.length === 3);
  const all = metadataCache.partitions.bind(metadataCache);
  metadataCache.partitions = (topic) => all(topic)?.filter((row) => row.partition !== 1);
  const deferred = await handleMetadata(
    { cache: metadataCache, clusterId: 'c', autoCreate: undefined },
    { topics: ['three'], allTopics: false, allowAutoTopicCreation: false },
    'PLAINTEXT',
  );
  const answer = deferred.build(Infinity) as TypeOf<typeof metadata.response>;
  expect(answer.topics[0]!.partitions.map((row) => row.partitionIndex)).toEqual([0, 2]);
  const producer = await openProducer(cluster, { ...BOOTSTRAP, 'bootstrap.servers': 'broker-1:9092' });
  const partitions = await cluster.world.complete(producer.partitionsFor('three'), 30000, 'metadata');
  expect(partitions.map(({ partition, leader }) => [partition, leader])).toEqual([
    [0, 1],
    [1, -1],
    [2, 1],
  ]);
  const sent = producer.send({ topic: 'three', partition: 2, value: 'x' });
  expect((await cluster.world.complete(sent, 30000, 'sending')).partition).toBe(2);
});

test('a topic is created though the first broker asked says nothing, and meanwhile others are read', async () => {
  const cluster = await bringUp('create', 3, [1, 2, 3], {
    settings: { 'auto.create.topics.enable': 'true', 'default.replication.factor': 1 },
  });
  for (let round = 0; round < 4; round++) {
    const opening = openProducer(cluster, { 'request.timeout.ms': 5000, 'max.block.ms': 60000 });
    const producer = await opening;
    cluster.network.cut('broker-1', cluster.lastClient);
    const created = producer.partitionsFor(`fresh-${round}`);
    await runFor(cluster, 1000);
    expect(
      (await cluster.world.complete(producer.partitionsFor(TP.topic), 2000, 'metadata of another')).length,
    ).toBe(1);
    expect((await cluster.world.complete(created, 60000, 'creation')).length).toBeGreaterThan(0);
  }
});

test('a producer with acks 0 that knows brokers only finds the new leader: a broker that does not lead closes the connection', async () => {
  const cluster = await bringUp('acks-0', 3, [1, 2, 3]);
  const producer = await openProducer(cluster, { ...BOOTSTRAP, acks: '0' });
  await send(cluster, producer, 'before');
  await runUntil(cluster, 'it is there', () => cluster.logOf(1, TP)!.logEndOffset === 1);
  // The former leader lives on, and so does the connection.
  cluster.cutFromZooKeeper(1);
  await runUntil(cluster, 'another leads', () => cluster.stateOf(TP)!.leader !== 1);
  cluster.healLink('broker-1', 'zookeeper');
  await runUntil(cluster, 'the former leader follows', () => cluster.isQuiet(TP));
  for (let i = 0; i < 20; i++) {
    await send(cluster, producer, `after-${i}`);
    await runFor(cluster, 100);
  }
  await runUntil(
    cluster,
    'records arrive at the new leader',
    () => cluster.logOf(cluster.stateOf(TP)!.leader, TP)!.logEndOffset > 10,
    5000,
  );
});

test('a consumer polls in vain while its coordinator is out of reach, however long, and goes on when it is back', async () => {
  const cluster = await bringUp('no-coordinator', 3, [1, 2, 3], {
    settings: { 'offsets.topic.num.partitions': 1 },
  });
  const producer = await openProducer(cluster);
  const config = { 'group.id': 'g', 'default.api.timeout.ms': 5000, 'request.timeout.ms': 2000 };
  const consumer = await cluster.world.complete(cluster.consumer(config), 30000, 'opening');
  const client = cluster.lastClient;
  for (const id of [1, 2, 3]) cluster.network.cut(client, `broker-${id}`);
  consumer.assign([TP]);
  const values: string[] = [];
  let error: unknown;
  void (async () => {
    for (;;) for (const record of await consumer.poll(100)) values.push(record.value!.toString());
  })().catch((thrown) => {
    error = thrown;
  });
  await runFor(cluster, 30000);
  expect(error).toBeUndefined();
  for (const id of [1, 2, 3]) cluster.network.heal(client, `broker-${id}`);
  await send(cluster, producer, 'x');
  await runUntil(cluster, 'it is read', () => values.includes('x'));
});

test('a subscription by pattern finds its topics though the brokers could not be asked at first; no poll waits for them', async () => {
  const cluster = await bringUp('pattern', 3, [1, 2, 3], {
    settings: { 'offsets.topic.num.partitions': 1, 'group.initial.rebalance.delay.ms': 0 },
  });
  const producer = await openProducer(cluster);
  await send(cluster, producer, 'x');
  const config = {
    ...BOOTSTRAP,
    'group.id': 'g',
    'request.timeout.ms': 5000,
    'auto.offset.reset': 'earliest',
    'metadata.max.age.ms': 300000,
  };
  const consumer = await cluster.world.complete(cluster.consumer(config), 30000, 'opening');
  const client = cluster.lastClient;
  for (const id of [1, 2, 3]) cluster.network.cut(client, `broker-${id}`);
  await consumer.subscribe(/^t$/g);
  for (let i = 0; i < 5; i++)
    expect(await cluster.world.complete(consumer.poll(100), 1000, 'polling')).toEqual([]);
  for (const id of [1, 2, 3]) cluster.network.heal(client, `broker-${id}`);
  const reading = (async () => {
    for (;;) for (const record of await consumer.poll(100)) return record.value!.toString();
  })();
  expect(await cluster.world.complete(reading, 60000, 'reading')).toBe('x');
});
