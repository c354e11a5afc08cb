/**
 * The two barriers of a rebalance, and the session timers of the members.
 *
 * Join: waits until every known member has joined or the time is over; then starts a new generation and
 * answers all members, the leader with the subscriptions of all. Sync: all members wait until the leader has
 * sent the assignment and it is committed to the log. Invariant: every waiting JoinGroup and SyncGroup is
 * answered exactly once.
 *
 * Kafka: coordinator/group/{GroupCoordinator,DelayedJoin,DelayedSync,DelayedHeartbeat}.scala@2.8.2
 */
import { guarded, inBackground } from '../../common/background';
import { errorCode, ErrorName } from '../../common/errors';
import { Host, Log as Logger, Timer } from '../../common/host';
import { syncGroup } from '../../protocol/messages/groups';
import { TypeOf } from '../../protocol/schema';
import { BrokerConfig } from '../broker-config';
import { Group, JoinResponse, Member, SyncResponse } from './group-metadata';
import { GroupMetadataManager } from './group-metadata-manager';

const NO_BYTES = Buffer.alloc(0);
/** A session timer that fires later than this shows that the broker itself was blocked. */
const STANDSTILL_MS = 1000;

export function joinError(error: ErrorName, memberId: string): JoinResponse {
  return {
    errorCode: errorCode(error),
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    memberId,
    members: [],
  };
}

export function syncError(error: ErrorName): SyncResponse {
  return { errorCode: errorCode(error), protocolType: null, protocolName: null, assignment: NO_BYTES };
}

export class GroupRebalance {
  constructor(
    private readonly host: Host,
    private readonly log: Logger,
    private readonly config: BrokerConfig,
    private readonly groups: GroupMetadataManager,
  ) {}

  private get wallMs(): number {
    return this.host.clock.wallMs();
  }

  /** An error in a group's timer affects only that group. */
  private later(group: Group, delayMs: number, action: () => void): Timer {
    return this.host.clock.schedule(delayMs, guarded(this.log, `A timer of group ${group.groupId}`, action));
  }

  prepare(group: Group, reason: string): void {
    if (!group.is('Stable', 'CompletingRebalance', 'Empty')) return;
    group.syncTimer?.cancel();
    if (group.is('CompletingRebalance')) this.answerSyncs(group, 'REBALANCE_IN_PROGRESS');
    const isFirst = group.is('Empty');
    group.transitionTo('PreparingRebalance', this.wallMs);
    this.log.info(
      `Preparing to rebalance group ${group.groupId} in state PreparingRebalance with old generation ` +
        `${group.generation} (reason: ${reason})`,
    );
    this.host.event({ what: 'rebalance', group: group.groupId, generation: group.generation, reason });
    if (isFirst) this.gatherMembers(group, group.rebalanceTimeoutMs);
    else this.armJoin(group, group.rebalanceTimeoutMs);
  }

  /**
   * An empty group waits a short time for more members, so that its start takes one rebalance instead of one
   * per member.
   */
  private gatherMembers(group: Group, leftMs: number): void {
    const delayMs = Math.min(this.config['group.initial.rebalance.delay.ms'], leftMs);
    group.newMemberAdded = false;
    group.joinMayCompleteEarly = false;
    group.joinTimer?.cancel();
    group.joinTimer = this.later(group, delayMs, () => {
      if (group.newMemberAdded && leftMs - delayMs > 0) this.gatherMembers(group, leftMs - delayMs);
      else this.completeJoin(group);
    });
  }

  private armJoin(group: Group, timeoutMs: number): void {
    group.joinMayCompleteEarly = true;
    group.joinTimer?.cancel();
    group.joinTimer = this.later(group, timeoutMs, () => this.completeJoin(group));
  }

  completeJoinIfAllJoined(group: Group): void {
    if (group.is('PreparingRebalance') && group.joinMayCompleteEarly && group.hasAllMembersJoined)
      this.completeJoin(group);
  }

