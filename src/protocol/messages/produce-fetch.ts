/**
 * Produce and Fetch, which carry record sets; InitProducerId; and OffsetForLeaderEpoch, by which a follower
 * finds out where to truncate.
 *
 * [p] Kafka: {Produce,Fetch,OffsetForLeaderEpoch}{Request,Response}.json@2.8.2; differs: Fetch carries the
 * follower's broker epoch (design D17) and has no sessions.
 */
import { api, array, int8, int16, int32, int64, nullableString, records, string, struct } from '../schema';

export const produce = api(
  0,
  'Produce',
  'Appends one record batch a partition. With acks 0 there is no response.',
  struct({
    acks: [int16, '0 none, 1 the leader, -1 every in-sync replica.'],
    timeoutMs: [int32, 'How long to wait for the in-sync replicas, in ms.'],
    topicData: [
      array(
        struct({
          name: [string, 'Topic name.'],
          partitionData: [
            array(
              struct({
                index: [int32, 'Partition index.'],
                records: [records, 'One record batch, magic 2, base offset 0.'],
              }),
            ),
            'The partitions.',
          ],
        }),
      ),
      'The topics.',
    ],
  }),
  struct({
    responses: [
      array(
        struct({
          name: [string, 'Topic name.'],
          partitionResponses: [
            array(
              struct({
                index: [int32, 'Partition index.'],
                errorCode: [int16, 'Error code.'],
                baseOffset: [int64, 'Offset of the first record, or -1.'],
                logAppendTimeMs: [int64, 'Time of appending, or -1 with CreateTime.'],
                logStartOffset: [int64, 'Log start offset, or -1.'],
                errorMessage: [nullableString, 'A sentence, or null.'],
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

export const initProducerId = api(
  22,
  'InitProducerId',
  'A producer id that nobody else has, for an idempotent producer.',
  struct({
    transactionalId: [nullableString, 'Must be null: transactions are not served.'],
    transactionTimeoutMs: [int32, 'Unused without a transactional id.'],
    producerId: [int64, 'The id to bump the epoch of, or -1.'],
    producerEpoch: [int16, 'Its epoch, or -1.'],
  }),
  struct({
    errorCode: [int16, 'Error code.'],
    producerId: [int64, 'The producer id, or -1.'],
    producerEpoch: [int16, 'Its epoch, or -1.'],
  }),
);

export const fetch = api(
  1,
  'Fetch',
  "Reads record batches; a follower's fetch offset is also its report of what it has.",
  struct({
    replicaId: [int32, 'The broker id of a follower, -1 for a consumer.'],
    replicaEpoch: [int64, 'The broker epoch of the follower, -1 for a consumer.'],
    maxWaitMs: [int32, 'How long to wait for minBytes, in ms.'],
    minBytes: [int32, 'Answer as soon as this many bytes are there.'],
    maxBytes: [int32, 'Bytes in the whole response; the first batch always comes.'],
    isolationLevel: [int8, '0 read_uncommitted, 1 read_committed.'],
    topics: [
      array(
        struct({
          topic: [string, 'Topic name.'],
          partitions: [
            array(
              struct({
                partition: [int32, 'Partition index.'],
                currentLeaderEpoch: [int32, 'The leader epoch the reader knows, or -1.'],
                fetchOffset: [int64, 'The first offset wanted.'],
                logStartOffset: [int64, "The follower's log start offset, -1 for a consumer."],
                partitionMaxBytes: [int32, 'Bytes of this partition.'],
              }),
            ),
            'The partitions, in order of preference.',
          ],
        }),
      ),
      'The topics.',
    ],
  }),
  struct({
    errorCode: [int16, 'Error code of the whole request.'],
    responses: [
      array(
        struct({
          topic: [string, 'Topic name.'],
          partitions: [
            array(
              struct({
                partitionIndex: [int32, 'Partition index.'],
                errorCode: [int16, 'Error code.'],
                highWatermark: [int64, "The leader's high watermark, or -1."],
                lastStableOffset: [int64, "The leader's last stable offset, or -1."],
                logStartOffset: [int64, "The leader's log start offset, or -1."],
                records: [records, 'Whole record batches.'],
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

export const offsetForLeaderEpoch = api(
  23,
  'OffsetForLeaderEpoch',
  "Where a leader epoch ended in the leader's log (KIP-101, KIP-279).",
  struct({
    replicaId: [int32, 'The broker id of the follower, -1 for a consumer.'],
    topics: [
      array(
        struct({
          topic: [string, 'Topic name.'],
          partitions: [
            array(
              struct({
                partition: [int32, 'Partition index.'],
                currentLeaderEpoch: [int32, 'The leader epoch the asker knows, or -1.'],
                leaderEpoch: [int32, 'The epoch to look up.'],
              }),
            ),
            'The partitions.',
          ],
        }),
      ),
      'The topics.',
    ],
  }),
  struct({
    topics: [
      array(
        struct({
          topic: [string, 'Topic name.'],
          partitions: [
            array(
              struct({
                partition: [int32, 'Partition index.'],
                errorCode: [int16, 'Error code.'],
                leaderEpoch: [int32, 'The largest epoch not above the one asked for, or -1.'],
                endOffset: [int64, 'Where that epoch ended (exclusive), or -1.'],
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
