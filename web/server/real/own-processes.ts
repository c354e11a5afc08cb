/**
 * A ZooKeeper and brokers that the lab starts, in a directory of their own, and ends. Between each broker and
 * ZooKeeper stands a proxy, so that their link can be cut.
 */
import { ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseBrokerConfig } from '../../../src/broker/broker-config';
import { messageOf } from '../../../src/common/errors';
import { BrokerProcess } from '../../../src/lab/broker-process';
import { FaultProxy } from '../../../src/lab/fault-proxy';
import { Profile } from '../../../src/lab/lab-cluster';
import { ZooKeeperProcess } from '../../../src/lab/zookeeper-process';
import { BrokerAction, brokerHost, ZOOKEEPER } from '../../shared/run';
import { EventHub } from '../event-hub';
import { BrokerBook } from './broker-book';
import { BrokerFiles } from './observer';
import { NEVER, Processes, Refusal } from './processes';

interface One {
  readonly process: BrokerProcess;
  readonly proxy: FaultProxy;
  settings: Record<string, string>;
  isPaused: boolean;
  isStopping: boolean;
  /** While it is paused. */
  guard: ChildProcess | undefined;
}

export interface OwnOptions {
  readonly directory: string;
  readonly brokers: number;
  readonly profile: Profile;
  readonly hub: EventHub;
  readonly book: BrokerBook;
}

/**
 * A frozen broker does not notice that the lab is gone, as the others do by their standard input; this ends
 * it then.
 */
function guardOf(pid: number): ChildProcess {
  const script = 'cat > /dev/null; kill -9 "$1" 2> /dev/null';
  const guard = spawn('sh', ['-c', script, 'sh', `${pid}`], { stdio: ['pipe', 'ignore', 'ignore'] });
  guard.stdin!.on('error', () => {});
  guard.on('error', () => {});
  return guard;
}

/** BrokerProcess keeps its child to itself, and its end is to be known at once. */
function childOf(process: BrokerProcess): ChildProcess {
  return (process as unknown as { readonly child: ChildProcess }).child;
}

export class OwnProcesses implements Processes {
  readonly cannot = NEVER;
  private readonly all = new Map<number, One>();
  private isZooKeeperDown = false;
  private isEnding = false;

  private constructor(
    private readonly options: OwnOptions,
    private readonly zookeeper: ZooKeeperProcess,
  ) {}

  /** Resolves when ZooKeeper serves; no broker runs yet. */
  static async open(options: OwnOptions): Promise<OwnProcesses> {
    const zookeeper = await ZooKeeperProcess.start({
      directory: path.join(options.directory, 'zookeeper'),
      tickTimeMs: 500,
      minSessionTimeoutMs: 1000,
      maxSessionTimeoutMs: 60_000,
    });
    const processes = new OwnProcesses(options, zookeeper);
    for (let id = 1; id <= options.brokers; id++) await processes.prepare(id);
    return processes;
  }

  get connect(): string {
    return this.zookeeper.connect;
  }

  private async prepare(id: number): Promise<void> {
    const { directory, profile, brokers } = this.options;
    const proxy = await new FaultProxy({ host: '127.0.0.1', port: this.zookeeper.port }).listen();
    const process = new BrokerProcess({
      id,
      directory: path.join(directory, `broker-${id}`),
      zookeeper: `127.0.0.1:${proxy.port}`,
      settings: {
        'offsets.topic.num.partitions': 1,
        'offsets.topic.replication.factor': Math.min(3, brokers),
        ...profile.settings,
      },
    });
    const state = { settings: {}, isPaused: false, isStopping: false, guard: undefined };
    this.all.set(id, { process, proxy, ...state });
  }

  /** Resolves when every broker accepts requests. */
  async startAll(): Promise<void> {
    await Promise.all([...this.all.keys()].map((id) => this.launch(id)));
  }

  private async launch(id: number): Promise<void> {
    const { book, hub } = this.options;
    const one = this.all.get(id)!;
    Object.assign(one, { isPaused: false, isStopping: false });
    const ready = one.process.start(one.settings);
    book.statusIs(id, 'starting');
    const child = childOf(one.process);
    child.once('exit', (code, signal) => {
      release(one);
      if (childOf(one.process) !== child) return;
      const problem =
        code === null || code === 0 ? null : `It ended with code ${code}. ${one.process.lastLogLines(1)}`;
      book.statusIs(id, 'dead', problem);
      if (!this.isEnding && problem !== null)
        hub.happened(brokerHost(id), 'process-ended', { broker: id, code, signal, problem });
    });
    try {
      await ready;
      if (book.statusOf(id) === 'starting') book.statusIs(id, 'up');
    } catch (error) {
      if (!this.isEnding && !one.process.isRunning)
        hub.happened('user', 'command-failed', { command: `start of broker ${id}`, error: messageOf(error) });
      throw error;
    }
  }

  filesOf(id: number): BrokerFiles | undefined {
    const process = this.all.get(id)?.process;
    return process && { logDir: process.logDir, timeline: process.timelineFile };
  }

  private fault(fault: string, target: string): void {
    this.options.hub.happened('user', 'fault', { fault, target });
  }

  async toBroker(what: BrokerAction, id: number): Promise<Refusal> {
    const one = this.all.get(id);
    if (!one) return `There is no broker ${id}.`;
    if (NEVER[what] !== undefined) return NEVER[what];
    const { process } = one;
    if (what === 'start') {
      if (process.isRunning) return `Broker ${id} is running already.`;
      this.fault('start', `${id}`);
      this.launch(id).catch(() => {});
      return undefined;
    }
    if (!process.isRunning) return `Broker ${id} is not running.`;
    switch (what) {
      case 'kill':
        this.fault('kill -9', `${id}`);
        await process.kill9();
        return undefined;
      case 'pause':
      case 'resume':
        return this.freeze(id, one, what === 'pause');
      case 'terminate':
        return this.terminate(id, one);
      default:
        return this.expire(id, one);
    }
  }

