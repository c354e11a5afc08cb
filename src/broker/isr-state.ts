/**
 * What a leader knows about its ISR in ZooKeeper: the committed ISR and, while a write is in flight or its
 * reply was lost, every ISR that ZooKeeper may have.
 *
 * Invariant: `maximal` contains every replica that ZooKeeper's ISR may contain at this moment; the high
 * watermark is computed from it. It shrinks only when ZooKeeper shows a newer version than the one our write
 * named: until then a write whose reply was lost may have been applied, or may still be.
 *
 * [p] Kafka: cluster/Partition.scala#{CommittedIsr,PendingExpandIsr,PendingShrinkIsr}@2.8.2; differs: there
 * the write blocks until ZooKeeper has answered, so that nothing is ever unknown.
 */

/** The result of an ISR write. */
export type IsrAnswer =
  | { readonly kind: 'ok' | 'conflict'; readonly state: FoundState | undefined }
  /** Not written: a member of the new ISR has restarted, or its registration is gone. */
  | { readonly kind: 'member-gone' };

interface FoundState {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
  readonly zkVersion: number;
}

export interface IsrState {
  /**
   * `unknown`: the reply to a write was lost, and no other ISR may be proposed until its outcome is known.
   * `superseded`: the state in ZooKeeper has another leader or leader epoch; the leader waits for a
   * LeaderAndIsr.
   */
  readonly phase: 'settled' | 'writing' | 'unknown' | 'superseded';
  /** The ISR last seen in ZooKeeper, with `zkVersion`. */
  readonly committed: readonly number[];
  readonly zkVersion: number;
  /** The committed ISR and the members of all ISRs proposed since. */
  readonly maximal: readonly number[];
}

export function settledIsr(isr: readonly number[], zkVersion: number): IsrState {
  return { phase: 'settled', committed: isr, zkVersion, maximal: isr };
}

/** The state while `isr` is written over the known version. */
export function proposeIsr(state: IsrState, isr: readonly number[]): IsrState {
  return { ...state, phase: 'writing', maximal: [...new Set([...state.maximal, ...isr])] };
}

export function unknownIsr(proposed: IsrState): IsrState {
  return { ...proposed, phase: 'unknown' };
}

/** The state after a write; `before` is the state before it was proposed. */
export function afterIsrWrite(
  before: IsrState,
  proposed: IsrState,
  answer: IsrAnswer,
  me: Pick<FoundState, 'leader' | 'leaderEpoch'>,
): IsrState {
  // This write was not applied, and an earlier write with an unknown outcome is still unknown.
  if (answer.kind === 'member-gone') return before;
  const found = answer.state;
  // The read may be stale, because ZooKeeper guarantees other sessions' writes only after a sync: an old
  // version is no proof.
  if (found === undefined || found.zkVersion <= proposed.zkVersion) return unknownIsr(proposed);
  const isOurs = found.leader === me.leader && found.leaderEpoch === me.leaderEpoch;
  return isOurs ? settledIsr(found.isr, found.zkVersion) : { ...proposed, phase: 'superseded' };
}
