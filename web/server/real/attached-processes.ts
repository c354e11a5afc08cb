/**
 * The processes of a cluster that somebody else started. Where its directory is known (`scripts/cluster` and
 * the stories lay it out as the lab does) the brokers' process ids stand in the lock files of their log dirs,
 * so they can be watched and, unless somebody else does it, sent signals. Elsewhere all that is known of a
 * broker is its registration.
 */
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { BROKER_ACTIONS, BrokerAction } from '../../shared/run';
import { EventHub } from '../event-hub';
import { BrokerBook } from './broker-book';
import { BrokerFiles } from './observer';
import { expireSession } from './own-processes';
import { NEVER, Processes, Refusal } from './processes';

/** A process that is not a child says nothing when it ends: it is looked at. */
const LOOK_MS = 40;
const START_WITHIN_MS = 120_000;

export interface AttachedOptions {
  readonly connect: string;
  /** With `broker-N` in it; undefined: not known. */
  readonly directory: string | undefined;
  /** The program that starts a broker of this directory again; undefined: there is none. */
  readonly starter: readonly string[] | undefined;
  /** Why nothing may be done to the processes; undefined: it may. */
  readonly handsOff: string | undefined;
  readonly hub: EventHub;
  readonly book: BrokerBook;
}

type State = 'running' | 'paused' | 'dead';

const NO_CONTROL =
  'The lab only looks at this cluster: its processes are not in its reach. Use what started them, ' +
  'such as docker compose.';

