/**
 * The two systems under measurement behind one face: start brokers, run their own clients, look at their
 * memory.
 */
import { ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { nodeHost, silentLog } from '../src/host/node-host';
import { until } from '../src/lab/wait';
import { freePort, ZooKeeperProcess } from '../src/lab/zookeeper-process';
import { validateTopicConfig } from '../src/log/log-config';
import { readBrokers } from '../src/zk/broker-registration';
import { readPartitionStates } from '../src/zk/partition-state-store';
import { realZooKeeper } from '../src/zk/real-zookeeper';
import { createTopic } from '../src/zk/topic-creation';
import { ZkConnection } from '../src/zk/zk-connection';

const ROOT = path.join(__dirname, '../..');
const KAFKA_LIBS = path.join(ROOT, '.samsa/kafka-2.8.2');

export interface Produced {
  readonly perSecond: number;
  readonly maxLatencyMs: number;
}

/** Medians, in ms. */
export interface Lookups {
  readonly byTimestampMs: number;
  readonly byOffsetMs: number;
}

function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    let out = '';
    let err = '';
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    child.stdout.on('data', (chunk) => {
      out += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      err += String(chunk);
    });
    child.on('close', (code) =>
      code === 0
        ? resolve(out)
        : reject(new Error(`${command} ${args.slice(-6).join(' ')}: exit ${code}: ${err.slice(-500)}`)),
    );
  });
}

/** One cluster with a ZooKeeper of its own. */
export abstract class System {
  readonly host = nodeHost({ name: 'bench', log: silentLog });
  readonly processes = new Map<number, ChildProcess>();
  readonly ports = new Map<number, number>();
  zookeeper!: ZooKeeperProcess;
  zk!: ZkConnection;

  constructor(
    readonly name: string,
    protected readonly directory: string,
  ) {}

  async startZooKeeper(): Promise<void> {
    this.zookeeper = await ZooKeeperProcess.start({
      directory: path.join(this.directory, 'zk'),
      tickTimeMs: 500,
      minSessionTimeoutMs: 1000,
      maxSessionTimeoutMs: 60000,
    });
    this.zk = await ZkConnection.open(this.host, realZooKeeper(this.host, this.zookeeper.connect), {
      sessionTimeoutMs: 60000,
      connectTimeoutMs: 60000,
      maxInFlightRequests: 64,
    });
  }

  /** Settings beside the common ones. */
  more: Readonly<Record<string, string | number>> = {};

  /** Goes on with the files and the ZooKeeper of the other system, which is down. */
  adopt(other: System): void {
    this.zookeeper = other.zookeeper;
    this.zk = other.zk;
    this.ports.clear();
    for (const [id, port] of other.ports) this.ports.set(id, port);
  }

  logDir(id: number): string {
    return path.join(this.directory, `logs-${id}`);
  }

  /** From the start of the process to its registration, which comes after its logs are open; in ms. */
  async startTimed(id: number): Promise<number> {
    const startedMs = performance.now();
    await this.spawnBroker(id);
    await until(
      `broker ${id} of ${this.name}`,
      () => this.zk.exists(`/brokers/ids/${id}`).then((stat) => stat !== null),
      900_000,
    );
    return performance.now() - startedMs;
  }

  /** Ends the broker and waits until its registration is gone too: Kafka does not start beside it. */
  async end(id: number, signal: NodeJS.Signals): Promise<void> {
    const child = this.processes.get(id)!;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
    await until('the end of its session', () =>
      this.zk.exists(`/brokers/ids/${id}`).then((stat) => stat === null),
    );
  }

  protected settings(id: number, port: number): string {
    return Object.entries({
      'broker.id': id,
      'listeners': `PLAINTEXT://127.0.0.1:${port}`,
      'log.dirs': this.logDir(id),
      'zookeeper.connect': this.zookeeper.connect,
      'zookeeper.session.timeout.ms': 6000,
      'auto.leader.rebalance.enable': 'false',
      'offsets.topic.replication.factor': 1,
      'inter.broker.protocol.version': '2.6',
      'log.message.format.version': '2.6',
      'group.initial.rebalance.delay.ms': 0,
      ...this.more,
    })
      .map(([key, value]) => `${key}=${value}\n`)
      .join('');
  }

  async spawnBroker(id: number): Promise<void> {
    const port = this.ports.get(id) ?? (await freePort());
    this.ports.set(id, port);
    const file = path.join(this.directory, `broker-${id}.properties`);
    fs.writeFileSync(file, this.settings(id, port));
    const log = fs.openSync(path.join(this.directory, `broker-${id}.log`), 'a');
    this.processes.set(id, this.spawn(file, log));
    fs.closeSync(log);
  }

  protected abstract spawn(file: string, log: number): ChildProcess;
  abstract produce(topic: string, count: number, acks: string, perSecond?: number): Promise<Produced>;
  abstract consume(topic: string, count: number): Promise<number>;
  abstract lookups(topic: string, count: number): Promise<Lookups>;

  async startBrokers(count: number): Promise<void> {
    for (let id = 1; id <= count; id++) await this.spawnBroker(id);
    await until(
      `${count} brokers of ${this.name}`,
      async () => (await readBrokers(this.zk)).length === count,
    );
    await until(`a controller of ${this.name}`, async () => (await this.zk.get('/controller')) ?? undefined);
  }

  get bootstrap(): string {
    return [...this.ports.values()].map((port) => `127.0.0.1:${port}`).join(',');
  }

