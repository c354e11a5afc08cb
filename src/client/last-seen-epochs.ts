/**
 * The newest leader epoch a client has seen of each partition, and what of a metadata answer to believe.
 *
 * Invariant: what is known of a partition does not go back to an older leader epoch, whoever answers: a broker that is
 * cut off from the controller goes on telling what was true before. The one exception: when answer after answer, round
 * all brokers, tells of older epochs or of no such topic, the topic was deleted or created anew, and counts from there.
 *
 * [p] Kafka: clients/Metadata.java#{updateLastSeenEpochIfNewer,updateLatestMetadata}@2.8.2; differs: Kafka 2.8 tells a
 * topic that was created anew by its id, which this era does not have, and without ids waits for ever (KAFKA-12257).
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { LeaderAndEpoch, PartitionInfo, TopicInfo, topicInfoOf } from './cluster-metadata';

/** Older answers in a row, a broker, after which a topic counts as created anew. */
const ROUNDS = 3;

export class LastSeenEpochs {
  private readonly epochs = new Map<string, Map<number, number>>();
  /** Older answers in a row, by topic or, with `accept`, by partition. */
  private readonly olderAnswers = new Map<string, number>();

  /** -1 where none was seen. */
  of({ topic, partition }: TopicPartition): number {
    return this.epochs.get(topic)?.get(partition) ?? -1;
  }

  /** A response named an epoch. True if it is newer than what metadata said: metadata is to be read again. */
  updateIfNewer(tp: TopicPartition, epoch: number): boolean {
    const known = this.of(tp);
    if (known < 0 || epoch <= known) return false;
    this.epochs.get(tp.topic)!.set(tp.partition, epoch);
    return true;
  }

  /** The leader as `info` has it; none while a newer epoch was seen than metadata knows. Kafka: Metadata#currentLeader */
  leaderOf(tp: TopicPartition, info: TopicInfo | undefined): LeaderAndEpoch {
    const row = info?.partitions[tp.partition];
    const seen = this.of(tp);
    if (row === undefined || row.leaderEpoch < seen) return { leader: -1, epoch: seen };
    return { leader: row.leader, epoch: row.leaderEpoch };
  }

  /**
   * What is known of a topic after an answer; `answered` undefined: no such topic. `sources` is how many brokers are
   * asked in turn. `isStale`: the answer was older than what is known, and somebody else is to be asked.
   */
  merge(
    before: TopicInfo | undefined, topic: string, answered: readonly PartitionInfo[] | undefined, sources: number,
  ): { readonly info: TopicInfo | undefined; readonly isStale: boolean } {
    let isStale = this.isOlder(topic, answered);
    const inARow = isStale ? (this.olderAnswers.get(topic) ?? 0) + 1 : 0;
    if (inARow >= ROUNDS * sources) {
      this.forget(topic);
      isStale = false;
    } else if (isStale) this.olderAnswers.set(topic, inARow);
    else this.olderAnswers.delete(topic);
    if (answered === undefined) return { info: isStale ? before : undefined, isStale };
    const rows = new Map(isStale ? before?.partitions.map((row) => [row.partition, row]) : []);
    for (const row of answered) if (row.leaderEpoch >= this.of({ topic, partition: row.partition })) rows.set(row.partition, row);
    this.remember(topic, answered);
    return { info: topicInfoOf(topic, [...rows.values()]), isStale };
  }

  /** For a source that tells of one partition at a time: whether to believe this epoch of it. */
  accept(tp: TopicPartition, epoch: number, sources: number): boolean {
    const key = tpName(tp);
    if (epoch < this.of(tp)) {
      const inARow = (this.olderAnswers.get(key) ?? 0) + 1;
      this.olderAnswers.set(key, inARow);
      if (inARow < ROUNDS * sources) return false;
      this.epochs.get(tp.topic)?.delete(tp.partition);
    }
    this.olderAnswers.delete(key);
    this.remember(tp.topic, [{ partition: tp.partition, leaderEpoch: epoch }]);
    return true;
  }

  private isOlder(topic: string, answered: readonly PartitionInfo[] | undefined): boolean {
    const epochs = this.epochs.get(topic);
    if (epochs === undefined) return false;
    const told = new Map(answered?.map((row) => [row.partition, row.leaderEpoch]));
    return [...epochs].some(([partition, epoch]) => (told.get(partition) ?? -1) < epoch);
  }

  private remember(topic: string, rows: readonly Pick<PartitionInfo, 'partition' | 'leaderEpoch'>[]): void {
    const epochs = this.epochs.get(topic) ?? new Map<number, number>();
    for (const { partition, leaderEpoch } of rows) {
      if (leaderEpoch >= 0) epochs.set(partition, Math.max(epochs.get(partition) ?? -1, leaderEpoch));
    }
    if (epochs.size > 0) this.epochs.set(topic, epochs);
  }

  forget(topic: string): void {
    for (const partition of this.epochs.get(topic)?.keys() ?? []) this.olderAnswers.delete(tpName({ topic, partition }));
    this.epochs.delete(topic);
    this.olderAnswers.delete(topic);
  }
}