  private freeze(id: number, one: One, isPaused: boolean): Refusal {
    if (one.isPaused === isPaused) return `Broker ${id} is ${isPaused ? 'paused already' : 'not paused'}.`;
    const { book } = this.options;
    this.fault(isPaused ? 'SIGSTOP' : 'SIGCONT', `${id}`);
    if (isPaused) {
      one.process.pause();
      one.guard = guardOf(one.process.pid!);
    } else {
      release(one);
      one.process.resume();
    }
    one.isPaused = isPaused;
    book.statusIs(
      id,
      isPaused ? 'paused' : one.isStopping ? 'stopping' : book.isRegistered(id) ? 'up' : 'starting',
    );
    return undefined;
  }

  private terminate(id: number, one: One): Refusal {
    if (one.isPaused) return `Broker ${id} is paused: it hears no signal until it goes on.`;
    if (one.isStopping) return `Broker ${id} is stopping already.`;
    this.fault('SIGTERM', `${id}`);
    one.isStopping = true;
    this.options.book.statusIs(id, 'stopping');
    one.process.terminate().catch(() => {});
    return undefined;
  }

  private async expire(id: number, one: One): Promise<Refusal> {
    if (this.isZooKeeperDown) return 'ZooKeeper is down: nobody can end a session.';
    if (!fs.existsSync(path.join(one.process.logDir, '.samsa-session')))
      return `Broker ${id} has no session yet.`;
    this.fault('expire session', `${id}`);
    return expireSession(id, one.process.options.directory, this.connect);
  }

  setBroker(id: number, name: string, value: string): Refusal {
    const one = this.all.get(id);
    if (!one) return `There is no broker ${id}.`;
    const settings = { ...one.settings, [name]: value };
    try {
      parseBrokerConfig({ 'zookeeper.connect': this.connect, ...settings });
    } catch (error) {
      return messageOf(error);
    }
    one.settings = settings;
    return undefined;
  }

  async setZooKeeperDown(isDown: boolean): Promise<Refusal> {
    if (this.isZooKeeperDown === isDown) return `ZooKeeper is ${isDown ? 'down' : 'up'} already.`;
    this.isZooKeeperDown = isDown;
    this.fault(isDown ? 'ZooKeeper down' : 'ZooKeeper up', ZOOKEEPER);
    if (isDown) await this.zookeeper.kill();
    else await this.zookeeper.restart();
    return undefined;
  }

  /** The broker at one end, if ZooKeeper is at the other. */
  private proxied(from: string, to: string): { readonly id: number; readonly one: One } | undefined {
    const broker = [from, to].find((host) => host.startsWith('broker-'));
    const id = Number(broker?.slice('broker-'.length));
    const one = [from, to].includes(ZOOKEEPER) ? this.all.get(id) : undefined;
    return one && { id, one };
  }

  cut(from: string, to: string, isOneWay: boolean): Refusal {
    const found = this.proxied(from, to);
    if (!found) return 'Of real processes only the links between brokers and ZooKeeper can be cut.';
    if (isOneWay) return 'Of real processes a link is cut in both directions, or not at all.';
    const { id, one } = found;
    if (one.proxy.blackHole) return `The link from ${from} to ${to} is cut already.`;
    one.proxy.blackHole = true;
    this.options.book.silence(id);
    this.tellLink(id, true);
    return undefined;
  }

  private tellLink(id: number, isCut: boolean): void {
    const host = brokerHost(id);
    this.options.hub.see('lab', { what: 'link', from: host, to: ZOOKEEPER, isCut });
    this.options.hub.see('lab', { what: 'link', from: ZOOKEEPER, to: host, isCut });
  }

  heal(from: string, to: string): Refusal {
    const found = this.proxied(from, to);
    if (!found?.one.proxy.blackHole) return `The link from ${from} to ${to} is not cut.`;
    this.mend(found.id, found.one);
    return undefined;
  }

  /** What was sent meanwhile is lost, so its connection is of no use any more. */
  private mend(id: number, { proxy, isPaused }: One): void {
    proxy.blackHole = false;
    proxy.cut();
    if (!isPaused) this.options.book.heard(id);
    this.tellLink(id, false);
  }

  healAll(): Refusal {
    for (const [id, one] of this.all) {
      if (one.proxy.blackHole) this.mend(id, one);
      if (one.isPaused) this.freeze(id, one, false);
    }
    return undefined;
  }

  async stop(): Promise<void> {
    this.isEnding = true;
    const brokers = [...this.all.values()];
    // A process that is stopped by a signal is killed all the same, once it goes on.
    for (const { process } of brokers) process.resume();
    await Promise.all(brokers.map(({ process }) => process.kill9()));
    await this.zookeeper.kill();
    await Promise.all(brokers.map(({ proxy }) => proxy.close()));
  }
}

function release(one: One): void {
  // The end of its input would end the broker, so that comes after its own end.
  one.guard?.kill('SIGKILL');
  one.guard?.stdin?.destroy();
  one.guard = undefined;
}

/** With the session id and password that the broker keeps in its log dir. */
export async function expireSession(id: number, directory: string, connect: string): Promise<Refusal> {
  try {
    await new BrokerProcess({ id, directory, zookeeper: connect, settings: {} }).expireSession();
    return undefined;
  } catch (error) {
    return `The session of broker ${id} was not ended: ${messageOf(error)}`;
  }
}
