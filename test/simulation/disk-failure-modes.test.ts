/** Failure modes that come from what a disk keeps and what it does not. Whole brokers, virtual time. */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { damage, filesBelow } from '../../src/simulation/damage';
import { Prng } from '../../src/simulation/prng';
import { bringUp, healAndSettle, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

const values = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `m${from + i}`);

async function write(cluster: SimCluster, records: readonly string[]): Promise<void> {
  const producer = await openProducer(cluster);
  for (const value of records) expect(typeof (await send(cluster, producer, value))).toBe('number');
}

const isr = (cluster: SimCluster) => cluster.stateOf(TP)!.isr.slice().sort();

describe('F9: the last replica standing', () => {
  /**
   * All three have the records; 1 and 2 die; 3, alone in the ISR, loses power; then all come back. Returns
   * what is left.
   */
  async function run(
    seed: string,
    topic: Record<string, string>,
    writeAlone: readonly string[],
  ): Promise<{ left: string[]; refused: number }> {
    const cluster = await bringUp(seed, 4, [3, 1, 2], { topic, controller: 4 });
    await write(cluster, values(10));
    cluster.kill(1);
    cluster.kill(2);
    await runUntil(cluster, '3 is alone in the ISR', () => isr(cluster).join() === '3');
    const producer = await openProducer(cluster, { retries: 0 });
    let refused = 0;
    for (const value of writeAlone)
      if ((await send(cluster, producer, value)) === 'NOT_ENOUGH_REPLICAS') refused++;
    cluster.powerCut(3);
    for (const id of [1, 2]) cluster.start(id);
    await runUntil(cluster, 'nobody leads', () => cluster.stateOf(TP)!.leader === -1);
    await runFor(cluster, 10000);
    // Unclean election is off: 1 and 2, which have everything, may not lead.
    expect(cluster.stateOf(TP)).toMatchObject({ leader: -1, isr: [3] });
    await healAndSettle(cluster);
    return { left: await readValues(cluster), refused };
  }

  test('it comes back without its un-synced tail and leads; the others cut theirs: committed records are lost, as in all of Kafka before KIP-966', async () => {
    let worst = 10;
    for (const seed of ['f9-a', 'f9-b', 'f9-c', 'f9-d']) {
      const { left } = await run(seed, { 'min.insync.replicas': '1' }, []);
      expect(left).toEqual(values(left.length));
      worst = Math.min(worst, left.length);
    }
    // Records that three replicas had acknowledged, and two of them kept on their disks.
    expect(worst).toBeLessThan(10);
  });

  test('flush.messages=1 is what prevents it: what was acknowledged is on the disk', async () => {
    for (const seed of ['f9-a', 'f9-b', 'f9-c', 'f9-d'])
      expect((await run(seed, { 'min.insync.replicas': '1', 'flush.messages': '1' }, ['m10'])).left).toEqual(
        values(11),
      );
  });

  test('min.insync.replicas=2 keeps it from getting worse: alone it accepts nothing', async () => {
    expect((await run('f9-min-isr', { 'min.insync.replicas': '2' }, ['m10', 'm11'])).refused).toBe(2);
  });
});

describe('F26: high watermarks over crashes', () => {
  /** A consumer that may not reset its position, polled until it has `count` records. */
  async function strictReader(
    cluster: SimCluster,
  ): Promise<{ readonly read: (count: number) => Promise<string[]> }> {
    const consumer = await cluster.world.complete(
      cluster.consumer({ 'auto.offset.reset': 'none' }),
      30000,
      'opening a consumer',
    );
    consumer.assign([TP]);
    consumer.seek(TP, 0);
    const found: string[] = [];
    const poll = async (count: number) => {
      while (found.length < count)
        for (const record of await consumer.poll(500)) found.push(record.value!.toString());
      return found;
    };
    return { read: (count) => cluster.world.complete(poll(count), 120000, `reading ${count} records`) };
  }

  test('kills around every change of leader: a position is never out of range and never reset', async () => {
    for (const seed of ['f26-a', 'f26-b', 'f26-c']) {
      const cluster = await bringUp(seed, 3, [1, 2, 3], { topic: { 'min.insync.replicas': '1' } });
      const reader = await strictReader(cluster);
      const random = new Prng(seed);
      for (let round = 0; round < 6; round++) {
        await write(cluster, values(5, round * 5));
        expect(await reader.read(round * 5 + 5)).toEqual(values(round * 5 + 5));
        const { leader } = cluster.stateOf(TP)!;
        cluster.kill(leader);
        cluster.zookeeper.endSession(cluster.broker(leader).broker!.sessionCredentials.id);
        await runFor(cluster, random.below(30));
        const next = cluster.stateOf(TP)!.leader;
        if (next > 0 && next !== leader && random.chance(0.5)) cluster.kill(next);
        cluster.startAll();
        await runUntil(cluster, 'all is quiet', () => {
          cluster.startAll();
          return cluster.isQuiet(TP);
        });
      }
    }
  });

  test('after a kill a replica begins at the checkpointed high watermark', async () => {
    const cluster = await bringUp('f26-checkpoint', 3, [1, 2, 3], { topic: { 'min.insync.replicas': '1' } });
    await write(cluster, values(8));
    await runFor(cluster, 5000);
    expect(cluster.broker(2).host.disk.readText('/data/replication-offset-checkpoint')).toBe('0\n1\nt 0 8\n');
    cluster.kill(2);
    await runFor(cluster, 1000);
    cluster.start(2);
    const seen: number[] = [];
    await runUntil(cluster, '2 is back', () => {
      const mark = cluster.logOf(2, TP)?.highWatermark;
      if (mark !== undefined) seen.push(mark);
      return cluster.isQuiet(TP);
    });
    expect(Math.min(...seen)).toBe(8);
  });

  test('with every checkpoint lost the position waits until the high watermark is back, and goes on', async () => {
    const cluster = await bringUp('f26-lost', 3, [1, 2, 3], { topic: { 'min.insync.replicas': '1' } });
    const reader = await strictReader(cluster);
    await write(cluster, values(8));
    expect(await reader.read(8)).toEqual(values(8));
    for (const { id } of cluster.brokers) cluster.kill(id);
    for (const { host } of cluster.brokers)
      for (const name of [
        'replication-offset-checkpoint',
        'recovery-point-offset-checkpoint',
        'log-start-offset-checkpoint',
      ])
        host.disk.remove(`/data/${name}`);
    cluster.startAll();
    await runUntil(cluster, 'all is quiet', () => cluster.isQuiet(TP));
    await write(cluster, values(4, 8));
    expect(await reader.read(12)).toEqual(values(12));
  });
});

test('F27: a write torn by a crash is cut at the next start: the log is a prefix, and the consumer sees every acknowledged record and no error', async () => {
  for (let seed = 0; seed < 8; seed++) {
    const random = new Prng(`f27/${seed}`);
    const cluster = await bringUp(`f27-${seed}`, 3, [1, 2], { topic: { 'min.insync.replicas': '2' } });
    await write(cluster, values(10));
    const { leader } = cluster.stateOf(TP)!;
    cluster.kill(leader);
    const { disk } = cluster.broker(leader).host;
    const [path] = filesBelow(disk, '/data/t-0').filter((one) => one.endsWith('.log'));
    damage(disk, path!, random.pick(['truncate', 'append']), random);
    cluster.start(leader);
    await healAndSettle(cluster);
    expect(await readValues(cluster)).toEqual(values(10));
    expect(
      cluster.broker(leader).host.logLines.some((line) => line.includes('cut') && line.includes('bytes')),
    ).toBe(true);
  }
});
