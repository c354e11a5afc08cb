/**
 * The consumer's membership in its group: joins, syncs, sends heartbeats, leaves.
 *
 * Requests run in the background. What touches the user's partitions (giving them up, receiving them) happens
 * only inside poll. So a rebalance has three steps: `prepare` in a poll, the join in the background,
 * `complete` in a later poll. Invariants: an assignment is applied only if it belongs to the member's current
 * generation. Between `prepare` and `complete` nothing is committed. The response to a join that was given up
 * changes nothing.
 *
 * Kafka: clients/consumer/internals/{AbstractCoordinator,Heartbeat}.java@2.8.2
 */
import { inBackground } from '../common/background';
import { TopicPartition } from '../common/cluster-types';
import { errorName, ErrorName, KafkaError, messageOf } from '../common/errors';
import { Host, Log, sleep } from '../common/host';
import { CONSUMER_PROTOCOL_TYPE, decodeAssignment, encodeSubscription } from '../protocol/consumer-protocol';
import { joinGroup, leaveGroup, syncGroup } from '../protocol/messages/groups';
import { TypeOf } from '../protocol/schema';
import { PartitionAssignor } from './assignors/partition-assignor';
import { ConsumerConfig } from './consumer-config';
import { CoordinatorClient } from './coordinator-client';
import { Beating, Heartbeat } from './heartbeat';
import { assignAll, subscribedTopics } from './leader-assignment';
import {
  commitFailed,
  CommitRights,
  EXPELLED,
  GenerationInfo,
  rebalanceInProgress,
} from './offset-committer';

/** How much longer than the rebalance timeout to wait for the response of JoinGroup. */
const JOIN_GRACE_MS = 5000;
/** Errors that end the membership for good; poll throws them. */
const FATAL: readonly ErrorName[] = [
  'FENCED_INSTANCE_ID',
  'INCONSISTENT_GROUP_PROTOCOL',
  'INVALID_SESSION_TIMEOUT',
  'INVALID_GROUP_ID',
  'GROUP_MAX_SIZE_REACHED',
  'UNSUPPORTED_VERSION',
];

type JoinResponse = TypeOf<typeof joinGroup.response>;

export interface JoinResult {
  readonly generation: number;
  readonly assignor: PartitionAssignor;
  readonly partitions: readonly TopicPartition[];
  /**
   * The topics and partition counts from which the assignment was made; undefined unless this member is the
   * group leader.
   */
  readonly assignedFrom: ReadonlyMap<string, number> | undefined;
}

export interface MembershipDeps {
  readonly host: Host;
  readonly log: Log;
  readonly config: ConsumerConfig;
  readonly groupId: string;
  readonly assignors: readonly PartitionAssignor[];
  readonly coordinator: CoordinatorClient;
  readonly subscription: () => {
    readonly topics: readonly string[];
    readonly owned: readonly TopicPartition[];
  };
  /** The partition counts of the topics that exist. */
  readonly partitionCounts: (topics: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  /** Called when the next poll has something to do. */
  readonly onAttention: () => void;
}

export class GroupMembership implements CommitRights, Beating {
  private memberId = '';
  private generation = -1;
  private joining: Promise<void> | undefined;
  /** The number of the latest join; outcomes of earlier ones are dropped. */
  private attempt = 0;
  private joined: JoinResult | undefined;
  private failure: KafkaError | undefined;
  private readonly heartbeat: Heartbeat;
  private lastPollMs: number;
  private isClosed = false;
  /** A rebalance is due. */
  rejoinNeeded = true;
  /** The member was removed from the group: other members may own its partitions already. */
  partitionsLost = false;

  constructor(private readonly deps: MembershipDeps) {
    const { host, log, config, groupId, coordinator } = deps;
    this.lastPollMs = this.now;
    const times = {
      intervalMs: config['heartbeat.interval.ms'],
      sessionTimeoutMs: config['session.timeout.ms'],
    };
    this.heartbeat = new Heartbeat({ clock: host.clock, log, groupId, coordinator, ...times }, this);
  }

  private get now(): number {
    return this.deps.host.clock.monotonicMs();
  }
  get isJoining(): boolean {
    return this.joining !== undefined;
  }
  get isMember(): boolean {
    return this.generation >= 0;
  }
  get info(): GenerationInfo {
    return {
      generation: this.generation,
      memberId: this.memberId,
      groupInstanceId: this.deps.config['group.instance.id'],
    };
  }
  /** True from the start of a join until poll has applied its outcome. */
  get isRebalancing(): boolean {
    return this.joining !== undefined || this.joined !== undefined;
  }

