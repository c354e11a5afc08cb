/** The counterpart of start-zookeeper. */
import * as fs from 'node:fs';
import { ZooKeeperProcess } from '../../src/lab/zookeeper-process';

export default async function stop(): Promise<void> {
  const { zookeeper, directory } = (
    globalThis as unknown as { samsaZooKeeper: { zookeeper: ZooKeeperProcess; directory: string } }
  ).samsaZooKeeper;
  await zookeeper.kill();
  fs.rmSync(directory, { recursive: true, force: true });
}
