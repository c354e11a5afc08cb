/**
 * Checkers of what the cluster itself writes: partition states in ZooKeeper, the timeline of state changes,
 * and the logs.
 *
 * LeaderInIsr, IsrWithinAssignment, OneLeaderPerEpoch, EpochsNeverGoBack, OneController, LogsAgree. The tests
 * in test/checkers/checkers.test.ts violate each rule and expect the checker to report it.
 */
import { LeaderIsrAndControllerEpoch, NO_LEADER } from '../common/cluster-types';

/**
 * Checks every write of a partition state and of `/controller_epoch`, in the order in which ZooKeeper applied
 * them.
 */
export class StateWriteChecker {
  private readonly states = new Map<string, LeaderIsrAndControllerEpoch>();
  private readonly leaders = new Map<string, number>();
  private controllerEpoch = 0;

  constructor(private readonly report: (violation: string) => void) {}

  controllerEpochWritten(epoch: number): void {
    if (epoch !== 0 && epoch !== this.controllerEpoch + 1)
      this.report(`EpochsNeverGoBack: /controller_epoch went from ${this.controllerEpoch} to ${epoch}`);
    this.controllerEpoch = epoch;
  }

  stateWritten(
    partition: string,
    state: LeaderIsrAndControllerEpoch,
    assignment: readonly number[] | undefined,
  ): void {
    const { leader, leaderEpoch, isr } = state;
    if (leader !== NO_LEADER && !isr.includes(leader))
      this.report(`LeaderInIsr: ${partition} is led by ${leader} with ISR ${isr}`);
    if (isr.length === 0) this.report(`LeaderInIsr: ${partition} has an empty ISR`);
    if (assignment && isr.some((id) => !assignment.includes(id)))
      this.report(`IsrWithinAssignment: ${partition} has ISR ${isr}, assigned are ${assignment}`);
    const before = this.states.get(partition);
    if (before && leaderEpoch < before.leaderEpoch)
      this.report(
        `EpochsNeverGoBack: leader epoch of ${partition} went from ${before.leaderEpoch} to ${leaderEpoch}`,
      );
    if (before && leaderEpoch === before.leaderEpoch && leader !== before.leader)
      this.report(
        `OneLeaderPerEpoch: ${partition} changed leader ${before.leader} to ${leader} within epoch ` +
          `${leaderEpoch}`,
      );
    if (before && leaderEpoch > before.leaderEpoch && state.controllerEpoch < this.controllerEpoch) {
      this.report(
        `OneController: ${partition} got leader epoch ${leaderEpoch} from controller epoch ` +
          `${state.controllerEpoch}, current is ${this.controllerEpoch}`,
      );
    }
    const key = `${partition}/${leaderEpoch}`;
    const known = this.leaders.get(key);
    if (leader !== NO_LEADER && known !== undefined && known !== leader)
      this.report(`OneLeaderPerEpoch: ${key} had leader ${known} and ${leader}`);
    if (leader !== NO_LEADER) this.leaders.set(key, leader);
    this.states.set(partition, state);
  }
}

export interface RoleEvent {
  readonly what: string;
  readonly [key: string]: unknown;
}

/** Reports partitions of which two brokers became leader in the same leader epoch. */
export function leadersPerEpoch(timeline: readonly RoleEvent[]): string[] {
  const leaders = new Map<string, unknown>();
  const found: string[] = [];
  for (const event of timeline) {
    if (event.what !== 'became-leader') continue;
    const key = `${String(event.topic)}-${String(event.partition)} in epoch ${String(event.leaderEpoch)}`;
    const known = leaders.get(key);
    if (known !== undefined && known !== event.broker)
      found.push(`OneLeaderPerEpoch: brokers ${String(known)} and ${String(event.broker)} both led ${key}`);
    leaders.set(key, event.broker);
  }
  return found;
}

export interface ReplicaLog {
  readonly broker: number;
  readonly startOffset: number;
  readonly highWatermark: number;
  /** For each batch the base offset and a checksum of its bytes, including the leader epoch. */
  readonly batches: readonly { readonly baseOffset: number; readonly digest: string }[];
}

/** Reports replicas that differ below the lowest high watermark. */
export function divergentLogs(partition: string, logs: readonly ReplicaLog[]): string[] {
  const limit = Math.min(...logs.map((log) => log.highWatermark));
  const start = Math.max(...logs.map((log) => log.startOffset));
  const found: string[] = [];
  const seen = new Map<number, { broker: number; digest: string }>();
  for (const { broker, batches } of logs) {
    for (const { baseOffset, digest } of batches) {
      if (baseOffset < start || baseOffset >= limit) continue;
      const other = seen.get(baseOffset);
      if (!other) seen.set(baseOffset, { broker, digest });
      else if (other.digest !== digest)
        found.push(
          `LogsAgree: ${partition} offset ${baseOffset} differs between brokers ${other.broker} and ` +
            `${broker}`,
        );
    }
  }
  return found;
}