  private completeJoin(group: Group): void {
    if (!group.is('PreparingRebalance')) return;
    group.joinTimer?.cancel();
    group.joinMayCompleteEarly = true;
    for (const member of group.all) {
      // A static member that did not rejoin stays until its session ends (KIP-345).
      if (member.awaitingJoin || member.groupInstanceId !== null) continue;
      this.log.info(`Group ${group.groupId} removes ${member.memberId}, which did not rejoin`);
      this.drop(group, member);
    }
    // Only static members are left, and none has rejoined: wait once more.
    if (group.members.size > 0 && !group.electJoinedLeader())
      return this.armJoin(group, group.rebalanceTimeoutMs);
    group.generation++;
    if (group.members.size === 0) return this.becomeEmpty(group);
    group.protocolName = group.selectProtocol();
    group.transitionTo('CompletingRebalance', this.wallMs);
    this.log.info(
      `Stabilized group ${group.groupId} generation ${group.generation} with ${group.members.size} members`,
    );
    this.generationChanged(group);
    for (const member of group.all) {
      const answer = member.awaitingJoin;
      member.awaitingJoin = undefined;
      member.isNew = false;
      this.keepAlive(group, member, member.sessionTimeoutMs);
      answer?.(this.currentGeneration(group, member));
    }
    this.awaitSyncs(group);
  }

  private generationChanged({ groupId, generation, members, leaderId }: Group): void {
    this.host.event({
      what: 'generation-changed',
      group: groupId,
      generation,
      members: members.size,
      leader: leaderId,
    });
  }

  private becomeEmpty(group: Group): void {
    group.protocolName = null;
    group.leaderId = null;
    group.transitionTo('Empty', this.wallMs);
    this.generationChanged(group);
    this.log.info(`Group ${group.groupId} with generation ${group.generation} is now empty`);
    inBackground(this.log, `Storing group ${group.groupId}`, this.groups.storeGroup(group, new Map()));
  }

  /** Removes the members that do not send SyncGroup in time, so that they cannot block the group. */
  private awaitSyncs(group: Group): void {
    const { generation } = group;
    const missing = new Set(group.members.keys());
    group.syncTimer?.cancel();
    group.syncTimer = this.later(group, group.rebalanceTimeoutMs, () => {
      if (group.generation !== generation || !group.is('CompletingRebalance', 'Stable')) return;
      const late = group.all.filter(
        (member) => missing.has(member.memberId) && !group.syncedMembers.has(member.memberId),
      );
      if (late.length === 0) return;
      for (const member of late) this.drop(group, member);
      this.prepare(group, `removing ${late.length} members that did not sync in time`);
      this.completeJoinIfAllJoined(group);
    });
    group.syncedMembers.clear();
  }

  /**
   * Stores the leader's assignment, and answers the members when it is committed. Only the first assignment
   * of a generation counts: a leader that did not get the response may send another one, but the log and the
   * members must have the same.
   */
  async assign(group: Group, request: TypeOf<typeof syncGroup.request>): Promise<void> {
    const { generation } = group;
    if (group.storingGeneration === generation) return;
    group.storingGeneration = generation;
    this.log.info(
      `Assignment received from leader ${request.memberId} for group ${group.groupId} generation ` +
        `${generation}`,
    );
    const given = new Map(request.assignments.map((row) => [row.memberId, row.assignment]));
    const assignments = new Map(
      group.all.map((member) => [member.memberId, given.get(member.memberId) ?? NO_BYTES]),
    );
    const error = await this.groups.storeGroup(group, assignments);
    if (!group.is('CompletingRebalance') || group.generation !== generation) {
      this.host.event({ what: 'assignment-outdated', group: group.groupId, generation });
      return;
    }
    if (error !== 'NONE') {
      this.answerSyncs(group, error);
      this.prepare(group, `the assignment could not be stored: ${error}`);
      return this.completeJoinIfAllJoined(group);
    }
    for (const member of group.all) member.assignment = assignments.get(member.memberId) ?? NO_BYTES;
    group.transitionTo('Stable', this.wallMs);
    this.answerSyncs(group, 'NONE');
  }

  private answerSyncs(group: Group, error: ErrorName): void {
    for (const member of group.all) {
      const answer = member.awaitingSync;
      member.awaitingSync = undefined;
      if (error !== 'NONE') member.assignment = NO_BYTES;
      if (answer) this.keepAlive(group, member, member.sessionTimeoutMs);
      answer?.(error === 'NONE' ? this.assignmentOf(group, member) : syncError(error));
    }
  }

