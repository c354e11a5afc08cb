/**
 * Operations on logs by requests: delete the oldest records, and list the log dirs.
 *
 * Kafka: clients/admin/KafkaAdminClient.java#{deleteRecords,describeLogDirs}@2.8.2
 */
import { HostPort, TopicPartition, tpName } from '../common/cluster-types';
import { ErrorName, errorName, errorTable, KafkaError } from '../common/errors';
import { Host, sleep } from '../common/host';
import { ClusterMetadata } from '../client/cluster-metadata';
import { ConnectionPool } from '../network/connection-pool';
import { deleteRecords, describeLogDirs } from '../protocol/messages/log-admin';
import { metadata as metadataApi } from '../protocol/messages/metadata';

export interface RecordsToDelete extends TopicPartition {
  /** Records below this offset are deleted; -1: all below the high watermark. */
  readonly beforeOffset: number;
}

export interface DeletedRecords extends TopicPartition {
  /** The smallest log start offset of the live replicas, or -1. */
  readonly lowWatermark: number;
  readonly error: ErrorName;
}

export interface LogDirDescription {
  readonly broker: number;
  readonly logDir: string;
  /** NONE, or KAFKA_STORAGE_ERROR for a log dir that is offline. */
  readonly error: ErrorName;
  /** `size` in bytes; `offsetLag` is how far the log end is behind the high watermark. */
  readonly partitions: readonly (TopicPartition & { readonly size: number; readonly offsetLag: number })[];
}

export class LogAdmin {
  constructor(
    private readonly host: Host,
    private readonly pool: ConnectionPool,
    private readonly metadata: ClusterMetadata,
    private readonly timeoutMs: number,
    private readonly retryBackoffMs: number,
  ) {}

  /**
   * One result for each partition, in order. Partitions whose leader has moved are retried, up to the
   * timeout.
   */
  async deleteRecords(wanted: readonly RecordsToDelete[]): Promise<DeletedRecords[]> {
    const deadlineMs = this.host.clock.monotonicMs() + this.timeoutMs;
    const done = new Map<string, DeletedRecords>();
    for (;;) {
      const open = wanted.filter(
        (tp) =>
          done.get(tpName(tp))?.error !== 'NONE' &&
          (!done.has(tpName(tp)) || isRetriable(done.get(tpName(tp))!.error)),
      );
      if (open.length === 0 || this.host.clock.monotonicMs() >= deadlineMs) break;
      if (done.size > 0) await sleep(this.host.clock, this.retryBackoffMs);
      for (const row of await this.deleteOnce(open, Math.max(1, deadlineMs - this.host.clock.monotonicMs())))
        done.set(tpName(row), row);
    }
    return wanted.map((tp) => done.get(tpName(tp))!);
  }

  private async deleteOnce(wanted: readonly RecordsToDelete[], timeoutMs: number): Promise<DeletedRecords[]> {
    const byLeader = new Map<number, RecordsToDelete[]>();
    const failed: DeletedRecords[] = [];
    for (const tp of wanted) {
      try {
        const leader = (await this.metadata.awaitTopic(tp.topic, timeoutMs)).partitions[tp.partition]?.leader;
        if (leader === undefined) failed.push(failure(tp, 'UNKNOWN_TOPIC_OR_PARTITION'));
        else if (leader < 0) failed.push(failure(tp, 'LEADER_NOT_AVAILABLE'));
        else byLeader.set(leader, [...(byLeader.get(leader) ?? []), tp]);
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        failed.push(
          failure(tp, error.errorName === 'TIMEOUT' ? 'UNKNOWN_TOPIC_OR_PARTITION' : error.errorName),
        );
      }
    }
    const answers = await Promise.all(
      [...byLeader].map(([leader, tps]) => this.askLeader(leader, tps, timeoutMs)),
    );
    return [...failed, ...answers.flat()];
  }

  private async askLeader(
    leader: number,
    tps: readonly RecordsToDelete[],
    timeoutMs: number,
  ): Promise<DeletedRecords[]> {
    const address = this.metadata.address(leader);
    try {
      if (!address) throw new KafkaError('LEADER_NOT_AVAILABLE');
      const topics = tps.map((tp) => ({
        name: tp.topic,
        partitions: [{ partitionIndex: tp.partition, offset: tp.beforeOffset }],
      }));
      const answer = await this.pool.request(
        address,
        deleteRecords,
        { topics, timeoutMs: Math.min(Math.ceil(timeoutMs), 2 ** 31 - 1) },
        timeoutMs + 5000,
      );
      return answer.topics.flatMap(({ name, partitions }) =>
        partitions.map((row) => ({
          topic: name,
          partition: row.partitionIndex,
          lowWatermark: row.lowWatermark,
          error: errorName(row.errorCode),
        })),
      );
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return tps.map((tp) => failure(tp, error.errorName));
    } finally {
      for (const { topic } of tps) this.metadata.requestUpdate(topic);
    }
  }

  /** All log dirs of the given brokers, or of all brokers; with `topics` only the logs of these topics. */
  async describeLogDirs(
    brokers: readonly number[] = [],
    topics: readonly string[] = [],
  ): Promise<LogDirDescription[]> {
    const [first] = this.metadata.addresses();
    if (!first) throw new KafkaError('BROKER_NOT_AVAILABLE', 'no broker is registered');
    const known = (
      await this.pool.request(first, metadataApi, {
        topics: [],
        allTopics: false,
        allowAutoTopicCreation: false,
      })
    ).brokers;
    const unknown = brokers.filter((id) => known.every((broker) => broker.nodeId !== id));
    if (unknown.length > 0)
      throw new KafkaError(
        'BROKER_NOT_AVAILABLE',
        `broker ${unknown.join(', ')} is not registered; ` +
          `${known.map((broker) => broker.nodeId).join(', ')} are`,
      );
    const asked = known
      .filter(({ nodeId }) => brokers.length === 0 || brokers.includes(nodeId))
      .sort((a, b) => a.nodeId - b.nodeId);
    return (await Promise.all(asked.map((broker) => this.logDirsOf(broker.nodeId, broker, topics)))).flat();
  }

  private async logDirsOf(
    broker: number,
    address: HostPort,
    topics: readonly string[],
  ): Promise<LogDirDescription[]> {
    const { results } = await this.pool.request(address, describeLogDirs, { topics });
    return results.map((row) => ({
      broker,
      logDir: row.logDir,
      error: errorName(row.errorCode),
      partitions: row.topics.flatMap(({ name, partitions }) =>
        partitions.map((one) => ({
          topic: name,
          partition: one.partitionIndex,
          size: one.partitionSize,
          offsetLag: one.offsetLag,
        })),
      ),
    }));
  }
}

function failure({ topic, partition }: TopicPartition, error: ErrorName): DeletedRecords {
  return { topic, partition, lowWatermark: -1, error };
}

function isRetriable(error: ErrorName): boolean {
  return errorTable[error][1] && error !== 'UNKNOWN_TOPIC_OR_PARTITION' && error !== 'REQUEST_TIMED_OUT';
}
