/**
 * The measure itself: bystanders see a broker that stands still, and miss what was acknowledged and is gone.
 */
import { Bystanders, BYSTANDER_PARTITIONS, BYSTANDER_TOPIC } from '../../src/attack/bystanders';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { bringUp, runFor } from '../support/sim';

async function withBystanders(seed: string): Promise<{ cluster: SimCluster; bystanders: Bystanders }> {
  const settings = { 'offsets.topic.num.partitions': 2, 'group.initial.rebalance.delay.ms': 0 };
  const cluster = await bringUp(seed, 3, [1, 2, 3], { settings });
  const assignment = new Map(
    Array.from({ length: BYSTANDER_PARTITIONS }, (_, i) => [
      i,
      [1, 2, 3].map((id) => ((id + i - 1) % 3) + 1),
    ]),
  );
  await cluster.world.complete(cluster.createTopic(BYSTANDER_TOPIC, assignment), 30000, 'creating the topic');
  const opened = Bystanders.open(cluster.environment(), { 'zookeeper.connect': 'zookeeper:2181' });
  const bystanders = await cluster.world.complete(opened, 60000, 'opening the bystanders');
  await runFor(cluster, 4000);
  bystanders.startPhase();
  return { cluster, bystanders };
}

test('while nothing happens all are served and nothing is missing', async () => {
  const { cluster, bystanders } = await withBystanders('quiet');
  await runFor(cluster, 2000);
  const { produce, consume, commit, errors, rebalances } = bystanders.experience();
  for (const figures of [produce, consume, commit]) expect(figures.count).toBeGreaterThan(20);
  expect(produce.worstMs).toBeLessThan(1000);
  expect({ errors, rebalances }).toEqual({ errors: [], rebalances: 0 });
  expect(await cluster.world.complete(bystanders.missing(10_000), 20_000, 'reading')).toEqual([]);
  await cluster.world.complete(bystanders.close(), 30_000, 'closing');
});

test('a broker that stands still is seen as a wait, although nothing has ended', async () => {
  const { cluster, bystanders } = await withBystanders('still');
  cluster.pause(2);
  await runFor(cluster, 3000);
  expect(bystanders.experience().produce.worstMs).toBeGreaterThan(2000);
  cluster.resume(2);
  await runFor(cluster, 10_000);
  expect(await cluster.world.complete(bystanders.missing(10_000), 20_000, 'reading')).toEqual([]);
});