  assignmentOf(group: Group, member: Member): SyncResponse {
    return {
      errorCode: 0,
      protocolType: group.protocolType,
      protocolName: group.protocolName,
      assignment: member.assignment,
    };
  }

  /** The JoinGroup response for a member of the current generation. */
  currentGeneration(group: Group, member: Member): JoinResponse {
    return {
      errorCode: 0,
      generationId: group.generation,
      protocolType: group.protocolType,
      protocolName: group.protocolName,
      leader: group.leaderId ?? '',
      memberId: member.memberId,
      members: member.memberId === group.leaderId ? this.memberRows(group) : [],
    };
  }

  private memberRows(group: Group): JoinResponse['members'] {
    return group.all.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      metadata: group.metadataOf(member),
    }));
  }

  /**
   * Extends the member's session to `forMs` from now. Each member has one timer; if it fires before the
   * session ends, it is set again.
   */
  keepAlive(group: Group, member: Member, forMs: number): void {
    member.deadlineMs = this.host.clock.monotonicMs() + forMs;
    if (member.timer !== undefined && member.timerAtMs <= member.deadlineMs) return;
    member.timer?.cancel();
    this.armSession(group, member, forMs);
  }

  private armSession(group: Group, member: Member, delayMs: number): void {
    member.timerAtMs = this.host.clock.monotonicMs() + delayMs;
    member.timer = this.later(group, delayMs, () => {
      member.timer = undefined;
      if (group.members.get(member.memberId) !== member || group.is('Dead')) return;
      const nowMs = this.host.clock.monotonicMs();
      const lateMs = nowMs - member.timerAtMs;
      // Requests of the member that arrived while the broker was blocked are read only after the timers that
      // are due.
      if (lateMs > STANDSTILL_MS)
        return this.armSession(group, member, Math.min(lateMs, member.sessionTimeoutMs));
      const leftMs = member.deadlineMs - nowMs;
      // A member that waits for others does not expire, except in its first join.
      const waits = (member.awaitingJoin !== undefined && !member.isNew) || member.awaitingSync !== undefined;
      if (leftMs > 0 || waits)
        return this.armSession(group, member, leftMs > 0 ? leftMs : member.sessionTimeoutMs);
      this.log.info(
        `Member ${member.memberId} in group ${group.groupId} has failed, removing it from the group`,
      );
      this.remove(group, member, `removing member ${member.memberId} on heartbeat expiration`);
    });
  }

  private drop(group: Group, member: Member): void {
    member.timer?.cancel();
    member.timer = undefined;
    member.awaitingJoin?.(joinError('UNKNOWN_MEMBER_ID', member.memberId));
    member.awaitingSync?.(syncError('UNKNOWN_MEMBER_ID'));
    member.awaitingJoin = undefined;
    member.awaitingSync = undefined;
    group.remove(member.memberId);
  }

  /** Removes the member and starts a rebalance. */
  remove(group: Group, member: Member, reason: string): void {
    this.drop(group, member);
    this.prepare(group, reason);
    this.completeJoinIfAllJoined(group);
  }

  /** After a group was loaded: every member gets a full session timeout from now. */
  resume(group: Group): void {
    if (group.members.size > this.config['group.max.size'])
      this.prepare(group, 'the group that was loaded has too many members');
    for (const member of group.all) this.keepAlive(group, member, member.sessionTimeoutMs);
  }

  /**
   * Another broker coordinates the group from now on: cancels the timers and answers the waiting requests.
   */
  abandon(group: Group): void {
    group.joinTimer?.cancel();
    group.syncTimer?.cancel();
    for (const timer of group.pendingMembers.values()) timer.cancel();
    group.pendingMembers.clear();
    group.transitionTo('Dead', this.wallMs);
    for (const member of group.all) {
      member.timer?.cancel();
      member.awaitingJoin?.(joinError('NOT_COORDINATOR', member.memberId));
      member.awaitingSync?.(syncError('NOT_COORDINATOR'));
      member.awaitingJoin = undefined;
      member.awaitingSync = undefined;
    }
  }
}
