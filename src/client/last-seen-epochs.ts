/**
 * The newest leader epoch a client has seen of each partition, and what of a metadata answer to believe.
 *
 * Invariant: what is known of a partition does not go back to an older leader epoch, whoever answers: a
 * broker that is cut off from the controller goes on telling what was true before. The one exception: when
 * every broker, time and again, tells of older epochs or of no such topic, the topic was deleted or created
 * anew, and counts from there.
 *
 * [p] Kafka: clients/Metadata.java#{updateLastSeenEpochIfNewer,updateLatestMetadata}@2.8.2; differs: Kafka
 * 2.8 tells a topic that was created anew by its id, which this era does not have, and without ids waits for
 * ever (KAFKA-12257).
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { LeaderAndEpoch, PartitionInfo, TopicInfo, topicInfoOf } from './cluster-metadata';

/** Older answers of every broker, without a newer one between them, after which a topic counts as created anew. */
const ROUNDS = 3;

/** Who answered, and which brokers live as far as it knows. */
export interface AnswerSource {
  readonly from: string;
  readonly brokers: readonly string[];
}

export class LastSeenEpochs {
  private readonly epochs = new Map<string, Map<number, number>>();
  /** Older answers since the last up-to-date one, by topic (with `accept`: by partition) and broker. */
  private readonly olderAnswers = new Map<string, Map<string, number>>();

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
   * What is known of a topic after an answer; `answered` undefined: no such topic. `isStale`: the answer was
   * older than what is known, and somebody else is to be asked.
   */
  merge(
    before: TopicInfo | undefined,
    topic: string,
    answered: readonly PartitionInfo[] | undefined,
    source: AnswerSource,
  ): { readonly info: TopicInfo | undefined; readonly isStale: boolean } {
    const isOlder = this.isOlder(topic, answered);
    const isStale = isOlder && !this.isSaidByAll(topic, source, ROUNDS);
    if (isOlder && !isStale) this.forget(topic);
    if (!isOlder) this.olderAnswers.delete(topic);
    if (answered === undefined) return { info: isStale ? before : undefined, isStale };
    const rows = new Map(isStale ? before?.partitions.map((row) => [row.partition, row]) : []);
    for (const row of answered)
      if (row.leaderEpoch >= this.of({ topic, partition: row.partition })) rows.set(row.partition, row);
    this.remember(topic, answered);
    return { info: topicInfoOf(topic, [...rows.values()]), isStale };
  }

  /** For the one source that tells of one partition at a time: whether to believe this epoch of it; an older one if it is said `times` times. */
  accept(tp: TopicPartition, epoch: number, times: number): boolean {
    const name = tpName(tp);
    if (epoch < this.of(tp)) {
      if (!this.isSaidByAll(name, { from: '', brokers: [''] }, times)) return false;
      this.epochs.get(tp.topic)?.delete(tp.partition);
    }
    this.olderAnswers.delete(name);
    this.remember(tp.topic, [{ partition: tp.partition, leaderEpoch: epoch }]);
    return true;
  }

  /** Counts an older answer. A broker that is alive and was not heard may know better. */
  private isSaidByAll(key: string, { from, brokers }: AnswerSource, times: number): boolean {
    const counts = this.olderAnswers.get(key) ?? new Map<string, number>();
    counts.set(from, (counts.get(from) ?? 0) + 1);
    this.olderAnswers.set(key, counts);
    return brokers.every((broker) => (counts.get(broker) ?? 0) >= times);
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
    for (const partition of this.epochs.get(topic)?.keys() ?? [])
      this.olderAnswers.delete(tpName({ topic, partition }));
    this.epochs.delete(topic);
    this.olderAnswers.delete(topic);
  }
}
