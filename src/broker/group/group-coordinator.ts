/**
 * Serves JoinGroup, SyncGroup, Heartbeat and LeaveGroup: checks the member, and starts or continues a
 * rebalance, which is implemented in group-rebalance.ts.
 *
 * Invariant: a member acts only in the current generation. Requests of an older one get ILLEGAL_GENERATION,
 * those of a replaced static member FENCED_INSTANCE_ID.
 *
 * Kafka: coordinator/group/GroupCoordinator.scala@2.8.2
 */
import { inBackground } from '../../common/background';
import { errorCode, ErrorName } from '../../common/errors';
import { Host, Log as Logger } from '../../common/host';
import { heartbeat, joinGroup, leaveGroup, syncGroup } from '../../protocol/messages/groups';
import { TypeOf } from '../../protocol/schema';
import { BrokerConfig } from '../broker-config';
import { Group, JoinResponse, Member, newMemberId, sameProtocols, SyncResponse } from './group-metadata';
import { GroupMetadataManager } from './group-metadata-manager';
import { GroupRebalance, joinError, syncError } from './group-rebalance';

type JoinRequest = TypeOf<typeof joinGroup.request>;
type SyncRequest = TypeOf<typeof syncGroup.request>;
type HeartbeatRequest = TypeOf<typeof heartbeat.request>;
type LeaveRequest = TypeOf<typeof leaveGroup.request>;

/** The client that sent the request: its client.id and its address. */
export interface Caller {
  readonly clientId: string;
  readonly clientHost: string;
}

const NO_BYTES = Buffer.alloc(0);
/** How long a member that joins for the first time may wait for the others. */
const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1000;

export class GroupCoordinator {
  constructor(
    private readonly host: Host,
    private readonly log: Logger,
    private readonly config: BrokerConfig,
    private readonly groups: GroupMetadataManager,
    private readonly rebalance: GroupRebalance,
  ) {}

  join(request: JoinRequest, caller: Caller): Promise<JoinResponse> | JoinResponse {
    const { groupId, memberId, sessionTimeoutMs } = request;
    const refused = groupId === '' ? 'INVALID_GROUP_ID' : this.groups.ownership(groupId);
    if (refused !== 'NONE') return joinError(refused, memberId);
    if (
      sessionTimeoutMs < this.config['group.min.session.timeout.ms'] ||
      sessionTimeoutMs > this.config['group.max.session.timeout.ms']
    )
      return joinError('INVALID_SESSION_TIMEOUT', memberId);
    const known = this.groups.get(groupId);
    if (!known && memberId !== '') return joinError('UNKNOWN_MEMBER_ID', memberId);
    const group = known ?? this.groups.getOrCreate(groupId);
    if (group.is('Dead')) return joinError('COORDINATOR_NOT_AVAILABLE', memberId);
    if (
      !group.supports(
        request.protocolType,
        request.protocols.map((one) => one.name),
      )
    )
      return joinError('INCONSISTENT_GROUP_PROTOCOL', memberId);
    if (!this.accepts(group, request)) {
      this.forgetPending(group, memberId);
      return joinError('GROUP_MAX_SIZE_REACHED', memberId);
    }
    return memberId === ''
      ? this.joinWithoutId(group, request, caller)
      : this.joinWithId(group, request, caller);
  }

  /**
   * Whether the group has room. During a rebalance only the members that have rejoined count, because others
   * may have failed.
   */
  private accepts(group: Group, { memberId, groupInstanceId }: JoinRequest): boolean {
    const max = this.config['group.max.size'];
    if (group.is('Empty') || group.staticMemberId(groupInstanceId) !== undefined) return true;
    if (!group.is('PreparingRebalance')) return group.members.has(memberId) || group.members.size < max;
    return (
      group.members.get(memberId)?.awaitingJoin !== undefined ||
      group.all.filter((one) => one.awaitingJoin).length < max
    );
  }

  /**
   * A dynamic member gets its id in an error response and joins again with it. If that response is lost, no
   * member without a consumer remains (KIP-394).
   */
  private joinWithoutId(
    group: Group,
    request: JoinRequest,
    caller: Caller,
  ): Promise<JoinResponse> | JoinResponse {
    const { groupInstanceId } = request;
    const memberId = newMemberId(this.host.random, groupInstanceId ?? caller.clientId);
    if (groupInstanceId === null) {
      const timer = this.host.clock.schedule(request.sessionTimeoutMs, () => {
        if (group.pendingMembers.delete(memberId)) this.rebalance.completeJoinIfAllJoined(group);
      });
      group.pendingMembers.set(memberId, timer);
      return joinError('MEMBER_ID_REQUIRED', memberId);
    }
    if (group.staticMemberId(groupInstanceId) !== undefined)
      return this.staticMemberReturns(group, request, caller, memberId);
    return this.addMember(group, request, caller, memberId);
  }

