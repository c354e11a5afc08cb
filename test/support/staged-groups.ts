/**
 * A group coordinator of its own, on a log in memory: the test says when what was appended is replicated, who
 * leads, and what stands in the log. So every interleaving of the coordinator with its log can be staged.
 */
import { GROUP_METADATA_TOPIC, TopicPartition, tpName } from '../../src/common/cluster-types';
import { ErrorName, errorName, KafkaError } from '../../src/common/errors';
import { Host } from '../../src/common/host';
import { parseBrokerConfig } from '../../src/broker/broker-config';
import { callerOf, GroupService } from '../../src/broker/group/group-service';
import { MetadataCache } from '../../src/broker/metadata-cache';
import { Purgatory } from '../../src/broker/purgatory';
import { LeadershipListener, ReplicaManager } from '../../src/broker/replica-manager';
import { RequestContext } from '../../src/network/server-connection';
import { buildBatch } from '../../src/record/batch-builder';
import { RecordBatch } from '../../src/record/record-batch';
import { SimHost } from '../../src/simulation/sim-host';
import { World } from '../../src/simulation/world';
import { joinGroup } from '../../src/protocol/messages/groups';
import { TypeOf } from '../../src/protocol/schema';

export const CALLER = callerOf({
  header: { clientId: 'c' },
  remoteAddress: '10.0.0.1:5',
} as unknown as RequestContext);

/** The partition as the coordinator sees it. */
class StagedPartition {
  readonly batches: RecordBatch[] = [];
  readonly logStartOffset = 0;
  logEndOffset = 0;
  highWatermark = 0;
  isLeader = true;
  /** What the next reads throw. */
  readonly readErrors: Error[] = [];

  constructor(readonly tp: TopicPartition) {}

  get log(): this {
    return this;
  }

  append(bytes: Buffer): { firstOffset: number; lastOffset: number } {
    const batch = new RecordBatch(Buffer.from(bytes));
    batch.setBaseOffset(this.logEndOffset);
    this.batches.push(batch);
    this.logEndOffset = batch.nextOffset;
    return { firstOffset: batch.baseOffset, lastOffset: batch.lastOffset };
  }

  appendAsLeader(bytes: Buffer): { firstOffset: number; lastOffset: number } {
    if (!this.isLeader) throw new KafkaError('NOT_LEADER_OR_FOLLOWER');
    return this.append(bytes);
  }

  replicationOutcome(nextOffset: number): ErrorName | 'pending' {
    if (!this.isLeader) return 'NOT_LEADER_OR_FOLLOWER';
    return this.highWatermark < nextOffset ? 'pending' : 'NONE';
  }

  read(from: number, _limit: number, maxBytes: number): Buffer[] {
    const error = this.readErrors.shift();
    if (error) throw error;
    const slice: Buffer[] = [];
    let left = maxBytes;
    for (const batch of this.batches.filter((one) => one.nextOffset > from)) {
      if (slice.length > 0 && left < batch.sizeInBytes) break;
      slice.push(batch.bytes());
      left -= batch.sizeInBytes;
    }
    return slice;
  }
}

export class StagedGroups {
  readonly world: World;
  readonly machine: SimHost;
  readonly host: Host;
  readonly service: GroupService;
  readonly cache = new MetadataCache();
  readonly partitions = new Map<string, StagedPartition>();
  readonly purgatory: Purgatory;
  private readonly listeners: LeadershipListener[] = [];

  constructor(
    seed: string,
    readonly partitionCount = 1,
    settings: Readonly<Record<string, string>> = {},
  ) {
    this.world = new World(seed);
    this.machine = new SimHost(this.world, { of: () => undefined as never, hostDied: () => {} }, 'broker-1');
    this.host = this.machine.boot();
    this.purgatory = new Purgatory(this.host.clock);
    const replicas = {
      get: (tp: TopicPartition) => this.partitions.get(tpName(tp)),
      require: (tp: TopicPartition) => {
        const found = this.partitions.get(tpName(tp));
        if (!found) throw new KafkaError('NOT_LEADER_OR_FOLLOWER');
        return found;
      },
      replicationOutcome: (tp: TopicPartition, offset: number) =>
        this.partition(tp.partition).replicationOutcome(offset),
      appended: () => {},
      producePurgatory: this.purgatory,
      onLeadershipChange: (listener: LeadershipListener) => {
        this.listeners.push(listener);
      },
    };
    const config = parseBrokerConfig({
      'zookeeper.connect': 'z',
      'broker.id': '1',
      'group.initial.rebalance.delay.ms': '0',
      ...settings,
    });
    const known = [0, 1, 2, 3].map((partition) => ({
      topic: 'orders',
      partition,
      controllerEpoch: 1,
      leader: 1,
      leaderEpoch: 0,
      isr: [1],
      zkVersion: 0,
      replicas: [1],
      offlineReplicas: [],
    }));
    this.cache.update({
      controllerId: 1,
      controllerEpoch: 1,
      brokerEpoch: 1,
      partitionStates: known,
      liveBrokers: [],
    });
    this.service = new GroupService({
      host: this.host,
      config,
      cache: this.cache,
      replicas: replicas as unknown as ReplicaManager,
      readPartitionCount: async () => this.partitionCount,
    });
  }

