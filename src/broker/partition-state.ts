/**
 * The rules of replication as functions: which followers are in sync, when the high watermark advances, and
 * which followers leave or may join the ISR.
 *
 * Invariant: the high watermark is at most the log end offset of every member of the maximal ISR (the
 * committed ISR plus the followers that are being added), so every record below it is on every replica that
 * could become leader.
 *
 * [p] Kafka: cluster/{Partition,Replica}.scala@2.8.2
 */
import { ErrorName } from '../common/errors';

/** A leader's knowledge of one follower. Times are monotonic ms. */
export interface ReplicaProgress {
  readonly logEndOffset: number;
  /** The last time at which the follower is known to have had every record of the leader. */
  readonly lastCaughtUpMs: number;
  /** The leader's log end offset at the follower's last fetch, and the time of that fetch. */
  readonly lastFetchLeaderEndOffset: number;
  readonly lastFetchMs: number;
  /** The follower's log start offset. */
  readonly logStartOffset: number;
  /** The broker epoch in the last fetch (design D17). */
  readonly brokerEpoch: number;
}

export const UNKNOWN_OFFSET = -1;

export function newReplica(inIsr: boolean, nowMs: number): ReplicaProgress {
  return {
    logEndOffset: UNKNOWN_OFFSET,
    lastCaughtUpMs: inIsr ? nowMs : -Infinity,
    lastFetchLeaderEndOffset: 0,
    lastFetchMs: -Infinity,
    logStartOffset: UNKNOWN_OFFSET,
    brokerEpoch: -1,
  };
}

/**
 * The progress of a follower whose incarnation has ended: nothing is known until the next incarnation
 * fetches.
 */
export function restartedReplica({ brokerEpoch }: ReplicaProgress, nowMs: number): ReplicaProgress {
  return { ...newReplica(false, nowMs), brokerEpoch: brokerEpoch + 1 };
}

/** Whether the follower has fetched in this leader epoch, so that its incarnation is known. */
export function hasFetched({ lastFetchMs }: ReplicaProgress): boolean {
  return lastFetchMs !== -Infinity;
}

export interface FollowerFetch {
  readonly fetchOffset: number;
  readonly logStartOffset: number;
  readonly brokerEpoch: number;
}

/**
 * The progress after a fetch: the follower has everything below `fetchOffset`. If it has reached the leader's
 * end of the previous fetch, it counts as caught up at the time of that fetch; otherwise it could never catch
 * up with a busy leader.
 */
export function afterFetch(
  replica: ReplicaProgress,
  { fetchOffset, logStartOffset, brokerEpoch }: FollowerFetch,
  leaderEndOffset: number,
  nowMs: number,
): ReplicaProgress {
  let { lastCaughtUpMs } = replica;
  if (fetchOffset >= leaderEndOffset) lastCaughtUpMs = nowMs;
  else if (fetchOffset >= replica.lastFetchLeaderEndOffset)
    lastCaughtUpMs = Math.max(lastCaughtUpMs, replica.lastFetchMs);
  return {
    logEndOffset: fetchOffset,
    lastCaughtUpMs,
    lastFetchLeaderEndOffset: leaderEndOffset,
    lastFetchMs: nowMs,
    logStartOffset,
    brokerEpoch,
  };
}

export function isCaughtUp(
  replica: ReplicaProgress,
  leaderEndOffset: number,
  lagTimeMaxMs: number,
  nowMs: number,
): boolean {
  return replica.logEndOffset === leaderEndOffset || nowMs - replica.lastCaughtUpMs <= lagTimeMaxMs;
}

/**
 * The offset that every relevant replica has reached: the maximal ISR, and followers that are about to join
 * it.
 */
export function highWatermarkCandidate(
  leaderEndOffset: number,
  replicas: ReadonlyMap<number, ReplicaProgress>,
  maximalIsr: readonly number[],
  lagTimeMaxMs: number,
  nowMs: number,
): number {
  let candidate = leaderEndOffset;
  for (const [id, replica] of replicas) {
    if (replica.logEndOffset >= candidate) continue;
    if (
      maximalIsr.includes(id) ||
      (replica.logEndOffset >= 0 && nowMs - replica.lastCaughtUpMs <= lagTimeMaxMs)
    )
      candidate = replica.logEndOffset;
  }
  return candidate;
}

/** The ISR members that have not been caught up for longer than `lagTimeMaxMs`. */
export function outOfSync(
  isr: readonly number[],
  replicas: ReadonlyMap<number, ReplicaProgress>,
  leaderEndOffset: number,
  lagTimeMaxMs: number,
  nowMs: number,
): number[] {
  return isr.filter((id) => {
    const replica = replicas.get(id);
    return replica !== undefined && !isCaughtUp(replica, leaderEndOffset, lagTimeMaxMs, nowMs);
  });
}

/**
 * Whether an ISR member fetches below the high watermark: it lost committed records in a power failure, and
 * the controller has not noticed its restart or could not write the ISR. Kafka 2.8 leaves it in the ISR.
 */
export function hasLostCommitted(replica: ReplicaProgress | undefined, highWatermark: number): boolean {
  return replica !== undefined && hasFetched(replica) && replica.logEndOffset < highWatermark;
}

/**
 * Whether a follower may join the ISR: it has every committed record, and everything up to the offset at
 * which this leader's epoch began. Without the second condition a committed record can be lost (KAFKA-7128).
 */
export function mayJoinIsr(
  replica: ReplicaProgress,
  highWatermark: number,
  leaderEpochStartOffset: number,
): boolean {
  return replica.logEndOffset >= highWatermark && replica.logEndOffset >= leaderEpochStartOffset;
}

/**
 * KIP-320: the sender of an older epoch is out of date; the sender of a newer epoch knows more than this
 * broker. -1: the request has no epoch.
 */
export function leaderEpochProblem(requestEpoch: number, leaderEpoch: number): ErrorName | undefined {
  if (requestEpoch === -1 || requestEpoch === leaderEpoch) return undefined;
  return requestEpoch < leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH';
}

export type TruncationStep =
  | { readonly kind: 'done'; readonly offset: number }
  /** Truncate to `offset`, then ask again with the epoch that is the latest then (KIP-279). */
  | { readonly kind: 'again'; readonly offset: number };

interface EpochEnd {
  readonly epoch: number;
  readonly endOffset: number;
}

/**
 * Where a follower truncates, from the leader's response and the end offset of the same epoch in its own log.
 */
export function planTruncation(
  leader: EpochEnd,
  own: EpochEnd,
  logEndOffset: number,
  highWatermark: number,
): TruncationStep {
  // The leader knows no epoch up to ours: only records below the high watermark are certain to agree.
  if (leader.endOffset === -1) return { kind: 'done', offset: highWatermark };
  // No epoch to compare with: the leader's end offset is all there is.
  if (leader.epoch === -1) return { kind: 'done', offset: Math.min(leader.endOffset, logEndOffset) };
  // Our log has no epoch up to the leader's.
  if (own.endOffset === -1) return { kind: 'done', offset: Math.min(leader.endOffset, logEndOffset) };
  // Our log lacks that epoch: truncate to the end of our next lower one, and compare again.
  if (own.epoch !== leader.epoch) return { kind: 'again', offset: Math.min(own.endOffset, logEndOffset) };
  return { kind: 'done', offset: Math.min(own.endOffset, leader.endOffset, logEndOffset) };
}
