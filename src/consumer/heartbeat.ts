/**
 * Sends heartbeats to the coordinator, independent of the user's polls. A response may say that the member
 * must rejoin.
 *
 * Invariant: a response counts only for the generation of its request, and only while the member is not
 * joining; the outcome of the join replaces it then.
 *
 * Kafka: clients/consumer/internals/{AbstractCoordinator,Heartbeat}.java@2.8.2
 */
import { inBackground } from '../common/background';
import { ErrorName, messageOf } from '../common/errors';
import { Clock, Log, Timer } from '../common/host';
import { heartbeat } from '../protocol/messages/groups';
import { CoordinatorClient } from './coordinator-client';
import { EXPELLED, GenerationInfo } from './offset-committer';

/** The part of the membership that the heartbeat uses. */
export interface Beating {
  readonly info: GenerationInfo;
  readonly isMember: boolean;
  readonly isJoining: boolean;
  /** The user has not polled for max.poll.interval.ms. */
  readonly isPollOverdue: boolean;
  requestRejoin(reason: string): void;
  expelled(error: ErrorName): void;
  /** Leaves the group, because the user does not poll. */
  abandon(): Promise<void>;
}

export interface HeartbeatDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly groupId: string;
  readonly coordinator: CoordinatorClient;
  readonly intervalMs: number;
  readonly sessionTimeoutMs: number;
}

export class Heartbeat {
  private timer: Timer | undefined;
  private isInFlight = false;
  private isClosed = false;
  private lastOkMs: number;

  constructor(
    private readonly deps: HeartbeatDeps,
    private readonly member: Beating,
  ) {
    this.lastOkMs = deps.clock.monotonicMs();
  }

  /** To be called when the coordinator has processed another request of the member. */
  heard(): void {
    this.lastOkMs = this.deps.clock.monotonicMs();
  }

  start(): void {
    if (this.timer || this.isClosed) return;
    this.timer = this.deps.clock.schedule(this.deps.intervalMs, () => {
      this.timer = undefined;
      this.start();
      inBackground(this.deps.log, 'A heartbeat', this.beat());
    });
  }

  private async beat(): Promise<void> {
    const { member } = this;
    if (!member.isMember || member.isJoining || this.isInFlight) return;
    if (member.isPollOverdue) return member.abandon();
    this.isInFlight = true;
    try {
      await this.ask(member.info);
    } catch (error) {
      if (!this.isClosed) this.failed(messageOf(error));
    } finally {
      this.isInFlight = false;
    }
  }

  private async ask(info: GenerationInfo): Promise<void> {
    const { coordinator, groupId, sessionTimeoutMs } = this.deps;
    const { generation: generationId, memberId, groupInstanceId } = info;
    const request = { groupId, generationId, memberId, groupInstanceId };
    const error = coordinator.note(
      (await coordinator.request(heartbeat, request, sessionTimeoutMs)).errorCode,
    );
    const { member } = this;
    if (this.isClosed || member.isJoining || member.info.generation !== generationId) return;
    if (error === 'NONE' || error === 'REBALANCE_IN_PROGRESS') this.heard();
    if (error === 'REBALANCE_IN_PROGRESS') member.requestRejoin('group is already rebalancing');
    else if (EXPELLED.includes(error)) member.expelled(error);
  }

  private failed(reason: string): void {
    const { log, clock, sessionTimeoutMs } = this.deps;
    log.debug(`Heartbeat failed: ${reason}`);
    if (clock.monotonicMs() - this.lastOkMs > sessionTimeoutMs) {
      log.warn(`No heartbeat was answered for ${sessionTimeoutMs} ms`);
    }
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
  }
}
