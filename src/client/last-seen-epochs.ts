/**
 * The newest leader epoch that a client has seen of each partition. Decides which metadata responses are
 * believed.
 *
 * Invariant: the client's view of a partition does not go back to an older leader epoch, whichever broker
 * responds. A broker that is cut off from the controller keeps returning its old metadata. The one exception:
 * if every broker repeatedly returns older epochs or says that there is no such topic, then the topic was
 * deleted or created anew, and the client takes the older epochs.
 *
 * [p] Kafka: clients/Metadata.java#{updateLastSeenEpochIfNewer,updateLatestMetadata}@2.8.2; differs: Kafka
 * 2.8 recognises a topic that was created anew by its topic id. The ZooKeeper era has no topic ids, and Kafka
 * without ids waits for ever (KAFKA-12257).
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { LeaderAndEpoch, PartitionInfo, TopicInfo, topicInfoOf } from './cluster-metadata';

/**
 * After this many responses with older epochs from every broker, and no newer one between them, a topic
 * counts as created anew.
 */
const ROUNDS = 3;

/** The broker that responded, and the brokers that are alive according to its response. */
export interface AnswerSource {
  readonly from: string;
  readonly brokers: readonly string[];
}

export class LastSeenEpochs {
  private readonly epochs = new Map<string, Map<number, number>>();
  /**
   * The number of responses with an older epoch since the last up-to-date one: by topic (for `accept`: by
   * partition), then by broker.
   */
  private readonly olderAnswers = new Map<string, Map<string, number>>();

  /** The newest leader epoch seen of the partition; -1 if none was seen. */
  of({ topic, partition }: TopicPartition): number {
    return this.epochs.get(topic)?.get(partition) ?? -1;
  }

  /**
   * To be called when a response names a leader epoch. Returns true if it is newer than the known one, or if
   * none was known: metadata has to be refreshed. Kafka remembers no epoch of a partition that its metadata
   * does not have yet; then a broker that is cut off may name a former leader, whose log ends before a
   * committed offset, and the consumer starts anew.
   */
  updateIfNewer({ topic, partition }: TopicPartition, epoch: number): boolean {
    if (epoch < 0 || epoch <= this.of({ topic, partition })) return false;
    this.remember(topic, [{ partition, leaderEpoch: epoch }]);
    return true;
  }

  /**
   * The leader according to `info`. None, while a newer epoch was seen than `info` has. Kafka:
   * Metadata#currentLeader
   */
  leaderOf(tp: TopicPartition, info: TopicInfo | undefined): LeaderAndEpoch {
    const row = info?.partitions[tp.partition];
    const seen = this.of(tp);
    if (row === undefined || row.leaderEpoch < seen) return { leader: -1, epoch: seen };
    return { leader: row.leader, epoch: row.leaderEpoch };
  }

  /**
   * Merges a response into what is known of a topic. `answered` is undefined if the broker does not know the
   * topic. `isStale`: the response was older than what is known; another broker should be asked.
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

  /**
   * For ZooKeeper, which is read partition by partition: whether to believe this epoch. An older epoch is
   * believed after it was read `times` times.
   */
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

  /**
   * Counts a response with an older epoch. True if every live broker has sent `times` of them; until then, a
   * broker that has not responded may know a newer epoch.
   */
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
