/**
 * The cluster of docker-compose.yml as a story uses it: brokers run in containers, clients use the published
 * ports.
 *
 * Each story gets a project of its own, with new volumes that are deleted at the end. The brokers write their
 * timelines into a mounted directory of this machine.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { BrokerHandle } from './broker-handle';
import { SegmentFile } from './segment-files';

const ROOT = path.join(__dirname, '../../..');
const PROJECT = 'samsademo';
/** The log.dirs of config/compose.properties. */
const LOG_DIR = '/var/lib/samsa';
export const COMPOSE_ZOOKEEPER = '127.0.0.1:12181';

export class Compose {
  constructor(readonly timelines: string) {}

  /**
   * Runs docker compose (docker-compose if the plugin is missing) and returns its output. Throws an Error
   * with the end of its output.
   */
  run(...args: readonly string[]): string {
    const env = { ...process.env, SAMSA_TIMELINES: path.resolve(this.timelines) };
    const [command, first] = hasPlugin() ? ['docker', ['compose']] : ['docker-compose', []];
    try {
      return execFileSync(command as string, [...first!, '-p', PROJECT, ...args], {
        cwd: ROOT,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        encoding: 'utf8',
      });
    } catch (error) {
      throw new Error(
        `docker compose ${args.join(' ')} failed: ${String((error as { stderr?: Buffer }).stderr ?? error)
          .trim()
          .split('\n')
          .slice(-3)
          .join(' | ')}`,
      );
    }
  }

  up(): void {
    fs.mkdirSync(this.timelines, { recursive: true });
    // In the containers the brokers run as another user.
    fs.chmodSync(this.timelines, 0o777);
    this.run('down', '-v', '-t', '1');
    this.run('up', '-d');
  }

  down(): void {
    this.run('down', '-v', '-t', '1');
  }
}

function hasPlugin(): boolean {
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export class ComposeBroker implements BrokerHandle {
  isRunning = true;

  /** `untilRegistered` resolves when the broker is registered in ZooKeeper. */
  constructor(
    readonly id: number,
    private readonly compose: Compose,
    private readonly untilRegistered: (id: number) => Promise<void>,
  ) {}

  private get service(): string {
    return `broker${this.id}`;
  }
  get where(): string {
    return `container ${this.service}, port ${19090 + this.id}`;
  }
  get timelineFile(): string {
    return path.join(this.compose.timelines, `${this.service}.ndjson`);
  }

  async start(): Promise<void> {
    this.compose.run('start', this.service);
    await this.untilRegistered(this.id);
    this.isRunning = true;
  }

  async kill9(): Promise<void> {
    if (!this.isRunning) return;
    this.isRunning = false;
    this.compose.run('kill', '-s', 'SIGKILL', this.service);
  }

  async terminate(): Promise<void> {
    this.isRunning = false;
    this.compose.run('stop', this.service);
  }

  pause(): void {
    this.compose.run('pause', this.service);
  }

  resume(): void {
    this.compose.run('unpause', this.service);
  }

  files(partition: string): SegmentFile[] {
    const list = this.compose.run(
      'exec',
      '-T',
      this.service,
      'sh',
      '-c',
      `cd ${LOG_DIR}/${partition} && stat -c '%n %s' *`,
    );
    return list
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([name, bytes]) => ({ name: name!, bytes: Number(bytes) }));
  }
}
