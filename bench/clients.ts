/**
 * Clients side by side: Samsa's on Samsa, Kafka's Java tools on Kafka 2.8.2, and Node's Kafka clients on that
 * Kafka. Alternating rounds; medians.
 *
 *   ./bench/run clients [--rounds N] [--records N]
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { median, option } from './measured';
import { Kafka, Samsa, System } from './systems';

const ROOT = path.join(__dirname, '../..');
const PEERS = path.join(ROOT, '.samsa/bench-peers');
const ROUNDS = Number(option('rounds', '3'));
const RECORDS = Number(option('records', '500000'));
const LATENCY_MESSAGES = 2000;

const figures = new Map<string, Map<string, number[]>>();
function note(what: string, who: string, value: number): void {
  const row = figures.get(what) ?? new Map<string, number[]>();
  figures.set(what, row);
  row.set(who, [...(row.get(who) ?? []), value]);
  console.error(`${who}: ${what} ${value.toFixed(2)}`);
}

function run(command: string, list: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(command, list, {
    encoding: 'utf8',
    timeout: 300000,
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`${command} ${list.slice(-6).join(' ')}: ${stderr.slice(0, 600)}`);
  return stdout;
}

function peer(client: string, mode: string, system: System, topic: string): number {
  return (
    JSON.parse(
      run(process.execPath, [
        path.join(ROOT, 'bench/peer-client.mjs'),
        client,
        mode,
        system.bootstrap,
        topic,
        String(RECORDS),
      ])
        .trim()
        .split('\n')
        .at(-1)!,
    ) as { perSecond: number }
  ).perSecond;
}

function installPeers(): void {
  if (fs.existsSync(path.join(PEERS, 'node_modules'))) return;
  fs.mkdirSync(PEERS, { recursive: true });
  fs.writeFileSync(path.join(PEERS, 'package.json'), '{"private":true}');
  run('npm', [
    'install',
    '--prefix',
    PEERS,
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    'kafkajs@2.2.4',
    '@platformatic/kafka@2.12.1',
  ]);
}

/** p50 and p99 in ms, as the tool prints them. Kafka's are whole milliseconds. */
function latency(who: string, out: string): void {
  const match = /50th = ([\d.]+), 99th = ([\d.]+)/.exec(out);
  if (!match) throw new Error(`unexpected output: ${out.slice(-200)}`);
  note('end-to-end latency p50, ms', who, Number(match[1]));
  note('end-to-end latency p99, ms', who, Number(match[2]));
  note('end-to-end latency average, ms', who, Number(/Avg latency: ([\d.]+)/.exec(out)![1]));
}

async function samsa(system: Samsa): Promise<void> {
  note('produce, records/s', 'samsa', (await system.produce('one', RECORDS, '1')).perSecond);
  note(
    'produce, records/s',
    'samsa, 64 KB batches',
    (await system.produce('big', RECORDS, '1', 0, 65536)).perSecond,
  );
  note('consume, records/s', 'samsa', await system.consume('one', RECORDS));
  latency(
    'samsa',
    run(process.execPath, [
      path.join(ROOT, 'bin/samsa'),
      'end-to-end-latency',
      system.bootstrap,
      'latency',
      String(LATENCY_MESSAGES),
      '1',
      '100',
    ]),
  );
}

async function kafka(system: Kafka): Promise<void> {
  note('produce, records/s', 'kafka (Java)', (await system.produce('one', RECORDS, '1')).perSecond);
  note('consume, records/s', 'kafka (Java)', await system.consume('one', RECORDS));
  latency(
    'kafka (Java)',
    run('java', [
      '-Xmx512M',
      '-cp',
      `${ROOT}/.samsa/kafka-2.8.2/*`,
      'kafka.tools.EndToEndLatency',
      system.bootstrap,
      'latency',
      String(LATENCY_MESSAGES),
      '1',
      '100',
    ]),
  );
  for (const client of ['kafkajs', 'platformatic']) {
    try {
      note('produce, records/s', client, peer(client, 'produce', system, client));
      note('consume, records/s', client, peer(client, 'consume', system, client));
    } catch (error) {
      console.error(`${client} failed: ${String(error)}`);
    }
  }
}

async function withSystem<S extends System>(
  make: (directory: string) => S,
  work: (system: S) => Promise<void>,
): Promise<void> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-bench-'));
  const system = make(directory);
  await system.startZooKeeper();
  try {
    await system.startBrokers(1);
    for (const topic of ['warm', 'one', 'big', 'latency', 'kafkajs', 'platformatic'])
      await system.createTopic(topic, new Map([[0, [1]]]));
    await system.produce('warm', RECORDS / 5, '1');
    await work(system);
  } finally {
    await system.stop();
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  installPeers();
  for (let round = 0; round < ROUNDS; round++) {
    const steps = [
      () => withSystem((directory) => new Kafka(directory), kafka),
      () => withSystem((directory) => new Samsa(directory), samsa),
    ];
    for (const step of round % 2 === 0 ? steps : steps.reverse()) await step();
  }
  const names = ['samsa', 'samsa, 64 KB batches', 'kafka (Java)', 'kafkajs', 'platformatic'];
  console.log(
    `| medians of ${ROUNDS} rounds | ${names.join(' | ')} | samsa / kafka | samsa / better Node client ` +
      `|\n|---|${'---|'.repeat(names.length + 2)}`,
  );
  for (const [what, row] of figures) {
    const [ours, big, java, ...peers] = names.map((name) =>
      row.has(name) ? median(row.get(name)!) : undefined,
    );
    const best = Math.max(...peers.filter((one) => one !== undefined));
    const rounded = (one: number | undefined) => (one === undefined ? '–' : one.toFixed(one < 100 ? 2 : 0));
    const ratio = (a: number | undefined, b: number | undefined) =>
      a === undefined || b === undefined || !Number.isFinite(b) ? '–' : (a / b).toFixed(2);
    console.log(
      `| ${what} | ` +
        `${[ours, big, java, ...peers].map(rounded).join(' | ')} | ${ratio(ours, java)} ` +
        `| ${ratio(big ?? ours, best)} |`,
    );
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
