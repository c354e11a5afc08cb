/**
 * Asks leaders for high watermarks and log ends, as an admin tool does, whenever something may have moved:
 * one request at a time to each broker, for all partitions that were named meanwhile.
 */
import { HostPort, TopicPartition } from '../../../src/common/cluster-types';
import { Host } from '../../../src/common/host';
import { ConnectionPool } from '../../../src/network/connection-pool';
import { listOffsets } from '../../../src/protocol/messages/metadata';

const LATEST = -1;
const CONSUMER = -1;
/** Neither a consumer nor a follower: it is told the log end. */
const DEBUGGING = -2;
const REQUEST_WITHIN_MS = 3000;
/** Changes within so many ms are asked about together. */
const TOGETHER_MS = 15;
const MAX_WAITING = 2000;

interface Asked {
  readonly waiting: Map<string, TopicPartition>;
  isBusy: boolean;
}

export class LeaderOffsets {
  private readonly pool: ConnectionPool;
  private readonly asked = new Map<number, Asked>();

  constructor(
    host: Host,
    private readonly addressOf: (broker: number) => HostPort | undefined,
    /** `epoch`: in which the leader that answers leads. */
    private readonly highWatermarkIs: (tp: TopicPartition, epoch: number, offset: number) => void,
  ) {
    this.pool = new ConnectionPool(host, {
      clientId: 'lab',
      requestTimeoutMs: REQUEST_WITHIN_MS,
      connectTimeoutMs: REQUEST_WITHIN_MS,
      reconnectBackoffMs: 50,
      reconnectBackoffMaxMs: 500,
    });
  }

  /** `leader` has, or may have, a new high watermark. */
  ask(leader: number, tp: TopicPartition): void {
    const one = this.asked.get(leader) ?? { waiting: new Map<string, TopicPartition>(), isBusy: false };
    this.asked.set(leader, one);
    if (one.waiting.size < MAX_WAITING) one.waiting.set(`${tp.topic}-${tp.partition}`, tp);
    this.next(leader, one);
  }

  private next(leader: number, one: Asked): void {
    if (one.isBusy || one.waiting.size === 0) return;
    one.isBusy = true;
    setTimeout(() => {
      const tps = [...one.waiting.values()];
      one.waiting.clear();
      this.latest(leader, tps, CONSUMER)
        .then((found) => found.forEach(({ tp, epoch, offset }) => this.highWatermarkIs(tp, epoch, offset)))
        // It is dead or frozen, or leads no longer: what comes next will be asked of another.
        .catch(() => {})
        .finally(() => {
          one.isBusy = false;
          this.next(leader, one);
        });
    }, TOGETHER_MS);
  }

  private async latest(
    broker: number,
    tps: readonly TopicPartition[],
    replicaId: number,
  ): Promise<{ tp: TopicPartition; epoch: number; offset: number }[]> {
    const address = this.addressOf(broker);
    if (!address) return [];
    const topics = [...new Set(tps.map(({ topic }) => topic))].map((name) => ({
      name,
      partitions: tps
        .filter(({ topic }) => topic === name)
        .map(({ partition: partitionIndex }) => ({
          partitionIndex,
          currentLeaderEpoch: -1,
          timestamp: LATEST,
        })),
    }));
    const body = { replicaId, isolationLevel: 0, topics };
    const answer = await this.pool.request(address, listOffsets, body, REQUEST_WITHIN_MS);
    return answer.topics.flatMap(({ name, partitions }) =>
      partitions
        .filter(({ errorCode, offset }) => errorCode === 0 && offset >= 0)
        .map(({ partitionIndex, leaderEpoch: epoch, offset }) => ({
          tp: { topic: name, partition: partitionIndex },
          epoch,
          offset,
        })),
    );
  }

  /** Where the leader's log ends, committed or not; undefined: it does not say. */
  async logEnd(leader: number, tp: TopicPartition): Promise<number | undefined> {
    return (await this.latest(leader, [tp], DEBUGGING))[0]?.offset;
  }

  close(): void {
    this.pool.close();
  }
}
