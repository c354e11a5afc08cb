/**
 * The name of a partition's directory.
 *
 * Invariant: only a legal topic name becomes a path. A request that imitates the controller's may contain any
 * name; it could lead out of the log dir, or cause an error that looks like a disk fault.
 *
 * Kafka: log/Log.scala#{logDirName,logDeleteDirName}@2.8.2
 */
import { topicNameProblem, TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { Random } from '../common/host';

/** The longest file name on common file systems. */
const MAX_NAME_BYTES = 255;
const MAX_PARTITION = 2 ** 31 - 1;

/** Throws INVALID_TOPIC_EXCEPTION if the topic name or the partition is not legal. */
export function logDirName(tp: TopicPartition): string {
  const { topic, partition } = tp;
  const problem = topicNameProblem(topic);
  if (problem !== undefined) throw new KafkaError('INVALID_TOPIC_EXCEPTION', problem);
  const name = tpName(tp);
  const isPartition = Number.isInteger(partition) && partition >= 0 && partition <= MAX_PARTITION;
  if (isPartition && name.length <= MAX_NAME_BYTES) return name;
  throw new KafkaError('INVALID_TOPIC_EXCEPTION', `there can be no partition ${partition} of topic ${topic}`);
}

/** The name of a directory that is to be deleted. A long topic name is shortened to fit. */
export function deletedDirName({ topic, partition }: TopicPartition, random: Random): string {
  const suffix = `-${partition}.${random.bytes(16).toString('hex')}-delete`;
  return topic.slice(0, MAX_NAME_BYTES - suffix.length) + suffix;
}
