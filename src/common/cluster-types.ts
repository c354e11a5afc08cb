/**
 * The data types that every layer shares: partitions, brokers, leader and ISR. Plain data, with functions for
 * names and parsing only.
 *
 * [p] Kafka: common/TopicPartition.java, kafka/api/LeaderAndIsr.scala,
 * kafka/cluster/{Broker,EndPoint}.scala@2.8.2
 */
import { KafkaError } from './errors';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** `topic-partition`: used as a key in maps and as the name of the partition's directory. */
export function tpName(tp: TopicPartition): string {
  return `${tp.topic}-${tp.partition}`;
}

/**
 * The inverse of `tpName`; undefined if `name` has another form. A topic may contain '-', so the last one
 * separates.
 */
export function parseTpName(name: string): TopicPartition | undefined {
  const dash = name.lastIndexOf('-');
  if (dash <= 0 || !/^\d+$/.test(name.slice(dash + 1))) return undefined;
  return { topic: name.slice(0, dash), partition: Number(name.slice(dash + 1)) };
}

/** The internal topic in which the group coordinator stores groups and committed offsets. */
export const GROUP_METADATA_TOPIC = '__consumer_offsets';
/**
 * The internal topic of Kafka's transaction coordinator. We have no transactions, but a log dir that was used
 * by a Kafka broker may contain it.
 */
const TRANSACTION_STATE_TOPIC = '__transaction_state';

/** Whether only brokers may write to the topic. Kafka: common/internals/Topic.java#isInternal@2.8.2 */
export function isInternalTopic(topic: string): boolean {
  return topic === GROUP_METADATA_TOPIC || topic === TRANSACTION_STATE_TOPIC;
}

/** The value of `leader` for a partition without a leader. */
export const NO_LEADER = -1;
/** NO_EPOCH means that a leader epoch is not known. A new partition begins with INITIAL_LEADER_EPOCH. */
export const NO_EPOCH = -1;
export const INITIAL_LEADER_EPOCH = 0;

/**
 * The leader, leader epoch and ISR in the state znode of a partition. `zkVersion` is the version of that
 * znode's data.
 */
export interface LeaderAndIsr {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
  readonly zkVersion: number;
}

/** Leader and ISR, with the epoch of the controller that last wrote the znode. */
export interface LeaderIsrAndControllerEpoch extends LeaderAndIsr {
  readonly controllerEpoch: number;
}

export interface Endpoint {
  readonly listener: string;
  readonly securityProtocol: string;
  readonly host: string;
  readonly port: number;
}

/**
 * A registered broker. `epoch` is its broker epoch: the czxid of its znode, new with each registration
 * (KIP-380).
 */
export interface BrokerInfo {
  readonly id: number;
  readonly epoch: number;
  readonly endpoints: readonly Endpoint[];
  readonly rack: string | null;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Parses `host:port` or `[IPv6 address]:port`. Throws CONFIG_EXCEPTION that quotes the text. */
export function parseHostPort(text: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text.trim());
  const port = match ? Number(match[3]) : NaN;
  if (!match || port > 65535) throw new KafkaError('CONFIG_EXCEPTION', `'${text}' is not HOST:PORT`);
  return { host: (match[1] ?? match[2])!, port };
}

/**
 * Checks a topic name by Kafka's rules. Returns the error message, or undefined if the name is legal.
 * Kafka: common/internals/Topic.java@2.8.2
 */
export function topicNameProblem(topic: string): string | undefined {
  if (topic.length === 0) return "Topic name is illegal, it can't be empty";
  if (topic === '.' || topic === '..') return 'Topic name cannot be "." or ".."';
  if (topic.length > 249)
    return `Topic name is illegal, it can't be longer than 249 characters, topic name: ${topic}`;
  if (!/^[a-zA-Z0-9._-]+$/.test(topic)) {
    return (
      `Topic name "${topic}" is illegal, it contains a character other than ASCII alphanumerics, '.', ` +
      `'_' and '-'`
    );
  }
  return undefined;
}

/**
 * The topic's name in the names of metrics, where '.' becomes '_'. Two topics with the same result collide,
 * so the second one may not be created.
 */
export function nameInMetrics(topic: string): string {
  return topic.replaceAll('.', '_');
}

/** What a broker's process tells of itself: broker epochs (docs/decisions/0004, 0020). */
export interface ProcessEpochs {
  /** What it registered with first. */
  readonly processEpoch: number;
  /** Since when its machine has lost nothing that was written: at most `processEpoch`. */
  readonly keptSince: number;
  /** The same of what it had flushed, if that is lower: the machine lost power, and has its disks. */
  readonly flushedSince?: number;
}
