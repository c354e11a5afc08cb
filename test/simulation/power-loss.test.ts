/**
 * Who leads after machines lost power: a broker that may have lost what it had not flushed waits for one that
 * has it, and nobody else waits for anybody.
 */
import { RawConfig } from '../../src/common/config-def';
import { stuck } from '../../src/simulation/judge';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { bringUp, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

const SETTINGS = { 'auto.leader.rebalance.enable': 'false', 'zookeeper.session.timeout.ms': '6000' };
const VALUES = ['a', 'b', 'c'];

/** 1 leads [1, 3], which have three records; 2 has no replica and is the controller. */
async function threeRecords(
  seed: string,
  topic: Readonly<Record<string, string>> = {},
  settings: RawConfig = {},
) {
  const cluster = await bringUp(seed, 3, [1, 3], {
    controller: 2,
    topic,
    settings: { ...SETTINGS, ...settings },
  });
  const producer = await openProducer(cluster);
  for (const value of VALUES) expect(await send(cluster, producer, value)).toEqual(expect.any(Number));
  await runUntil(cluster, 'it is in sync', () => cluster.isQuiet(TP));
  await cluster.world.complete(producer.close(), 30000, 'closing');
  return cluster;
}

const isLed = (cluster: SimCluster) =>
  cluster.partitionOf(cluster.stateOf(TP)!.leader, TP)?.isLeader === true;

async function allAreBack(cluster: SimCluster): Promise<void> {
  for (const { id, host } of cluster.brokers) if (host.life.isDead) cluster.start(id);
  await runUntil(cluster, 'all is in sync again', () => isLed(cluster) && cluster.isQuiet(TP));
  expect(cluster.world.violations).toEqual([]);
}

for (const [gone, lost] of [
  [1, 3],
  [3, 1],
] as const) {
  test(`a new controller does not elect ${lost}, which lost power, for ${gone}, whose session expired`, async () => {
    const cluster = await threeRecords(`new-controller-${lost}`);
    cluster.kill(2);
    cluster.powerCut(lost);
    // The process lives, and does not reach ZooKeeper.
    cluster.pause(gone);
    await runUntil(
      cluster,
      'its session is gone',
      () => cluster.zookeeper.tree.exists(`/brokers/ids/${gone}`) === null,
    );
    cluster.start(lost);
    cluster.start(2);
    await runUntil(cluster, 'it is back', () => cluster.isRunning(lost) && cluster.isRunning(2));
    await runFor(cluster, 20000);
    expect(cluster.partitionOf(lost, TP)?.isLeader).toBe(false);
    const { leaderEpoch } = cluster.stateOf(TP)!;
    cluster.resume(gone);
    await runUntil(cluster, 'a leader was elected', () => cluster.stateOf(TP)!.leaderEpoch > leaderEpoch);
    expect(cluster.stateOf(TP)!.leader).toBe(gone);
    await allAreBack(cluster);
    expect(await readValues(cluster)).toEqual(VALUES);
  });

  test(`when all are seen gone in one look, ${lost}, which lost power, waits for ${gone}, which was killed`, async () => {
    const cluster = await threeRecords(`all-gone-${lost}`);
    cluster.pause(2);
    cluster.kill(gone);
    cluster.powerCut(lost);
    for (const id of [gone, lost]) {
      await runUntil(
        cluster,
        'it is gone',
        () => cluster.zookeeper.tree.exists(`/brokers/ids/${id}`) === null,
      );
    }
    cluster.resume(2);
    await runFor(cluster, 1000);
    cluster.start(lost);
    await runUntil(cluster, 'it is back', () => cluster.isRunning(lost));
    await runFor(cluster, 20000);
    expect(isLed(cluster)).toBe(false);
    // For the judge of random runs it is at rest.
    expect(stuck(cluster, TP)).toBeUndefined();
    cluster.start(gone);
    await runUntil(cluster, 'there is a leader', () => isLed(cluster));
    expect(cluster.stateOf(TP)!.leader).toBe(gone);
    await allAreBack(cluster);
    expect(await readValues(cluster)).toEqual(VALUES);
  });

  test(`${lost}, which lost power and was restarted again, still counts as having lost records`, async () => {
    const cluster = await threeRecords(`twice-${lost}`);
    cluster.kill(gone);
    cluster.powerCut(lost);
    cluster.pause(2);
    cluster.start(lost);
    await runUntil(cluster, 'it is back', () => cluster.isRunning(lost));
    cluster.kill(lost);
    await runUntil(
      cluster,
      'it is gone',
      () => cluster.zookeeper.tree.exists(`/brokers/ids/${lost}`) === null,
    );
    cluster.resume(2);
    await runFor(cluster, 1000);
    cluster.start(lost);
    await runUntil(cluster, 'it is back again', () => cluster.isRunning(lost));
    await runFor(cluster, 20000);
    expect(isLed(cluster)).toBe(false);
    cluster.start(gone);
    await allAreBack(cluster);
    expect(await readValues(cluster)).toEqual(VALUES);
  });
}

test('after kill -9 of all of an ISR any one of them goes on alone, with every record', async () => {
  for (const back of [1, 3]) {
    const cluster = await threeRecords(`killed-${back}`);
    for (const id of [1, 2, 3]) cluster.kill(id);
    await runFor(cluster, 10000);
    cluster.start(back);
    await runUntil(cluster, 'it leads', () => isLed(cluster));
    expect(cluster.stateOf(TP)!.isr).toEqual([back]);
    expect(await readValues(cluster)).toEqual(VALUES);
  }
});

test('after all were seen gone, by one controller, any one that was killed goes on alone', async () => {
  for (const back of [1, 3]) {
    const cluster = await threeRecords(`killed-seen-${back}`);
    for (const id of [1, 3]) cluster.kill(id);
    await runUntil(cluster, 'both are gone', () =>
      [1, 3].every((id) => cluster.zookeeper.tree.exists(`/brokers/ids/${id}`) === null),
    );
    await runFor(cluster, 2000);
    cluster.start(back);
    await runUntil(cluster, 'it leads', () => isLed(cluster));
    expect(await readValues(cluster)).toEqual(VALUES);
  }
});

test('after a clean stop of all the first to come back leads alone, over a power cut as well', async () => {
  const cluster = await threeRecords('clean');
  for (const id of [1, 3]) cluster.pause(id);
  cluster.kill(2);
  for (const id of [1, 3]) cluster.resume(id);
  for (const id of [3, 1]) cluster.terminate(id);
  await runUntil(cluster, 'all have stopped', () =>
    [1, 3].every((id) => cluster.broker(id).host.life.isDead),
  );
  for (const id of [1, 3]) cluster.powerCutAfterStop(id);
  await runFor(cluster, 10000);
  const last = cluster.stateOf(TP)!.isr.at(-1)!;
  cluster.start(last);
  await runUntil(cluster, 'it leads', () => isLed(cluster));
  expect(await readValues(cluster)).toEqual(VALUES);
});

test('when all lost power a partition is led again as soon as all are back, with all that was flushed', async () => {
  const cluster = await threeRecords('all-lost', { 'flush.messages': '1' });
  for (const id of [1, 2, 3]) cluster.powerCut(id);
  await runFor(cluster, 10000);
  cluster.start(2);
  cluster.start(3);
  await runUntil(cluster, 'they are back', () => cluster.isRunning(2) && cluster.isRunning(3));
  await runFor(cluster, 20000);
  expect(isLed(cluster)).toBe(false);
  await allAreBack(cluster);
  expect(await readValues(cluster)).toEqual(VALUES);
});

test('a topic that allows unclean elections waits for nobody', async () => {
  const cluster = await threeRecords('unclean', { 'unclean.leader.election.enable': 'true' });
  cluster.kill(1);
  cluster.powerCut(3);
  cluster.kill(2);
  await runFor(cluster, 10000);
  cluster.start(2);
  cluster.start(3);
  await runUntil(cluster, 'it leads', () => isLed(cluster));
  expect(cluster.stateOf(TP)).toMatchObject({ leader: 3, isr: [3] });
});

test('a replica that waits for a leader is not taken for missing, whoever asks it meanwhile', async () => {
  const cluster = await threeRecords('waiting');
  for (const id of [1, 3]) cluster.powerCut(id);
  cluster.kill(2);
  await runFor(cluster, 10000);
  cluster.start(2);
  cluster.start(1);
  await runUntil(cluster, 'it is back', () => cluster.isRunning(1));
  await runFor(cluster, 400000);
  expect(isLed(cluster)).toBe(false);
  expect(cluster.world.timeline.filter(({ what }) => what === 'replica-missing')).toEqual([]);
  await allAreBack(cluster);
});

test('a disk that was replaced is as good as a power cut', async () => {
  const cluster = await threeRecords('replaced');
  for (const id of [1, 3]) cluster.kill(id);
  await runUntil(cluster, 'both are gone', () =>
    [1, 3].every((id) => cluster.zookeeper.tree.exists(`/brokers/ids/${id}`) === null),
  );
  await runFor(cluster, 2000);
  const { disk } = cluster.broker(3).host;
  for (const { name } of disk.list('/data')) disk.remove(`/data/${name}`);
  cluster.start(3);
  await runUntil(cluster, 'it is back', () => cluster.isRunning(3));
  await runFor(cluster, 20000);
  expect(isLed(cluster)).toBe(false);
  await allAreBack(cluster);
  expect(await readValues(cluster)).toEqual(VALUES);
});

test('who lost power leads before a former leader with an empty disk, and all that was flushed is there', async () => {
  for (const isRestarted of [false, true]) {
    const cluster = await threeRecords(`empty-${isRestarted}`, { 'flush.messages': '1' });
    for (const id of [1, 2, 3]) cluster.powerCut(id);
    await runFor(cluster, 10000);
    for (const id of [2, 3]) cluster.start(id);
    await runUntil(cluster, 'they are back', () => cluster.isRunning(2) && cluster.isRunning(3));
    await runFor(cluster, 20000);
    if (isRestarted) {
      cluster.kill(3);
      await runFor(cluster, 10000);
      cluster.start(3);
      await runUntil(cluster, '3 is back', () => cluster.isRunning(3));
    }
    expect(isLed(cluster)).toBe(false);
    const { disk } = cluster.broker(1).host;
    for (const { name } of disk.list('/data')) disk.remove(`/data/${name}`);
    cluster.start(1);
    await runUntil(cluster, 'it leads', () => isLed(cluster));
    expect(cluster.stateOf(TP)).toMatchObject({ leader: 3, isr: [3] });
    await allAreBack(cluster);
    expect(await readValues(cluster)).toEqual(VALUES);
  }
});
