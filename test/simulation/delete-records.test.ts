/** DeleteRecords: the log start moves on every live replica, and stays moved. Whole brokers, virtual time. */
import { Admin } from '../../src/admin/admin';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { bringUp, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

const WITHIN_MS = 60000;

async function openAdmin(cluster: SimCluster): Promise<Admin> {
  return new Admin(cluster.environment(), {
    'zookeeper.connect': 'z',
    'default.api.timeout.ms': 10000,
    'request.timeout.ms': 5000,
  });
}

async function withTenRecords(
  seed: string,
  topic: Record<string, string> = {},
): Promise<{ cluster: SimCluster; admin: Admin }> {
  const cluster = await bringUp(seed, 3, [1, 2, 3], { topic: { 'min.insync.replicas': '1', ...topic } });
  const producer = await openProducer(cluster);
  for (let i = 0; i < 10; i++) expect(await send(cluster, producer, `m${i}`)).toBe(i);
  return { cluster, admin: await openAdmin(cluster) };
}

async function deleteBefore(
  cluster: SimCluster,
  admin: Admin,
  beforeOffset: number,
  tp = TP,
): Promise<string> {
  const [row] = await cluster.world.complete(
    admin.deleteRecords([{ ...tp, beforeOffset }]),
    WITHIN_MS,
    'deleting records',
  );
  return row!.error === 'NONE' ? `low watermark ${row!.lowWatermark}` : row!.error;
}

const starts = (cluster: SimCluster) => [1, 2, 3].map((id) => cluster.logOf(id, TP)?.logStartOffset);

test('the answer comes when every live replica begins at the offset, and readers begin there too', async () => {
  const { cluster, admin } = await withTenRecords('all-replicas');
  expect(await deleteBefore(cluster, admin, 4)).toBe('low watermark 4');
  expect(starts(cluster)).toEqual([4, 4, 4]);
  expect(await readValues(cluster)).toEqual(['m4', 'm5', 'm6', 'm7', 'm8', 'm9']);
  const strict = await cluster.world.complete(
    cluster.consumer({ 'auto.offset.reset': 'none' }),
    30000,
    'opening a consumer',
  );
  strict.assign([TP]);
  strict.seek(TP, 0);
  const polled = strict.poll(5000).then(
    () => 'records',
    (error) => (error as { errorName: string }).errorName,
  );
  expect(await cluster.world.complete(polled, WITHIN_MS, 'polling')).toMatch(/OFFSET_OUT_OF_RANGE/);
});

test('-1 means all below the high watermark; an offset that is gone already changes nothing', async () => {
  const { cluster, admin } = await withTenRecords('high-watermark');
  expect(await deleteBefore(cluster, admin, -1)).toBe('low watermark 10');
  expect(await deleteBefore(cluster, admin, 3)).toBe('low watermark 10');
  expect(await readValues(cluster)).toEqual([]);
});

test('beyond the high watermark, of a compacted or internal topic, of a topic that is not there: refused by name, nothing moves', async () => {
  const { cluster, admin } = await withTenRecords('refused');
  expect(await deleteBefore(cluster, admin, 11)).toBe('OFFSET_OUT_OF_RANGE');
  expect(await deleteBefore(cluster, admin, -2)).toBe('OFFSET_OUT_OF_RANGE');
  expect(await deleteBefore(cluster, admin, 1, { topic: 't', partition: 7 })).toBe(
    'UNKNOWN_TOPIC_OR_PARTITION',
  );
  expect(await deleteBefore(cluster, admin, 1, { topic: 'nothing', partition: 0 })).toBe(
    'UNKNOWN_TOPIC_OR_PARTITION',
  );
  await cluster.world.complete(
    cluster.createTopic('table', new Map([[0, [1, 2]]]), { 'cleanup.policy': 'compact' }),
    30000,
    'creating a topic',
  );
  await cluster.world.complete(
    cluster.createTopic('__consumer_offsets', new Map([[0, [1, 2]]]), { 'cleanup.policy': 'compact' }),
    30000,
    'creating a topic',
  );
  await runUntil(cluster, 'they are led', () =>
    ['table', '__consumer_offsets'].every((topic) => cluster.isQuiet({ topic, partition: 0 })),
  );
  expect(await deleteBefore(cluster, admin, 0, { topic: 'table', partition: 0 })).toBe('POLICY_VIOLATION');
  expect(await deleteBefore(cluster, admin, 0, { topic: '__consumer_offsets', partition: 0 })).toBe(
    'INVALID_TOPIC_EXCEPTION',
  );
  expect(starts(cluster)).toEqual([0, 0, 0]);
});

test('a record that is not committed yet can not be deleted', async () => {
  const { cluster, admin } = await withTenRecords('uncommitted');
  cluster.cutPeers(2, 1, false);
  cluster.cutPeers(3, 1, false);
  expect(await send(cluster, await openProducer(cluster, { acks: '1' }), 'on the leader alone')).toBe(10);
  expect([cluster.logOf(1, TP)!.highWatermark, cluster.logOf(1, TP)!.logEndOffset]).toEqual([10, 11]);
  expect(await deleteBefore(cluster, admin, 11)).toBe('OFFSET_OUT_OF_RANGE');
});

test('a dead replica is not waited for; one that lives and says nothing is, up to the time-out', async () => {
  const { cluster, admin } = await withTenRecords('dead-and-silent');
  cluster.kill(3);
  await runUntil(cluster, '3 is out of the ISR', () => cluster.stateOf(TP)!.isr.length === 2);
  await runFor(cluster, 2000);
  expect(await deleteBefore(cluster, admin, 2)).toBe('low watermark 2');
  cluster.cutPeers(2, 1, false);
  expect(await deleteBefore(cluster, admin, 5)).toBe('REQUEST_TIMED_OUT');
  expect(starts(cluster).slice(0, 2)).toEqual([5, 2]);
  cluster.heal();
  await runUntil(cluster, 'all begin at 5', () => starts(cluster).every((start) => start === 5));
});

test('the start is kept over a clean restart, and over a kill once it was checkpointed', async () => {
  const { cluster, admin } = await withTenRecords('restart');
  expect(await deleteBefore(cluster, admin, 6)).toBe('low watermark 6');
  for (const id of [1, 2, 3]) cluster.terminate(id);
  await runUntil(cluster, 'all have stopped', () => cluster.brokers.every(({ host }) => host.life.isDead));
  cluster.startAll();
  await runUntil(cluster, 'all is quiet', () => cluster.isQuiet(TP));
  expect(starts(cluster)).toEqual([6, 6, 6]);
  expect(await deleteBefore(cluster, await openAdmin(cluster), 8)).toBe('low watermark 8');
  await runFor(cluster, 60000);
  for (const id of [1, 2, 3]) cluster.kill(id);
  cluster.startAll();
  await runUntil(cluster, 'all is quiet again', () => cluster.isQuiet(TP));
  expect(starts(cluster)).toEqual([8, 8, 8]);
  expect(await readValues(cluster)).toEqual(['m8', 'm9']);
});

test('a replica that was down while records were deleted up to the middle of a batch catches up (KAFKA-6975)', async () => {
  const { cluster, admin } = await withTenRecords('middle-of-batch');
  cluster.kill(3);
  await runUntil(cluster, 'only two are in the ISR', () => cluster.stateOf(TP)?.isr.length === 2);
  const producer = await openProducer(cluster, { 'linger.ms': 5 });
  const sent = Promise.all(Array.from({ length: 6 }, (_, i) => producer.send({ ...TP, value: `late${i}` })));
  await cluster.world.complete(sent, WITHIN_MS, 'sending');
  expect(await deleteBefore(cluster, admin, 13)).toBe('low watermark 13');
  cluster.start(3);
  await runUntil(cluster, 'it is in sync', () => cluster.isQuiet(TP));
  expect(starts(cluster)).toEqual([13, 13, 13]);
  expect(await readValues(cluster)).toEqual(['late3', 'late4', 'late5']);
});
