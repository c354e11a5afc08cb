/**
 * The znodes of the ZooKeeper-based consumer of Kafka 0.8: group members, partition owners and committed
 * offsets.
 *
 *   /consumers/G/ids/<consumer> ephemeral
 *   {"version":1,"subscription":{"T":2},"pattern":"static","timestamp":"…"}
 *   /consumers/G/owners/T/P         ephemeral   the consumer thread's id, plain text
 *   /consumers/G/offsets/T/P        persistent  the next offset, decimal text
 *
 * [p] Kafka: kafka/utils/ZkUtils.scala, kafka/consumer/TopicCount.scala@0.8.2.2
 */
import { TopicPartition } from '../common/cluster-types';
import { ZnodeDoc } from './znodes';

/** For each topic, the number of streams (threads) that a consumer opens. */
export type TopicCount = Readonly<Record<string, number>>;

const group = (groupId: string) => `/consumers/${groupId}`;

export const consumerIdsZnode = {
  path: (groupId: string) => `${group(groupId)}/ids`,
  member: (groupId: string, consumerId: string) => `${group(groupId)}/ids/${consumerId}`,
  encode: (subscription: TopicCount, timestampMs: number) =>
    Buffer.from(
      JSON.stringify({ version: 1, subscription, pattern: 'static', timestamp: String(timestampMs) }),
    ),
  /** Undefined if the data is not a registration, or is one with a topic pattern, which is not supported. */
  decode: (data: Buffer): TopicCount | undefined => {
    try {
      const json = JSON.parse(data.toString('utf8')) as {
        subscription?: Record<string, number>;
        pattern?: string;
      };
      return json.pattern === undefined || json.pattern === 'static' ? json.subscription : undefined;
    } catch {
      return undefined;
    }
  },
};

export const consumerOwnerZnode = {
  topicPath: (groupId: string, topic: string) => `${group(groupId)}/owners/${topic}`,
  path: (groupId: string, { topic, partition }: TopicPartition) =>
    `${group(groupId)}/owners/${topic}/${partition}`,
};

export const consumerOffsetZnode = {
  path: (groupId: string, { topic, partition }: TopicPartition) =>
    `${group(groupId)}/offsets/${topic}/${partition}`,
  encode: (offset: number) => Buffer.from(String(offset)),
  /** Undefined if the data is not an offset. */
  decode: (data: Buffer): number | undefined => {
    const text = data.toString('utf8').trim();
    const offset = /^-?\d+$/.test(text) ? Number(text) : NaN;
    return Number.isSafeInteger(offset) ? offset : undefined;
  },
};

export const consumerZnodeDocs: readonly ZnodeDoc[] = [
  {
    path: '/consumers/G/ids/C',
    mode: 'ephemeral',
    written: 'an old consumer',
    watched: 'all old consumers of the group',
    example: consumerIdsZnode.encode({ T: 2 }, 1600000000000).toString(),
  },
  {
    path: '/consumers/G/owners/T/P',
    mode: 'ephemeral',
    written: 'the old consumer that reads the partition',
    watched: 'nobody',
    example: 'G_host-1600000000000-9a1b2c3d-0',
  },
  {
    path: '/consumers/G/offsets/T/P',
    mode: 'persistent',
    written: 'the old consumer that reads the partition',
    watched: 'nobody',
    example: '42',
  },
];
