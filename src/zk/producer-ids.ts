/**
 * Blocks of producer ids: a broker claims the next 1000 by a conditional write, so no id is ever given out twice.
 *
 * As in Kafka a block is claimed when the broker starts. Kafka: coordinator/transaction/ProducerIdManager.scala@2.8.2
 */
import { ZkConnection } from './zk-connection';
import { isZkError } from './zk-session';
import { ProducerIdBlock, producerIdBlockZnode } from './znodes';

const BLOCK_SIZE = 1000;

/** Claims the next block for the broker. */
export async function claimProducerIdBlock(zk: ZkConnection, brokerId: number): Promise<ProducerIdBlock> {
  const { path } = producerIdBlockZnode;
  for (;;) {
    const znode = await zk.get(path);
    if (znode === null) {
      await zk.ensurePath(path);
      continue;
    }
    const start = (producerIdBlockZnode.decode(znode.data)?.end ?? -1) + 1;
    const block = { brokerId, start, end: start + BLOCK_SIZE - 1 };
    try {
      await zk.set(path, producerIdBlockZnode.encode(block), znode.stat.version);
      return block;
    } catch (error) {
      // After a lost reply the next turn skips the block that may be ours: ids are plenty, doubles are not allowed.
      if (!isZkError(error, 'BAD_VERSION', 'NO_NODE', 'CONNECTION_LOSS')) throw error;
    }
  }
}
