/**
 * How members of an old group share partitions: each computes the whole assignment by itself, from what ZooKeeper says,
 * and takes its own part. All agree only if all read the same: that is the old consumer's weakness.
 *
 * [p] Kafka: kafka/consumer/PartitionAssignor.scala@0.8.2.2
 */
import { TopicPartition } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { javaStringHash } from '../common/java-hash';
import { TopicCount } from '../zk/consumer-znodes';

export interface OldGroup {
  /** Streams a topic, by consumer id. */
  readonly members: ReadonlyMap<string, TopicCount>;
  readonly partitions: ReadonlyMap<string, readonly number[]>;
}

/** `<consumer>-<n>` for each of its streams. */
export function threadIds(consumerId: string, streams: number): string[] {
  return Array.from({ length: streams }, (_, n) => `${consumerId}-${n}`);
}

function threadsOf({ members }: OldGroup, topic: string): string[] {
  return [...members].flatMap(([id, topics]) => threadIds(id, topics[topic] ?? 0)).sort();
}

/** Topic by topic a run of neighbouring partitions for each thread; the first ones get one more. */
export function rangeAllocation(group: OldGroup): Map<string, TopicPartition[]> {
  const owned = new Map<string, TopicPartition[]>();
  for (const [topic, given] of group.partitions) {
    const threads = threadsOf(group, topic);
    const partitions = [...given].sort((a, b) => a - b);
    const each = Math.floor(partitions.length / threads.length);
    const extra = partitions.length % threads.length;
    threads.forEach((thread, i) => {
      const start = each * i + Math.min(i, extra);
      const mine = partitions.slice(start, start + each + (i < extra ? 1 : 0)).map((partition) => ({ topic, partition }));
      owned.set(thread, [...owned.get(thread) ?? [], ...mine]);
    });
  }
  return owned;
}

/** All partitions in the order of a hash of their names, dealt to the threads. Throws if the members differ in what they read. */
export function roundRobinAllocation(group: OldGroup): Map<string, TopicPartition[]> {
  const [first, ...others] = [...group.members.values()].map((topics) => JSON.stringify(Object.entries(topics).sort()));
  if (others.some((other) => other !== first)) {
    throw new KafkaError('REBALANCE_FAILED', 'Round-robin assignment is allowed only if all consumers in the group subscribe to the same topics AND have the same number of streams');
  }
  const threads = [...new Set([...group.partitions.keys()].flatMap((topic) => threadsOf(group, topic)))].sort();
  const all = [...group.partitions].flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
  const hashed = all.map((tp) => ({ tp, hash: javaStringHash(`[${tp.topic},${tp.partition}]`) })).sort((a, b) => a.hash - b.hash);
  const owned = new Map<string, TopicPartition[]>();
  hashed.forEach(({ tp }, i) => {
    const thread = threads[i % threads.length]!;
    owned.set(thread, [...owned.get(thread) ?? [], tp]);
  });
  return owned;
}
