/** Bringing a simulated cluster to where a test begins. */
import { TopicPartition } from '../../src/common/cluster-types';
import { RawConfig } from '../../src/common/config-def';
import { KafkaError } from '../../src/common/errors';
import { Producer } from '../../src/producer/producer';
import { SimCluster } from '../../src/simulation/sim-cluster';

export const TP: TopicPartition = { topic: 't', partition: 0 };

/** Started, with broker `controller` elected first, and topic `t` led by the first of `replicas`. */
export async function bringUp(
  seed: string,
  brokers: number,
  replicas: readonly number[],
  options: { settings?: RawConfig; topic?: Readonly<Record<string, string>>; controller?: number } = {},
): Promise<SimCluster> {
  const cluster = new SimCluster(seed, brokers, options.settings);
  const first = options.controller ?? brokers;
  cluster.start(first);
  await runUntil(
    cluster,
    'the first broker is controller',
    () => cluster.isRunning(first) && cluster.broker(first).broker!.controller.isActive,
  );
  cluster.startAll();
  await runUntil(cluster, 'all brokers run', () => cluster.brokers.every(({ id }) => cluster.isRunning(id)));
  await cluster.world.complete(
    cluster.createTopic(TP.topic, new Map([[0, replicas]]), options.topic),
    30000,
    'creating the topic',
  );
  await runUntil(cluster, 'the topic is in sync', () => cluster.isQuiet(TP));
  return cluster;
}

export async function runUntil(
  cluster: SimCluster,
  what: string,
  done: () => boolean,
  withinMs = 120000,
): Promise<void> {
  if (await cluster.world.run(cluster.world.nowMs + withinMs, done)) return;
  throw new Error(`${what}: not within ${withinMs} virtual ms\n${cluster.logLines().slice(-30).join('\n')}`);
}

export function runFor(cluster: SimCluster, ms: number): Promise<boolean> {
  return cluster.world.run(cluster.world.nowMs + ms);
}

export function openProducer(cluster: SimCluster, config: RawConfig = {}): Promise<Producer> {
  return cluster.world.complete(
    cluster.producer({ 'acks': 'all', 'max.in.flight.requests.per.connection': 1, ...config }),
    30000,
    'opening a producer',
  );
}

/** The outcome of one send: the offset, or the name of the error. */
export async function send(
  cluster: SimCluster,
  producer: Producer,
  value: string,
  withinMs = 200000,
): Promise<number | string> {
  const outcome = producer.send({ ...TP, value }).then(
    ({ offset }) => offset,
    (error) => (error as KafkaError).errorName as string,
  );
  return cluster.world.complete(outcome, withinMs, `sending ${value}`);
}

/** Values of the whole partition, as a consumer reads them. */
export async function readValues(cluster: SimCluster): Promise<string[]> {
  const consumer = await cluster.world.complete(cluster.consumer(), 30000, 'opening a consumer');
  const read = async () => {
    const end = await consumer.endOffset(TP);
    const values: string[] = [];
    consumer.assign([TP]);
    consumer.seekToBeginning([TP]);
    while ((await consumer.position(TP)) < end)
      for (const record of await consumer.poll(1000)) values.push(record.value!.toString());
    return values;
  };
  return cluster.world.complete(read(), 120000, 'reading everything');
}

export function healAndSettle(cluster: SimCluster): Promise<void> {
  cluster.heal();
  return runUntil(
    cluster,
    'everything is quiet again',
    () => {
      for (const { id, host } of cluster.brokers) if (host.life.isDead) cluster.start(id);
      return cluster.isQuiet(TP);
    },
    240000,
  );
}
