/**
 * A consumer's position in one partition, and what it has to find out before it may fetch.
 *
 *   initializing → fetching            by the committed offset, or a seek
 *   initializing → await-reset         no offset is committed
 *   await-reset → fetching             the leader returned its first or last offset
 *   fetching → await-validation        a new leader epoch: does the new leader's log contain what was read?
 *   await-validation → fetching        it does; or the position went back to where the logs diverge
 *   any state → fetching, await-reset  by a seek
 *
 * Invariants: records are taken only while `fetching`. A response counts only if the position has not moved
 * since its request (a later seek wins).
 *
 * [p] Kafka:
 * clients/consumer/internals/SubscriptionState.java#{TopicPartitionState,FetchStates,FetchPosition}@2.8.2
 */
import { LeaderAndEpoch } from '../client/cluster-metadata';
import { TopicPartition } from '../common/cluster-types';

export type ResetStrategy = 'earliest' | 'latest' | 'none';
export type FetchState = 'initializing' | 'await-reset' | 'await-validation' | 'fetching';

/**
 * A request to start at one end of the log. Each request is an object of its own, so that two for the same
 * end differ.
 */
export interface ResetRequest {
  readonly strategy: ResetStrategy;
}

export interface FetchPosition {
  readonly offset: number;
  /** The leader epoch of the record before `offset`; -1: not known. */
  readonly offsetEpoch: number;
  /** The leader to fetch from. */
  readonly currentLeader: LeaderAndEpoch;
}

/** Where a leader epoch ends in the leader's log; -1 and -1 if the leader does not know. */
export interface EpochEndOffset {
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

/**
 * `outdated`: the position has moved since the request. `reset`: the leader does not know the epoch.
 * `diverged`: the leader's log does not contain what was read beyond `endOffset`.
 */
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
  /** The fetcher's count of responses with records when this partition was last in one; 0: never. */
  lastServed = 0;
  /** Given up in the current rebalance: no more of its records are returned. */
  revoked = false;
  /** No request is sent for this partition before this time (monotonic ms). */
  retryAtMs = -Infinity;

  constructor(readonly tp: TopicPartition) {}

  get state(): FetchState {
    return this.fetchState;
  }
  /** The offset of the next record to return, whether it is validated or not. */
  get position(): number | undefined {
    return this.offset;
  }
  /** The leader epoch of the last record that was returned, or -1. */
  get lastEpoch(): number {
    return this.offsetEpoch;
  }
  /** Whether the committed offset has to be fetched first. */
  get needsCommitted(): boolean {
    return this.fetchState === 'initializing';
  }
  /** Set while the position has to be looked up. */
  get resetRequest(): ResetRequest | undefined {
    return this.request;
  }
  get currentLeader(): LeaderAndEpoch {
    return this.leader;
  }
  /**
   * A new object after every seek, reset and change of leader. A response to a request that was sent under
   * another object is dropped.
   */
  get lastMove(): object {
    return this.move;
  }
  get isFetchable(): boolean {
    return this.fetchState === 'fetching' && !this.paused && !this.revoked;
  }

  /**
   * Continues at an offset. If the epoch of the record before it is known, the leader is first asked whether
   * its log agrees.
   */
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

  /** Applies the response to a look-up. Returns false if the look-up is no longer wanted. */
  completeReset(request: ResetRequest, offset: number, currentLeader: LeaderAndEpoch): boolean {
    if (this.fetchState !== 'await-reset' || request !== this.request) return false;
    this.seek({ offset, offsetEpoch: -1, currentLeader });
    return true;
  }

  /** Moves the position past a record, or past a batch without any record to return. */
  advance(offset: number, offsetEpoch: number): void {
    this.offset = offset;
    this.offsetEpoch = offsetEpoch;
  }

  /**
   * Applies the leader from the metadata. Returns true if there is a position and a new leader: records
   * fetched from the former leader must not be used.
   */
  maybeValidate(current: LeaderAndEpoch): boolean {
    if (current.leader < 0 || (current.leader === this.leader.leader && current.epoch === this.leader.epoch))
      return false;
    if (this.offset === undefined) {
      // A new request object, so that a look-up that hangs at the former leader is not waited for.
      this.leader = current;
      this.request &&= { ...this.request };
      return false;
    }
    this.seek({ offset: this.offset, offsetEpoch: this.offsetEpoch, currentLeader: current });
    return true;
  }

  /** Applies the leader's end offset for the epoch of the last record. Kafka: maybeCompleteValidation */
  validate(since: object, { leaderEpoch, endOffset }: EpochEndOffset): Validation {
    if (this.fetchState !== 'await-validation' || since !== this.move) return 'outdated';
    if (leaderEpoch < 0 || endOffset < 0) return 'reset';
    if (endOffset < this.offset!) return 'diverged';
    this.fetchState = 'fetching';
    this.retryAtMs = -Infinity;
    return 'valid';
  }

  /** Moves the position back to where the logs diverge. */
  seekToDivergence({ leaderEpoch, endOffset }: EpochEndOffset): void {
    this.seek({ offset: endOffset, offsetEpoch: leaderEpoch, currentLeader: this.leader });
    this.fetchState = 'fetching';
  }
}
