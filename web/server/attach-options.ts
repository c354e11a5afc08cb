/**
 * What is known of a cluster that is joined: where its files are, and who may send signals to its processes.
 * The cluster of `scripts/cluster` is recognized by its ZooKeeper's port.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { AttachOptions } from './real/real-cluster';
import { Options } from './options';

const ROOT = path.join(__dirname, '../../..');
/** Of `scripts/cluster`. */
const CLUSTER = path.join(ROOT, '.samsa/cluster');
const KAFKAS_SESSION_MS = 18_000;
const WATCHING = 'A story does its faults to this cluster itself; here it is looked at.';

function portOf(directory: string): string | undefined {
  try {
    const text = fs.readFileSync(path.join(directory, 'zookeeper/zoo.cfg'), 'utf8');
    return /^clientPort=(\d+)$/m.exec(text)?.[1];
  } catch {
    return undefined;
  }
}

const isHere = (connect: string, port: string | undefined): boolean =>
  port !== undefined && [`127.0.0.1:${port}`, `localhost:${port}`].includes(connect);

/** Of the brokers' settings; undefined: they are not in reach. */
function sessionTimeoutOf(directory: string | undefined): number | undefined {
  if (directory === undefined) return undefined;
  try {
    const first = fs.readdirSync(directory).find((name) => /^broker-\d+$/.test(name))!;
    const text = fs.readFileSync(path.join(directory, first, 'server.properties'), 'utf8');
    const set = /^zookeeper\.session\.timeout\.ms=(\d+)$/m.exec(text)?.[1];
    return set === undefined ? KAFKAS_SESSION_MS : Number(set);
  } catch {
    return undefined;
  }
}

export function attachOptions({ attach, listener, directory, isWatching }: Options): AttachOptions {
  const connect = attach!;
  const isOfScripts = directory === undefined && isHere(connect, portOf(CLUSTER));
  const known = directory ?? (isOfScripts ? CLUSTER : undefined);
  return {
    connect,
    listener,
    directory: known,
    starter: isOfScripts ? [process.execPath, path.join(ROOT, 'bin/samsa'), 'cluster', 'start'] : undefined,
    handsOff: isWatching ? WATCHING : undefined,
    sessionTimeoutMs: sessionTimeoutOf(known),
  };
}
