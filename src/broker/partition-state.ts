/**
 * The rules of replication, as functions: how a leader judges its followers, when the high watermark moves, who leaves
 * the ISR and who may join.
 *
 * Invariant: the high watermark is at most the log end offset of every member of the maximal ISR (the committed one
 * plus whoever is being added), so whatever lies below it is on every replica that could become leader.
 *
 * [p] Kafka: cluster/{Partition,Replica}.scala@2.8.2
 */
import { ErrorName } from '../common/errors';

/** What a leader knows of one follower. Times are monotonic ms. */
export interface ReplicaProgress {
  readonly logEndOffset: number;
  /** When the follower was last known to have everything the leader had. */
  readonly lastCaughtUpMs: number;
  /** The leader's log end offset at the previous fetch, and its time. */
  readonly lastFetchLeaderEndOffset: number;
  readonly lastFetchMs: number;
  /** Where the follower's log begins. */
  readonly logStartOffset: number;
  /** Broker epoch that the fetch came from (design D17). */
  readonly brokerEpoch: number;
}

export const UNKNOWN_OFFSET = -1;

export function newReplica(inIsr: boolean, nowMs: number): ReplicaProgress {
  return { logEndOffset: UNKNOWN_OFFSET, lastCaughtUpMs: inIsr ? nowMs : -Infinity, lastFetchLeaderEndOffset: 0, lastFetchMs: -Infinity, logStartOffset: UNKNOWN_OFFSET, brokerEpoch: -1 };
}

/** What a leader knows of a follower whose incarnation has ended: nothing, until the next one fetches. */
export function restartedReplica({ brokerEpoch }: ReplicaProgress, nowMs: number): ReplicaProgress {
  return { ...newReplica(false, nowMs), brokerEpoch: brokerEpoch + 1 };
}

/** Whether it has fetched in this leader epoch, so that its incarnation is known. */
export function hasFetched({ lastFetchMs }: ReplicaProgress): boolean {
  return lastFetchMs !== -Infinity;
}

export interface FollowerFetch {
  readonly fetchOffset: number;
  readonly logStartOffset: number;
  readonly brokerEpoch: number;
}

/**
 * A fetch at `fetchOffset` tells that the follower has everything below it. One that keeps up with a moving leader
 * counts as caught up as of its previous fetch.
 */
export function afterFetch(replica: ReplicaProgress, { fetchOffset, logStartOffset, brokerEpoch }: FollowerFetch, leaderEndOffset: number, nowMs: number): ReplicaProgress {
  let { lastCaughtUpMs } = replica;
  if (fetchOffset >= leaderEndOffset) lastCaughtUpMs = nowMs;
  else if (fetchOffset >= replica.lastFetchLeaderEndOffset) lastCaughtUpMs = Math.max(lastCaughtUpMs, replica.lastFetchMs);
  return { logEndOffset: fetchOffset, lastCaughtUpMs, lastFetchLeaderEndOffset: leaderEndOffset, lastFetchMs: nowMs, logStartOffset, brokerEpoch };
}

export function isCaughtUp(replica: ReplicaProgress, leaderEndOffset: number, lagTimeMaxMs: number, nowMs: number): boolean {
  return replica.logEndOffset === leaderEndOffset || nowMs - replica.lastCaughtUpMs <= lagTimeMaxMs;
}

/** Up to where every relevant replica has the log: the maximal ISR, and whoever is about to join it. */
export function highWatermarkCandidate(
  leaderEndOffset: number, replicas: ReadonlyMap<number, ReplicaProgress>, maximalIsr: readonly number[], lagTimeMaxMs: number, nowMs: number,
): number {
  let candidate = leaderEndOffset;
  for (const [id, replica] of replicas) {
    if (replica.logEndOffset >= candidate) continue;
    if (maximalIsr.includes(id) || (replica.logEndOffset >= 0 && nowMs - replica.lastCaughtUpMs <= lagTimeMaxMs)) candidate = replica.logEndOffset;
  }
  return candidate;
}

/** Followers in the ISR that have not caught up for too long. */
export function outOfSync(
  isr: readonly number[], replicas: ReadonlyMap<number, ReplicaProgress>, leaderEndOffset: number, lagTimeMaxMs: number, nowMs: number,
): number[] {
  return isr.filter((id) => {
    const replica = replicas.get(id);
    return replica !== undefined && !isCaughtUp(replica, leaderEndOffset, lagTimeMaxMs, nowMs);
  });
}

/**
 * Whether a member of the ISR asks for what is committed, which it had: a power cut took it, and the controller has
 * not noticed, or could not write it. Kafka 2.8 leaves it in.
 */
export function hasLostCommitted(replica: ReplicaProgress | undefined, highWatermark: number): boolean {
  return replica !== undefined && hasFetched(replica) && replica.logEndOffset < highWatermark;
}

/**
 * Whether a follower may join the ISR: it has everything committed, and everything up to where this leader's epoch
 * began. Without the second condition a committed record can be lost (KAFKA-7128).
 */
export function mayJoinIsr(replica: ReplicaProgress, highWatermark: number, leaderEpochStartOffset: number): boolean {
  return replica.logEndOffset >= highWatermark && replica.logEndOffset >= leaderEpochStartOffset;
}

/** KIP-320: who asks with another epoch than ours is stale, or knows more than we do. -1: did not say. */
export function leaderEpochProblem(requestEpoch: number, leaderEpoch: number): ErrorName | undefined {
  if (requestEpoch === -1 || requestEpoch === leaderEpoch) return undefined;
  return requestEpoch < leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH';
}

export type TruncationStep =
  | { readonly kind: 'done'; readonly offset: number }
  /** Truncate there and ask again with the epoch that is then the latest (KIP-279). */
  | { readonly kind: 'again'; readonly offset: number };

interface EpochEnd {
  readonly epoch: number;
  readonly endOffset: number;
}

/** Where a follower truncates, given the leader's answer and where its own log ends for that epoch. */
export function planTruncation(leader: EpochEnd, own: EpochEnd, logEndOffset: number, highWatermark: number): TruncationStep {
  if (leader.endOffset === -1) return { kind: 'done', offset: highWatermark };
  if (leader.epoch === -1) return { kind: 'done', offset: Math.min(leader.endOffset, logEndOffset) };
  if (own.endOffset === -1) return { kind: 'done', offset: Math.min(leader.endOffset, logEndOffset) };
  if (own.epoch !== leader.epoch) return { kind: 'again', offset: Math.min(own.endOffset, logEndOffset) };
  return { kind: 'done', offset: Math.min(own.endOffset, leader.endOffset, logEndOffset) };
}
