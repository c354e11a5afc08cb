/** What a log dir says about its logs is true at every moment: the clean shutdown, the recovery points. */
import { Log } from '../../src/log/log';
import { LogManager } from '../../src/log/log-manager';
import { Prng } from '../../src/simulation/prng';
import { buildBatch } from '../../src/record/batch-builder';
import { contentOf, LoneLog } from '../support/lone-log';
import { startLogManager } from '../support/lone-log-manager';

const TP = { topic: 't', partition: 0 };

function start(lone: LoneLog, producerIdExpirationMs = 1 << 30): Promise<LogManager> {
  return startLogManager(lone, { producerIdExpirationMs });
}

test('a crash after a clean restart is recovered from', async () => {
  const lone = new LoneLog();
  const first = await start(lone);
  (await first.getOrCreate(TP, true)).appendAsLeader(lone.batch(['a']), 0);
  await first.close();
  first.releaseLocks();
  const second = await start(lone);
  const log = second.get(TP)!;
  const whole = log.activeSegment.size;
  log.appendAsLeader(lone.batch(['torn']), 0);
  // The process dies in the middle of that write.
  const file = lone.sim.open(log.activeSegment.path, 'write');
  file.truncate(whole + 70);
  file.close();
  second.releaseLocks();
  const third = await start(lone);
  expect(contentOf(third.get(TP)!)).toEqual(['0:a']);
});

test('so is a power cut after a clean restart', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const lone = new LoneLog();
    const first = await start(lone);
    (await first.getOrCreate(TP, true)).appendAsLeader(lone.batch(['a']), 0);
    await first.close();
    first.releaseLocks();
    const second = await start(lone);
    second.get(TP)!.appendAsLeader(lone.batch(['torn']), 0);
    lone.sim.powerCut(new Prng(String(seed)));
    const third = await start(lone);
    expect(['0:a', '0:a 1:torn']).toContain(contentOf(third.get(TP)!).join(' '));
  }
});

test('with a truncation the recovery point on the disk goes down at once', async () => {
  const lone = new LoneLog();
  const manager = await start(lone);
  const log = await manager.getOrCreate(TP, true);
  for (const text of ['a', 'b', 'c']) log.appendAsLeader(lone.batch([text]), 0);
  await log.flush();
  manager.checkpoint();
  const checkpoint = () => lone.sim.readText('/data/recovery-point-offset-checkpoint');
  expect(checkpoint()).toContain('t 0 3');
  log.truncateTo(1);
  expect(checkpoint()).toContain('t 0 1');
});

test('what comes after a truncation, or into a log made anew, is dirty to the cleaner, after a crash too', async () => {
  const lone = new LoneLog();
  const first = await start(lone);
  const log = await first.getOrCreate(TP, true);
  for (const text of ['a', 'b', 'c']) log.appendAsLeader(lone.batch([text]), 0);
  await first.close();
  first.releaseLocks();
  lone.sim.replace('/data/cleaner-offset-checkpoint', '0\n1\nt 0 3\n', { durable: true });
  const manager = await start(lone);
  const checkpoint = () => lone.sim.readText('/data/cleaner-offset-checkpoint');
  manager.get(TP)!.truncateTo(2);
  expect(checkpoint()).toContain('t 0 2');
  manager.asyncDelete(TP);
  await manager.getOrCreate(TP, true);
  expect(checkpoint()).toContain('t 0 0');
});

test('a log dir whose high watermarks cannot be read goes offline, and its logs with it', async () => {
  const lone = new LoneLog();
  const manager = await start(lone);
  const log = await manager.getOrCreate(TP, true);
  manager.checkpointHighWatermarks([{ ...TP, offset: 0 }]);
  lone.sim.fail({ path: '/data', code: 'EIO', random: new Prng('disk') });
  expect(manager.readHighWatermarks()).toEqual(new Map());
  expect(manager.offlineDirs.length).toBe(1);
  expect(() => log.appendAsLeader(lone.batch(['a']), 0)).toThrow();
});

/** Writes as an idempotent producer whose clock says `timestamp`. */
function writeAs(log: Log, producerId: number, timestamp: number): void {
  const producer = { producerId, producerEpoch: 0, baseSequence: 0 };
  log.appendAsLeader(buildBatch([{ timestamp, value: Buffer.from('v') }], producer), 0);
}

const idsOf = (log: Log) => log.producerState.all.map(({ producerId }) => producerId);

test('producer ids that are not used are forgotten at the start too, and others are kept', async () => {
  const lone = new LoneLog();
  const first = await start(lone);
  const log = await first.getOrCreate(TP, true);
  writeAs(log, 1, lone.nowMs);
  lone.nowMs += 5000;
  writeAs(log, 2, lone.nowMs);
  await first.close();
  first.releaseLocks();
  const second = await start(lone, 1000);
  expect(idsOf(second.get(TP)!)).toEqual([2]);
});

test('a producer is forgotten by the time it wrote, not by the times it claims; after a restart and a crash too', async () => {
  for (const end of ['none', 'clean', 'crash']) {
    const lone = new LoneLog();
    const first = await start(lone, 1000);
    let log = await first.getOrCreate(TP, true);
    writeAs(log, 1, 1);
    writeAs(log, 2, lone.nowMs + 1e12);
    writeAs(log, 3, -1);
    if (end === 'clean') await first.close();
    if (end !== 'none') {
      first.releaseLocks();
      log = (await start(lone, 1000)).get(TP)!;
    }
    lone.nowMs += 999;
    log.expireProducers(1000);
    expect({ end, known: idsOf(log) }).toEqual({ end, known: [1, 2, 3] });
    lone.nowMs += 1;
    log.expireProducers(1000);
    expect({ end, known: idsOf(log) }).toEqual({ end, known: [] });
  }
});

test('a producer of far times to come, as a snapshot of Kafka has it, is forgotten in the end', async () => {
  const lone = new LoneLog();
  const log = await (await start(lone)).getOrCreate(TP, true);
  writeAs(log, 1, lone.nowMs);
  log.producerState.all[0]!.lastTimestamp = lone.nowMs + 1e12;
  log.expireProducers(1000);
  expect(idsOf(log)).toEqual([1]);
  lone.nowMs += 1000;
  log.expireProducers(1000);
  expect(idsOf(log)).toEqual([]);
});
