/**
 * A Fetch request as the handlers get it: each partition occurs once. If several rows name a partition the
 * last one counts, as in Kafka, where the rows go into a map.
 *
 * [p] Kafka: common/requests/FetchRequest.java#toPartitionDataMap@2.8.2
 */
import { fetch } from '../protocol/messages/produce-fetch';
import { TypeOf } from '../protocol/schema';

export type FetchRequest = TypeOf<typeof fetch.request>;
export type FetchedPartition = FetchRequest['topics'][number]['partitions'][number];
export type FetchResponse = TypeOf<typeof fetch.response>;

/** The replica id of a consumer. */
export const CONSUMER = -1;

/**
 * The request with each partition once. The order of the rows stays, because earlier rows are served first;
 * rows of one topic may be separated by another topic's.
 */
export function mergedFetch(request: FetchRequest): FetchRequest {
  if (request.topics.length === 1 && request.topics[0]!.partitions.length === 1) return request;
  const last = new Map<string, Map<number, FetchedPartition>>();
  let rows = 0;
  for (const { topic, partitions } of request.topics) {
    let byIndex = last.get(topic);
    if (byIndex === undefined) last.set(topic, (byIndex = new Map()));
    for (const row of partitions) byIndex.set(row.partition, row);
    rows += partitions.length;
  }
  let distinct = 0;
  for (const partitions of last.values()) distinct += partitions.size;
  if (distinct === rows) return request;
  const topics = request.topics.map(({ topic, partitions }) => {
    const left = last.get(topic)!;
    const first = partitions.flatMap(({ partition }) => {
      const row = left.get(partition);
      left.delete(partition);
      return row ? [row] : [];
    });
    return { topic, partitions: first };
  });
  return { ...request, topics: topics.filter(({ partitions }) => partitions.length > 0) };
}
