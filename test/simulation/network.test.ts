/** Brokers under pressure: tiny budgets, clients without answers, and what is left when it is quiet. */
import { resourcesAboveFloor } from '../../src/checkers/resources';
import { RpcConnection } from '../../src/network/rpc-connection';
import { Producer } from '../../src/producer/producer';
import { fetch } from '../../src/protocol/messages/produce-fetch';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { failOnRejection } from '../support/fail-on-rejection';
import { bringUp, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

const running = (cluster: SimCluster) =>
  cluster.brokers
    .filter(({ id }) => cluster.isRunning(id))
    .map(({ id, broker }) => ({ id, metrics: broker!.metrics }));
const untilAtFloor = (cluster: SimCluster) =>
  runUntil(
    cluster,
    'what brokers hold is at its floor',
    () => resourcesAboveFloor(running(cluster)).length === 0,
  );
const big = (i: number) => `${i}-`.padEnd(2000, 'x');

test('produce requests that wait for followers do not keep the followers out', async () => {
  const cluster = await bringUp('back-pressure', 3, [1, 2, 3], {
    settings: { 'queued.max.request.bytes': '3000' },
    topic: { 'min.insync.replicas': '3' },
  });
  const producers: Producer[] = [];
  for (let i = 0; i < 6; i++) producers.push(await openProducer(cluster, { 'linger.ms': 0 }));
  for (let round = 0; round < 5; round++) {
    const sends = producers.map((producer, i) => producer.send({ ...TP, value: big(round * 10 + i) }));
    await cluster.world.complete(Promise.all(sends), 60000, 'every acknowledgement');
  }
  // A request that timed out would have been sent again: its record would be there twice.
  expect(cluster.logOf(1, TP)!.logEndOffset).toBe(30);
  await untilAtFloor(cluster);
});

test('acks 0 with bootstrap.servers: after the leader moved, the producer finds the new one', async () => {
  const cluster = await bringUp('acks-0', 3, [1, 2, 3], { controller: 3 });
  const producer = await openProducer(cluster, {
    'acks': '0',
    'linger.ms': 0,
    'zookeeper.connect': null,
    'bootstrap.servers': 'broker-1:9092,broker-2:9092,broker-3:9092',
    'metadata.max.age.ms': 3_600_000,
  });
  expect(await send(cluster, producer, 'before')).toBe(-1);
  await runUntil(cluster, 'the first record is there', () => cluster.logOf(1, TP)!.logEndOffset === 1);
  cluster.expireSession(1);
  await runUntil(
    cluster,
    'another broker leads',
    () => cluster.isQuiet(TP) && cluster.stateOf(TP)!.leader !== 1,
  );
  for (let i = 0; i < 20; i++) {
    await send(cluster, producer, `after-${i}`);
    await runFor(cluster, 100);
  }
  await runUntil(cluster, 'the last record is there', () => cluster.isQuiet(TP));
  const values = await readValues(cluster);
  // What was sent before the error was noticed is lost: that is what acks 0 means.
  expect(values.slice(-15)).toEqual(Array.from({ length: 15 }, (_, i) => `after-${i + 5}`));
  await untilAtFloor(cluster);
});

test('a client may not write to __consumer_offsets, and groups go on', async () => {
  const cluster = await bringUp('internal', 3, [1, 2, 3], {
    settings: { 'offsets.topic.num.partitions': '2', 'offsets.topic.replication.factor': '3' },
  });
  const producer = await openProducer(cluster);
  expect(await send(cluster, producer, 'mine')).toBe(0);
  const consumer = await cluster.world.complete(
    cluster.consumer({ 'group.id': 'g' }),
    30000,
    'opening a consumer',
  );
  failOnRejection(consumer.subscribe(['t']));
  const read = async () => {
    for (;;) if ((await consumer.poll(1000)).length > 0) return consumer.commitSync();
  };
  await cluster.world.complete(read(), 120000, 'reading and committing');
  const poison = producer.send({ topic: '__consumer_offsets', partition: 0, key: 'odd', value: 'x' });
  const outcome = poison.then(
    () => 'written',
    (error) => (error as { errorName: string }).errorName,
  );
  expect(await cluster.world.complete(outcome, 60000, 'the refusal')).toBe('INVALID_TOPIC_EXCEPTION');
  expect(
    await cluster.world.complete(consumer.committed([TP]), 60000, 'asking for the offset'),
  ).toMatchObject(expect.anything());
  await cluster.world.complete(consumer.close(), 60000, 'closing');
  await untilAtFloor(cluster);
});

test('requests of a client that is gone do not wait on, however long it was ready to wait', async () => {
  const cluster = await bringUp('gone', 3, [1, 2, 3], { topic: { 'min.insync.replicas': '2' } });
  const environment = cluster.environment();
  const address = { host: 'broker-1', port: 9092 };
  const options = { clientId: 'gone', requestTimeoutMs: 2 ** 31 - 1, connectTimeoutMs: 1000 };
  const open = () => RpcConnection.open(environment.host, address, options);
  const all = Promise.all(Array.from({ length: 10 }, open));
  const connections = await cluster.world.complete(all, 30000, 'connecting');
  const partition = {
    partition: 0,
    currentLeaderEpoch: -1,
    fetchOffset: 0,
    logStartOffset: -1,
    partitionMaxBytes: 1000,
  };
  for (const connection of connections) {
    void connection
      .request(fetch, {
        replicaId: -1,
        replicaEpoch: -1,
        maxWaitMs: 2 ** 31 - 1,
        minBytes: 1,
        maxBytes: 1000,
        isolationLevel: 0,
        topics: [{ topic: 't', partitions: [partition] }],
      })
      .catch(() => {});
  }
  const leader = cluster.broker(1).broker!.replicas;
  await runUntil(cluster, 'the fetches wait', () => leader.fetchPurgatory.numDelayed >= 10);
  for (const connection of connections) connection.close();
  await runUntil(cluster, 'only the followers wait', () => leader.fetchPurgatory.numDelayed <= 2, 1000);
  await untilAtFloor(cluster);
});
