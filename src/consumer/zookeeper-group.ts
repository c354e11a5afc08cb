/**
 * An old consumer's operations on `/consumers/G`: registration, claims, offsets, watches.
 *
 * Kafka: kafka/consumer/ZookeeperConsumerConnector.scala, kafka/utils/ZkUtils.scala@0.8.2.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { consumerIdsZnode, consumerOffsetZnode, consumerOwnerZnode, TopicCount } from '../zk/consumer-znodes';
import { readTopic } from '../zk/topic-store';
import { ZkConnection } from '../zk/zk-connection';
import { isZkError } from '../zk/zk-session';
import { topicZnode } from '../zk/znodes';
import { OldGroup } from './partition-allocation';

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

export class ZooKeeperGroup {
  private claimed: TopicPartition[] = [];

  constructor(
    private readonly zk: ZkConnection,
    private readonly groupId: string,
    private readonly consumerId: string,
    private readonly wallMs: () => number,
  ) {}

  /** Registers this session. Replaces a registration that an earlier session of this consumer has left. */
  async register(topics: TopicCount): Promise<void> {
    const path = consumerIdsZnode.member(this.groupId, this.consumerId);
    await this.zk.ensurePath(parentOf(path));
    for (;;) {
      try {
        await this.zk.create(path, consumerIdsZnode.encode(topics, this.wallMs()), 'ephemeral');
        return;
      } catch (error) {
        if (!isZkError(error, 'NODE_EXISTS', 'CONNECTION_LOSS')) throw error;
        const there = await this.zk.exists(path);
        if (there?.ephemeralOwner === this.zk.credentials.id) return;
        if (there) await this.remove(path, there.version);
      }
    }
  }

  /** `onChange` is called when members join or leave, or a topic gets more partitions. */
  watch(topics: readonly string[], onChange: () => void): void {
    this.zk.onChildChange(consumerIdsZnode.path(this.groupId), onChange);
    for (const topic of topics) this.zk.onDataChange(topicZnode.path(topic), onChange);
  }

  /** Reads the current state of the group and sets the watches again. */
  async read(topics: readonly string[]): Promise<OldGroup> {
    const ids = (await this.zk.children(consumerIdsZnode.path(this.groupId))) ?? [];
    const members = new Map<string, TopicCount>();
    await Promise.all(
      ids.map(async (id) => {
        const znode = await this.zk.get(consumerIdsZnode.member(this.groupId, id));
        const subscription = znode && consumerIdsZnode.decode(znode.data);
        if (subscription) members.set(id, subscription);
      }),
    );
    const partitions = new Map<string, number[]>();
    for (const topic of topics)
      partitions.set(topic, [...((await readTopic(this.zk, topic))?.partitions.keys() ?? [])]);
    return { members: new Map([...members].sort(([a], [b]) => (a < b ? -1 : 1))), partitions };
  }

  /** Claims the partition for the thread. Returns false if another member owns it. */
  async claim(tp: TopicPartition, threadId: string): Promise<boolean> {
    const path = consumerOwnerZnode.path(this.groupId, tp);
    // Before the attempt: if the outcome remains unknown, the claim must be released, too.
    this.claimed.push(tp);
    for (;;) {
      try {
        await this.zk.create(path, Buffer.from(threadId), 'ephemeral');
        return true;
      } catch (error) {
        if (isZkError(error, 'NO_NODE')) {
          await this.zk.ensurePath(parentOf(path));
          continue;
        }
        if (!isZkError(error, 'NODE_EXISTS', 'CONNECTION_LOSS')) throw error;
        const there = await this.zk.exists(path);
        if (there === null) continue;
        return there.ephemeralOwner === this.zk.credentials.id;
      }
    }
  }

  /**
   * Releases all claims, because no other member can read the partitions while this session lives. If this
   * rejects, the next call releases the rest. Touches only znodes of this session.
   */
  async release(): Promise<void> {
    for (let tp = this.claimed[0]; tp !== undefined; tp = this.claimed[0]) {
      const released = tp;
      const path = consumerOwnerZnode.path(this.groupId, released);
      const there = await this.zk.exists(path);
      const isOurs = there?.ephemeralOwner === this.zk.credentials.id;
      if (!isOurs || (await this.remove(path, there.version)))
        this.claimed = this.claimed.filter((one) => one !== released);
    }
  }

  /** Returns false if the znode may still exist. */
  private async remove(path: string, version: number): Promise<boolean> {
    try {
      await this.zk.delete(path, version);
      return true;
    } catch (error) {
      if (!isZkError(error, 'NO_NODE', 'BAD_VERSION', 'CONNECTION_LOSS')) throw error;
      return isZkError(error, 'NO_NODE');
    }
  }

  /** The stored offsets by `topic-partition`; partitions without one have no entry. */
  async offsets(tps: readonly TopicPartition[]): Promise<Map<string, number>> {
    const found = await Promise.all(
      tps.map(async (tp) => {
        const znode = await this.zk.get(consumerOffsetZnode.path(this.groupId, tp));
        const offset = znode ? consumerOffsetZnode.decode(znode.data) : undefined;
        return offset === undefined || offset < 0 ? [] : [[tpName(tp), offset] as const];
      }),
    );
    return new Map(found.flat());
  }

  async commit(offsets: readonly (TopicPartition & { readonly offset: number })[]): Promise<void> {
    for (const { offset, ...tp } of offsets) {
      const path = consumerOffsetZnode.path(this.groupId, tp);
      for (;;) {
        try {
          const there = await this.zk.exists(path);
          if (there) await this.zk.set(path, consumerOffsetZnode.encode(offset), there.version);
          else {
            await this.zk.ensurePath(parentOf(path));
            await this.zk.create(path, consumerOffsetZnode.encode(offset));
          }
          break;
        } catch (error) {
          if (!isZkError(error, 'NODE_EXISTS', 'NO_NODE', 'BAD_VERSION', 'CONNECTION_LOSS')) throw error;
        }
      }
    }
  }
}
