/**
 * What the directory of a partition is called. A name that no topic can have never gets to the disk: it may come
 * in a request that only looks like the controller's, and would lead out of the log dir, or be taken for a disk
 * fault.
 *
 * Kafka: log/Log.scala#{logDirName,logDeleteDirName}@2.8.2
 */
import { topicNameProblem, TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { Random } from '../common/host';

/** Of a file name, on every file system in use. */
const MAX_NAME_BYTES = 255;
const MAX_PARTITION = 2 ** 31 - 1;

/** Throws INVALID_TOPIC_EXCEPTION. */
export function logDirName(tp: TopicPartition): string {
  const { topic, partition } = tp;
  const problem = topicNameProblem(topic);
  if (problem !== undefined) throw new KafkaError('INVALID_TOPIC_EXCEPTION', problem);
  const name = tpName(tp);
  const isPartition = Number.isInteger(partition) && partition >= 0 && partition <= MAX_PARTITION;
  if (isPartition && name.length <= MAX_NAME_BYTES) return name;
  throw new KafkaError('INVALID_TOPIC_EXCEPTION', `there can be no partition ${partition} of topic ${topic}`);
}

/** The name of one that is to be deleted; of a long topic name only the beginning is kept. */
export function deletedDirName({ topic, partition }: TopicPartition, random: Random): string {
  const suffix = `-${partition}.${random.bytes(16).toString('hex')}-delete`;
  return topic.slice(0, MAX_NAME_BYTES - suffix.length) + suffix;
}
