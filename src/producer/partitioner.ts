/**
 * Chooses the partition of a record.
 *
 * `default`: murmur2 of the key; without a key the same partition until its batch is full. `round-robin`:
 * each record to the next partition, whether it has a key or not. `uniform-sticky`: every record is treated
 * as one without a key. The setting may also be a function, or an object with a method `partition`.
 *
 * [p] Kafka: clients/producer/{Partitioner,RoundRobinPartitioner,UniformStickyPartitioner}.java,
 * internals/{DefaultPartitioner,StickyPartitionCache}.java, utils/Utils.java#murmur2@2.8.2
 */
import { TopicInfo } from '../client/cluster-metadata';
import { KafkaError } from '../common/errors';
import { Random } from '../common/host';

/**
 * Chooses the partition of a record. Gets the key as the caller gave it and as bytes. Must return a partition
 * number of the topic.
 */
export interface Partitioner {
  partition(topic: TopicInfo, keyBytes: Buffer | null, key: unknown, value: unknown): number;
  /**
   * Called when a batch of partition `previous` is opened or is full: the next records may go to another
   * partition.
   */
  onNewBatch?(topic: TopicInfo, previous: number): void;
  close?(): void;
}

export type PartitionFunction = Partitioner['partition'];

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

/** The numbers of the partitions that have a leader, or of all if none has one. */
function candidates(topic: TopicInfo): readonly number[] {
  const available = topic.partitions.filter((one) => one.leader >= 0);
  return (available.length > 0 ? available : topic.partitions).map((one) => one.partition);
}

export class UniformStickyPartitioner implements Partitioner {
  private readonly sticky = new Map<string, number>();

  constructor(private readonly random: Random) {}

  partition(topic: TopicInfo, _key: Buffer | null): number {
    return this.sticky.get(topic.topic) ?? this.choose(topic, -1);
  }

  onNewBatch(topic: TopicInfo, previous: number): void {
    if (this.sticky.get(topic.topic) === previous) this.choose(topic, previous);
  }

  private choose(topic: TopicInfo, previous: number): number {
    const all = candidates(topic);
    const others = all.filter((partition) => partition !== previous);
    const from = others.length > 0 ? others : all;
    const chosen = from[this.random.below(from.length)]!;
    this.sticky.set(topic.topic, chosen);
    return chosen;
  }
}

export class DefaultPartitioner extends UniformStickyPartitioner {
  override partition(topic: TopicInfo, key: Buffer | null): number {
    return key === null ? super.partition(topic, key) : partitionForKey(key, topic.partitions.length);
  }
}

export class RoundRobinPartitioner implements Partitioner {
  private readonly next = new Map<string, number>();

  partition(topic: TopicInfo): number {
    const all = candidates(topic);
    const turn = this.next.get(topic.topic) ?? 0;
    this.next.set(topic.topic, turn + 1);
    return all[turn % all.length]!;
  }
}

const NAMES: Readonly<Record<string, (random: Random) => Partitioner>> = {
  'default': (random) => new DefaultPartitioner(random),
  'round-robin': () => new RoundRobinPartitioner(),
  'uniform-sticky': (random) => new UniformStickyPartitioner(random),
};
const KAFKA_CLASSES: Readonly<Record<string, string>> = {
  'org.apache.kafka.clients.producer.internals.DefaultPartitioner': 'default',
  'org.apache.kafka.clients.producer.RoundRobinPartitioner': 'round-robin',
  'org.apache.kafka.clients.producer.UniformStickyPartitioner': 'uniform-sticky',
};

/**
 * The partitioner for a value of `partitioner.class`. Throws CONFIG_EXCEPTION if the value does not name one.
 */
export function partitionerOf(value: unknown, random: Random): Partitioner {
  if (typeof value === 'string') {
    const make = NAMES[KAFKA_CLASSES[value] ?? value];
    if (make) return make(random);
    throw new KafkaError(
      'CONFIG_EXCEPTION',
      `Invalid value ${value} for configuration partitioner.class: it is none of ` +
        `${Object.keys(NAMES).join(', ')}`,
    );
  }
  if (
    typeof value === 'object' &&
    value !== null &&
    'partition' in value &&
    typeof value.partition === 'function'
  )
    return value as Partitioner;
  if (typeof value !== 'function')
    throw new KafkaError(
      'CONFIG_EXCEPTION',
      'Invalid value for configuration partitioner.class: it is no name, function, class or object',
    );
  const prototype = (value as { prototype?: { partition?: unknown } }).prototype;
  if (typeof prototype?.partition === 'function') return new (value as new () => Partitioner)();
  return { partition: value as PartitionFunction };
}
