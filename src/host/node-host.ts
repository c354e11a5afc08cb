/**
 * The node host: Node's clock, random numbers, disk, network, winston and process, behind the interfaces of
 * common/host.ts (design D13).
 *
 * Node's own modules are used only in this folder, in the ZooKeeper client and in the entry points.
 */
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import { Clock, Host, Log, LogLevel, Random, TimelineEvent, Timer } from '../common/host';
import { bootId, NodeDisk } from './node-disk';
import { nodeLog } from './node-log';
import { NodeNetwork } from './node-network';
import { WorkerThread } from './worker-thread';

/** The longest delay that setTimeout accepts; beyond it the timer fires at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export const nodeClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule: (delayMs: number, action: () => void): Timer => {
    // setImmediate, because setTimeout takes a millisecond at least.
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

/**
 * The limit of file descriptors. Node raises the soft limit to the hard one at start. Only Linux reports it.
 */
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
  /** The file to which events are appended as NDJSON. Without it they are dropped. */
  readonly timelineFile?: string;
  readonly localAddress?: string;
  /** The module with the tasks for `offLoop`. Without it the host has no worker thread. */
  readonly tasksModule?: string;
}

/** Events that occur thousands of times per second under load. Only the simulation's checkers use them. */
const NOT_WRITTEN = new Set(['high-watermark-moved']);

/** Collects the events of one turn of the event loop and appends them with one write. */
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
    bootId: bootId() || undefined,
    offLoop: options.tasksModule === undefined ? undefined : new WorkerThread(options.tasksModule),
    event: options.timelineFile ? timelineWriter(options.timelineFile, options.name) : () => {},
    exit: (code, reason) => {
      if (code !== 0) log.error(`exiting with code ${code}: ${reason}`);
      process.exit(code);
    },
  };
}

/** A logger without output: the default for clients. */
export const silentLog: Log = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  debugOn: false,
  child: () => silentLog,
};
