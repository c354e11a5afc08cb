/**
 * What a leader knows about its ISR in ZooKeeper: what stands there, or, while a write is under way or its
 * reply is lost, everything that may stand there.
 *
 * Invariant: `maximal` contains every replica that ZooKeeper's ISR may contain at this moment. The high
 * watermark is computed from it. It shrinks only when ZooKeeper was seen at a version beyond the one we wrote
 * at: until then the lost write may have been applied, or may still be.
 *
 * [p] Kafka: cluster/Partition.scala#{CommittedIsr,PendingExpandIsr,PendingShrinkIsr}@2.8.2; differs: there
 * the write blocks until ZooKeeper has answered, so that nothing is ever unknown.
 */

/** What ZooKeeper answered. */
export type IsrAnswer =
  | { readonly kind: 'ok' | 'conflict'; readonly state: FoundState | undefined }
  /** Not written: a replica that was to be in it has been restarted, or is gone. */
  | { readonly kind: 'member-gone' };

interface FoundState {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
  readonly zkVersion: number;
}

export interface IsrState {
  /**
   * `unknown`: the reply to a write is lost; nothing else may be proposed until it is known what became of
   * it. `superseded`: somebody with a newer leader epoch wrote the state; only a LeaderAndIsr can help.
   */
  readonly phase: 'settled' | 'writing' | 'unknown' | 'superseded';
  /** As last seen in ZooKeeper, at `zkVersion`. */
  readonly committed: readonly number[];
  readonly zkVersion: number;
  /** The committed ISR, and whoever is in one that was proposed since. */
  readonly maximal: readonly number[];
}

export function settledIsr(isr: readonly number[], zkVersion: number): IsrState {
  return { phase: 'settled', committed: isr, zkVersion, maximal: isr };
}

/** `isr` is about to be written over what stands at the known version. */
export function proposeIsr(state: IsrState, isr: readonly number[]): IsrState {
  return { ...state, phase: 'writing', maximal: [...new Set([...state.maximal, ...isr])] };
}

export function unknownIsr(proposed: IsrState): IsrState {
  return { ...proposed, phase: 'unknown' };
}

/** The state after the answer to a write; `before` is the one that it was proposed in. */
export function afterIsrWrite(
  before: IsrState, proposed: IsrState, answer: IsrAnswer, me: Pick<FoundState, 'leader' | 'leaderEpoch'>,
): IsrState {
  // Nothing was written now; what was unknown before still is.
  if (answer.kind === 'member-gone') return before;
  const found = answer.state;
  // A read may lag behind (ZooKeeper promises it to no other session), so an old version proves nothing.
  if (found === undefined || found.zkVersion <= proposed.zkVersion) return unknownIsr(proposed);
  const isOurs = found.leader === me.leader && found.leaderEpoch === me.leaderEpoch;
  return isOurs ? settledIsr(found.isr, found.zkVersion) : { ...proposed, phase: 'superseded' };
}
