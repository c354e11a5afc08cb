/**
 * A real ZooKeeper as a child process, with all its files in one directory. It always ends with its parent: a
 * watcher in its shell kills it when the parent's end of the pipe closes.
 */
import { ChildProcess, execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as path from 'node:path';

export interface ZooKeeperOptions {
  readonly directory: string;
  readonly tickTimeMs: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** 0 or undefined: a free port. */
  readonly port?: number;
}

const ROOT = path.join(__dirname, '../../..');
const START_DEADLINE_MS = 120_000;
const POLL_MS = 50;
const SHELL =
  'exec 3<&0; java "$@" </dev/null & p=$!; (cat <&3 >/dev/null; kill -9 $p 2>/dev/null) & wait $p';

/** The Java classpath. scripts/zookeeper finds it, or installs the jars. */
export function zooKeeperClasspath(): string {
  return (process.env.SAMSA_ZOOKEEPER_CLASSPATH ??= execFileSync(
    path.join(ROOT, 'scripts/zookeeper'),
    ['classpath'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
    .toString()
    .trim());
}

/** A port on which no process listens now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net
      .createServer()
      .once('error', reject)
      .listen(0, '127.0.0.1', () => {
        const { port } = server.address() as net.AddressInfo;
        server.close(() => resolve(port));
      });
  });
}

/** ZooKeeper's response to a four-letter command, or '' if there is none. */
export function fourLetterWord(port: number, word: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(word));
    socket.setTimeout(300, () => socket.destroy());
    socket
      .on('data', (chunk) => {
        answer += chunk.toString();
      })
      .on('error', () => {})
      .on('close', () => resolve(answer));
  });
}

export class ZooKeeperProcess {
  private constructor(
    private child: ChildProcess,
    readonly port: number,
    private readonly options: ZooKeeperOptions,
  ) {}

  static async start(options: ZooKeeperOptions): Promise<ZooKeeperProcess> {
    const port = options.port || (await freePort());
    fs.mkdirSync(path.join(options.directory, 'data'), { recursive: true });
    fs.writeFileSync(
      path.join(options.directory, 'zoo.cfg'),
      [
        `dataDir=${path.join(options.directory, 'data')}`,
        `clientPort=${port}`,
        'clientPortAddress=127.0.0.1',
        `tickTime=${options.tickTimeMs}`,
        `minSessionTimeout=${options.minSessionTimeoutMs}`,
        `maxSessionTimeout=${options.maxSessionTimeoutMs}`,
        'maxClientCnxns=0',
        'admin.enableServer=false',
        '4lw.commands.whitelist=*',
        '',
      ].join('\n'),
    );
    const zookeeper = new ZooKeeperProcess(ZooKeeperProcess.spawn(options.directory), port, options);
    await zookeeper.untilServing();
    return zookeeper;
  }

  private static spawn(directory: string): ChildProcess {
    const log = fs.openSync(path.join(directory, 'zookeeper.log'), 'a');
    const child = spawn(
      'sh',
      [
        '-c',
        SHELL,
        'sh',
        '-Xmx256m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        '-Dzookeeper.forceSync=no',
        '-Dzookeeper.preAllocSize=64',
        '-cp',
        zooKeeperClasspath(),
        'org.apache.zookeeper.server.quorum.QuorumPeerMain',
        path.join(directory, 'zoo.cfg'),
      ],
      { stdio: ['pipe', log, log] },
    );
    fs.closeSync(log);
    return child;
  }

  get connect(): string {
    return `127.0.0.1:${this.port}`;
  }

  private async untilServing(): Promise<void> {
    const deadline = Date.now() + START_DEADLINE_MS;
    while (!(await fourLetterWord(this.port, 'srvr')).includes('Mode:')) {
      if (this.child.exitCode !== null) throw new Error(`ZooKeeper ended: ${this.lastLogLines()}`);
      if (Date.now() > deadline) throw new Error(`ZooKeeper does not serve: ${this.lastLogLines()}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  private lastLogLines(): string {
    return fs
      .readFileSync(path.join(this.options.directory, 'zookeeper.log'), 'utf8')
      .split('\n')
      .slice(-5)
      .join(' | ');
  }

  /** The pid of the Java process; the child process is the shell around it. */
  private javaPid(): number {
    return Number(
      execFileSync('pgrep', ['-P', String(this.child.pid), 'java'])
        .toString()
        .trim(),
    );
  }

  pause(): void {
    process.kill(this.javaPid(), 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.javaPid(), 'SIGCONT');
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = new Promise((resolve) => this.child.once('close', resolve));
    try {
      process.kill(this.javaPid(), 'SIGKILL');
    } catch {
      // The process has already ended.
    }
    this.child.stdin!.end();
    await closed;
  }

  /** Starts ZooKeeper again after `kill`, on the same port and data. */
  async restart(): Promise<void> {
    this.child = ZooKeeperProcess.spawn(this.options.directory);
    await this.untilServing();
  }
}
