/**
 * Damaged files under whole brokers: a replica that cannot read its log steps aside, and nothing acknowledged
 * is lost. Virtual time.
 */
import { Admin } from '../../src/admin/admin';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { damage, damageKinds, filesBelow } from '../../src/simulation/damage';
import { Prng } from '../../src/simulation/prng';
import { bringUp, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

const SMALL_SEGMENTS = { 'log.segment.bytes': '300', 'log.index.interval.bytes': '100' };

async function withRecords(
  seed: string,
  replicas: readonly number[],
  count: number,
): Promise<{ cluster: SimCluster; values: string[] }> {
  const cluster = await bringUp(seed, 3, replicas, {
    settings: SMALL_SEGMENTS,
    topic: { 'min.insync.replicas': '1' },
  });
  const producer = await openProducer(cluster);
  const values = Array.from({ length: count }, (_, i) => `m${i}`);
  for (const [i, value] of values.entries()) expect(await send(cluster, producer, value)).toBe(i);
  await runFor(cluster, 3000);
  return { cluster, values };
}

async function stop(cluster: SimCluster, id: number): Promise<void> {
  cluster.terminate(id);
  await runUntil(cluster, `${id} has stopped`, () => cluster.broker(id).host.life.isDead);
}

/** Flips a bit in the record with that value, on the disk of a stopped broker. */
function rot(cluster: SimCluster, id: number, value: string, partition = 't-0'): void {
  const { disk } = cluster.broker(id).host;
  for (const path of filesBelow(disk, `/data/${partition}`).filter((one) => one.endsWith('.log'))) {
    const bytes = Buffer.alloc(disk.stat(path).size);
    const file = disk.open(path, 'write');
    file.read(bytes, 0);
    const at = bytes.indexOf(value);
    if (at >= 0) file.write([Buffer.from([bytes[at]! ^ 0x20])], at);
  }
}

const lead = (cluster: SimCluster, id: number) =>
  runUntil(cluster, `${id} leads`, () => cluster.stateOf(TP)!.leader === id && cluster.isQuiet(TP));

/** Clean stops of all, damage to `id`, and a start after which `id` leads. */
async function leadWithRot(
  seed: string,
  replicas: readonly number[],
): Promise<{ cluster: SimCluster; values: string[] }> {
  const { cluster, values } = await withRecords(seed, replicas, 12);
  const id = replicas[0]!;
  for (const other of replicas.slice(1)) await stop(cluster, other);
  await stop(cluster, id);
  rot(cluster, id, 'm3\0');
  cluster.start(id);
  await runUntil(cluster, `${id} leads`, () => cluster.stateOf(TP)!.leader === id);
  cluster.startAll();
  return { cluster, values };
}

test('a leader whose log is damaged hands over to a replica in sync, and the consumer reads everything without an error', async () => {
  const { cluster, values } = await leadWithRot('hand-over', [1, 2, 3]);
  await lead(cluster, 1);
  expect(await readValues(cluster)).toEqual(values);
  expect(cluster.stateOf(TP)!.leader).not.toBe(1);
  expect(
    cluster
      .broker(1)
      .host.logLines.some((line) => line.includes('t-0 goes offline here and another replica leads it')),
  ).toBe(true);
  expect(cluster.offlineDirs(1)).toBe(0);
});

test('with no other replica in sync the leader stays: it says that the batch is damaged, and serves the others', async () => {
  const { cluster, values } = await leadWithRot('alone', [1]);
  await lead(cluster, 1);
  const consumer = await cluster.world.complete(cluster.consumer(), 30000, 'opening a consumer');
  consumer.assign([TP]);
  const readFrom = async (offset: number) => {
    const found: string[] = [];
    consumer.seek(TP, offset);
    try {
      while ((await consumer.position(TP)) < values.length)
        for (const record of await consumer.poll(1000)) found.push(record.value!.toString());
    } catch (error) {
      found.push((error as { errorName: string }).errorName);
    }
    return found;
  };
  expect(await cluster.world.complete(readFrom(0), 60000, 'reading')).toEqual([
    'm0',
    'm1',
    'm2',
    'CORRUPT_MESSAGE',
  ]);
  expect(await cluster.world.complete(readFrom(4), 60000, 'reading on')).toEqual(values.slice(4));
});

test('a damaged batch of __consumer_offsets costs what is in it, and not the other groups', async () => {
  const cluster = await bringUp('offsets', 1, [1], {
    settings: { 'offsets.topic.num.partitions': '1', 'offsets.topic.replication.factor': '1' },
  });
  const admin = () =>
    new Admin(cluster.environment(), { 'zookeeper.connect': 'z', 'default.api.timeout.ms': 20000 });
  const first = admin();
  for (const [i, group] of ['sound', 'rotten', 'healthy'].entries())
    await cluster.world.complete(
      first.alterConsumerGroupOffsets(group, [{ ...TP, offset: i + 1 }]),
      30000,
      'committing',
    );
  await stop(cluster, 1);
  rot(cluster, 1, 'rotten', '__consumer_offsets-0');
  cluster.start(1);
  await runUntil(cluster, 'it runs', () => cluster.isRunning(1) && cluster.isQuiet(TP));
  const offsetsOf = async (group: string) =>
    (await cluster.world.complete(admin().listConsumerGroupOffsets(group), 60000, 'offsets')).map(
      ({ offset }) => offset,
    );
  expect([await offsetsOf('sound'), await offsetsOf('rotten'), await offsetsOf('healthy')]).toEqual([
    [1],
    [],
    [3],
  ]);
});

test('after any damage to a replica that was stopped or killed, everything acknowledged is read without an error; with its directory removed it is copied anew', async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 25; seed++) {
    const random = new Prng(`damage/${seed}`);
    const { cluster, values } = await withRecords(`damage-${seed}`, [1, 2, 3], 12);
    const id = random.between(1, 3);
    if (random.chance(0.5)) await stop(cluster, id);
    else cluster.kill(id);
    await runUntil(cluster, `${id} is out of the ISR`, () => !cluster.stateOf(TP)!.isr.includes(id));
    const { disk } = cluster.broker(id).host;
    const done: string[] = [];
    for (let n = 1 + random.below(3); n > 0; n--)
      done.push(
        damage(
          disk,
          random.pick(filesBelow(disk, '/data').filter((path) => !/\.lock$|__consumer/.test(path))),
          random.pick(damageKinds),
          random,
        ),
      );
    cluster.start(id);
    await runUntil(
      cluster,
      `after ${done.join(', ')} broker ${id} runs or has said why not`,
      () => cluster.isRunning(id) || cluster.broker(id).startError !== undefined,
    );
    if (!cluster.isRunning(id)) {
      // meta.properties is the one file a broker does not start without knowing what to make of it.
      expect({ done, error: cluster.broker(id).startError }).toEqual({
        done,
        error: expect.stringMatching(/meta\.properties|stored clusterId|stored broker\.id/),
      });
      seen.add('refused');
      disk.remove('/data/meta.properties');
      cluster.start(id);
    }
    await runFor(cluster, 15000);
    expect({ done, values: await readValues(cluster) }).toEqual({ done, values });
    // Whoever leads now: the others stop, and it alone has to have everything or to stand aside.
    seen.add(cluster.isQuiet(TP) ? 'healed' : 'offline');
    if (!cluster.isQuiet(TP)) {
      if (cluster.isRunning(id)) await stop(cluster, id);
      disk.remove('/data/t-0');
      cluster.start(id);
    }
    await runUntil(cluster, `after ${done.join(', ')} all is quiet`, () => cluster.isQuiet(TP));
    expect({ done, values: await readValues(cluster) }).toEqual({ done, values });
  }
  expect([...seen].sort()).toEqual(['healed', 'offline', 'refused']);
});
