/**
 * What the commands share: the real host for a client, connecting to ZooKeeper, and errors as one line with
 * Kafka's name.
 *
 * Exit codes: 0 success, 1 the command failed, 2 the command line is invalid.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { ClientEnvironment } from '../client/client-config';
import { parseProperties } from '../common/config-def';
import { messageOf } from '../common/errors';
import { Host, LogLevel } from '../common/host';
import { nodeHost } from '../host/node-host';
import { realZooKeeper } from '../zk/real-zookeeper';
import { ZkConnection } from '../zk/zk-connection';

const CLIENT_SESSION_MS = 30000;
const CLIENT_CONNECT_MS = 15000;

export function clientHost(name: string): Host {
  return nodeHost({ name, logLevel: (process.env.SAMSA_LOG_LEVEL as LogLevel | undefined) ?? 'error' });
}

export function environmentOf(host: Host): ClientEnvironment {
  return { host, zookeeper: (connect) => realZooKeeper(host, connect) };
}

/** Runs `work` with a ZooKeeper connection and always closes it. */
export async function withZooKeeper<T>(
  host: Host,
  connect: string,
  work: (zk: ZkConnection) => Promise<T>,
): Promise<T> {
  const zk = await ZkConnection.open(host, realZooKeeper(host, connect), {
    sessionTimeoutMs: CLIENT_SESSION_MS,
    connectTimeoutMs: CLIENT_CONNECT_MS,
    maxInFlightRequests: 64,
  });
  try {
    return await work(zk);
  } finally {
    await zk.close();
  }
}

/** The options for the address of the cluster; one of the two is required. */
export function addConnectionOptions(command: Command): Command {
  return command
    .addOption(new Option('--zookeeper <connect>', 'ZooKeeper servers and chroot: HOST:PORT[/chroot]'))
    .addOption(
      new Option('--bootstrap-server <servers>', 'brokers: HOST:PORT[,HOST:PORT]').conflicts('zookeeper'),
    );
}

export interface ConnectionOptions {
  readonly zookeeper?: string;
  readonly bootstrapServer?: string;
}

export function connectionConfig(options: ConnectionOptions): Record<string, string> {
  if (options.zookeeper !== undefined) return { 'zookeeper.connect': options.zookeeper };
  if (options.bootstrapServer !== undefined) return { 'bootstrap.servers': options.bootstrapServer };
  throw new Error('Missing required argument "[zookeeper]" or "[bootstrap-server]"');
}

/** Collects repeated `key=value` options. */
export function keyValue(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const parsed = parseProperties(text);
  if (!text.includes('=') || Object.keys(parsed).length !== 1)
    throw new InvalidArgumentError('expected key=value');
  return { ...previous, ...parsed };
}

export function wholeNumber(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number');
  return Number(text);
}

/** Wraps an action: prints an error as one line on standard error and sets exit code 1. */
export function action<O>(
  work: (options: O, ...args: string[]) => Promise<number | void>,
): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    const command = args[args.length - 1] as Command;
    try {
      const code = await work(command.opts() as O, ...(args.slice(0, -2) as string[]));
      process.exitCode = code ?? 0;
    } catch (error) {
      process.stderr.write(`Error: ${messageOf(error)}\n`);
      process.exitCode = 1;
    }
  };
}
