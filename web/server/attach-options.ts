/**
 * What is known of a cluster that is joined: where its files are, and who may send signals to its processes.
 * The cluster of `scripts/cluster` is recognized by its ZooKeeper's port.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { until } from '../../src/lab/wait';
import { fourLetterWord } from '../../src/lab/zookeeper-process';
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

/** Where a story has its cluster; undefined: not yet. */
function storyIn(directory: string): { readonly connect: string; readonly directory: string } | undefined {
  for (const name of fs.readdirSync(directory)) {
    const port = portOf(path.join(directory, name));
    if (port !== undefined) return { connect: `127.0.0.1:${port}`, directory: path.join(directory, name) };
  }
  return undefined;
}

/** Resolves when a story has begun: its ZooKeeper serves. */
export async function storyOptions({ directory }: Options): Promise<AttachOptions> {
  const found = await until('a story', () => storyIn(directory!));
  const port = Number(found.connect.split(':')[1]);
  await until('its ZooKeeper', async () => (await fourLetterWord(port, 'srvr')).includes('Mode:'));
  // The settings of its brokers are written when they start.
  const sessionTimeoutMs = await until('its first broker', () => sessionTimeoutOf(found.directory));
  return { ...found, listener: undefined, starter: undefined, handsOff: WATCHING, sessionTimeoutMs };
}

export function attachOptions({ attach, listener, directory }: Options): AttachOptions {
  const connect = attach!;
  const isOfScripts = directory === undefined && isHere(connect, portOf(CLUSTER));
  const known = directory ?? (isOfScripts ? CLUSTER : undefined);
  return {
    connect,
    listener,
    directory: known,
    starter: isOfScripts ? [process.execPath, path.join(ROOT, 'bin/samsa'), 'cluster', 'start'] : undefined,
    handsOff: undefined,
    sessionTimeoutMs: sessionTimeoutOf(known),
  };
}
