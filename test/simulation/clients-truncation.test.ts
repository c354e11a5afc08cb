/**
 * A consumer whose partition loses records that it has read: an unclean election. Whole brokers, virtual
 * time.
 */
import { RawConfig } from '../../src/common/config-def';
import { KafkaError } from '../../src/common/errors';
import { Consumer } from '../../src/consumer/consumer';
import { LogTruncationError } from '../../src/consumer/log-truncation';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { bringUp, openProducer, runUntil, send, TP } from '../support/sim';

const BOOTSTRAP = { 'zookeeper.connect': null, 'bootstrap.servers': 'broker-2:9092,broker-3:9092' };

/**
 * The consumer has read both-0 to both-2 from replicas 1 and 2, and alone-0 to alone-3 from 1 alone. 1 died,
 * 2 leads without the latter, and has six records of its own where they were.
 */
async function truncated(
  seed: string,
  config: RawConfig,
  overtake: number,
): Promise<{ cluster: SimCluster; consumer: Consumer; read: string[] }> {
  const cluster = await bringUp(seed, 3, [1, 2], {
    controller: 3,
    topic: { 'min.insync.replicas': '1', 'unclean.leader.election.enable': 'true' },
  });
  const producer = await openProducer(cluster);
  const consumer = await cluster.world.complete(cluster.consumer(config), 30000, 'opening');
  consumer.assign([TP]);
  consumer.seek(TP, 0);
  const read: string[] = [];
  for (let i = 0; i < 3; i++) await send(cluster, producer, `both-${i}`);
  cluster.kill(2);
  await runUntil(cluster, 'ISR is the leader alone', () => cluster.stateOf(TP)!.isr.join() === '1');
  for (let i = 0; i < 4; i++) await send(cluster, producer, `alone-${i}`);
  const readAll = async () => {
    while (read.length < 7)
      for (const record of await consumer.poll(100)) read.push(record.value!.toString());
  };
  await cluster.world.complete(readAll(), 60000, 'reading');
  cluster.kill(1);
  await runUntil(cluster, 'the leader is gone', () => cluster.stateOf(TP)!.leader === -1);
  cluster.start(2);
  await runUntil(cluster, '2 leads', () => cluster.stateOf(TP)!.leader === 2);
  for (let i = 0; i < overtake; i++) await send(cluster, producer, `new-${i}`);
  return { cluster, consumer, read };
}

test.each([
  ['zookeeper.connect', {}, 6],
  ['bootstrap.servers', BOOTSTRAP, 6],
  ['a log that is still shorter', {}, 2],
])('goes back to where the logs part and skips nothing (%s)', async (name, config, overtake) => {
  const { cluster, consumer, read } = await truncated(`truncated-${name}`, config, overtake);
  const wanted = Array.from({ length: overtake }, (_, i) => `new-${i}`);
  const readOn = async () => {
    while (read.length < 7 + overtake)
      for (const record of await consumer.poll(100)) read.push(record.value!.toString());
  };
  await cluster.world.complete(readOn(), 60000, 'reading on');
  expect(read.slice(7)).toEqual(wanted);
});

test('without a reset strategy poll throws LOG_TRUNCATION, which says where to go on', async () => {
  const { cluster, consumer } = await truncated('truncated-none', { 'auto.offset.reset': 'none' }, 6);
  const thrown = (async () => {
    for (;;) await consumer.poll(100);
  })().catch((error: KafkaError) => error);
  const error = (await cluster.world.complete(thrown, 60000, 'the error')) as LogTruncationError;
  expect(error).toMatchObject({
    errorName: 'LOG_TRUNCATION',
    offsetOutOfRange: 7,
    divergentOffset: { offset: 3 },
  });
  consumer.seek(TP, error.divergentOffset!);
  expect(
    (await cluster.world.complete(consumer.poll(5000), 30000, 'reading')).map((record) =>
      record.value!.toString(),
    )[0],
  ).toBe('new-0');
});