  private joinWithId(
    group: Group,
    request: JoinRequest,
    caller: Caller,
  ): Promise<JoinResponse> | JoinResponse {
    const { memberId, groupInstanceId } = request;
    // Only dynamic members get their id before they join.
    if (groupInstanceId === null && this.forgetPending(group, memberId))
      return this.addMember(group, request, caller, memberId);
    if (group.isFenced(memberId, groupInstanceId)) return joinError('FENCED_INSTANCE_ID', memberId);
    const member = group.members.get(memberId);
    if (!member || (groupInstanceId !== null && group.staticMemberId(groupInstanceId) === undefined))
      return joinError('UNKNOWN_MEMBER_ID', memberId);
    const unchanged = sameProtocols(member, request);
    switch (group.state) {
      case 'PreparingRebalance':
        return this.updateMember(group, member, request, caller, 'a member rejoins');
      case 'CompletingRebalance':
        // The response to its JoinGroup may have been lost; the generation does not change.
        return unchanged
          ? this.rebalance.currentGeneration(group, member)
          : this.updateMember(group, member, request, caller, `${memberId} joins with other metadata`);
      case 'Stable':
        if (unchanged && group.leaderId !== memberId) return this.rebalance.currentGeneration(group, member);
        return this.updateMember(
          group,
          member,
          request,
          caller,
          unchanged ? `leader ${memberId} rejoins` : `${memberId} joins with other metadata`,
        );
      default:
        return joinError('UNKNOWN_MEMBER_ID', memberId);
    }
  }

  private forgetPending(group: Group, memberId: string): boolean {
    group.pendingMembers.get(memberId)?.cancel();
    return group.pendingMembers.delete(memberId);
  }

  private addMember(
    group: Group,
    request: JoinRequest,
    { clientId, clientHost }: Caller,
    memberId: string,
  ): Promise<JoinResponse> {
    const member: Member = {
      memberId,
      groupInstanceId: request.groupInstanceId,
      clientId,
      clientHost,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      sessionTimeoutMs: request.sessionTimeoutMs,
      protocols: request.protocols,
      assignment: NO_BYTES,
      awaitingJoin: undefined,
      awaitingSync: undefined,
      isNew: true,
      deadlineMs: 0,
      timer: undefined,
      timerAtMs: Infinity,
      commitSequence: -1,
    };
    group.protocolType = request.protocolType;
    if (group.is('PreparingRebalance') && group.generation === 0) group.newMemberAdded = true;
    group.add(member);
    return this.awaitJoin(group, member, NEW_MEMBER_JOIN_TIMEOUT_MS, `adding new member ${memberId}`);
  }

  private updateMember(
    group: Group,
    member: Member,
    request: JoinRequest,
    caller: Caller,
    reason: string,
  ): Promise<JoinResponse> {
    Object.assign(member, {
      ...caller,
      protocols: request.protocols,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      sessionTimeoutMs: request.sessionTimeoutMs,
    });
    // Answers an earlier JoinGroup of the same member, whose connection was probably closed.
    member.awaitingJoin?.(joinError('REBALANCE_IN_PROGRESS', member.memberId));
    return this.awaitJoin(group, member, member.sessionTimeoutMs, reason);
  }

  private awaitJoin(group: Group, member: Member, aliveForMs: number, reason: string): Promise<JoinResponse> {
    const answer = new Promise<JoinResponse>((resolve) => {
      member.awaitingJoin = resolve;
    });
    this.rebalance.keepAlive(group, member, aliveForMs);
    this.rebalance.prepare(group, reason);
    this.rebalance.completeJoinIfAllJoined(group);
    return answer;
  }

  /**
   * A static member restarted. If its subscription is the same, there is no rebalance. Kafka:
   * updateStaticMemberAndRebalance
   */
  private staticMemberReturns(
    group: Group,
    request: JoinRequest,
    caller: Caller,
    memberId: string,
  ): Promise<JoinResponse> | JoinResponse {
    const oldId = group.staticMemberId(request.groupInstanceId)!;
    const old = group.members.get(oldId)!;
    old.timer?.cancel();
    old.awaitingJoin?.(joinError('FENCED_INSTANCE_ID', oldId));
    old.awaitingSync?.(syncError('FENCED_INSTANCE_ID'));
    const chosenBefore = group.is('Stable') ? group.selectProtocol() : undefined;
    const member = group.replaceStatic(request.groupInstanceId!, memberId);
    this.log.info(
      `Static member ${request.groupInstanceId} of group ${group.groupId} is back as ${memberId}, formerly ` +
        `${oldId}`,
    );
    const others = group.supports(
      request.protocolType,
      request.protocols.map((one) => one.name),
    );
    if (!group.is('Stable') || !others)
      return this.updateMember(
        group,
        member,
        request,
        caller,
        `static member ${request.groupInstanceId} returns`,
      );
    Object.assign(member, {
      ...caller,
      protocols: request.protocols,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      sessionTimeoutMs: request.sessionTimeoutMs,
    });
    if (group.selectProtocol() !== chosenBefore)
      return this.updateMember(
        group,
        member,
        request,
        caller,
        `static member ${request.groupInstanceId} wants another protocol`,
      );
    this.rebalance.keepAlive(group, member, member.sessionTimeoutMs);
    return this.groups.storeGroup(group, new Map()).then((error) => {
      // A leader that returns gets its new member id as leader, and watches the topics again. Its assignment
      // is not used: in a stable group `sync` answers with the stored one. Kafka named the former leader
      // before 3.2 (KIP-814).
      return error === 'NONE' ? this.rebalance.currentGeneration(group, member) : joinError(error, memberId);
    });
  }

