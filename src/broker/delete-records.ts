/**
 * Computes the new log start offset for a DeleteRecords request. Pure.
 *
 * Kafka: cluster/Partition.scala#deleteRecordsOnLeader@2.8.2
 */
import { KafkaError } from '../common/errors';
import { Log } from '../log/log';

/**
 * Returns `offset`, or the high watermark for -1. Throws POLICY_VIOLATION for a topic that is only compacted,
 * and OFFSET_OUT_OF_RANGE above the high watermark.
 */
export function requestedLogStart(
  log: Pick<Log, 'config' | 'highWatermark'>,
  name: string,
  offset: number,
): number {
  const { config, highWatermark } = log;
  if (!config['cleanup.policy'].includes('delete')) {
    const text = `Records of partition ${name} can not be deleted due to the configured policy`;
    throw new KafkaError('POLICY_VIOLATION', text);
  }
  const wanted = offset === -1 ? highWatermark : offset;
  if (wanted < 0 || wanted > highWatermark) {
    const text = `Cannot increment the log start offset to ${wanted} of partition ${name}`;
    const reason = `since it is larger than the high watermark ${highWatermark}`;
    throw new KafkaError('OFFSET_OUT_OF_RANGE', `${text} ${reason}`);
  }
  return wanted;
}
