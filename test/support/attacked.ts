/**
 * A simulated broker that is attacked, and what must hold afterwards: nothing held, others served, a restart.
 */
import { resourcesAboveFloor } from '../../src/checkers/resources';
import { VICTIM_TOPIC } from '../../src/attack/base-request';
import { Ground, InputLog } from '../../src/attack/ground';
import { RawConfig } from '../../src/common/config-def';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { bringUp, openProducer, readValues, runFor, runUntil, send } from './sim';

export const BROKER = 1;
const BYSTANDER = { topic: 't', partition: 0 };
const VICTIM = { topic: VICTIM_TOPIC, partition: 0 };
/** Clients have a listener of their own, as where strangers can reach a broker. */
const SETTINGS: RawConfig = {
  'offsets.topic.num.partitions': 2,
  'offsets.topic.replication.factor': 1,
  'group.initial.rebalance.delay.ms': 0,
  listeners: 'PLAINTEXT://broker-1:9092,INTERNAL://broker-1:9093',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT',
  'inter.broker.listener.name': 'INTERNAL',
};

/** One broker with a topic for the attacker and one for the others, in which a record stands. */
export async function victim(seed: string): Promise<SimCluster> {
  const cluster = await bringUp(seed, 1, [BROKER], { settings: SETTINGS });
  await cluster.world.complete(
    cluster.createTopic(VICTIM_TOPIC, new Map([[0, [BROKER]]])),
    30000,
    'creating the victim',
  );
  await runUntil(cluster, 'the victim is in sync', () => cluster.isQuiet(VICTIM));
  const producer = await openProducer(cluster);
  expect(await send(cluster, producer, 'before')).toBe(0);
  await cluster.world.complete(producer.close(), 30000, 'closing');
  return cluster;
}

export function groundOf(cluster: SimCluster, isOver = () => false): Ground {
  const { host } = cluster.environment();
  return {
    host,
    brokers: [{ host: 'broker-1', port: 9092 }],
    seed: '1',
    scale: 0.0001,
    log: new InputLog(),
    isOver,
  };
}

/** Lines of the broker's log that say that something went wrong which nobody had thought of. */
export function surprises(cluster: SimCluster): string[] {
  const { logLines } = cluster.broker(BROKER).host;
  return logLines.filter((line) => / failed: |InvariantError|TypeError|RangeError|unhandled/i.test(line));
}

/** How the broker's process ended, if it did. */
export function endOf(cluster: SimCluster): unknown {
  return cluster.isRunning(BROKER) ? undefined : (cluster.broker(BROKER).host.exited ?? 'it does not run');
}

/**
 * The broker is as it was: nothing is held, others are served, no epoch has moved, and it can be started
 * again.
 */
export async function expectUnharmed(cluster: SimCluster): Promise<void> {
  expect(endOf(cluster)).toBeUndefined();
  await runFor(cluster, 60_000);
  expect(
    resourcesAboveFloor(cluster.brokers.map(({ id, broker }) => ({ id, metrics: broker!.metrics }))),
  ).toEqual([]);
  const producer = await openProducer(cluster);
  expect(await send(cluster, producer, 'after')).toBe(1);
  expect(await readValues(cluster)).toEqual(['before', 'after']);
  expect(cluster.stateOf(BYSTANDER)?.leaderEpoch).toBe(0);
  await cluster.world.complete(
    cluster.createTopic('later', new Map([[0, [BROKER]]])),
    30000,
    'creating a topic',
  );
  await runUntil(cluster, 'the controller is obeyed', () =>
    cluster.isQuiet({ topic: 'later', partition: 0 }),
  );
  cluster.kill(BROKER);
  cluster.start(BROKER);
  await runUntil(cluster, 'the broker is back', () => [BYSTANDER, VICTIM].every((tp) => cluster.isQuiet(tp)));
  expect(await readValues(cluster)).toEqual(['before', 'after']);
}
