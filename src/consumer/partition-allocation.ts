/**
 * How the members of an old group divide partitions: each one computes the whole assignment from what it
 * reads in ZooKeeper, and takes its own part. They agree only if all have read the same data: a known
 * weakness of the old consumer.
 *
 * [p] Kafka: kafka/consumer/PartitionAssignor.scala@0.8.2.2
 */
import { TopicPartition } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { javaStringHash } from '../common/java-hash';
import { TopicCount } from '../zk/consumer-znodes';

export interface OldGroup {
  /** The number of streams for each topic, by consumer id. */
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

/** In each topic a range of consecutive partitions for each thread; the first threads get one more. */
export function rangeAllocation(group: OldGroup): Map<string, TopicPartition[]> {
  const owned = new Map<string, TopicPartition[]>();
  for (const [topic, given] of group.partitions) {
    const threads = threadsOf(group, topic);
    const partitions = [...given].sort((a, b) => a - b);
    const each = Math.floor(partitions.length / threads.length);
    const extra = partitions.length % threads.length;
    threads.forEach((thread, i) => {
      const start = each * i + Math.min(i, extra);
      const mine = partitions
        .slice(start, start + each + (i < extra ? 1 : 0))
        .map((partition) => ({ topic, partition }));
      owned.set(thread, [...(owned.get(thread) ?? []), ...mine]);
    });
  }
  return owned;
}

/**
 * All partitions, ordered by a hash of their names, given to the threads in turn. Throws if the members have
 * different subscriptions.
 */
export function roundRobinAllocation(group: OldGroup): Map<string, TopicPartition[]> {
  const [first, ...others] = [...group.members.values()].map((topics) =>
    JSON.stringify(Object.entries(topics).sort()),
  );
  if (others.some((other) => other !== first)) {
    throw new KafkaError(
      'REBALANCE_FAILED',
      'Round-robin assignment is allowed only if all consumers in the group subscribe to the same topics ' +
        'AND have the same number of streams',
    );
  }
  const threads = [
    ...new Set([...group.partitions.keys()].flatMap((topic) => threadsOf(group, topic))),
  ].sort();
  const all = [...group.partitions].flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
  const hashed = all
    .map((tp) => ({ tp, hash: javaStringHash(`[${tp.topic},${tp.partition}]`) }))
    .sort((a, b) => a.hash - b.hash);
  const owned = new Map<string, TopicPartition[]>();
  hashed.forEach(({ tp }, i) => {
    const thread = threads[i % threads.length]!;
    owned.set(thread, [...(owned.get(thread) ?? []), tp]);
  });
  return owned;
}
