/**
 * A consumer's questions to leaders about offsets: where a log starts and ends, and whether the log still
 * contains a position after a change of leader.
 *
 * Invariant: a response is applied only if the position has not moved since the request.
 *
 * Kafka: clients/consumer/internals/{Fetcher,OffsetsForLeaderEpochClient}.java@2.8.2 (KIP-320); 3.x:
 * OffsetFetcher.java
 */
import { HostPort, TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { Log } from '../common/host';
import { ClusterMetadata, LeaderAndEpoch } from '../client/cluster-metadata';
import { ConnectionPool } from '../network/connection-pool';
import { listOffsets } from '../protocol/messages/metadata';
import { offsetForLeaderEpoch } from '../protocol/messages/produce-fetch';
import { AssignedPartition, EpochEndOffset, ResetStrategy } from './assigned-partition';
import { LogTruncationError } from './log-truncation';

export interface OffsetAndTimestamp {
  readonly offset: number;
  /** ms since 1970, or -1. */
  readonly timestamp: number;
}

export interface Leader {
  readonly leader: LeaderAndEpoch;
  readonly address: HostPort;
}

export interface OffsetFetcherDeps {
  readonly log: Log;
  readonly metadata: ClusterMetadata;
  readonly pool: ConnectionPool;
  readonly defaultReset: ResetStrategy;
  /** The request for the partition failed. `isCurrent` tells whether the failure still matters. */
  readonly onFailure: (partition: AssignedPartition, error: KafkaError, isCurrent: () => boolean) => void;
  /** Called when a look-up or validation has ended. */
  readonly onDone: () => void;
}

const CONSUMER = -1;
const TIMESTAMPS = { earliest: -2, latest: -1 } as const;

export class OffsetFetcher {
  /** The reset requests and positions for which a request is in flight. */
  private readonly asking = new WeakSet<object>();

  constructor(private readonly deps: OffsetFetcherDeps) {}

  leaderOf(tp: TopicPartition): Leader | undefined {
    const leader = this.deps.metadata.leaderOf(tp);
    const address = leader.leader >= 0 ? this.deps.metadata.address(leader.leader) : undefined;
    return address && { leader, address };
  }

  private requireLeader(tp: TopicPartition): Leader {
    const found = this.leaderOf(tp);
    if (!found) throw new KafkaError('LEADER_NOT_AVAILABLE');
    return found;
  }

  /**
   * Asks the leader for the offset of a timestamp (-1 latest, -2 earliest). The offset is -1 if there is
   * none.
   */
  async listOffset(
    tp: TopicPartition,
    timestamp: number,
    { leader, address } = this.requireLeader(tp),
  ): Promise<OffsetAndTimestamp> {
    const row = { partitionIndex: tp.partition, currentLeaderEpoch: leader.epoch, timestamp };
    const request = {
      replicaId: CONSUMER,
      isolationLevel: 0,
      topics: [{ name: tp.topic, partitions: [row] }],
    };
    const answer = onlyRow((await this.deps.pool.request(address, listOffsets, request)).topics);
    if (answer.leaderEpoch >= 0) this.deps.metadata.updateLastSeenEpochIfNewer(tp, answer.leaderEpoch);
    return { offset: answer.offset, timestamp: answer.timestamp };
  }

  /** Looks up the offset for the partition's reset request. Kafka: Fetcher#resetOffsetsAsync */
  async reset(partition: AssignedPartition, leader: Leader): Promise<void> {
    const { tp, resetRequest: request } = partition;
    if (request === undefined || this.asking.has(request)) return;
    const isCurrent = () => partition.resetRequest === request;
    if (request.strategy === 'none') {
      const why = `Undefined offset with no reset policy for partition: ${tpName(tp)}`;
      return this.deps.onFailure(partition, new KafkaError('NO_OFFSET_FOR_PARTITION', why), isCurrent);
    }
    this.asking.add(request);
    try {
      const { offset } = await this.listOffset(tp, TIMESTAMPS[request.strategy], leader);
      const isMoved = partition.completeReset(request, offset, leader.leader);
      if (isMoved && this.deps.log.debugOn)
        this.deps.log.debug(`Position of ${tpName(tp)} is reset to ${offset} (${request.strategy})`);
    } catch (error) {
      if (isCurrent()) this.deps.onFailure(partition, error as KafkaError, isCurrent);
    } finally {
      this.asking.delete(request);
      this.deps.onDone();
    }
  }

  /**
   * Asks the leader where the epoch of the last record read ends in its log. Kafka:
   * Fetcher#validateOffsetsAsync
   */
  async validate(partition: AssignedPartition, leader: Leader): Promise<void> {
    const since = partition.lastMove;
    if (this.asking.has(since)) return;
    const isCurrent = () => partition.state === 'await-validation' && partition.lastMove === since;
    this.asking.add(since);
    try {
      const problem = this.apply(partition, since, await this.epochEnd(partition, leader));
      if (problem) this.deps.onFailure(partition, problem, isCurrent);
    } catch (error) {
      if (isCurrent()) this.deps.onFailure(partition, error as KafkaError, isCurrent);
    } finally {
      this.asking.delete(since);
      this.deps.onDone();
    }
  }

  private async epochEnd(
    { tp, lastEpoch, currentLeader }: AssignedPartition,
    { address }: Leader,
  ): Promise<EpochEndOffset> {
    const row = { partition: tp.partition, currentLeaderEpoch: currentLeader.epoch, leaderEpoch: lastEpoch };
    const request = { replicaId: CONSUMER, topics: [{ topic: tp.topic, partitions: [row] }] };
    return onlyRow((await this.deps.pool.request(address, offsetForLeaderEpoch, request)).topics);
  }

  /** Moves the position if necessary. Returns an error for the user if the position may not be moved. */
  private apply(
    partition: AssignedPartition,
    since: object,
    end: EpochEndOffset,
  ): LogTruncationError | undefined {
    const { log, defaultReset } = this.deps;
    const verdict = partition.validate(since, end);
    if (verdict === 'outdated' || verdict === 'valid') return undefined;
    const where =
      `Truncation detected for partition ${tpName(partition.tp)} at offset ${partition.position} ` +
      `(leader epoch ${partition.lastEpoch})`;
    if (defaultReset === 'none')
      return new LogTruncationError(partition, verdict === 'diverged' ? end : undefined);
    if (verdict === 'reset') {
      log.info(`${where}, resetting to ${defaultReset}`);
      partition.requestReset(defaultReset);
    } else {
      log.info(`${where}, going back to offset ${end.endOffset}, the first one known to differ`);
      partition.seekToDivergence(end);
    }
    return undefined;
  }
}

/** The row of the only partition in the response. Throws the row's error. */
function onlyRow<R extends { readonly errorCode: number }>(
  topics: readonly { readonly partitions: readonly R[] }[],
): R {
  const row = topics[0]?.partitions[0];
  if (row === undefined)
    throw new KafkaError('UNKNOWN_SERVER_ERROR', 'the response does not mention the partition');
  if (row.errorCode !== 0) throw KafkaError.ofCode(row.errorCode);
  return row;
}
