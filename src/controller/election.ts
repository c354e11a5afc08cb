/**
 * Who shall lead: the elections as functions of assignment, ISR and the replicas that are alive.
 *
 * Invariant: except for the unclean election, the leader comes from the ISR, so it has every committed record.
 * Only replicas that live are in the ISR of the result (Kafka leaves others in it here and there).
 *
 * [p] Kafka: controller/Election.scala and PartitionStateMachine.scala#PartitionLeaderElectionAlgorithms@2.8.2
 */

export interface Elected {
  readonly leader: number;
  readonly isr: readonly number[];
  /** The replicas that are to hear of it. */
  readonly recipients: readonly number[];
  readonly unclean: boolean;
}

export interface Candidates {
  /** In order of preference. */
  readonly assignment: readonly number[];
  readonly isr: readonly number[];
  readonly isLive: (replica: number) => boolean;
}

/** After the leader is gone: the first live replica in sync, or, if allowed and there is none, the first live one. */
export function electOffline({ assignment, isr, isLive }: Candidates, uncleanAllowed: boolean): Elected | undefined {
  const live = assignment.filter(isLive);
  const leader = live.find((replica) => isr.includes(replica));
  if (leader !== undefined) return { leader, isr: isr.filter(isLive), recipients: live, unclean: false };
  if (!uncleanAllowed || live.length === 0) return undefined;
  return { leader: live[0]!, isr: [live[0]!], recipients: live, unclean: true };
}

/** The head of the assignment, if it is alive and in sync. */
export function electPreferred({ assignment, isr, isLive }: Candidates): Elected | undefined {
  const leader = assignment[0];
  if (leader === undefined || !isLive(leader) || !isr.includes(leader)) return undefined;
  return { leader, isr: isr.filter(isLive), recipients: assignment, unclean: false };
}

/** While brokers are shutting down: the first in-sync replica that stays, and the ISR without those that go. */
export function electControlledShutdown(
  { assignment, isr, isLive }: Candidates, isShuttingDown: (replica: number) => boolean,
): Elected | undefined {
  const reachable = assignment.filter((replica) => isLive(replica) || isShuttingDown(replica));
  const leader = reachable.find((replica) => isr.includes(replica) && !isShuttingDown(replica));
  if (leader === undefined) return undefined;
  return { leader, isr: isr.filter(isLive), recipients: reachable, unclean: false };
}

/** The first leader of a new partition: the first live replica, with every live one in the ISR. */
export function electInitial({ assignment, isLive }: Omit<Candidates, 'isr'>): Elected | undefined {
  const live = assignment.filter(isLive);
  return live.length === 0 ? undefined : { leader: live[0]!, isr: live, recipients: live, unclean: false };
}
