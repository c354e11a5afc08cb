/**
 * The nouns every layer shares: partitions, brokers, leadership. Plain data, no behaviour beyond naming and parsing.
 *
 * [p] Kafka: common/TopicPartition.java, kafka/api/LeaderAndIsr.scala, kafka/cluster/{Broker,EndPoint}.scala@2.8.2
 */
import { KafkaError } from './errors';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** `topic-partition`: the key of maps and the name of the partition's directory. */
export function tpName(tp: TopicPartition): string {
  return `${tp.topic}-${tp.partition}`;
}

/** The inverse of `tpName`: a topic may contain '-', so the split is at the last one. Undefined if it is no such name. */
export function parseTpName(name: string): TopicPartition | undefined {
  const dash = name.lastIndexOf('-');
  if (dash <= 0 || !/^\d+$/.test(name.slice(dash + 1))) return undefined;
  return { topic: name.slice(0, dash), partition: Number(name.slice(dash + 1)) };
}

/** Where the group coordinator keeps groups and their offsets. */
export const GROUP_METADATA_TOPIC = '__consumer_offsets';
/** Where Kafka's transaction coordinator keeps transactions; a Kafka broker may have left it on our disks. */
const TRANSACTION_STATE_TOPIC = '__transaction_state';

/** Topics that only brokers write to. Kafka: common/internals/Topic.java#isInternal@2.8.2 */
export function isInternalTopic(topic: string): boolean {
  return topic === GROUP_METADATA_TOPIC || topic === TRANSACTION_STATE_TOPIC;
}

/** `leader` of a partition that has none. */
export const NO_LEADER = -1;
/** A leader epoch that is not known, and the first one a partition gets. */
export const NO_EPOCH = -1;
export const INITIAL_LEADER_EPOCH = 0;

/** Leadership as it stands in a state znode. `zkVersion` is that znode's data version. */
export interface LeaderAndIsr {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
  readonly zkVersion: number;
}

/** ... together with the epoch of the controller that last wrote it. */
export interface LeaderIsrAndControllerEpoch extends LeaderAndIsr {
  readonly controllerEpoch: number;
}

export interface Endpoint {
  readonly listener: string;
  readonly securityProtocol: string;
  readonly host: string;
  readonly port: number;
}

/** A registered broker. `epoch` is the czxid of its znode: a new one at each registration (KIP-380). */
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

/** `host:port` or `[v6]:port`; throws CONFIG_EXCEPTION with the offending text. */
export function parseHostPort(text: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text.trim());
  const port = match ? Number(match[3]) : NaN;
  if (!match || port > 65535) throw new KafkaError('CONFIG_EXCEPTION', `'${text}' is not HOST:PORT`);
  return { host: (match[1] ?? match[2])!, port };
}

/** Kafka's rules for topic names; returns what is wrong, or undefined. Kafka: common/internals/Topic.java@2.8.2 */
export function topicNameProblem(topic: string): string | undefined {
  if (topic.length === 0) return 'Topic name is illegal, it can\'t be empty';
  if (topic === '.' || topic === '..') return 'Topic name cannot be "." or ".."';
  if (topic.length > 249) return `Topic name is illegal, it can't be longer than 249 characters, topic name: ${topic}`;
  if (!/^[a-zA-Z0-9._-]+$/.test(topic)) {
    return `Topic name "${topic}" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'`;
  }
  return undefined;
}

/** Two names that differ only in '.' and '_' collide, because names of metrics cannot tell them apart. */
export function nameInMetrics(topic: string): string {
  return topic.replaceAll('.', '_');
}
