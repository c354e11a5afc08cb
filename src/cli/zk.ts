/**
 * `samsa zk ls|get|tree --zookeeper Z PATH`: shows znodes. Kafka: zookeeper-shell
 */
import { Command } from 'commander';
import { isZkError, NO_OWNER, ZkError } from '../zk/zk-session';
import { ZkConnection } from '../zk/zk-connection';
import { action, clientHost, withZooKeeper } from './command';

interface Options {
  readonly zookeeper: string;
}

const child = (path: string, name: string) => `${path === '/' ? '' : path}/${name}`;

async function present<T>(path: string, found: Promise<T | null>): Promise<T> {
  const value = await found;
  if (value === null) throw new ZkError('NO_NODE', path);
  return value;
}

async function ls(zk: ZkConnection, path: string): Promise<void> {
  for (const name of await present(path, zk.children(path))) console.log(name);
}

async function get(zk: ZkConnection, path: string): Promise<void> {
  const { data, stat } = await present(path, zk.get(path));
  console.log(data.toString('utf8'));
  console.error(
    `version ${stat.version}, czxid 0x${stat.czxid.toString(16)}, mzxid 0x${stat.mzxid.toString(16)}, ` +
      `created ` +
      `${new Date(stat.ctimeMs).toISOString()}${
        stat.ephemeralOwner === NO_OWNER ? '' : `, ephemeral of ` + `session 0x${stat.ephemeralOwner}`
      }`,
  );
}

async function tree(zk: ZkConnection, path: string, depth = 0): Promise<void> {
  const znode = await present(path, zk.get(path));
  const owner = znode.stat.ephemeralOwner === NO_OWNER ? '' : '  (ephemeral)';
  console.log(
    `${'  '.repeat(depth)}${depth === 0 ? path : path.slice(path.lastIndexOf('/') + 1)}${owner}${
      znode.data.length > 0 ? `  ` + `${znode.data.toString('utf8')}` : ''
    }`,
  );
  for (const name of (await zk.children(path)) ?? []) {
    await tree(zk, child(path, name), depth + 1).catch((error) => {
      if (!isZkError(error, 'NO_NODE')) throw error;
    });
  }
}

export function zkCommand(): Command {
  const command = new Command('zk').description('look into ZooKeeper');
  for (const [name, doc, run] of [
    ['ls', 'names of the children', ls],
    ['get', 'data and version', get],
    ['tree', 'everything below', tree],
  ] as const) {
    command.addCommand(
      new Command(name)
        .description(doc)
        .requiredOption('--zookeeper <connect>', 'HOST:PORT[/chroot]')
        .argument('[path]', 'znode', '/')
        .action(
          action<Options>((options, path) =>
            withZooKeeper(clientHost('zk'), options.zookeeper, (zk) => run(zk, path!)),
          ),
        ),
    );
  }
  return command;
}
