/** One ZooKeeper for all tests that need a real one; each test file gets a chroot of its own. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { ZooKeeperProcess } from '../../src/lab/zookeeper-process';

export default async function start(): Promise<void> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-zk-'));
  const zookeeper = await ZooKeeperProcess.start({
    directory,
    tickTimeMs: 200,
    minSessionTimeoutMs: 400,
    maxSessionTimeoutMs: 120000,
  });
  process.env.SAMSA_TEST_ZOOKEEPER = zookeeper.connect;
  Object.assign(globalThis, { samsaZooKeeper: { zookeeper, directory } });
}
