/**
 * Where a consumer stands in one partition, and what is still to be found out before it may fetch.
 *
 *   initializing → fetching            by the committed offset, or a seek
 *   initializing → await-reset         nothing is committed
 *   await-reset → fetching             the leader told the first or the last offset
 *   fetching → await-validation        another leader epoch: does the new leader's log still hold what was read?
 *   await-validation → fetching        it does; or the position went back to where the logs part
 *   any state → fetching, await-reset  by a seek
 *
 * Invariants: records are taken only while `fetching`; an answer counts only if nothing moved since it was
 * asked for (a later seek wins).
 *
 * [p] Kafka:
 * clients/consumer/internals/SubscriptionState.java#{TopicPartitionState,FetchStates,FetchPosition}@2.8.2
 */
import { LeaderAndEpoch } from '../client/cluster-metadata';
import { TopicPartition } from '../common/cluster-types';

export type ResetStrategy = 'earliest' | 'latest' | 'none';
export type FetchState = 'initializing' | 'await-reset' | 'await-validation' | 'fetching';

/** One wish to begin at an end of the log; another one, even for the same end, is another object. */
export interface ResetRequest {
  readonly strategy: ResetStrategy;
}

export interface FetchPosition {
  readonly offset: number;
  /** Leader epoch of the record before it; -1: not known. */
  readonly offsetEpoch: number;
  /** Who is fetched from. */
  readonly currentLeader: LeaderAndEpoch;
}

/** Where a leader epoch ends in the leader's log; -1, -1 where that cannot be said. */
export interface EpochEndOffset {
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

/** `reset`: the leader knows no such epoch. `diverged`: what was read beyond the end is not in the leader's log. */
export type Validation = 'outdated' | 'valid' | 'reset' | 'diverged';

export const NO_LEADER: LeaderAndEpoch = { leader: -1, epoch: -1 };

export class AssignedPartition {
  private fetchState: FetchState = 'initializing';
  private offset: number | undefined;
  private offsetEpoch = -1;
  private leader: LeaderAndEpoch = NO_LEADER;
  private request: ResetRequest | undefined;
  private move: object = {};
  paused = false;
  /** Grows with every response that brought records; 0: none yet. */
  lastServed = 0;
  /** Given up in this rebalance: nothing more is returned of it. */
  revoked = false;
  /** Nothing is asked of this partition before this time (monotonic ms). */
  retryAtMs = -Infinity;

  constructor(readonly tp: TopicPartition) {}

  get state(): FetchState {
    return this.fetchState;
  }
  /** The offset of the next record to return, whether it is validated or not. */
  get position(): number | undefined {
    return this.offset;
  }
  /** Leader epoch of the last record returned, or -1. */
  get lastEpoch(): number {
    return this.offsetEpoch;
  }
  /** The committed offset is to be asked for first. */
  get needsCommitted(): boolean {
    return this.fetchState === 'initializing';
  }
  /** Set while the position is to be looked up. */
  get resetRequest(): ResetRequest | undefined {
    return this.request;
  }
  get currentLeader(): LeaderAndEpoch {
    return this.leader;
  }
  /** Another object after every seek, reset and change of leader: what was asked or fetched before is of no use then. */
  get lastMove(): object {
    return this.move;
  }
  get isFetchable(): boolean {
    return this.fetchState === 'fetching' && !this.paused && !this.revoked;
  }

  /** Goes on at an offset; with an epoch the leader is asked first whether its log agrees. */
  seek({ offset, offsetEpoch, currentLeader }: FetchPosition): void {
    this.move = {};
    this.offset = offset;
    this.offsetEpoch = offsetEpoch;
    this.leader = currentLeader;
    this.request = undefined;
    this.retryAtMs = -Infinity;
    this.fetchState = offsetEpoch >= 0 && currentLeader.epoch >= 0 ? 'await-validation' : 'fetching';
  }

  requestReset(strategy: ResetStrategy): void {
    this.move = {};
    this.offset = undefined;
    this.offsetEpoch = -1;
    this.request = { strategy };
    this.retryAtMs = -Infinity;
    this.fetchState = 'await-reset';
  }

  /** The answer to a look-up. False if it is no longer asked for. */
  completeReset(request: ResetRequest, offset: number, currentLeader: LeaderAndEpoch): boolean {
    if (this.fetchState !== 'await-reset' || request !== this.request) return false;
    this.seek({ offset, offsetEpoch: -1, currentLeader });
    return true;
  }

  /** A record, or a whole batch without one to return, was passed. */
  advance(offset: number, offsetEpoch: number): void {
    this.offset = offset;
    this.offsetEpoch = offsetEpoch;
  }

  /** What metadata says now. True if the leader is another: what was fetched from the former one is not to be used. */
  maybeValidate(current: LeaderAndEpoch): boolean {
    if (current.leader < 0 || (current.leader === this.leader.leader && current.epoch === this.leader.epoch))
      return false;
    if (this.offset === undefined) {
      // A look-up that hangs at the former leader is not waited for.
      this.leader = current;
      this.request &&= { ...this.request };
      return false;
    }
    this.seek({ offset: this.offset, offsetEpoch: this.offsetEpoch, currentLeader: current });
    return true;
  }

  /** What the leader says about the end of the last record's epoch. Kafka: maybeCompleteValidation */
  validate(since: object, { leaderEpoch, endOffset }: EpochEndOffset): Validation {
    if (this.fetchState !== 'await-validation' || since !== this.move) return 'outdated';
    if (leaderEpoch < 0 || endOffset < 0) return 'reset';
    if (endOffset < this.offset!) return 'diverged';
    this.fetchState = 'fetching';
    this.retryAtMs = -Infinity;
    return 'valid';
  }

  /** Goes back to where the logs part. */
  seekToDivergence({ leaderEpoch, endOffset }: EpochEndOffset): void {
    this.seek({ offset: endOffset, offsetEpoch: leaderEpoch, currentLeader: this.leader });
    this.fetchState = 'fetching';
  }
}
