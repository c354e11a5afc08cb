/**
 * The simulated ZooKeeper and disk are held to the real ones: the same seeded operations give the same
 * results.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Disk, DiskFile } from '../../src/common/host';
import { NodeDisk } from '../../src/host/node-disk';
import { Prng } from '../../src/simulation/prng';
import { SimDisk } from '../../src/simulation/sim-disk';
import { ZkTree } from '../../src/simulation/zk-tree';
import { realZooKeeper } from '../../src/zk/real-zookeeper';
import { ZkError, ZkOp, ZkOpResult } from '../../src/zk/zk-session';
import { freshChroot, Sessions, zkHost } from '../support/real-zk';

const sessions = new Sessions();
afterAll(() => sessions.closeAll());

function drawOp(random: Prng): ZkOp {
  const path = `/${random.pick(['a', 'b', 'c'])}${random.chance(0.5) ? `/${random.pick(['x', 'y'])}` : ''}`;
  const version = random.pick([-1, 0, 0, 1, 2, 3]);
  switch (random.below(4)) {
    case 0:
      return {
        type: 'create',
        path: random.chance(0.3) ? `${path}-` : path,
        data: random.chance(0.5) ? null : Buffer.from('d'),
        mode: random.pick(['persistent', 'persistent', 'ephemeral', 'persistent-sequential']),
      };
    case 1:
      return { type: 'set', path, data: Buffer.from(String(random.below(100))), version };
    case 2:
      return { type: 'delete', path, version };
    default:
      return { type: 'check', path, version };
  }
}

const outcome = async (work: () => Promise<unknown> | unknown) => {
  try {
    return JSON.stringify(await work());
  } catch (error) {
    if (!(error instanceof ZkError)) throw error;
    return `${error.code}${error.failedOp >= 0 ? ` at ${error.failedOp}` : ''}`;
  }
};

test('trees: creates, sets, deletes, checks and multis, with every version and mode', async () => {
  for (const seed of ['one', 'two', 'three', 'four', 'five']) {
    const random = new Prng(seed);
    const { session } = await sessions.session(realZooKeeper(zkHost, await freshChroot()));
    const tree = new ZkTree(() => 0);
    for (let i = 0; i < 250; i++) {
      const ops = Array.from({ length: random.pick([1, 1, 2, 3]) }, () => drawOp(random));
      const real = await outcome(() => session.multi(ops));
      const simulated = await outcome(() => tree.multi(ops, session.credentials.id).results as ZkOpResult[]);
      expect({ seed, i, ops, result: simulated }).toEqual({ seed, i, ops, result: real });
    }
    for (const one of tree.paths()) {
      const mine = tree.exists(one)!;
      const theirs = (await session.exists(one, false))!;
      // ZooKeeper's own znodes live beside the root's children only without a chroot.
      expect([one, mine.version, mine.numChildren, mine.ephemeralOwner]).toEqual([
        one,
        theirs.version,
        theirs.numChildren,
        theirs.ephemeralOwner,
      ]);
      expect(tree.get(one).data).toEqual((await session.get(one, false)).data);
    }
  }
}, 120000);

test('disks: writes, truncations, renames, removals and listings', () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-disk-'));
  try {
    for (const seed of ['one', 'two', 'three', 'four']) {
      const directory = `${root}/${seed}`;
      const disks: Disk[] = [new NodeDisk(), new SimDisk(() => 0)];
      for (const disk of disks) disk.makeDirectory(directory);
      const both = (work: (disk: Disk) => unknown) => {
        const [real, simulated] = disks.map((disk) => {
          try {
            return JSON.stringify(work(disk) ?? null);
          } catch (error) {
            return (error as { code: string }).code;
          }
        });
        expect(simulated).toBe(real);
      };
      const withFile = (
        disk: Disk,
        name: string,
        mode: 'read' | 'write' | 'create',
        work: (file: DiskFile) => unknown,
      ) => {
        const file = disk.open(`${directory}/${name}`, mode);
        try {
          return work(file);
        } finally {
          file.close();
        }
      };
      const random = new Prng(seed);
      for (let i = 0; i < 300; i++) {
        const name = random.pick(['f', 'g', 'sub/h']);
        const other = random.pick(['f', 'g', 'k']);
        const position = random.below(50);
        const folder = random.pick(['sub', 'gone']);
        const chunks = [random.bytes(random.below(20)), random.bytes(random.below(20))];
        switch (random.below(9)) {
          case 0:
          case 1:
            both((disk) =>
              withFile(disk, name, 'create', (file) => {
                file.write(chunks, position);
                return file.size();
              }),
            );
            break;
          case 2:
            both((disk) =>
              withFile(disk, name, 'write', (file) => {
                file.truncate(position);
                return file.size();
              }),
            );
            break;
          case 3:
            both((disk) =>
              withFile(disk, name, 'read', (file) => {
                const target = Buffer.alloc(60);
                return [file.read(target, position), target.toString('hex')];
              }),
            );
            break;
          case 4:
            both((disk) => disk.rename(`${directory}/${name}`, `${directory}/${other}`));
            break;
          case 5:
            both((disk) => disk.remove(`${directory}/${name}`));
            break;
          case 6:
            both((disk) =>
              disk.replace(`${directory}/${other}`, `text ${i}`, { durable: random.chance(0.5) }),
            );
            break;
          case 7:
            both((disk) => disk.syncDirectoryNow(`${directory}/${folder}`));
            break;
          default:
            both((disk) => disk.makeDirectory(`${directory}/sub`));
            both((disk) => [disk.list(directory), disk.exists(`${directory}/${name}`)]);
        }
      }
    }
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
});
