/**
 * A real ZooKeeper service behind the `ZooKeeper` interface: parses the connect string, creates the chroot,
 * opens sessions.
 */
import { HostPort, parseHostPort } from '../common/cluster-types';
import { ZkClient, ZkClientHost } from './zk-client';
import { isZkError, ZkSession, ZooKeeper } from './zk-session';

/** Splits `h1:2181,h2:2181/chroot`. Throws CONFIG_EXCEPTION. */
export function parseConnectString(text: string): { servers: HostPort[]; chroot: string } {
  const slash = text.indexOf('/');
  const chroot = slash < 0 ? '' : text.slice(slash).replace(/\/+$/, '');
  const servers = (slash < 0 ? text : text.slice(0, slash))
    .split(',')
    .map((part) => parseHostPort(/:\d+$/.test(part.trim()) ? part : `${part.trim()}:2181`));
  return { servers, chroot };
}

export interface RealZooKeeperOptions {
  readonly auth?: readonly { scheme: string; auth: Buffer }[];
}

export function realZooKeeper(
  host: ZkClientHost,
  connectString: string,
  options: RealZooKeeperOptions = {},
): ZooKeeper {
  const { servers, chroot } = parseConnectString(connectString);
  return {
    name: connectString,
    openSession: (open) => ZkClient.open(host, servers, chroot, open, options.auth ?? []),
    createRoot: (open) =>
      createChroot(() => ZkClient.open(host, servers, '', open, options.auth ?? []), chroot),
  };
}

/** P22: if the chroot does not exist, every operation fails with NO_NODE. */
async function createChroot(open: () => Promise<ZkSession>, chroot: string): Promise<void> {
  if (chroot === '') return;
  const session = await open();
  try {
    const parts = chroot.split('/').slice(1);
    for (let i = 1; i <= parts.length; i++) {
      await session.create(`/${parts.slice(0, i).join('/')}`, null, 'persistent').catch((error) => {
        if (!isZkError(error, 'NODE_EXISTS')) throw error;
      });
    }
  } finally {
    await session.close();
  }
}
