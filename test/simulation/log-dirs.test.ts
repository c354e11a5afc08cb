/** Several log dirs, and disks that fail (KIP-112). Whole brokers, virtual time. */
import { Admin } from '../../src/admin/admin';
import { TopicPartition } from '../../src/common/cluster-types';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { ZkConnection } from '../../src/zk/zk-connection';
import { isrChangeZnode, logDirEventZnode } from '../../src/zk/znodes';
import { bringUp, healAndSettle, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

const TWO_DIRS = { 'log.dirs': '/a,/b' };
const T0 = TP;
const T1 = { topic: 'u', partition: 0 };

/** Topics t and u, each on all three brokers, led by 1; a broker has one in each dir. */
async function twoTopics(seed: string, settings: Record<string, string> = {}): Promise<SimCluster> {
  const cluster = await bringUp(seed, 3, [1, 2, 3], {
    settings: { ...TWO_DIRS, ...settings },
    topic: { 'min.insync.replicas': '1' },
  });
  await cluster.world.complete(
    cluster.createTopic('u', new Map([[0, [1, 2, 3]]]), { 'min.insync.replicas': '1' }),
    30000,
    'creating the topic',
  );
  await runUntil(cluster, 'u is in sync', () => cluster.isQuiet(T1));
  return cluster;
}

function dirOf(cluster: SimCluster, id: number, tp: TopicPartition): string {
  return cluster.logOf(id, tp)!.directory.split('/').slice(0, 2).join('/');
}

const says = (cluster: SimCluster, id: number, text: string) =>
  cluster.broker(id).host.logLines.some((line) => line.includes(text));
const notes = (cluster: SimCluster) => cluster.zookeeper.tree.children(logDirEventZnode.path);

test('new logs go to the dir with the fewest', async () => {
  const cluster = await twoTopics('fewest');
  for (const id of [1, 2, 3])
    expect(new Set([dirOf(cluster, id, T0), dirOf(cluster, id, T1)])).toEqual(new Set(['/a', '/b']));
});

test('a broker without descriptors goes on with what is open, keeps its leaders, and recovers when there are some', async () => {
  const cluster = await bringUp('descriptors', 3, [1, 2, 3], {
    topic: { 'segment.bytes': '300', 'min.insync.replicas': '1' },
  });
  const producer = await openProducer(cluster);
  for (let i = 0; i < 5; i++) expect(await send(cluster, producer, `before-${i}`)).toBe(i);
  cluster.failDisk(1, 'EMFILE', '/data');
  const sent = producer.send({ ...TP, value: 'x'.repeat(200) });
  await runFor(cluster, 20_000);
  expect(says(cluster, 1, 'EMFILE')).toBe(true);
  expect(cluster.offlineDirs(1)).toBe(0);
  expect(cluster.stateOf(TP)!.leader).toBe(1);
  cluster.broker(1).host.disk.heal();
  expect((await cluster.world.complete(sent, 60_000, 'the record that waited')).offset).toBe(5);
  expect(cluster.stateOf(TP)!.leader).toBe(1);
});

describe("a leader's disk fails", () => {
  test('others take over what was in that dir; the broker goes on with the rest; nothing acknowledged is lost', async () => {
    const cluster = await twoTopics('leader');
    const producer = await openProducer(cluster);
    for (let i = 0; i < 5; i++) expect(await send(cluster, producer, `before-${i}`)).toBe(i);
    const failed = dirOf(cluster, 1, T0);
    cluster.failDisk(1, 'EIO', failed);
    for (let i = 0; i < 5; i++) expect(await send(cluster, producer, `after-${i}`)).toBe(5 + i);
    expect(cluster.isRunning(1)).toBe(true);
    expect(cluster.stateOf(T0)!.leader).not.toBe(1);
    await runUntil(cluster, '1 is out of the ISR of t', () => !cluster.stateOf(T0)!.isr.includes(1));
    expect(cluster.stateOf(T1)).toMatchObject({ leader: 1, isr: [1, 2, 3] });
    expect(says(cluster, 1, `Stopping serving logs in dir ${failed}: EIO`)).toBe(true);
    await runUntil(cluster, 'the controller took the note', () => notes(cluster).length === 0);
    expect(await readValues(cluster)).toEqual(
      [0, 1, 2, 3, 4].map((i) => `before-${i}`).concat([0, 1, 2, 3, 4].map((i) => `after-${i}`)),
    );
    await healAndSettle(cluster);
    expect(cluster.stateOf(T0)!.isr.slice().sort()).toEqual([1, 2, 3]);
  });

  test('a full disk leaves a torn batch, which recovery cuts; the producer loses nothing', async () => {
    const cluster = await twoTopics('full');
    const producer = await openProducer(cluster);
    for (let i = 0; i < 5; i++) expect(await send(cluster, producer, `before-${i}`)).toBe(i);
    cluster.failDisk(1, 'ENOSPC', dirOf(cluster, 1, T0));
    expect(await send(cluster, producer, 'after')).toBe(5);
    await healAndSettle(cluster);
    expect(await readValues(cluster)).toEqual([
      'before-0',
      'before-1',
      'before-2',
      'before-3',
      'before-4',
      'after',
    ]);
    expect(cluster.logOf(1, T0)!.logEndOffset).toBe(6);
  });

  test('without another replica in sync the partition waits for the disk, and has everything when it is back', async () => {
    const cluster = await bringUp('alone', 2, [1], { settings: TWO_DIRS, controller: 2 });
    const producer = await openProducer(cluster, { 'retries': 0, 'delivery.timeout.ms': 8000 });
    expect(await send(cluster, producer, 'kept')).toBe(0);
    cluster.failDisk(1, 'EIO', dirOf(cluster, 1, TP));
    expect(await send(cluster, producer, 'refused')).toBe('KAFKA_STORAGE_ERROR');
    await runUntil(cluster, 'nobody leads', () => cluster.stateOf(TP)!.leader === -1);
    expect(cluster.stateOf(TP)!.isr).toEqual([1]);
    await healAndSettle(cluster);
    expect(await readValues(cluster)).toEqual(['kept']);
  });
});

test("a follower's disk fails: the controller takes it out of the ISR, and the leader waits for it no longer", async () => {
  const cluster = await twoTopics('follower', { 'replica.lag.time.max.ms': '30000' });
  const producer = await openProducer(cluster);
  cluster.failDisk(3, 'EIO', dirOf(cluster, 3, T0));
  const startMs = cluster.world.nowMs;
  expect(await send(cluster, producer, 'one')).toBe(0);
  expect(cluster.world.nowMs - startMs).toBeLessThan(2000);
  await runUntil(cluster, '3 is out of the ISR of t', () => !cluster.stateOf(T0)!.isr.includes(3));
  expect(cluster.stateOf(T0)!.leader).toBe(1);
  expect(cluster.stateOf(T1)!.isr).toEqual([1, 2, 3]);
});

test('the failure is announced when ZooKeeper is back, if it was away', async () => {
  const cluster = await twoTopics('announced-later');
  cluster.setZooKeeperDown(true);
  cluster.failDisk(1, 'EIO', dirOf(cluster, 1, T0));
  const producer = await openProducer(cluster, { 'delivery.timeout.ms': 100000 }).catch(() => undefined);
  expect(producer).toBeUndefined();
  cluster.broker(1).broker!.replicas.checkpointHighWatermarks();
  await runFor(cluster, 3000);
  expect(cluster.offlineDirs(1)).toBe(1);
  expect(cluster.stateOf(T0)!.leader).toBe(1);
  cluster.setZooKeeperDown(false);
  await runUntil(cluster, 'another leads', () => ![1, -1].includes(cluster.stateOf(T0)!.leader));
});

test('notes that nobody can read are reported and removed, and do not stand in the way of others', async () => {
  const cluster = await twoTopics('junk');
  const { host, zookeeper } = cluster.environment();
  const zk = await cluster.world.complete(
    ZkConnection.open(host, zookeeper(''), {
      sessionTimeoutMs: 6000,
      connectTimeoutMs: 30000,
      maxInFlightRequests: 64,
    }),
    30000,
    'connecting',
  );
  for (const path of [logDirEventZnode.createPath, isrChangeZnode.createPath]) {
    for (const junk of ['', 'no JSON', '{"version":1}'])
      await cluster.world.complete(
        zk.create(path, Buffer.from(junk), 'persistent-sequential'),
        1000,
        'creating',
      );
  }
  cluster.failDisk(1, 'EIO', dirOf(cluster, 1, T0));
  const producer = await openProducer(cluster);
  expect(await send(cluster, producer, 'one')).toBe(0);
  await runUntil(
    cluster,
    'another leads, and the notes are gone',
    () =>
      cluster.stateOf(T0)!.leader > 1 &&
      notes(cluster).length === 0 &&
      cluster.zookeeper.tree.children(isrChangeZnode.path).length === 0,
  );
  expect(says(cluster, 3, 'is ignored:')).toBe(true);
});

test('with the last dir the broker ends, and says why', async () => {
  const cluster = await twoTopics('all');
  cluster.failDisk(1, 'EIO', '/a');
  cluster.failDisk(1, 'EIO', '/b');
  await runUntil(cluster, 'it has ended', () => cluster.broker(1).host.exited !== undefined);
  expect(cluster.broker(1).host.exited!.reason).toContain(
    'all log dirs in /a, /b have failed, the last with EIO',
  );
});

describe('at start', () => {
  test('a dir that fails is left out; its partitions are not made anew elsewhere, new ones are', async () => {
    const cluster = await twoTopics('bad-start');
    const producer = await openProducer(cluster);
    expect(await send(cluster, producer, 'kept')).toBe(0);
    const failed = dirOf(cluster, 3, T0);
    cluster.terminate(3);
    await runUntil(cluster, '3 has stopped', () => cluster.broker(3).host.life.isDead);
    cluster.failDisk(3, 'EIO', failed);
    cluster.start(3);
    await runUntil(cluster, '3 serves u', () => cluster.isRunning(3) && cluster.isQuiet(T1));
    expect(says(cluster, 3, `because log directories ${failed} are offline`)).toBe(true);
    expect(cluster.logOf(3, T0)).toBeUndefined();
    await cluster.world.complete(
      cluster.createTopic('fresh', new Map([[0, [3, 1]]])),
      30000,
      'creating a topic',
    );
    await runUntil(cluster, 'the new topic is in sync', () =>
      cluster.isQuiet({ topic: 'fresh', partition: 0 }),
    );
    expect(dirOf(cluster, 3, { topic: 'fresh', partition: 0 })).not.toBe(failed);
    await healAndSettle(cluster);
    expect(cluster.logOf(3, T0)!.logEndOffset).toBe(1);
  });

  test('with no dir at all it does not start', async () => {
    const cluster = new SimCluster('no-dir', 1, TWO_DIRS);
    cluster.failDisk(1, 'EIO', '/a');
    cluster.failDisk(1, 'ENOSPC', '/b');
    cluster.start(1);
    await runUntil(cluster, 'it gave up', () => cluster.broker(1).startError !== undefined);
    expect(cluster.broker(1).startError).toMatch(
      /^None of the specified log dirs can be used: \/a \(EIO.*\), \/b \(ENOSPC.*\)$/,
    );
  });

  test('a dir named twice, or a partition that lies in two dirs, ends the start with a sentence', async () => {
    const cluster = await twoTopics('twice');
    cluster.terminate(3);
    await runUntil(cluster, '3 has stopped', () => cluster.broker(3).host.life.isDead);
    cluster.start(3, { 'log.dirs': '/a,/a' });
    await runUntil(cluster, 'it gave up', () => cluster.broker(3).startError !== undefined);
    expect(cluster.broker(3).startError).toBe('Duplicate log directory found: /a in log.dirs');
    for (const name of ['t-0', 'u-0'])
      for (const dir of ['/a', '/b']) cluster.broker(3).host.disk.makeDirectory(`${dir}/${name}`);
    cluster.start(3);
    await runUntil(cluster, 'it gave up again', () => cluster.broker(3).startError !== undefined);
    expect(cluster.broker(3).startError).toMatch(
      /^Duplicate log directories for [tu]-0 are found in both \/a and \/b/,
    );
  });
});

test('a broker whose first dir failed restarts within its session all the same', async () => {
  const cluster = await twoTopics('session');
  cluster.kill(2);
  cluster.failDisk(2, 'EIO', '/a');
  cluster.start(2);
  await runUntil(cluster, 'it runs', () => cluster.isRunning(2), 3000);
});

test('log-dirs shows which dir is offline', async () => {
  const cluster = await twoTopics('describe');
  const failed = dirOf(cluster, 2, T0);
  cluster.failDisk(2, 'EIO', failed);
  await runUntil(cluster, 'it is noticed', () => cluster.offlineDirs(2) === 1);
  const admin = new Admin(cluster.environment(), {
    'zookeeper.connect': 'z',
    'default.api.timeout.ms': 10000,
  });
  const dirs = await cluster.world.complete(admin.describeLogDirs([2]), 30000, 'describing');
  expect(
    dirs.map(({ logDir, error, partitions }) => ({
      logDir,
      error,
      topics: partitions.map(({ topic }) => topic),
    })),
  ).toEqual(
    ['/a', '/b'].map((logDir) =>
      logDir === failed
        ? { logDir, error: 'KAFKA_STORAGE_ERROR', topics: [] }
        : { logDir, error: 'NONE', topics: ['u'] },
    ),
  );
  await expect(cluster.world.complete(admin.describeLogDirs([9]), 30000, 'describing')).rejects.toThrow(
    /broker 9 is not registered/,
  );
});

test('files whose deletion was due are gone, or the dir is offline: a failing removal is no crash', async () => {
  const cluster = await twoTopics('removal', {
    'log.segment.bytes': '200',
    'log.retention.bytes': '400',
    'log.retention.check.interval.ms': '1000',
    'log.segment.delete.delay.ms': '5000',
  });
  const producer = await openProducer(cluster);
  for (let i = 0; i < 12; i++) await send(cluster, producer, `m${i}`);
  await runUntil(cluster, 'segments are marked', () =>
    cluster
      .broker(1)
      .host.disk.list(cluster.logOf(1, T0)!.directory)
      .some(({ name }) => name.endsWith('.deleted')),
  );
  cluster.failDisk(1, 'EIO', dirOf(cluster, 1, T0));
  await runUntil(cluster, 'the dir is offline', () => cluster.offlineDirs(1) === 1);
  await runFor(cluster, 10000);
  expect(cluster.isRunning(1)).toBe(true);
  await healAndSettle(cluster);
});
