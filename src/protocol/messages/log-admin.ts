/**
 * The administrative APIs for logs: DeleteRecords removes the oldest records, DescribeLogDirs reports the log
 * dirs and the sizes of the logs in them.
 *
 * [p] Kafka: {DeleteRecords,DescribeLogDirs}{Request,Response}.json@2.8.2
 */
import { api, array, bool, int16, int32, int64, string, struct } from '../schema';

const topicName = [string, 'Topic name.'] as const;

export const deleteRecords = api(
  21,
  'DeleteRecords',
  'Moves the log start offset forward; answered when every live replica has done so.',
  struct({
    topics: [
      array(
        struct({
          name: topicName,
          partitions: [
            array(
              struct({
                partitionIndex: [int32, 'Partition index.'],
                offset: [int64, 'Records below it go; -1: all below the high watermark.'],
              }),
            ),
            'The partitions.',
          ],
        }),
      ),
      'The topics.',
    ],
    timeoutMs: [int32, 'How long to wait for the replicas, in ms.'],
  }),
  struct({
    topics: [
      array(
        struct({
          name: topicName,
          partitions: [
            array(
              struct({
                partitionIndex: [int32, 'Partition index.'],
                lowWatermark: [int64, 'The smallest log start offset of the live replicas, or -1.'],
                errorCode: [int16, 'Error code.'],
              }),
            ),
            'The partitions.',
          ],
        }),
      ),
      'The topics.',
    ],
  }),
);

export const describeLogDirs = api(
  35,
  'DescribeLogDirs',
  'The log dirs of a broker, and the logs in them.',
  struct({
    topics: [array(string), 'The topics wanted; empty: all.'],
  }),
  struct({
    results: [
      array(
        struct({
          errorCode: [int16, 'KAFKA_STORAGE_ERROR for a dir that is offline.'],
          logDir: [string, 'Its path.'],
          topics: [
            array(
              struct({
                name: topicName,
                partitions: [
                  array(
                    struct({
                      partitionIndex: [int32, 'Partition index.'],
                      partitionSize: [int64, 'Bytes of the segments.'],
                      offsetLag: [int64, 'How far the log end is behind the high watermark.'],
                      isFutureKey: [bool, 'Always false: logs are not moved between dirs.'],
                    }),
                  ),
                  'The partitions.',
                ],
              }),
            ),
            'The topics.',
          ],
        }),
      ),
      'One row a log dir.',
    ],
  }),
);