  sync(request: SyncRequest): Promise<SyncResponse> | SyncResponse {
    const { groupId, memberId } = request;
    const owner = groupId === '' ? 'INVALID_GROUP_ID' : this.groups.ownership(groupId);
    if (owner !== 'NONE')
      return syncError(owner === 'COORDINATOR_LOAD_IN_PROGRESS' ? 'REBALANCE_IN_PROGRESS' : owner);
    const group = this.groups.get(groupId);
    const problem = this.memberProblem(group, memberId, request.groupInstanceId, request.generationId);
    if (!group || problem !== 'NONE') return syncError(problem);
    if (
      (request.protocolType !== null && request.protocolType !== group.protocolType) ||
      (request.protocolName !== null && request.protocolName !== group.protocolName)
    ) {
      return syncError('INCONSISTENT_GROUP_PROTOCOL');
    }
    const member = group.members.get(memberId)!;
    if (group.is('PreparingRebalance')) return syncError('REBALANCE_IN_PROGRESS');
    group.syncedMembers.add(memberId);
    if (group.is('Stable')) {
      this.rebalance.keepAlive(group, member, member.sessionTimeoutMs);
      return this.rebalance.assignmentOf(group, member);
    }
    // Answers an earlier SyncGroup of the same member, whose connection was probably closed.
    member.awaitingSync?.(syncError('REBALANCE_IN_PROGRESS'));
    const answer = new Promise<SyncResponse>((resolve) => {
      member.awaitingSync = resolve;
    });
    if (memberId === group.leaderId)
      inBackground(this.log, `Assigning group ${groupId}`, this.rebalance.assign(group, request));
    return answer;
  }

  /** NONE, or the error for a request of this member. */
  memberProblem(
    group: Group | undefined,
    memberId: string,
    groupInstanceId: string | null,
    generationId: number,
  ): ErrorName {
    if (!group) return 'UNKNOWN_MEMBER_ID';
    if (group.is('Dead')) return 'COORDINATOR_NOT_AVAILABLE';
    if (group.isFenced(memberId, groupInstanceId)) return 'FENCED_INSTANCE_ID';
    if (!group.members.has(memberId)) return 'UNKNOWN_MEMBER_ID';
    return generationId === group.generation ? 'NONE' : 'ILLEGAL_GENERATION';
  }

  heartbeat({ groupId, memberId, groupInstanceId, generationId }: HeartbeatRequest): { errorCode: number } {
    const answer = (error: ErrorName) => ({ errorCode: errorCode(error) });
    const owner = groupId === '' ? 'INVALID_GROUP_ID' : this.groups.ownership(groupId);
    // While the group is being loaded its members are not known, so every heartbeat succeeds.
    if (owner !== 'NONE') return answer(owner === 'COORDINATOR_LOAD_IN_PROGRESS' ? 'NONE' : owner);
    const group = this.groups.get(groupId);
    const problem = this.memberProblem(group, memberId, groupInstanceId, generationId);
    if (!group || problem !== 'NONE') return answer(problem);
    const member = group.members.get(memberId)!;
    this.rebalance.keepAlive(group, member, member.sessionTimeoutMs);
    return answer(group.is('PreparingRebalance') ? 'REBALANCE_IN_PROGRESS' : 'NONE');
  }

  leave({ groupId, members }: LeaveRequest): TypeOf<typeof leaveGroup.response> {
    const owner = groupId === '' ? 'INVALID_GROUP_ID' : this.groups.ownership(groupId);
    if (owner !== 'NONE') return { errorCode: errorCode(owner), members: [] };
    const group = this.groups.get(groupId);
    const rows = members.map(({ memberId, groupInstanceId }) => ({
      memberId,
      groupInstanceId,
      errorCode: errorCode(this.leaveOne(group, memberId, groupInstanceId)),
    }));
    return { errorCode: 0, members: rows };
  }

  private leaveOne(group: Group | undefined, memberId: string, groupInstanceId: string | null): ErrorName {
    if (!group) return 'UNKNOWN_MEMBER_ID';
    if (group.is('Dead')) return 'COORDINATOR_NOT_AVAILABLE';
    if (memberId !== '' && this.forgetPending(group, memberId)) {
      this.rebalance.completeJoinIfAllJoined(group);
      return 'NONE';
    }
    if (memberId !== '' && group.isFenced(memberId, groupInstanceId)) return 'FENCED_INSTANCE_ID';
    const member = group.members.get(
      memberId !== '' ? memberId : (group.staticMemberId(groupInstanceId) ?? ''),
    );
    if (!member) return 'UNKNOWN_MEMBER_ID';
    this.log.info(`Member ${member.memberId} has left group ${group.groupId}`);
    this.rebalance.remove(group, member, `member ${member.memberId} leaves`);
    return 'NONE';
  }
}
