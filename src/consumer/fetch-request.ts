/**
 * What a consumer asks a leader for: partitions in the order in which they are to be served.
 *
 * [p] Kafka: clients/FetchSessionHandler.java, requests/FetchRequest.java@2.8.2
 */
import { fetch } from '../protocol/messages/produce-fetch';
import { TypeOf } from '../protocol/schema';
import { AssignedPartition } from './assigned-partition';
import { ConsumerConfig } from './consumer-config';

const CONSUMER = -1;

/** A partition in a fetch request, as it was then. */
export interface Asked {
  readonly partition: AssignedPartition;
  readonly fetchOffset: number;
  readonly since: object;
}

type FetchRequest = TypeOf<typeof fetch.request>;
type AskedRow = FetchRequest['topics'][number]['partitions'][number];

export function fetchRequest(asked: readonly Asked[], config: ConsumerConfig): FetchRequest {
  const topics: { readonly topic: string; readonly partitions: AskedRow[] }[] = [];
  for (const { partition, fetchOffset } of asked) {
    const { tp, currentLeader } = partition;
    // Rows of a topic that do not follow each other stay apart: the order says who is served first.
    if (topics.at(-1)?.topic !== tp.topic) topics.push({ topic: tp.topic, partitions: [] });
    topics.at(-1)!.partitions.push({
      partition: tp.partition,
      currentLeaderEpoch: currentLeader.epoch,
      fetchOffset,
      logStartOffset: -1,
      partitionMaxBytes: config['max.partition.fetch.bytes'],
    });
  }
  return {
    replicaId: CONSUMER,
    replicaEpoch: -1,
    maxWaitMs: config['fetch.max.wait.ms'],
    minBytes: config['fetch.min.bytes'],
    maxBytes: config['fetch.max.bytes'],
    isolationLevel: 0,
    topics,
  };
}
