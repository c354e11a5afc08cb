/**
 * Members of an ISR whose process was started after the state was written: a pure comparison of transactions.
 *
 * Kafka 2.8 has no counterpart; see restarted-replicas.ts and docs/decisions/0004.
 */
export interface LastWritten {
  readonly leader: number;
  readonly isr: readonly number[];
  /** The transaction that wrote the state, comparable with a broker epoch. */
  readonly mzxid: number;
}

export interface Restarted {
  /** They leave the ISR. */
  readonly leaving: readonly number[];
  /** The leader restarted and there is nobody better: an election gives it a new leader epoch. */
  readonly needsElection: boolean;
}

/** `processEpochs`: what the processes of the brokers that live, and have the replica, registered with first. */
export function restartedReplicas(state: LastWritten, processEpochs: ReadonlyMap<number, number>): Restarted {
  const { leader, isr, mzxid } = state;
  const hasRestarted = (id: number) => (processEpochs.get(id) ?? -1) > mzxid;
  const restarted = isr.filter(hasRestarted);
  const hasOther = isr.some((id) => processEpochs.has(id) && !hasRestarted(id));
  return hasOther ? { leaving: restarted, needsElection: false } : { leaving: [], needsElection: hasRestarted(leader) };
}
