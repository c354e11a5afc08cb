/**
 * Which partition a record goes to: by murmur2 of its key, or, without a key, to one partition until a batch is full.
 *
 * [p] Kafka: clients/producer/internals/{DefaultPartitioner,StickyPartitionCache}.java, utils/Utils.java#murmur2@2.8.2
 */
import { Random } from '../common/host';
import { TopicInfo } from '../client/cluster-metadata';

const M = 0x5bd1e995;
const R = 24;
const SEED = 0x9747b28c;

/** MurmurHash2, 32 bits, as a signed integer. */
export function murmur2(data: Buffer): number {
  let h = SEED ^ data.length;
  const words = data.length >>> 2;
  for (let i = 0; i < words; i++) {
    let k = Math.imul(data.readInt32LE(i * 4), M);
    k ^= k >>> R;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const tail = words * 4;
  const left = data.length - tail;
  if (left === 3) h ^= data[tail + 2]! << 16;
  if (left >= 2) h ^= data[tail + 1]! << 8;
  if (left >= 1) h = Math.imul(h ^ data[tail]!, M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}

export function partitionForKey(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

export class DefaultPartitioner {
  private readonly sticky = new Map<string, number>();

  constructor(private readonly random: Random) {}

  partition(topic: TopicInfo, key: Buffer | null): number {
    if (key !== null) return partitionForKey(key, topic.partitions.length);
    return this.sticky.get(topic.topic) ?? this.choose(topic, -1);
  }

  /** A batch of this partition was opened or is full: the next records without key go elsewhere. */
  onNewBatch(topic: TopicInfo, previous: number): void {
    if (this.sticky.get(topic.topic) === previous) this.choose(topic, previous);
  }

  private choose(topic: TopicInfo, previous: number): number {
    const available = topic.partitions.filter((one) => one.leader >= 0);
    const candidates = available.length > 0 ? available : topic.partitions;
    const others = candidates.filter((one) => one.partition !== previous);
    const from = others.length > 0 ? others : candidates;
    const chosen = from[this.random.below(from.length)]!.partition;
    this.sticky.set(topic.topic, chosen);
    return chosen;
  }
}
