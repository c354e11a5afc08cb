/**
 * A broker as a child process: starts it, waits until it is ready, kills, stops or pauses it. The broker ends
 * when its standard input closes, so it never outlives the process that started it.
 */
import { ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as readline from 'node:readline';
import { nodeHost, silentLog } from '../host/node-host';
import { realZooKeeper } from '../zk/real-zookeeper';
import { BrokerHandle } from './broker-handle';
import { filesIn, SegmentFile } from './segment-files';

const SAMSA = path.join(__dirname, '../../../bin/samsa');
const READY_DEADLINE_MS = 120_000;

export interface BrokerProcessOptions {
  readonly id: number;
  /** The directory of the broker's log dir, log file and timeline. */
  readonly directory: string;
  readonly zookeeper: string;
  readonly settings: Readonly<Record<string, string | number>>;
}

export class BrokerProcess implements BrokerHandle {
  private child: ChildProcess | undefined;
  /** The port of its first listener. */
  port = 0;
  private ports = new Map<string, number>();

  constructor(readonly options: BrokerProcessOptions) {
    fs.mkdirSync(options.directory, { recursive: true });
  }

  get id(): number {
    return this.options.id;
  }
  get where(): string {
    return `pid ${this.pid}, port ${this.port}`;
  }
  get pid(): number | undefined {
    return this.isRunning ? this.child?.pid : undefined;
  }
  get isRunning(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }
  get logDir(): string {
    return path.join(this.options.directory, 'logs');
  }
  get logFile(): string {
    return path.join(this.options.directory, 'server.log');
  }
  get timelineFile(): string {
    return path.join(this.options.directory, 'timeline.ndjson');
  }

  /**
   * The port of the listener with this name. `listeners` in the settings may name several, each with port 0.
   */
  portOf(listener: string): number {
    const port = this.ports.get(listener);
    if (port === undefined) throw new Error(`broker ${this.id} has no listener ${listener}`);
    return port;
  }

  /** Resolves when the broker accepts requests. Rejects with the end of its log if it exits before. */
  async start(overrides: Readonly<Record<string, string | number>> = {}): Promise<void> {
    if (this.isRunning) throw new Error(`broker ${this.id} is running`);
    const settings: Record<string, string | number> = {
      'broker.id': this.id,
      'listeners': 'PLAINTEXT://127.0.0.1:0',
      'log.dirs': this.logDir,
      'zookeeper.connect': this.options.zookeeper,
      ...this.options.settings,
      ...overrides,
    };
    const file = path.join(this.options.directory, 'server.properties');
    fs.writeFileSync(
      file,
      Object.entries(settings)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
    const log = fs.openSync(this.logFile, 'a');
    const child = spawn(process.execPath, [SAMSA, 'server-start', file], {
      stdio: ['pipe', 'pipe', log],
      env: { ...process.env, SAMSA_PARENT: 'stdin', SAMSA_TIMELINE: this.timelineFile },
    });
    fs.closeSync(log);
    child.stdin!.on('error', () => {});
    this.child = child;
    await this.untilReady(child);
  }

  private untilReady(child: ChildProcess): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            new Error(`broker ${this.id} is not ready after ${READY_DEADLINE_MS} ms: ${this.lastLogLines()}`),
          ),
        READY_DEADLINE_MS,
      );
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        reject(
          new Error(
            `broker ${this.id} ended (${signal ?? code}) before it was ready: ${this.lastLogLines()}`,
          ),
        );
      });
      readline.createInterface({ input: child.stdout! }).on('line', (line) => {
        const ready = JSON.parse(line) as { ready?: boolean; endpoints: string[] };
        if (!ready.ready) return;
        clearTimeout(timer);
        this.ports = new Map(
          ready.endpoints.map((text) => [text.split(':')[0]!, Number(text.split(':').at(-1))]),
        );
        this.port = [...this.ports.values()][0]!;
        resolve();
      });
    });
  }

  lastLogLines(count = 5): string {
    return fs.existsSync(this.logFile)
      ? fs.readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-count).join(' | ')
      : '';
  }

  private async signal(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (!child || !this.isRunning) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** The exit code of the last process; null while it runs, or if a signal ended it. */
  get exitCode(): number | null {
    return this.child?.exitCode ?? null;
  }

  kill9(): Promise<void> {
    return this.signal('SIGKILL');
  }

  /** Requests a clean shutdown and waits for it. */
  terminate(): Promise<void> {
    return this.signal('SIGTERM');
  }

  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  /**
   * Ends the broker's ZooKeeper session from outside, with the session id and password that the broker
   * stores. Its ephemeral znodes are deleted at once.
   */
  async expireSession(): Promise<void> {
    const [id, password] = fs
      .readFileSync(path.join(this.logDir, '.samsa-session'), 'utf8')
      .trim()
      .split(' ');
    const host = nodeHost({ name: 'expire', log: silentLog });
    const options = {
      sessionTimeoutMs: 10000,
      connectTimeoutMs: 30000,
      resume: { id: id!, password: password! },
    };
    const session = await realZooKeeper(host, this.options.zookeeper).openSession(options);
    await session.close();
  }

  files(partition: string): SegmentFile[] {
    return filesIn(path.join(this.logDir, partition));
  }
}
