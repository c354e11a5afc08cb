/**
 * Looks up offsets of partitions, assigned or not: the first offset, the next offset, the offset of a time.
 *
 * Kafka: clients/consumer/internals/Fetcher.java#{beginningOffsets,endOffsets,offsetsForTimes}@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { Clock, sleep } from '../common/host';
import { ClusterMetadata } from '../client/cluster-metadata';
import { OffsetAndTimestamp, OffsetFetcher } from './offset-fetcher';

const EARLIEST = -2;
const LATEST = -1;

export class OffsetLookup {
  constructor(
    private readonly clock: Clock,
    private readonly metadata: ClusterMetadata,
    private readonly offsets: OffsetFetcher,
    private readonly timeoutMs: number,
    private readonly retryBackoffMs: number,
  ) {}

  private async one(tp: TopicPartition, timestamp: number): Promise<OffsetAndTimestamp> {
    const deadlineMs = this.clock.monotonicMs() + this.timeoutMs;
    await this.metadata.awaitTopic(tp.topic, this.timeoutMs);
    for (;;) {
      try {
        return await this.offsets.listOffset(tp, timestamp);
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retriable || this.clock.monotonicMs() >= deadlineMs)
          throw error;
        this.metadata.requestUpdate(tp.topic);
        await sleep(this.clock, this.retryBackoffMs);
      }
    }
  }

  private async all(tps: readonly TopicPartition[], timestamp: number): Promise<Map<string, number>> {
    return new Map(
      await Promise.all(tps.map(async (tp) => [tpName(tp), (await this.one(tp, timestamp)).offset] as const)),
    );
  }

  /** By `topic-partition`. */
  beginning(tps: readonly TopicPartition[]): Promise<Map<string, number>> {
    return this.all(tps, EARLIEST);
  }

  /** By `topic-partition`: the high watermarks. */
  end(tps: readonly TopicPartition[]): Promise<Map<string, number>> {
    return this.all(tps, LATEST);
  }

  /** The first record at or after each time; partitions without one have no entry. */
  async forTimes(
    wanted: readonly (TopicPartition & { readonly timestamp: number })[],
  ): Promise<Map<string, OffsetAndTimestamp>> {
    for (const { timestamp } of wanted) {
      if (!Number.isSafeInteger(timestamp) || timestamp < 0)
        throw new KafkaError('ILLEGAL_STATE', `The target time ${timestamp} cannot be negative.`);
    }
    const found = await Promise.all(
      wanted.map(async (one) => [tpName(one), await this.one(one, one.timestamp)] as const),
    );
    return new Map(found.filter(([, { offset }]) => offset >= 0));
  }
}
