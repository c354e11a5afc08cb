/**
 * The checkers of the cluster's own words: state znodes as they are written, the state-change timeline, and the logs.
 *
 * LeaderInIsr, IsrWithinAssignment, OneLeaderPerEpoch, EpochsNeverGoBack, OneController, LogsAgree. Each is tested by
 * planting the violation (test/checkers/checkers.test.ts).
 */
import { LeaderIsrAndControllerEpoch, NO_LEADER } from '../common/cluster-types';

/** Follows the writes of state znodes and of `/controller_epoch`, in the order they were applied. */
export class StateWriteChecker {
  private readonly states = new Map<string, LeaderIsrAndControllerEpoch>();
  private readonly leaders = new Map<string, number>();
  private controllerEpoch = 0;

  constructor(private readonly report: (violation: string) => void) {}

  controllerEpochWritten(epoch: number): void {
    if (epoch !== 0 && epoch !== this.controllerEpoch + 1) this.report(`EpochsNeverGoBack: /controller_epoch went from ${this.controllerEpoch} to ${epoch}`);
    this.controllerEpoch = epoch;
  }

  stateWritten(partition: string, state: LeaderIsrAndControllerEpoch, assignment: readonly number[] | undefined): void {
    const { leader, leaderEpoch, isr } = state;
    if (leader !== NO_LEADER && !isr.includes(leader)) this.report(`LeaderInIsr: ${partition} is led by ${leader} with ISR ${isr}`);
    if (isr.length === 0) this.report(`LeaderInIsr: ${partition} has an empty ISR`);
    if (assignment && isr.some((id) => !assignment.includes(id))) this.report(`IsrWithinAssignment: ${partition} has ISR ${isr}, assigned are ${assignment}`);
    const before = this.states.get(partition);
    if (before && leaderEpoch < before.leaderEpoch) this.report(`EpochsNeverGoBack: leader epoch of ${partition} went from ${before.leaderEpoch} to ${leaderEpoch}`);
    if (before && leaderEpoch === before.leaderEpoch && leader !== before.leader) this.report(`OneLeaderPerEpoch: ${partition} changed leader ${before.leader} to ${leader} within epoch ${leaderEpoch}`);
    if (before && leaderEpoch > before.leaderEpoch && state.controllerEpoch < this.controllerEpoch) {
      this.report(`OneController: ${partition} got leader epoch ${leaderEpoch} from controller epoch ${state.controllerEpoch}, current is ${this.controllerEpoch}`);
    }
    const key = `${partition}/${leaderEpoch}`;
    const known = this.leaders.get(key);
    if (leader !== NO_LEADER && known !== undefined && known !== leader) this.report(`OneLeaderPerEpoch: ${key} had leader ${known} and ${leader}`);
    if (leader !== NO_LEADER) this.leaders.set(key, leader);
    this.states.set(partition, state);
  }
}

export interface RoleEvent {
  readonly what: string;
  readonly [key: string]: unknown;
}

/** Brokers that took the lead of one partition in one epoch: there must be at most one. */
export function leadersPerEpoch(timeline: readonly RoleEvent[]): string[] {
  const leaders = new Map<string, unknown>();
  const found: string[] = [];
  for (const event of timeline) {
    if (event.what !== 'became-leader') continue;
    const key = `${String(event.topic)}-${String(event.partition)} in epoch ${String(event.leaderEpoch)}`;
    const known = leaders.get(key);
    if (known !== undefined && known !== event.broker) found.push(`OneLeaderPerEpoch: brokers ${String(known)} and ${String(event.broker)} both led ${key}`);
    leaders.set(key, event.broker);
  }
  return found;
}

export interface ReplicaLog {
  readonly broker: number;
  readonly startOffset: number;
  readonly highWatermark: number;
  /** One entry a batch: base offset and checksum of its bytes (leader epoch included). */
  readonly batches: readonly { readonly baseOffset: number; readonly digest: string }[];
}

/** Replicas that differ below the lowest high watermark. */
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
      else if (other.digest !== digest) found.push(`LogsAgree: ${partition} offset ${baseOffset} differs between brokers ${other.broker} and ${broker}`);
    }
  }
  return found;
}
