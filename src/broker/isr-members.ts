/**
 * The members of an ISR that a leader writes, each with the broker epoch of the incarnation whose progress
 * the leader knows. ZooKeeper accepts the write only if these incarnations are still registered
 * (docs/decisions/0004, 0010).
 *
 * Kafka: the broker epochs of KIP-903, cluster/Partition.scala#addBrokerEpochToIsr@3.5
 */
import { IsrMember } from '../zk/partition-state-store';
import { hasFetched, hasLostCommitted, outOfSync, ReplicaProgress } from './partition-state';

/** The progress of the followers, by broker id. */
type Followers = ReadonlyMap<number, ReplicaProgress>;

/**
 * Whether the incarnation is known: the replica is the leader itself, or has fetched in this leader epoch.
 */
export function isKnownMember(leader: number, followers: Followers, id: number): boolean {
  const follower = followers.get(id);
  return follower === undefined ? id === leader : hasFetched(follower);
}

/** All members of the ISR except the leader. Their incarnations must be known. */
export function membersToCheck(leader: number, followers: Followers, isr: readonly number[]): IsrMember[] {
  const others = isr.filter((id) => id !== leader);
  return others.map((id) => ({ brokerId: id, brokerEpoch: followers.get(id)!.brokerEpoch }));
}

interface LeaderLog {
  readonly logEndOffset: number;
  readonly highWatermark: number;
}

/**
 * The members that stay in the ISR: those that keep up and have every committed record. Times in monotonic
 * ms.
 */
export function inSyncMembers(
  isr: readonly number[],
  followers: Followers,
  log: LeaderLog,
  time: { readonly lagTimeMaxMs: number; readonly now: number },
): readonly number[] {
  const lagging = outOfSync(isr, followers, log.logEndOffset, time.lagTimeMaxMs, time.now);
  return isr.filter((id) => !lagging.includes(id) && !hasLostCommitted(followers.get(id), log.highWatermark));
}
