/**
 * One group: its state, its members, their protocols, the group leader and the committed offsets.
 *
 * Invariants: the state changes only as `validPreviousStates` allows. A protocol is selected only if every
 * member supports it. A static member id belongs to one member at a time.
 *
 * [p] Kafka: coordinator/group/{GroupMetadata,MemberMetadata}.scala@2.8.2
 */
import { cutToBytes, MAX_STRING_BYTES } from '../../common/binary';
import { invariant } from '../../common/errors';
import { Random, Timer } from '../../common/host';
import { CONSUMER_PROTOCOL_TYPE, decodeSubscription } from '../../protocol/consumer-protocol';
import { joinGroup, syncGroup } from '../../protocol/messages/groups';
import { TypeOf } from '../../protocol/schema';
import { GroupCommits } from './group-commits';
import { StoredGroup } from './group-records';

export type JoinResponse = TypeOf<typeof joinGroup.response>;
export type SyncResponse = TypeOf<typeof syncGroup.response>;

export const validPreviousStates = {
  Empty: ['PreparingRebalance'],
  PreparingRebalance: ['Stable', 'CompletingRebalance', 'Empty'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
  Dead: ['Stable', 'PreparingRebalance', 'CompletingRebalance', 'Empty', 'Dead'],
} as const;

export type GroupState = keyof typeof validPreviousStates;

export interface Protocol {
  readonly name: string;
  readonly metadata: Buffer;
}

export interface Member {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  clientId: string;
  clientHost: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  protocols: readonly Protocol[];
  assignment: Buffer;
  /** Answers the JoinGroup that waits for the rebalance to complete. */
  awaitingJoin: ((response: JoinResponse) => void) | undefined;
  /** Answers the SyncGroup that waits for the leader's assignment. */
  awaitingSync: ((response: SyncResponse) => void) | undefined;
  /** The member has not been part of a generation yet. */
  isNew: boolean;
  /** Monotonic ms at which the member is removed unless it sends another request. */
  deadlineMs: number;
  timer: Timer | undefined;
  /** When the timer fires, in monotonic ms. */
  timerAtMs: number;
  /** The sequence number of the last accepted commit. */
  commitSequence: number;
}

const NO_BYTES = Buffer.alloc(0);
/** How many consumers without membership may have a commit sequence in one group. */
const MAX_COMMITTERS = 100;

export class Group {
  state: GroupState = 'Empty';
  /** Wall-clock ms. */
  stateSinceMs: number;
  protocolType: string | null = null;
  protocolName: string | null = null;
  generation = 0;
  leaderId: string | null = null;
  /** A member joined while the group waits for members of its first generation. */
  newMemberAdded = false;
  joinTimer: Timer | undefined;
  /**
   * False while an empty group waits group.initial.rebalance.delay.ms, whether or not all known members have
   * joined.
   */
  joinMayCompleteEarly = true;
  syncTimer: Timer | undefined;
  /** Members that got their id with MEMBER_ID_REQUIRED and have not joined with it yet. */
  readonly pendingMembers = new Map<string, Timer>();
  readonly members = new Map<string, Member>();
  /** The members that have sent SyncGroup in this generation. */
  readonly syncedMembers = new Set<string>();
  private readonly staticMembers = new Map<string, string>();
  readonly offsets = new GroupCommits();
  /**
   * The last commit sequence of each consumer that is not a member; the least recently used one comes first.
   */
  private readonly committers = new Map<string, number>();
  /** The generation whose assignment is being written to the log. */
  storingGeneration: number | undefined;

  constructor(
    readonly groupId: string,
    nowMs: number,
  ) {
    this.stateSinceMs = nowMs;
  }

  static fromStored(groupId: string, stored: StoredGroup, nowMs: number): Group {
    const group = new Group(groupId, nowMs);
    group.generation = stored.generation;
    group.protocolType = stored.protocolType === '' ? null : stored.protocolType;
    group.protocolName = stored.protocol;
    group.leaderId = stored.leader;
    group.state = stored.members.length > 0 ? 'Stable' : 'Empty';
    group.stateSinceMs = stored.currentStateTimestamp >= 0 ? stored.currentStateTimestamp : nowMs;
    for (const one of stored.members) {
      group.add({
        ...one,
        protocols: [{ name: stored.protocol ?? '', metadata: one.subscription }],
        awaitingJoin: undefined,
        awaitingSync: undefined,
        isNew: false,
        deadlineMs: 0,
        timer: undefined,
        timerAtMs: Infinity,
        commitSequence: -1,
      });
    }
    return group;
  }

  /**
   * Whether a commit is older than one that was accepted before. If not, its sequence becomes the last one
   * (docs/decisions/0008).
   */
  isLate(committerId: string, sequence: number): boolean {
    if (sequence < 0) return false;
    if (sequence <= (this.committers.get(committerId) ?? -1)) return true;
    this.committers.delete(committerId);
    this.committers.set(committerId, sequence);
    if (this.committers.size > MAX_COMMITTERS) this.committers.delete(this.committers.keys().next().value!);
    return false;
  }

  is(...states: readonly GroupState[]): boolean {
    return states.includes(this.state);
  }

  transitionTo(state: GroupState, nowMs: number): void {
    invariant(
      (validPreviousStates[state] as readonly GroupState[]).includes(this.state),
      `group ${this.groupId} cannot go from ${this.state} to ${state}`,
    );
    this.state = state;
    this.stateSinceMs = nowMs;
  }

  get all(): readonly Member[] {
    return [...this.members.values()];
  }
  get rebalanceTimeoutMs(): number {
    return Math.max(0, ...this.all.map((member) => member.rebalanceTimeoutMs));
  }
  get hasAllMembersJoined(): boolean {
    return this.pendingMembers.size === 0 && this.all.every((member) => member.awaitingJoin !== undefined);
  }

  add(member: Member): void {
    this.leaderId ??= member.memberId;
    this.members.set(member.memberId, member);
    if (member.groupInstanceId !== null) this.staticMembers.set(member.groupInstanceId, member.memberId);
  }

  remove(memberId: string): void {
    const member = this.members.get(memberId);
    if (!member) return;
    this.members.delete(memberId);
    if (member.groupInstanceId !== null && this.staticMembers.get(member.groupInstanceId) === memberId)
      this.staticMembers.delete(member.groupInstanceId);
    if (this.leaderId === memberId) this.leaderId = this.members.keys().next().value ?? null;
  }

  /**
   * A static member restarted with a new member id. The new id takes over its position and its assignment;
   * the old id is fenced.
   */
  replaceStatic(groupInstanceId: string, newMemberId: string): Member {
    const old = this.members.get(this.staticMembers.get(groupInstanceId)!)!;
    const wasLeader = this.leaderId === old.memberId;
    const replacement: Member = {
      ...old,
      memberId: newMemberId,
      awaitingJoin: undefined,
      awaitingSync: undefined,
      timer: undefined,
      timerAtMs: Infinity,
      commitSequence: -1,
    };
    const order = this.all.map((member) => (member === old ? replacement : member));
    this.members.clear();
    for (const member of order) this.members.set(member.memberId, member);
    this.staticMembers.set(groupInstanceId, newMemberId);
    if (wasLeader) this.leaderId = newMemberId;
    return replacement;
  }

  staticMemberId(groupInstanceId: string | null): string | undefined {
    return groupInstanceId === null ? undefined : this.staticMembers.get(groupInstanceId);
  }

  /** Whether the static id belongs to another member id by now. */
  isFenced(memberId: string, groupInstanceId: string | null): boolean {
    const owner = this.staticMemberId(groupInstanceId);
    return owner !== undefined && owner !== memberId;
  }

  /**
   * If the leader has not rejoined, makes a member leader that has. Returns false if no member has rejoined.
   */
  electJoinedLeader(): boolean {
    if (this.leaderId !== null && this.members.get(this.leaderId)?.awaitingJoin) return true;
    const joined = this.all.find((member) => member.awaitingJoin);
    if (joined) this.leaderId = joined.memberId;
    return joined !== undefined;
  }

  private candidates(): string[] {
    const [first, ...others] = this.all;
    if (!first) return [];
    return first.protocols
      .map((one) => one.name)
      .filter((name) => others.every((member) => member.protocols.some((one) => one.name === name)));
  }

  /**
   * Whether a member with these protocols can join: the type is the same, and one protocol is common to all
   * members.
   */
  supports(protocolType: string, names: readonly string[]): boolean {
    if (protocolType === '' || names.length === 0) return false;
    if (this.members.size === 0) return true;
    return this.protocolType === protocolType && this.candidates().some((name) => names.includes(name));
  }

  /**
   * Every member votes for its first protocol that all members support; the protocol with the most votes is
   * selected.
   */
  selectProtocol(): string {
    const candidates = this.candidates();
    invariant(candidates.length > 0, `the members of group ${this.groupId} have no protocol in common`);
    const votes = new Map<string, number>();
    for (const { protocols } of this.all) {
      const vote = protocols.find((one) => candidates.includes(one.name))!.name;
      votes.set(vote, (votes.get(vote) ?? 0) + 1);
    }
    return [...votes].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
  }

  metadataOf(member: Member): Buffer {
    return member.protocols.find((one) => one.name === this.protocolName)?.metadata ?? NO_BYTES;
  }

  /** The topics that members of a consumer group subscribe to; undefined if they are not known. */
  subscribedTopics(): ReadonlySet<string> | undefined {
    if (this.protocolType !== CONSUMER_PROTOCOL_TYPE || this.protocolName === null)
      return this.members.size === 0 ? new Set() : undefined;
    try {
      return new Set(this.all.flatMap((member) => decodeSubscription(this.metadataOf(member)).topics));
    } catch {
      return undefined;
    }
  }

  toStored(assignments: ReadonlyMap<string, Buffer>): StoredGroup {
    return {
      protocolType: this.protocolType ?? '',
      generation: this.generation,
      protocol: this.protocolName,
      leader: this.leaderId,
      currentStateTimestamp: this.stateSinceMs,
      members: this.all.map((member) => ({
        ...member,
        subscription: this.metadataOf(member),
        assignment: assignments.get(member.memberId) ?? member.assignment,
      })),
    };
  }
}

/** The bytes of the longest string that remain for the prefix of a member id, besides a UUID. */
const MAX_PREFIX_BYTES = MAX_STRING_BYTES - 37;

/**
 * The client id, shortened if the member id would be too long for a response, and a random UUID. Kafka:
 * GroupMetadata#generateMemberId
 */
export function newMemberId(random: Random, clientId: string): string {
  const prefix = cutToBytes(clientId, MAX_PREFIX_BYTES);
  const hex = random.bytes(16).toString('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return [prefix, ...parts].join('-');
}

/** Kafka: MemberMetadata#matches */
export function sameProtocols(member: Member, request: { readonly protocols: readonly Protocol[] }): boolean {
  return (
    member.protocols.length === request.protocols.length &&
    member.protocols.every(
      (one, i) =>
        one.name === request.protocols[i]!.name && one.metadata.equals(request.protocols[i]!.metadata),
    )
  );
}