  async createTopic(
    name: string,
    assignment: ReadonlyMap<number, readonly number[]>,
    configs: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    await createTopic(
      this.zk,
      this.host.random,
      { name, partitions: -1, replicationFactor: -1, assignment, configs },
      { validateConfig: validateTopicConfig, validateOnly: false },
    );
    const tps = [...assignment.keys()].map((partition) => ({ topic: name, partition }));
    await until(
      `leaders of ${name}`,
      async () => (await readPartitionStates(this.zk, tps)).size === tps.length,
    );
  }

  residentMb(id: number): number {
    return (
      Number(
        /VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${this.processes.get(id)!.pid}/status`, 'utf8'))![1],
      ) / 1024
    );
  }

  async signal(id: number, signal: NodeJS.Signals): Promise<void> {
    this.processes.get(id)!.kill(signal);
  }

  async stop(): Promise<void> {
    await this.zk.close();
    for (const child of this.processes.values()) if (child.exitCode === null) child.kill('SIGKILL');
    await this.zookeeper.kill();
  }
}

export class Samsa extends System {
  private readonly root: string;

  /** `root`: of the checkout whose brokers and clients are run. */
  constructor(directory: string, { root = ROOT, name = 'samsa' } = {}) {
    super(name, directory);
    this.root = root;
  }

  private benchFile(name: string): string {
    return path.join(this.root, 'dist/bench', name);
  }

  protected spawn(file: string, log: number): ChildProcess {
    return spawn(process.execPath, [path.join(this.root, 'bin/samsa'), 'server-start', file], {
      stdio: ['pipe', log, log],
      env: { ...process.env, SAMSA_PARENT: 'stdin', SAMSA_LOG_LEVEL: 'warn' },
    });
  }

  private client(args: readonly string[], batchSize?: number): Promise<string> {
    return run(
      process.execPath,
      [this.benchFile('perf-client.js'), ...args],
      batchSize === undefined ? {} : { BATCH_SIZE: String(batchSize) },
    );
  }

  /** Records with keys, of which `keys` are different. */
  async produceKeyed(topic: string, count: number, keys: number): Promise<void> {
    await run(
      process.execPath,
      [this.benchFile('perf-client.js'), 'produce', this.zookeeper.connect, topic, String(count), '1'],
      { KEYS: String(keys) },
    );
  }

  async lookups(topic: string, count: number): Promise<Lookups> {
    return JSON.parse(
      await run(process.execPath, [
        this.benchFile('random-reads.js'),
        this.zookeeper.connect,
        topic,
        String(count),
      ]),
    ) as Lookups;
  }

  async produce(
    topic: string,
    count: number,
    acks: string,
    perSecond = 0,
    batchSize?: number,
  ): Promise<Produced> {
    return JSON.parse(
      await this.client(
        ['produce', this.zookeeper.connect, topic, String(count), acks, String(perSecond)],
        batchSize,
      ),
    ) as Produced;
  }

  async consume(topic: string, count: number): Promise<number> {
    return (
      JSON.parse(await this.client(['consume', this.zookeeper.connect, topic, String(count)])) as Produced
    ).perSecond;
  }
}

/** Kafka 2.8.2 with the heap its own start script gives it, and its own performance tools. */
export class Kafka extends System {
  constructor(directory: string) {
    super('kafka', directory);
    if (!fs.existsSync(KAFKA_LIBS)) throw new Error('run ./scripts/compat/run first: it fetches Kafka');
  }

  protected spawn(file: string, log: number): ChildProcess {
    return spawn(
      'java',
      [
        '-Xmx1G',
        '-Xms1G',
        '-XX:+UseG1GC',
        '-XX:MaxGCPauseMillis=20',
        '-cp',
        `${KAFKA_LIBS}/*`,
        'kafka.Kafka',
        file,
      ],
      { stdio: ['ignore', log, log] },
    );
  }

  private java(main: string, ...args: readonly string[]): Promise<string> {
    return run('java', ['-Xmx512M', '-cp', `${KAFKA_LIBS}/*`, main, ...args]);
  }

  async produce(topic: string, count: number, acks: string, perSecond = -1): Promise<Produced> {
    const out = await this.java(
      'org.apache.kafka.tools.ProducerPerformance',
      '--topic',
      topic,
      '--num-records',
      String(count),
      '--record-size',
      '100',
      '--throughput',
      String(perSecond === 0 ? -1 : perSecond),
      '--producer-props',
      `bootstrap.servers=${this.bootstrap}`,
      `acks=${acks}`,
    );
    const last = out.trim().split('\n').at(-1)!;
    const match = /([\d.]+) records\/sec.*?([\d.]+) ms max latency/.exec(last);
    if (!match) throw new Error(`unexpected output: ${last}`);
    return { perSecond: Number(match[1]), maxLatencyMs: Number(match[2]) };
  }

  async consume(topic: string, count: number): Promise<number> {
    const out = await this.java(
      'kafka.tools.ConsumerPerformance',
      '--bootstrap-server',
      this.bootstrap,
      '--topic',
      topic,
      '--messages',
      String(count),
      '--timeout',
      '60000',
      '--hide-header',
    );
    // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s: without
    // the group's rebalance.
    return Number(out.trim().split('\n').at(-1)!.split(',').at(-1));
  }

  async lookups(topic: string, count: number): Promise<Lookups> {
    return JSON.parse(
      await run('java', [
        '-Xmx512M',
        '-cp',
        `${KAFKA_LIBS}/*`,
        path.join(ROOT, 'bench/RandomReads.java'),
        this.bootstrap,
        topic,
        String(count),
      ]),
    ) as Lookups;
  }
}