  get isPollOverdue(): boolean {
    return this.now - this.lastPollMs > this.deps.config['max.poll.interval.ms'];
  }

  /** To be called in every poll: the user is alive. */
  polled(): void {
    this.lastPollMs = this.now;
  }

  /** Returns the fatal error, once. */
  takeFailure(): KafkaError | undefined {
    const failure = this.failure;
    this.failure = undefined;
    return failure;
  }

  requestRejoin(reason: string): void {
    if (this.rejoinNeeded) return;
    this.deps.log.info(`Request joining group due to: ${reason}`);
    this.rejoinNeeded = true;
    this.deps.onAttention();
  }

  /** The coordinator does not know this member, or the member's generation is over. */
  expelled(error: ErrorName): void {
    this.deps.log.info(`Resetting generation due to ${error}`);
    if (error === 'UNKNOWN_MEMBER_ID' || error === 'FENCED_INSTANCE_ID') this.memberId = '';
    if (this.generation >= 0) this.partitionsLost = true;
    this.generation = -1;
    if (FATAL.includes(error)) this.failure = new KafkaError(error);
    this.rejoinNeeded = true;
    this.deps.onAttention();
  }

  /** Joins in the background; `takeJoined` returns the outcome. */
  startJoin(): void {
    if (this.joining || this.isClosed) return;
    this.rejoinNeeded = false;
    this.joined = undefined;
    const attempt = ++this.attempt;
    const isWanted = () => attempt === this.attempt && !this.isClosed;
    this.joining = this.join(isWanted)
      .then(
        (result) => {
          if (isWanted()) this.joined = result;
        },
        (error) => {
          if (!isWanted()) return;
          // Includes what a user's assignor throws: poll reports it.
          this.failure =
            error instanceof KafkaError ? error : new KafkaError('UNKNOWN_SERVER_ERROR', messageOf(error));
          this.rejoinNeeded = true;
        },
      )
      .finally(() => {
        if (!isWanted()) return;
        this.joining = undefined;
        this.deps.onAttention();
      });
    this.heartbeat.start();
  }

  takeJoined(): JoinResult | undefined {
    const joined = this.joined;
    this.joined = undefined;
    return joined && joined.generation === this.generation ? joined : undefined;
  }

  private async join(isWanted: () => boolean): Promise<JoinResult | undefined> {
    for (;;) {
      if (!isWanted()) return undefined;
      try {
        return await this.joinOnce(isWanted);
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        if (!isWanted()) return undefined;
        if (FATAL.includes(error.errorName)) throw error;
        if (error.errorName === 'MEMBER_ID_REQUIRED') continue;
        if (error.errorName === 'UNKNOWN_MEMBER_ID' || error.errorName === 'ILLEGAL_GENERATION') {
          this.expelled(error.errorName);
          this.rejoinNeeded = false;
        }
        this.deps.log.debug(`Joining failed, trying again: ${messageOf(error)}`);
        await sleep(this.deps.host.clock, this.deps.config['retry.backoff.ms']);
      }
    }
  }

  private async joinOnce(isWanted: () => boolean): Promise<JoinResult | undefined> {
    const { config, coordinator, groupId, assignors } = this.deps;
    const { topics, owned } = this.deps.subscription();
    const rebalanceTimeoutMs = config['max.poll.interval.ms'];
    const answer = await coordinator.request(
      joinGroup,
      {
        groupId,
        sessionTimeoutMs: config['session.timeout.ms'],
        rebalanceTimeoutMs,
        memberId: this.memberId,
        groupInstanceId: config['group.instance.id'],
        protocolType: CONSUMER_PROTOCOL_TYPE,
        protocols: assignors.map((one) => ({
          name: one.name,
          metadata: encodeSubscription({
            topics,
            userData: one.userData?.() ?? null,
            ownedPartitions: one.protocol === 'cooperative' ? owned : [],
          }),
        })),
      },
      Math.max(config['request.timeout.ms'], rebalanceTimeoutMs + JOIN_GRACE_MS),
    );
    if (!isWanted()) {
      // The consumer has left meanwhile: the coordinator must not wait for a member that does not exist.
      inBackground(this.deps.log, 'Leaving the group', this.sayGoodbye(answer.memberId));
      return undefined;
    }
    if (errorName(answer.errorCode) === 'MEMBER_ID_REQUIRED') this.memberId = answer.memberId;
    this.check(answer.errorCode);
    this.memberId = answer.memberId;
    this.generation = answer.generationId;
    this.heartbeat.heard();
    const assignor = assignors.find((one) => one.name === answer.protocolName);
    if (!assignor)
      throw new KafkaError(
        'INCONSISTENT_GROUP_PROTOCOL',
        `the coordinator chose ${answer.protocolName ?? 'nothing'}`,
      );
    const assignedFrom =
      answer.leader === this.memberId && answer.members.length > 0
        ? await this.deps.partitionCounts(subscribedTopics(answer))
        : undefined;
    return isWanted() ? this.sync(answer, assignor, assignedFrom) : undefined;
  }

