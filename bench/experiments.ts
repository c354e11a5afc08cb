/**
 * What is measured of whole clusters, on either of two systems, in alternating runs.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { until } from '../src/lab/wait';
import { readBrokers } from '../src/zk/broker-registration';
import { readPartitionStates } from '../src/zk/partition-state-store';
import { note, option } from './measured';
import { System } from './systems';

const RECORDS = Number(option('records', '1000000'));
const ONLY = option('only', 'produce1,produce3,consume,start,failover,shutdown').split(',');

export type MakeSystem = (directory: string) => System;

async function withSystem(make: MakeSystem, work: (system: System) => Promise<void>): Promise<void> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-bench-'));
  const system = make(directory);
  await system.startZooKeeper();
  try {
    await work(system);
  } finally {
    await system.stop();
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

async function single(system: System): Promise<void> {
  await system.startBrokers(1);
  await system.createTopic('warm', new Map([[0, [1]]]));
  await system.produce('warm', RECORDS / 5, '1');
  await system.createTopic('one', new Map([[0, [1]]]));
  if (ONLY.includes('produce1'))
    note(
      'produce, RF 1, acks=1',
      'records/s',
      '≥ 2',
      system,
      (await system.produce('one', RECORDS, '1')).perSecond,
    );
  if (ONLY.includes('consume')) {
    if (!ONLY.includes('produce1')) await system.produce('one', RECORDS, '1');
    note('consume', 'records/s', '≥ 1.5', system, await system.consume('one', RECORDS));
  }
  note('broker memory under that load', 'MB', '≤ 0.2', system, system.residentMb(1));
}

async function replicated(system: System): Promise<void> {
  await system.startBrokers(3);
  await system.createTopic('warm', new Map([[0, [1, 2, 3]]]));
  await system.produce('warm', RECORDS / 10, 'all');
  await system.createTopic('three', new Map([[0, [1, 2, 3]]]));
  note(
    'produce, RF 3, acks=all',
    'records/s',
    '≥ 1.5',
    system,
    (await system.produce('three', RECORDS / 2, 'all')).perSecond,
  );
}

/**
 * From the start of the broker's process and, at the same time, its client's, to the first acknowledgement.
 */
async function start(system: System): Promise<void> {
  const startedMs = performance.now();
  await system.spawnBroker(1);
  await system.produce('first', 1, '1');
  note('start to first acknowledged record', 'ms', '≤ 0.25', system, performance.now() - startedMs);
}

/**
 * From the moment the dead broker's znode is gone until all its 100 partitions have another leader in
 * ZooKeeper.
 */
async function failover(system: System): Promise<void> {
  await system.startBrokers(3);
  const holder = JSON.parse((await system.zk.get('/controller'))!.data.toString()).brokerid as number;
  const [victim, other] = [1, 2, 3].filter((id) => id !== holder) as [number, number];
  const tps = Array.from({ length: 100 }, (_, partition) => ({ topic: 'many', partition }));
  await system.createTopic('many', new Map(tps.map(({ partition }) => [partition, [victim, other, holder]])));
  const full = async () =>
    [...(await readPartitionStates(system.zk, tps)).values()].every((state) => state.isr.length === 3);
  await until('full ISRs', full);
  await system.signal(victim, 'SIGKILL');
  let gone = () => {};
  const vanished = new Promise<void>((resolve) => {
    gone = resolve;
  });
  const undo = system.zk.onChildChange(
    '/brokers/ids',
    () =>
      void readBrokers(system.zk).then((brokers) => {
        if (!brokers.some((broker) => broker.id === victim)) gone();
      }),
  );
  await readBrokers(system.zk);
  await vanished;
  const goneMs = performance.now();
  undo();
  while ([...(await readPartitionStates(system.zk, tps)).values()].some((state) => state.leader === victim)) {
    /* asks again at once: each round is a few ms */
  }
  note('moving 100 leaders after detection', 'ms', '≤ 0.25', system, performance.now() - goneMs);
}

/** The longest a record waited for its acknowledgement while the leader was stopped with SIGTERM. */
async function shutdown(system: System): Promise<void> {
  await system.startBrokers(3);
  await system.createTopic('warm', new Map([[0, [2, 1, 3]]]));
  await system.produce('warm', 2000, 'all', 2000);
  await system.createTopic('gap', new Map([[0, [1, 2, 3]]]));
  const writing = system.produce('gap', 3000, 'all', 300);
  await until('records', async () =>
    fs
      .readdirSync(path.join((system as unknown as { directory: string }).directory, 'logs-1'))
      .includes('gap-0'),
  );
  await new Promise((resolve) => setTimeout(resolve, 5000));
  await system.signal(1, 'SIGTERM');
  note('longest wait during a controlled shutdown', 'ms', '≤ 0.25', system, (await writing).maxLatencyMs);
}

const experiments: readonly [readonly string[], (system: System) => Promise<void>][] = [
  [['produce1', 'consume'], single],
  [['produce3'], replicated],
  [['start'], start],
  [['failover'], failover],
  [['shutdown'], shutdown],
];

/** Each experiment on both, round by round, the other one first each time. */
export async function runRounds(rounds: number, systems: readonly [MakeSystem, MakeSystem]): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const [names, experiment] of experiments) {
      if (!names.some((name) => ONLY.includes(name))) continue;
      for (const make of round % 2 === 0 ? systems : [...systems].reverse()) {
        try {
          await withSystem(make, experiment);
        } catch (error) {
          console.error(`${names.join('+')} failed: ${String(error)}`);
        }
      }
    }
  }
}
