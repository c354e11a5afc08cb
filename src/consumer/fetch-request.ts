/**
 * Builds a fetch request to a leader: the partitions in the order in which they should be served.
 *
 * [p] Kafka: clients/FetchSessionHandler.java, requests/FetchRequest.java@2.8.2
 */
import { fetch } from '../protocol/messages/produce-fetch';
import { TypeOf } from '../protocol/schema';
import { AssignedPartition } from './assigned-partition';
import { ConsumerConfig } from './consumer-config';

const CONSUMER = -1;

/** A partition in a fetch request, with its state at that time. */
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
    // A topic gets a second entry if its partitions are not adjacent: the order decides which partitions get
    // their bytes first.
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
