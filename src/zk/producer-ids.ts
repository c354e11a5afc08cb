/**
 * Blocks of producer ids: a broker claims the next 1000 ids with a conditional write.
 *
 * Invariant: no id is given out twice. As in Kafka, a broker claims a block when it starts, and the next one
 * when the block is used up.
 *
 * Kafka: coordinator/transaction/ProducerIdManager.scala@2.8.2
 */
import { isOfOneZnode } from './read-each';
import { ZkConnection } from './zk-connection';
import { isZkError } from './zk-session';
import { ProducerIdBlock, producerIdBlockZnode, ZnodeError } from './znodes';

const BLOCK_SIZE = 1000;

/** Claims the next block for the broker. Rejects with ZnodeError if the znode cannot be decoded. */
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
    if (!Number.isSafeInteger(block.end)) throw new ZnodeError(`${path}: all ids up to 2^53 are taken`);
    try {
      await zk.set(path, producerIdBlockZnode.encode(block), znode.stat.version);
      return block;
    } catch (error) {
      // After a lost reply the next attempt skips the block that may be ours. Unused ids are harmless,
      // duplicates are not.
      if (!isZkError(error, 'BAD_VERSION', 'NO_NODE', 'CONNECTION_LOSS')) throw error;
    }
  }
}

/** Gives out producer ids from this broker's block. */
export class ProducerIdManager {
  private next = 0;
  private last = -1;
  private claiming: Promise<void> | undefined;

  private constructor(private readonly claim: () => Promise<ProducerIdBlock>) {}

  /**
   * Claims the first block, as Kafka does. If the znode is damaged, the ids in use are unknown: the broker
   * starts, but gives out no id until the znode is repaired. (Kafka does not start.)
   */
  static async open(
    claim: () => Promise<ProducerIdBlock>,
    onBad: (reason: string) => void,
  ): Promise<ProducerIdManager> {
    const manager = new ProducerIdManager(claim);
    try {
      manager.take(await claim());
    } catch (error) {
      if (!isOfOneZnode(error)) throw error;
      onBad(error.message);
    }
    return manager;
  }

  private take({ start, end }: ProducerIdBlock): void {
    this.next = start;
    this.last = end;
  }

  /** A new producer id. Rejects if the next block cannot be claimed. */
  async generateProducerId(): Promise<number> {
    while (this.next > this.last) {
      this.claiming ??= this.claim()
        .then((block) => this.take(block))
        .finally(() => {
          this.claiming = undefined;
        });
      await this.claiming;
    }
    return this.next++;
  }
}
