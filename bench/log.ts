/**
 * The log of Samsa beside that of Kafka 2.8.2, on the same files: each goes on in the other's directory, on
 * the other's ZooKeeper tree. Recovery, start with many partitions, cold reading, random places, compaction;
 * medians of the ratios.
 *
 *   ./bench/run log [--rounds N] [--gigabytes N] [--partitions N] [--only
 *   recovery,start,read,lookups,compaction]
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { until } from '../src/lab/wait';
import { note, option, printTable } from './measured';
import { Kafka, Samsa, System } from './systems';

const ROUNDS = Number(option('rounds', '3'));
const GIGABYTES = Number(option('gigabytes', '3'));
const PARTITIONS = Number(option('partitions', '5000'));
const ONLY = option('only', 'recovery,start,read,lookups,compaction').split(',');
/** A record of 100 bytes takes about as much in a segment. */
const RECORD_BYTES = 107;

/** Both systems over one directory, and files made once by Samsa. */
async function onSharedFiles(
  prepare: (samsa: Samsa) => Promise<void>,
  work: (systems: readonly System[], samsa: Samsa) => Promise<void>,
  settings: System['more'] = {},
): Promise<void> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-bench-log-'));
  const samsa = new Samsa(directory);
  samsa.more = { 'zookeeper.session.timeout.ms': 3000, ...settings };
  await samsa.startZooKeeper();
  try {
    await samsa.startBrokers(1);
    await prepare(samsa);
    await samsa.end(1, 'SIGTERM');
    const kafka = new Kafka(directory);
    kafka.more = samsa.more;
    kafka.adopt(samsa);
    // Alternating which comes first.
    for (let round = 0; round < ROUNDS; round++)
      await work(round % 2 === 0 ? [samsa, kafka] : [kafka, samsa], samsa);
  } finally {
    await samsa.stop();
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function segmentBytes(directory: string): number {
  return fs
    .readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.log'))
    .reduce((sum, name) => sum + fs.statSync(path.join(directory, name)).size, 0);
}

/** As after a kill -9 that nothing had been flushed before: all of the log is read and checked. */
async function recovery(systems: readonly System[]): Promise<void> {
  for (const system of systems) {
    const directory = system.logDir(1);
    for (const name of ['.kafka_cleanshutdown', 'recovery-point-offset-checkpoint'])
      fs.rmSync(path.join(directory, name), { force: true });
    const bytes = segmentBytes(directory);
    const ms = await system.startTimed(1);
    note(`recovery of ${GIGABYTES} GB`, 'MB/s', '≥ 1', system, bytes / 1e6 / (ms / 1000));
    note('memory after recovery', 'MB RSS', '≤ 0.2', system, system.residentMb(1));
    await system.end(1, 'SIGKILL');
  }
}

async function coldRead(systems: readonly System[], records: number): Promise<void> {
  for (const system of systems) {
    await system.startTimed(1);
    await until('a controller', async () => (await system.zk.get('/controller')) ?? undefined);
    execFileSync('sync');
    try {
      fs.writeFileSync('/proc/sys/vm/drop_caches', '3');
    } catch {
      console.error('the page cache could not be dropped (it takes root): the read is not cold');
    }
    note('sequential read, cold', 'records/s', '≥ 1', system, await system.consume('big', records));
    if (ONLY.includes('lookups')) {
      const { byTimestampMs, byOffsetMs } = await system.lookups('big', 1000);
      note('offset by timestamp', 'ms', '≤ 1', system, byTimestampMs);
      note('record by old offset', 'ms', '≤ 1', system, byOffsetMs);
    }
    note('memory after reading', 'MB RSS', '≤ 0.2', system, system.residentMb(1));
    await system.end(1, 'SIGTERM');
  }
}

async function bigLog(): Promise<void> {
  const records = Math.floor((GIGABYTES * 1e9) / RECORD_BYTES);
  await onSharedFiles(
    async (samsa) => {
      await samsa.createTopic('big', new Map([[0, [1]]]));
      await samsa.produce('big', records, '1');
    },
    async (systems) => {
      if (ONLY.includes('recovery')) await recovery(systems);
      if (ONLY.includes('read')) await coldRead(systems, records);
    },
  );
}

async function manyPartitions(): Promise<void> {
  await onSharedFiles(
    async (samsa) => {
      await samsa.createTopic('many', new Map(Array.from({ length: PARTITIONS }, (_, i) => [i, [1]])));
      await until(
        'all logs',
        () =>
          fs.readdirSync(samsa.logDir(1)).filter((name) => name.startsWith('many-')).length === PARTITIONS,
      );
    },
    async (systems) => {
      for (const system of systems) {
        note(`start with ${PARTITIONS} partitions`, 'ms', '≤ 1', system, await system.startTimed(1));
        await until('a controller', async () => (await system.zk.get('/controller')) ?? undefined);
        await until(
          'every leader',
          async () =>
            fs
              .readFileSync(path.join(system.logDir(1), 'replication-offset-checkpoint'), 'utf8')
              .split('\n')[1] === String(PARTITIONS),
        );
        note(`memory with ${PARTITIONS} partitions`, 'MB RSS', '≤ 0.2', system, system.residentMb(1));
        await system.end(1, 'SIGTERM');
      }
    },
  );
}

/** The same dirty log for everybody, each time: a copy of the directory as it was before anybody cleaned. */
async function compaction(): Promise<void> {
  const records = Math.floor(((GIGABYTES / 3) * 1e9) / (RECORD_BYTES + 10));
  let master = '';
  await onSharedFiles(
    async (samsa) => {
      await samsa.createTopic('table', new Map([[0, [1]]]), {
        'cleanup.policy': 'compact',
        'segment.bytes': '104857600',
        'min.cleanable.dirty.ratio': '0.01',
      });
      await samsa.produceKeyed('table', records, 500_000);
      master = `${samsa.logDir(1)}.master`;
    },
    async (systems) => {
      for (const system of systems) {
        const directory = system.logDir(1);
        if (!fs.existsSync(master))
          fs.cpSync(directory, master, { recursive: true, preserveTimestamps: true });
        fs.rmSync(directory, { recursive: true });
        fs.cpSync(master, directory, { recursive: true, preserveTimestamps: true });
        const partition = path.join(directory, 'table-0');
        const bases = fs
          .readdirSync(partition)
          .filter((name) => name.endsWith('.log'))
          .sort();
        const active = Number(bases.at(-1)!.slice(0, 20));
        const dirty = segmentBytes(partition) - fs.statSync(path.join(partition, bases.at(-1)!)).size;
        system.more = { ...system.more, 'log.cleaner.enable': 'true', 'log.cleaner.backoff.ms': 500 };
        await system.startTimed(1);
        const startedMs = performance.now();
        const checkpoint = path.join(directory, 'cleaner-offset-checkpoint');
        const cleanedTo = () =>
          Number(
            /^table 0 (\d+)$/m.exec(
              fs.existsSync(checkpoint) ? fs.readFileSync(checkpoint, 'utf8') : '',
            )?.[1] ?? 0,
          );
        await until('the cleaning', () => cleanedTo() >= active, 600_000);
        note('compaction', 'MB/s', '≥ 1', system, dirty / 1e6 / ((performance.now() - startedMs) / 1000));
        note('size after compaction', 'MB', '1', system, segmentBytes(partition) / 1e6);
        note('memory after compaction', 'MB RSS', '≤ 0.2', system, system.residentMb(1));
        await system.end(1, 'SIGTERM');
      }
    },
    { 'log.cleaner.enable': 'false' },
  );
}

async function main(): Promise<void> {
  if (ONLY.includes('recovery') || ONLY.includes('read')) await bigLog();
  if (ONLY.includes('start')) await manyPartitions();
  if (ONLY.includes('compaction')) await compaction();
  printTable('Kafka 2.8.2');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
