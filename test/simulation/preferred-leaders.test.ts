/**
 * Leadership goes back to the first replica of the assignment, and nothing that was acknowledged is lost by
 * it.
 */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { preferredElectionZnode } from '../../src/zk/znodes';
import { ZkConnection } from '../../src/zk/zk-connection';
import { bringUp, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

const BY_ITSELF = {
  'auto.leader.rebalance.enable': 'true',
  'leader.imbalance.first.check.ms': '1000',
  'leader.imbalance.check.interval.seconds': '3',
};

/**
 * Broker 1, the preferred leader, is stopped; records are written at another one; broker 1 is started again.
 */
async function moveAwayAndComeBack(cluster: SimCluster): Promise<void> {
  const producer = await openProducer(cluster);
  for (let i = 0; i < 3; i++) expect(await send(cluster, producer, `before-${i}`)).toBe(i);
  cluster.terminate(1);
  await runUntil(
    cluster,
    'another leads',
    () => !cluster.isRunning(1) && ![1, -1].includes(cluster.stateOf(TP)!.leader),
  );
  for (let i = 3; i < 6; i++) expect(await send(cluster, producer, `meanwhile-${i}`)).toBe(i);
  cluster.start(1);
  await runUntil(
    cluster,
    '1 is in sync again',
    () => cluster.isRunning(1) && cluster.stateOf(TP)!.isr.includes(1),
  );
}

const elections = (cluster: SimCluster) =>
  cluster.world.timeline.filter(
    ({ what, strategy }) => what === 'leader-elected' && strategy === 'preferred',
  );

async function expectNothingLost(cluster: SimCluster): Promise<void> {
  const values = ['before-0', 'before-1', 'before-2', 'meanwhile-3', 'meanwhile-4', 'meanwhile-5'];
  expect(await readValues(cluster)).toEqual(values);
}

test('F29: with auto.leader.rebalance.enable leadership goes back by itself, to a replica in sync', async () => {
  const cluster = await bringUp('f29', 3, [1, 2, 3], { settings: BY_ITSELF });
  await moveAwayAndComeBack(cluster);
  await runUntil(cluster, '1 leads again', () => elections(cluster).length > 0);
  expect(elections(cluster).map(({ leader, isr }) => [leader, (isr as number[]).includes(1)])).toEqual([
    [1, true],
  ]);
  await expectNothingLost(cluster);
});

test('F29: without it leadership goes back when a tool asks for it', async () => {
  const cluster = await bringUp('f29-asked', 3, [1, 2, 3], {
    settings: { 'auto.leader.rebalance.enable': 'false' },
  });
  await moveAwayAndComeBack(cluster);
  await runFor(cluster, 20000);
  expect(elections(cluster)).toEqual([]);
  const { host, zookeeper } = cluster.environment();
  const options = { sessionTimeoutMs: 6000, connectTimeoutMs: 30000, maxInFlightRequests: 10 };
  const zk = await cluster.world.complete(
    ZkConnection.open(host, zookeeper(''), options),
    30000,
    'connecting',
  );
  const asking = zk.create(preferredElectionZnode.path, preferredElectionZnode.encode([TP]));
  await cluster.world.complete(asking, 30000, 'asking');
  await runUntil(cluster, '1 leads again', () => elections(cluster).length > 0);
  expect(cluster.stateOf(TP)!.leader).toBe(1);
  await expectNothingLost(cluster);
});