  partition(index = 0): StagedPartition {
    const tp = { topic: GROUP_METADATA_TOPIC, partition: index };
    const found = this.partitions.get(tpName(tp)) ?? new StagedPartition(tp);
    this.partitions.set(tpName(tp), found);
    return found;
  }

  /** This broker leads the partition under the epoch; loading begins. */
  lead(leaderEpoch: number, index = 0): void {
    const partition = this.partition(index);
    partition.isLeader = true;
    for (const listener of this.listeners) listener(partition.tp, leaderEpoch, true);
  }

  /** Another broker leads it. */
  resign(leaderEpoch: number, index = 0): void {
    const partition = this.partition(index);
    partition.isLeader = false;
    this.purgatory.check(partition.tp);
    for (const listener of this.listeners) listener(partition.tp, leaderEpoch, false);
  }

  /** Every in-sync replica has what was appended. */
  async replicate(index = 0): Promise<void> {
    const partition = this.partition(index);
    partition.highWatermark = partition.logEndOffset;
    this.purgatory.check(partition.tp);
    await this.pass(0);
  }

  /** Virtual time passes. */
  async pass(ms: number): Promise<void> {
    await this.world.complete(Promise.resolve(), 0, 'a turn');
    let isOver = false;
    this.world.schedule(ms, () => {
      isOver = true;
    });
    await this.world.run(this.world.nowMs + ms, () => isOver);
  }

  /** The answer, which must not have to wait for anything. */
  soon<T>(answer: Promise<T>): Promise<T> {
    return this.world.complete(answer, 100, 'the answer');
  }

  /** Puts records into the log as another broker, or a stranger, has written them; they are committed. */
  write(records: readonly { readonly key: Buffer | null; readonly value: Buffer | null }[], index = 0): void {
    const partition = this.partition(index);
    partition.append(buildBatch(records.map((one) => ({ timestamp: 1, ...one }))));
    partition.highWatermark = partition.logEndOffset;
  }

  join(
    memberId: string,
    more: Partial<TypeOf<typeof joinGroup.request>> = {},
  ): Promise<TypeOf<typeof joinGroup.response>> {
    return Promise.resolve(
      this.service.coordinator.join(
        {
          groupId: 'g',
          sessionTimeoutMs: 10000,
          rebalanceTimeoutMs: 20000,
          memberId,
          groupInstanceId: null,
          protocolType: 'consumer',
          protocols: [{ name: 'range', metadata: Buffer.from('000100000001000174ffffffff00000000', 'hex') }],
          ...more,
        },
        CALLER,
      ),
    );
  }

  async sync(
    memberId: string,
    generationId: number,
    assignments: Readonly<Record<string, string>> = {},
  ): Promise<{ error: ErrorName; assignment: string }> {
    const answer = await this.service.coordinator.sync({
      groupId: 'g',
      generationId,
      memberId,
      groupInstanceId: null,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: Object.entries(assignments).map(([id, text]) => ({
        memberId: id,
        assignment: Buffer.from(text),
      })),
    });
    return { error: errorName(answer.errorCode), assignment: answer.assignment.toString() };
  }

  async commit(
    offset: number,
    who: {
      memberId?: string;
      generationId?: number;
      sequence?: number;
      committerId?: string;
      groupId?: string;
      partition?: number;
    } = {},
  ): Promise<ErrorName> {
    const {
      memberId = '',
      generationId = -1,
      sequence = -1,
      committerId = '',
      groupId = 'g',
      partition = 0,
    } = who;
    const answer = await this.service.offsets.commit({
      groupId,
      generationId,
      memberId,
      groupInstanceId: null,
      commitSequence: sequence,
      committerId,
      topics: [
        {
          name: 'orders',
          partitions: [
            {
              partitionIndex: partition,
              committedOffset: offset,
              committedLeaderEpoch: -1,
              committedMetadata: '',
            },
          ],
        },
      ],
    });
    return errorName(answer.topics[0]!.partitions[0]!.errorCode);
  }

  /** The committed offset of orders-0, -1 without one, or why it is not told. */
  committed(groupId = 'g', requireStable = false): number | ErrorName {
    const answer = this.service.offsets.fetch({
      groupId,
      allTopics: false,
      topics: [{ name: 'orders', partitionIndexes: [0] }],
      requireStable,
    });
    if (answer.errorCode !== 0) return errorName(answer.errorCode);
    const row = answer.topics[0]!.partitions[0]!;
    return row.errorCode === 0 ? row.committedOffset : errorName(row.errorCode);
  }

  heartbeat(memberId: string, generationId: number): ErrorName {
    return errorName(
      this.service.coordinator.heartbeat({ groupId: 'g', memberId, groupInstanceId: null, generationId })
        .errorCode,
    );
  }

  /** The id a newcomer is told to join with. */
  async newMemberId(): Promise<string> {
    const first = await this.join('');
    return first.memberId;
  }
}
