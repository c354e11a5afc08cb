/**
 * The real host: Node's clock, random bytes, disk, network, winston and process, behind the interface of D13.
 *
 * This folder, the ZooKeeper client and the entry points are the only places where Node's own modules are used.
 */
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import { Clock, Host, Log, LogLevel, Random, TimelineEvent, Timer } from '../common/host';
import { NodeDisk } from './node-disk';
import { nodeLog } from './node-log';
import { NodeNetwork } from './node-network';
import { WorkerThread } from './worker-thread';

/** setTimeout fires at once beyond this many milliseconds. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export const nodeClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule: (delayMs: number, action: () => void): Timer => {
    // Giving way for a turn of the loop takes no millisecond.
    if (delayMs <= 0) {
      const immediate = setImmediate(action);
      return { cancel: () => clearImmediate(immediate) };
    }
    const timer = setTimeout(action, Math.min(delayMs, LONGEST_TIMEOUT_MS));
    return { cancel: () => clearTimeout(timer) };
  },
};

export const nodeRandom: Random = {
  bytes: (length) => crypto.randomBytes(length),
  below: (bound) => (bound <= 1 ? 0 : crypto.randomInt(bound)),
};

/** The soft limit, which Node raises to the hard one at its start; Linux tells it, others do not. */
function maxDescriptors(): number | undefined {
  try {
    const match = /^Max open files\s+(\d+)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8'));
    return match ? Number(match[1]) : undefined;
  } catch {
    return undefined;
  }
}

export interface NodeHostOptions {
  readonly name: string;
  readonly logLevel?: LogLevel;
  readonly log?: Log;
  /** Where events are appended as NDJSON; none: events are dropped. */
  readonly timelineFile?: string;
  readonly localAddress?: string;
  /** The module with the tasks for a thread beside the loop; none: no such thread. */
  readonly tasksModule?: string;
}

/** Thousands a second under load: the checkers of the simulation read them, nobody reads them in a file. */
const NOT_WRITTEN = new Set(['high-watermark-moved']);

/** Collects the events of one turn of the loop and appends them in one write. */
function timelineWriter(file: string, name: string): (event: TimelineEvent) => void {
  const fd = fs.openSync(file, 'a');
  let lines: string[] = [];
  const flush = () => {
    fs.writeSync(fd, lines.join(''));
    lines = [];
  };
  return ({ what, ...rest }) => {
    if (NOT_WRITTEN.has(what)) return;
    if (lines.length === 0) setImmediate(flush);
    lines.push(`${JSON.stringify({ time: Date.now(), who: name, what, ...rest })}\n`);
  };
}

export function nodeHost(options: NodeHostOptions): Host {
  const log = options.log ?? nodeLog(options.logLevel ?? 'info');
  return {
    name: options.name,
    clock: nodeClock,
    random: nodeRandom,
    disk: new NodeDisk(),
    network: new NodeNetwork(options.localAddress),
    log,
    maxDescriptors: maxDescriptors(),
    offLoop: options.tasksModule === undefined ? undefined : new WorkerThread(options.tasksModule),
    event: options.timelineFile ? timelineWriter(options.timelineFile, options.name) : () => {},
    exit: (code, reason) => {
      if (code !== 0) log.error(`exiting with code ${code}: ${reason}`);
      process.exit(code);
    },
  };
}

/** A log that says nothing, for clients embedded in programs that did not ask for one. */
export const silentLog: Log = {
  error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, debugOn: false, child: () => silentLog,
};