export class AttachedProcesses implements Processes {
  readonly cannot: Readonly<Record<string, string>>;
  private readonly seen = new Map<number, State>();
  /** Brokers whose next change is of the lab's own doing, and told already. */
  private readonly own = new Set<number>();
  private readonly stopping = new Set<number>();
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: AttachedOptions) {
    const { directory, handsOff, starter } = options;
    const why = handsOff ?? (directory === undefined ? NO_CONTROL : undefined);
    const all = [...BROKER_ACTIONS, 'set-broker', 'zookeeper-down', 'zookeeper-up', 'cut-link', 'heal-link'];
    // Nobody writes into somebody else's experiment.
    if (handsOff !== undefined) all.push('start-producer', 'start-consumer', 'create-topic', 'set-topic');
    this.cannot =
      why !== undefined
        ? { ...Object.fromEntries(all.map((what) => [what, why])), ...NEVER }
        : {
            ...NEVER,
            ...(starter ? {} : { start: 'The lab did not start this broker, and does not know how.' }),
            'cut-link': 'Links can be cut in a cluster that the lab has started: ./scripts/lab --real.',
            'zookeeper-down': 'The lab did not start this ZooKeeper.',
          };
    if (directory === undefined) return;
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
    this.look();
  }

  private folderOf(id: number): string | undefined {
    const { directory } = this.options;
    return directory === undefined ? undefined : path.join(directory, `broker-${id}`);
  }

  filesOf(id: number): BrokerFiles | undefined {
    const folder = this.folderOf(id);
    if (folder === undefined || !fs.existsSync(folder)) return undefined;
    return { logDir: path.join(folder, 'logs'), timeline: path.join(folder, 'timeline.ndjson') };
  }

  /** The brokers whose directories are there. */
  get ids(): number[] {
    const { directory } = this.options;
    if (directory === undefined) return [];
    try {
      return fs.readdirSync(directory).flatMap((name) => {
        const id = /^broker-(\d+)$/.exec(name)?.[1];
        return id === undefined ? [] : [Number(id)];
      });
    } catch {
      return [];
    }
  }

  private look(): void {
    for (const id of this.ids) {
      const state = stateOf(this.pidOf(id));
      const before = this.seen.get(id);
      if (before === state) continue;
      this.seen.set(id, state);
      if (before !== undefined && !this.own.delete(id)) this.happened(id, before, state);
      this.tell(id, state);
    }
  }

  /** Somebody else did something to the process. */
  private happened(id: number, before: State, now: State): void {
    if (now === 'paused') this.fault('SIGSTOP', id);
    else if (now === 'running') this.fault(before === 'paused' ? 'SIGCONT' : 'start', id);
    // Who stops in order takes its registration back first.
    else if (this.options.book.isRegistered(id)) this.fault('died', id);
  }

  private tell(id: number, state: State): void {
    const { book } = this.options;
    if (state === 'dead') this.stopping.delete(id);
    if (state !== 'running') book.statusIs(id, state);
    else if (this.stopping.has(id)) book.statusIs(id, 'stopping');
    else book.statusIs(id, book.isRegistered(id) ? 'up' : 'starting');
  }

  /** A registration came or went. */
  registered(id: number, isRegistered: boolean): void {
    const { book } = this.options;
    const state = this.seen.get(id);
    if (state !== undefined) this.tell(id, state);
    else if (isRegistered) book.statusIs(id, 'up');
    else book.statusIs(id, 'dead', 'It is not registered in ZooKeeper; more is not known from here.');
  }

  /** Undefined: it does not run. */
  private pidOf(id: number): number | undefined {
    const [pid, started] = readText(path.join(this.folderOf(id)!, 'logs/.lock')).split(' ');
    if (!pid || !/^\d+$/.test(pid) || Number(pid) < 2) return undefined;
    const fields = statFields(Number(pid));
    // Another process may have the number by now.
    return fields && (started === undefined || fields[19] === started.trim()) ? Number(pid) : undefined;
  }

  async toBroker(what: BrokerAction, id: number): Promise<Refusal> {
    if (this.cannot[what] !== undefined) return this.cannot[what];
    if (!this.ids.includes(id)) return `There is no broker ${id}.`;
    const pid = this.pidOf(id);
    if (what === 'start') return pid === undefined ? this.start(id) : `Broker ${id} is running already.`;
    if (pid === undefined) return `Broker ${id} is not running.`;
    const isPaused = stateOf(pid) === 'paused';
    switch (what) {
      case 'kill':
        return this.signal(id, pid, 'SIGKILL', 'kill -9');
      case 'pause':
        return isPaused ? `Broker ${id} is paused already.` : this.signal(id, pid, 'SIGSTOP', 'SIGSTOP');
      case 'resume':
        return isPaused ? this.signal(id, pid, 'SIGCONT', 'SIGCONT') : `Broker ${id} is not paused.`;
      case 'terminate':
        this.stopping.add(id);
        return this.signal(id, pid, 'SIGTERM', 'SIGTERM');
      default:
        this.fault('expire session', id);
        return expireSession(id, this.folderOf(id)!, this.options.connect);
    }
  }

  private fault(fault: string, id: number): void {
    this.options.hub.happened('user', 'fault', { fault, target: `${id}` });
  }

  private signal(id: number, pid: number, signal: NodeJS.Signals, fault: string): Refusal {
    this.fault(fault, id);
    this.own.add(id);
    try {
      process.kill(pid, signal);
    } catch (error) {
      return `Broker ${id} was not reached: ${(error as Error).message}`;
    }
    this.look();
    return undefined;
  }

  private start(id: number): Refusal {
    this.fault('start', id);
    this.own.add(id);
    const [command, ...args] = this.options.starter!;
    execFile(command!, [...args, `${id}`], { timeout: START_WITHIN_MS }, (error, _, stderr) => {
      if (!error) return;
      const why = stderr.trim() || error.message;
      this.options.hub.happened('user', 'command-failed', { command: `start of broker ${id}`, error: why });
    });
    return undefined;
  }

  private refused(what: string): Refusal {
    return this.cannot[what] ?? 'The lab did not start this cluster.';
  }

  setBroker(): Refusal {
    return this.refused('set-broker');
  }

  setZooKeeperDown(): Promise<Refusal> {
    return Promise.resolve(this.refused('zookeeper-down'));
  }

  cut(): Refusal {
    return this.refused('cut-link');
  }

  heal(): Refusal {
    return this.refused('cut-link');
  }

  healAll(): Refusal {
    return this.refused('cut-link');
  }

  /** It started nothing. */
  stop(): Promise<void> {
    clearInterval(this.timer);
    return Promise.resolve();
  }
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** What follows the name in /proc/PID/stat: the state first, the start time as the 20th. */
function statFields(pid: number): string[] | undefined {
  const text = readText(`/proc/${pid}/stat`);
  return text === '' ? undefined : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function stateOf(pid: number | undefined): State {
  const state = pid === undefined ? undefined : statFields(pid)?.[0];
  if (state === undefined || state === 'Z' || state === 'X') return 'dead';
  return state === 'T' ? 'paused' : 'running';
}
