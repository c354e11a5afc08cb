/** Claims of an old consumer on a connection that breaks when the test says so. */
import { ZooKeeperGroup } from '../../src/consumer/zookeeper-group';
import { ZkConnection } from '../../src/zk/zk-connection';
import { ZkError } from '../../src/zk/zk-session';

const TPS = [0, 1, 2].map((partition) => ({ topic: 't', partition }));

/** Owner znodes of one session; `broken` says which operation does not come back, and whether it was done. */
class StagedZooKeeper {
  readonly owners = new Map<string, string>();
  broken: { readonly what: 'create' | 'delete' | 'exists'; readonly isDone: boolean } | undefined;

  readonly connection = {
    credentials: { id: 'ours' },
    exists: async (path: string) => {
      this.maybeBreak('exists', path, () => {});
      const ephemeralOwner = this.owners.get(path);
      return ephemeralOwner === undefined ? null : { ephemeralOwner, version: 0 };
    },
    create: async (path: string) => {
      const create = () => this.owners.set(path, 'ours');
      this.maybeBreak('create', path, create);
      create();
    },
    delete: async (path: string) => {
      this.maybeBreak('delete', path, () => this.owners.delete(path));
      if (!this.owners.delete(path)) throw new ZkError('NO_NODE', path);
    },
  } as unknown as ZkConnection;

  private maybeBreak(what: string, path: string, act: () => void): void {
    if (this.broken?.what !== what) return;
    if (this.broken.isDone) act();
    this.broken = undefined;
    throw new ZkError('CONNECTION_LOSS', path);
  }
}

async function claimed(): Promise<{ zk: StagedZooKeeper; group: ZooKeeperGroup }> {
  const zk = new StagedZooKeeper();
  const group = new ZooKeeperGroup(zk.connection, 'g', 'c', () => 0);
  for (const tp of TPS) expect(await group.claim(tp, 'c-0')).toBe(true);
  return { zk, group };
}

test.each([
  { what: 'delete' as const, isDone: false },
  { what: 'delete' as const, isDone: true },
])('no claim outlasts its release when the connection breaks: $what, done: $isDone', async (broken) => {
  const { zk, group } = await claimed();
  zk.broken = broken;
  await group.release();
  expect([...zk.owners]).toEqual([]);
});

test('claims that could not be looked at are given up by the next release', async () => {
  const { zk, group } = await claimed();
  zk.broken = { what: 'exists', isDone: false };
  await expect(group.release()).rejects.toThrow(ZkError);
  await group.release();
  expect([...zk.owners]).toEqual([]);
});

test('a claim of which nobody knows whether it was made is given up, too', async () => {
  const { zk, group } = await claimed();
  await group.release();
  const { exists } = zk.connection;
  zk.broken = { what: 'create', isDone: true };
  (zk.connection as { exists: unknown }).exists = async (path: string) => {
    (zk.connection as { exists: unknown }).exists = exists;
    throw new ZkError('CONNECTION_LOSS', path);
  };
  await expect(group.claim(TPS[0]!, 'c-0')).rejects.toThrow(ZkError);
  expect(zk.owners.size).toBe(1);
  await group.release();
  expect([...zk.owners]).toEqual([]);
});

test("another member's claim is left alone", async () => {
  const { zk, group } = await claimed();
  const [first] = [...zk.owners.keys()];
  zk.owners.set(first!, 'theirs');
  await group.release();
  expect([...zk.owners.values()]).toEqual(['theirs']);
});