  private async sync(
    joinAnswer: JoinResponse,
    assignor: PartitionAssignor,
    assignedFrom: ReadonlyMap<string, number> | undefined,
  ): Promise<JoinResult> {
    const { coordinator, groupId, config, log } = this.deps;
    const assignments = assignedFrom ? assignAll(joinAnswer, assignor, assignedFrom) : [];
    const idle = assignments.filter((row) => row.partitions === 0).map((row) => row.memberId);
    if (idle.length > 0)
      log.warn(
        `Group ${groupId} has more members than partitions: ${idle.length} of ${assignments.length} stay ` +
          `idle (${idle.join(', ')})`,
      );
    const answer = await coordinator.request(
      syncGroup,
      {
        groupId,
        generationId: joinAnswer.generationId,
        memberId: joinAnswer.memberId,
        groupInstanceId: config['group.instance.id'],
        protocolType: joinAnswer.protocolType,
        protocolName: joinAnswer.protocolName,
        assignments: assignments.map(({ memberId, assignment }) => ({ memberId, assignment })),
      },
      Math.max(config['request.timeout.ms'], config['max.poll.interval.ms'] + JOIN_GRACE_MS),
    );
    this.check(answer.errorCode);
    const { partitions } = decodeAssignment(answer.assignment);
    return { generation: joinAnswer.generationId, assignor, partitions, assignedFrom };
  }

  private check(code: number): void {
    if (code !== 0) throw new KafkaError(this.deps.coordinator.note(code));
  }

  // ---- What may be committed

  commitAs(made?: GenerationInfo): GenerationInfo {
    if (this.isRebalancing) throw rebalanceInProgress();
    if (!this.isMember)
      throw commitFailed(
        'the consumer is not part of an active group; it is likely that it was kicked out of the group',
      );
    if (made && !this.is(made)) throw commitFailed(`generation ${made.generation} is over`);
    return this.info;
  }

  private is({ generation, memberId }: GenerationInfo): boolean {
    return generation === this.generation && memberId === this.memberId;
  }

  commitRefused(error: ErrorName, made: GenerationInfo): KafkaError | undefined {
    if (error !== 'REBALANCE_IN_PROGRESS' && !EXPELLED.includes(error)) return undefined;
    // The member is already joining: only the join shows whether its old generation is over.
    if (this.isRebalancing) return rebalanceInProgress();
    if (!this.is(made)) return commitFailed(`generation ${made.generation} is over`);
    if (error === 'REBALANCE_IN_PROGRESS') {
      this.requestRejoin('a commit was refused because the group is rebalancing');
      return rebalanceInProgress();
    }
    this.expelled(error);
    return error === 'FENCED_INSTANCE_ID' ? new KafkaError(error) : commitFailed(error);
  }

  // ---- Leaving

  /** The user has not polled for max.poll.interval.ms: other members should get the partitions. */
  async abandon(): Promise<void> {
    this.deps.log.warn(
      'consumer poll timeout has expired. The time between two calls of poll was longer than ' +
        'max.poll.interval.ms: ' +
        'the poll loop spends too much time processing. Leaving the group.',
    );
    this.partitionsLost = true;
    return this.leave();
  }

  /** Sends LeaveGroup, if the coordinator can be reached. A static member sends nothing. */
  async leave(): Promise<void> {
    const { memberId } = this;
    this.attempt++;
    this.joining = undefined;
    this.joined = undefined;
    this.generation = -1;
    this.memberId = '';
    this.rejoinNeeded = true;
    this.deps.onAttention();
    await this.sayGoodbye(memberId);
  }

  private async sayGoodbye(memberId: string): Promise<void> {
    const { coordinator, groupId, config } = this.deps;
    if (memberId === '' || config['group.instance.id'] !== null || !coordinator.isKnown) return;
    await coordinator
      .request(
        leaveGroup,
        { groupId, members: [{ memberId, groupInstanceId: null }] },
        config['request.timeout.ms'],
      )
      .catch(() => {});
  }

  close(): void {
    this.isClosed = true;
    this.heartbeat.close();
  }
}
