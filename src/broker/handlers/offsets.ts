/**
 * ListOffsets and OffsetForLeaderEpoch: offsets in a leader's log, by timestamp or by leader epoch.
 *
 * Kafka: server/KafkaApis.scala#{handleListOffsetRequest,handleOffsetForLeaderEpochRequest}@2.8.2
 */
import { tpName } from '../../common/cluster-types';
import { errorCode, KafkaError } from '../../common/errors';
import { Log } from '../../common/host';
import { inTurns, Turns } from '../../common/in-turns';
import { listOffsets } from '../../protocol/messages/metadata';
import { offsetForLeaderEpoch } from '../../protocol/messages/produce-fetch';
import { TypeOf } from '../../protocol/schema';
import { Partition } from '../partition';
import { ReplicaManager } from '../replica-manager';
import { rowError } from '../row-error';

const LATEST = -1;
const EARLIEST = -2;
const CONSUMER = -1;

/** The parts of the broker that these requests need. */
export interface OffsetsDeps {
  readonly replicas: Pick<ReplicaManager, 'require'>;
  readonly log: Pick<Log, 'error'>;
}

interface Found {
  readonly timestamp: number;
  readonly offset: number;
}

function lookUp(partition: Partition, timestamp: number, isConsumer: boolean): Found {
  const { log } = partition;
  if (timestamp === EARLIEST) return { timestamp: -1, offset: log.logStartOffset };
  const end = isConsumer ? log.highWatermark : log.logEndOffset;
  const found = timestamp === LATEST ? undefined : log.offsetForTimestamp(timestamp);
  // A stored timestamp may exceed the range of the response field; the offset is correct all the same.
  if (found && found.offset < end) {
    return { offset: found.offset, timestamp: Math.min(found.timestamp, Number.MAX_SAFE_INTEGER) };
  }
  // A new leader's high watermark may be lower than an offset that clients already know. Until it has reached
  // the start of the leader epoch, the end offset is not available (KIP-207).
  const isBehind = log.highWatermark < partition.leaderEpochStartOffset;
  if (isConsumer && isBehind) throw new KafkaError('OFFSET_NOT_AVAILABLE');
  return { timestamp: -1, offset: timestamp === LATEST ? end : -1 };
}

type ListOffsetsRequest = TypeOf<typeof listOffsets.request>;
type ListedPartition = ListOffsetsRequest['topics'][number]['partitions'][number];
type EpochsRequest = TypeOf<typeof offsetForLeaderEpoch.request>;
type AskedEpoch = EpochsRequest['topics'][number]['partitions'][number];

/** Partitions that occur more than once; they get an error, as in Kafka. */
function duplicatesOf({ topics }: ListOffsetsRequest): Set<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { name, partitions } of topics) {
    for (const { partitionIndex: partition } of partitions) {
      const one = tpName({ topic: name, partition });
      if (seen.has(one)) twice.add(one);
      seen.add(one);
    }
  }
  return twice;
}

/** A lookup by timestamp reads the disk, so a request for many partitions is processed in slices. */
export async function handleListOffsets(
  turns: Turns,
  { replicas, log }: OffsetsDeps,
  request: ListOffsetsRequest,
): Promise<TypeOf<typeof listOffsets.response>> {
  const duplicates = duplicatesOf(request);
  const listed = (topic: string, { partitionIndex, currentLeaderEpoch, timestamp }: ListedPartition) => {
    const tp = { topic, partition: partitionIndex };
    try {
      if (duplicates.size > 0 && duplicates.has(tpName(tp))) throw new KafkaError('INVALID_REQUEST');
      const partition = replicas.require(tp);
      partition.requireLeader(currentLeaderEpoch);
      const found = lookUp(partition, timestamp, request.replicaId === CONSUMER);
      return { partitionIndex, errorCode: 0, ...found, leaderEpoch: partition.leaderEpoch };
    } catch (error) {
      const { code } = rowError(log, 'ListOffsets', tp, error);
      return { partitionIndex, errorCode: code, timestamp: -1, offset: -1, leaderEpoch: -1 };
    }
  };
  const rows = request.topics.flatMap(({ name, partitions }) => partitions.map((row) => ({ name, row })));
  const answers = await inTurns(turns, rows, ({ name, row }) => listed(name, row));
  let next = 0;
  const topics = request.topics.map(({ name, partitions }) => {
    return { name, partitions: answers.slice(next, (next += partitions.length)) };
  });
  return { topics };
}

export async function handleOffsetForLeaderEpoch(
  turns: Turns,
  { replicas, log }: OffsetsDeps,
  request: EpochsRequest,
): Promise<TypeOf<typeof offsetForLeaderEpoch.response>> {
  const found = (topic: string, { partition: index, currentLeaderEpoch, leaderEpoch }: AskedEpoch) => {
    const tp = { topic, partition: index };
    try {
      const partition = replicas.require(tp);
      partition.requireLeader(currentLeaderEpoch);
      const { epoch, endOffset } = partition.endOffsetFor(leaderEpoch);
      return { partition: index, errorCode: errorCode('NONE'), leaderEpoch: epoch, endOffset };
    } catch (error) {
      const { code } = rowError(log, 'OffsetForLeaderEpoch', tp, error);
      return { partition: index, errorCode: code, leaderEpoch: -1, endOffset: -1 };
    }
  };
  const rows = request.topics.flatMap(({ topic, partitions }) => {
    return partitions.map((asked) => ({ topic, asked }));
  });
  const answers = await inTurns(turns, rows, ({ topic, asked }) => found(topic, asked));
  let next = 0;
  const topics = request.topics.map(({ topic, partitions }) => {
    return { topic, partitions: answers.slice(next, (next += partitions.length)) };
  });
  return { topics };
}
