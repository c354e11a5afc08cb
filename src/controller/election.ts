/**
 * Leader elections as functions of the assignment, the ISR and the live replicas.
 *
 * Invariant: except in an unclean election the leader comes from the ISR, so it has every committed record.
 * The resulting ISR contains only live replicas (Kafka sometimes keeps others in it).
 *
 * [p] Kafka: controller/Election.scala and
 * PartitionStateMachine.scala#PartitionLeaderElectionAlgorithms@2.8.2
 */

export interface Elected {
  readonly leader: number;
  readonly isr: readonly number[];
  /** The replicas that get a LeaderAndIsr request. */
  readonly recipients: readonly number[];
  readonly unclean: boolean;
}

export interface Candidates {
  /** All replicas; the preferred replica comes first. */
  readonly assignment: readonly number[];
  readonly isr: readonly number[];
  readonly isLive: (replica: number) => boolean;
}

/**
 * The leader is gone: elects the first live replica of the ISR. Without one, and if `uncleanAllowed`, the
 * first live replica. Undefined if there is no candidate.
 */
export function electOffline(
  { assignment, isr, isLive }: Candidates,
  uncleanAllowed: boolean,
): Elected | undefined {
  const live = assignment.filter(isLive);
  const leader = live.find((replica) => isr.includes(replica));
  if (leader !== undefined) return { leader, isr: isr.filter(isLive), recipients: live, unclean: false };
  if (!uncleanAllowed || live.length === 0) return undefined;
  return { leader: live[0]!, isr: [live[0]!], recipients: live, unclean: true };
}

/** Elects the first replica of the assignment, if it is alive and in the ISR; otherwise undefined. */
export function electPreferred({ assignment, isr, isLive }: Candidates): Elected | undefined {
  const leader = assignment[0];
  if (leader === undefined || !isLive(leader) || !isr.includes(leader)) return undefined;
  return { leader, isr: isr.filter(isLive), recipients: assignment, unclean: false };
}

/**
 * Brokers are shutting down: elects the first ISR member that is not, and removes the others from the ISR.
 * Undefined if there is no such member.
 */
export function electControlledShutdown(
  { assignment, isr, isLive }: Candidates,
  isShuttingDown: (replica: number) => boolean,
): Elected | undefined {
  const reachable = assignment.filter((replica) => isLive(replica) || isShuttingDown(replica));
  const leader = reachable.find((replica) => isr.includes(replica) && !isShuttingDown(replica));
  if (leader === undefined) return undefined;
  return { leader, isr: isr.filter(isLive), recipients: reachable, unclean: false };
}

/**
 * A new partition: the first live replica leads, and all live replicas form the ISR. Undefined if none is
 * alive.
 */
export function electInitial({ assignment, isLive }: Omit<Candidates, 'isr'>): Elected | undefined {
  const live = assignment.filter(isLive);
  return live.length === 0 ? undefined : { leader: live[0]!, isr: live, recipients: live, unclean: false };
}
