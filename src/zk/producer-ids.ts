/**
 * Blocks of producer ids: a broker claims the next 1000 by a conditional write, so no id is ever given out twice.
 *
 * As in Kafka a block is claimed when the broker starts, and the next when it is used up. Kafka: coordinator/transaction/ProducerIdManager.scala@2.8.2
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

/** Hands out producer ids from this broker's block. */
export class ProducerIdManager {
  private next: number;
  private last: number;
  private claiming: Promise<void> | undefined;

  constructor(private readonly claim: () => Promise<ProducerIdBlock>, block: ProducerIdBlock) {
    this.next = block.start;
    this.last = block.end;
  }

  /** An id nobody else has. Rejects when ZooKeeper does not give the next block. */
  async generateProducerId(): Promise<number> {
    while (this.next > this.last) {
      this.claiming ??= this.claim().then(({ start, end }) => {
        this.next = start;
        this.last = end;
      }).finally(() => { this.claiming = undefined; });
      await this.claiming;
    }
    return this.next++;
  }
}
