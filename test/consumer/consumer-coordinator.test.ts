/** What a consumer does about its group, poll by poll, against a coordinator that takes every join. */
import { TopicPartition, tpName } from '../../src/common/cluster-types';
import { sleep } from '../../src/common/host';
import { ClusterMetadata } from '../../src/client/cluster-metadata';
import { assignorsOf } from '../../src/consumer/assignors/all-assignors';
import { PartitionAssignor } from '../../src/consumer/assignors/partition-assignor';
import { parseConsumerConfig } from '../../src/consumer/consumer-config';
import { ConsumerCoordinator } from '../../src/consumer/consumer-coordinator';
import { ConsumerInterceptors } from '../../src/consumer/interceptors';
import { SubscriptionState } from '../../src/consumer/subscription-state';
import { ConnectionPool } from '../../src/network/connection-pool';
import { encodeAssignment } from '../../src/protocol/consumer-protocol';
import { Api } from '../../src/protocol/schema';
import { SimHost } from '../../src/simulation/sim-host';
import { World } from '../../src/simulation/world';

interface JoinBody {
  readonly memberId: string;
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[];
}

/** A group of one, which leads itself. */
class LoneMember {
  readonly world = new World('lone member');
  readonly host = new SimHost(
    this.world,
    { of: () => undefined as never, hostDied: () => {} },
    'member',
  ).boot();
  /** What the coordinator was asked, oldest first. */
  readonly asked: string[] = [];
  /** Topics that exist, with their partitions. */
  readonly topics = new Map([['t', 1]]);
  /** What the next SyncGroup is answered with; not set: what the member assigned to itself. */
  given: TopicPartition[] | undefined;
  /** Answers to LeaveGroup are held back while this is set. */
  leaving: Promise<void> = Promise.resolve();
  /** How long the coordinator takes for a commit, in virtual ms. */
  commitMs = 0;
  private generation = 0;
  readonly state = new SubscriptionState('earliest', true);
  readonly coordinator: ConsumerCoordinator;

  constructor(settings: Record<string, unknown> = {}, assignors?: readonly PartitionAssignor[]) {
    const config = parseConsumerConfig({ 'zookeeper.connect': 'z', 'group.id': 'g', ...settings });
    const topic = (name: string) => {
      const partitions = Array.from({ length: this.topics.get(name) ?? 0 }, () => ({}));
      return partitions.length > 0 ? { topic: name, isAvailable: true, partitions } : undefined;
    };
    this.coordinator = new ConsumerCoordinator({
      host: this.host,
      log: this.host.log,
      config,
      groupId: 'g',
      assignors: assignors ?? assignorsOf(config['partition.assignment.strategy']),
      subscription: this.state,
      metadata: {
        addresses: () => [{ host: 'b', port: 1 }],
        topic,
        awaitTopic: async (name: string) => topic(name) ?? Promise.reject(new Error('no such topic')),
      } as unknown as ClusterMetadata,
      pool: {
        request: async (_: unknown, api: Api, body: unknown) => this.answer(api.name, body),
        close: () => {},
      } as unknown as ConnectionPool,
      interceptors: new ConsumerInterceptors([], () => {}),
      onAttention: () => {},
    });
  }

  private async answer(api: string, body: unknown): Promise<unknown> {
    this.asked.push(api);
    switch (api) {
      case 'FindCoordinator':
        return { errorCode: 0, errorMessage: null, host: 'b', port: 1, nodeId: 1 };
      case 'JoinGroup': {
        const [{ name, metadata }] = (body as JoinBody).protocols as [JoinBody['protocols'][number]];
        const members = [{ memberId: 'me', groupInstanceId: null, metadata }];
        const protocol = { protocolType: 'consumer', protocolName: name };
        const self = { leader: 'me', memberId: 'me', members };
        return { errorCode: 0, generationId: ++this.generation, ...protocol, ...self };
      }
      case 'SyncGroup': {
        const { assignments } = body as { assignments: readonly { assignment: Buffer }[] };
        const given = this.given && encodeAssignment({ partitions: this.given, userData: null });
        const assignment = given ?? assignments[0]!.assignment;
        return { errorCode: 0, protocolType: 'consumer', protocolName: null, assignment };
      }
      case 'LeaveGroup':
        await this.leaving;
        return { errorCode: 0, members: [] };
      case 'OffsetCommit':
        await sleep(this.host.clock, this.commitMs);
        return { topics: [] };
      default:
        return { errorCode: 0 };
    }
  }

  subscribe(...topics: readonly string[]): void {
    this.state.subscribe(topics);
    this.coordinator.membership.requestRejoin('the subscription has changed');
  }

  /** Polls some times; what the polls threw. */
  async polls(count = 5): Promise<string[]> {
    const thrown: string[] = [];
    for (let i = 0; i < count; i++) {
      const poll = this.coordinator.poll().catch((error: Error) => thrown.push(error.message));
      await this.world.complete(poll, 5000, 'a poll');
      await this.world.run(this.world.nowMs + 100);
    }
    return thrown;
  }

  get assignment(): string[] {
    return this.state.partitions.map(tpName).sort();
  }
  get joins(): number {
    return this.asked.filter((api) => api === 'JoinGroup').length;
  }
}

const tp = (partition: number) => ({ topic: 't', partition });
const fails = () => {
  throw new Error('a mistake of the program');
};

describe('a program that throws does not keep its consumer from what the group gave it', () => {
  test('a listener that throws as partitions are revoked: those that came with them are read', async () => {
    const member = new LoneMember({ 'partition.assignment.strategy': ['cooperative-sticky'] });
    member.topics.set('t', 3);
    member.given = [tp(0), tp(1)];
    member.subscribe('t');
    await member.polls();
    expect(member.assignment).toEqual(['t-0', 't-1']);
    member.coordinator.listener = { onPartitionsRevoked: fails };
    member.given = [tp(1), tp(2)];
    const before = member.joins;
    member.coordinator.membership.requestRejoin('a test');
    expect(await member.polls()).toEqual(['a mistake of the program']);
    expect(member.assignment).toEqual(['t-1', 't-2']);
    // Having given something up it joins once more, so that somebody else gets that.
    expect(member.joins - before).toBe(2);
  });

  test('a listener that throws when the consumer leaves: the group is told all the same', async () => {
    const member = new LoneMember();
    member.subscribe('t');
    await member.polls();
    member.coordinator.listener = { onPartitionsRevoked: fails };
    const left = member.coordinator.leave().catch((error: Error) => error.message);
    expect(await member.world.complete(left, 5000, 'leaving')).toBe('a mistake of the program');
    expect(member.asked).toContain('LeaveGroup');
    expect([member.coordinator.membership.isMember, member.state.isNothing]).toEqual([false, true]);
  });

  test('an assignor that throws when it is told of the assignment', async () => {
    const [range] = assignorsOf(['range']);
    const member = new LoneMember({}, [{ ...range!, onAssignment: fails }]);
    member.subscribe('t');
    expect(await member.polls()).toEqual(['a mistake of the program']);
    expect(member.assignment).toEqual(['t-0']);
  });
});

test('a topic that was missed once and that nobody reads any more sets off no rebalances', async () => {
  const member = new LoneMember();
  member.subscribe('t', 'missing');
  await member.polls(20);
  member.subscribe('t');
  await member.polls();
  const before = member.joins;
  member.topics.set('missing', 1);
  await member.polls(10);
  expect(member.joins).toBe(before);
  // Who reads it again gets it.
  member.subscribe('t', 'missing');
  await member.polls();
  expect(member.assignment).toEqual(['missing-0', 't-0']);
});

test('a topic that a member waits for is taken up when it is created', async () => {
  const member = new LoneMember();
  member.subscribe('t', 'missing');
  await member.polls(20);
  expect(member.assignment).toEqual(['t-0']);
  member.topics.set('missing', 1);
  await member.polls();
  expect(member.assignment).toEqual(['missing-0', 't-0']);
});

test('a poll that goes on while the consumer leaves does not join again', async () => {
  const member = new LoneMember({ 'enable.auto.commit': false });
  member.subscribe('t');
  await member.polls();
  let answerLeave = () => {};
  member.leaving = new Promise((resolve) => (answerLeave = resolve));
  const before = member.joins;
  const left = member.coordinator.leave();
  await member.polls();
  answerLeave();
  await member.world.complete(left, 5000, 'leaving');
  expect(member.joins).toBe(before);
  expect([member.coordinator.membership.isMember, member.assignment]).toEqual([false, []]);
});

describe('commits that the program asked for without waiting', () => {
  const asksTwice = (member: LoneMember) => {
    const outcomes: Promise<string>[] = [];
    for (const offset of [1, 2]) {
      const made = member.coordinator.commit([{ ...tp(0), offset }], 30000);
      outcomes.push(
        made.then(
          () => 'ok',
          (error: Error) => error.message,
        ),
      );
    }
    return Promise.all(outcomes);
  };

  test('are made before the consumer leaves, also those that wait behind others', async () => {
    const member = new LoneMember({ 'enable.auto.commit': false });
    member.subscribe('t');
    await member.polls();
    member.commitMs = 500;
    const outcomes = asksTwice(member);
    await member.world.complete(member.coordinator.leave(), 5000, 'leaving');
    expect(await outcomes).toEqual(['ok', 'ok']);
    expect(member.asked.slice(-3)).toEqual(['OffsetCommit', 'OffsetCommit', 'LeaveGroup']);
  });

  test('are made before the consumer joins again', async () => {
    const member = new LoneMember({ 'enable.auto.commit': false });
    member.subscribe('t');
    await member.polls();
    member.commitMs = 500;
    const outcomes = asksTwice(member);
    member.coordinator.membership.requestRejoin('a test');
    await member.polls();
    expect(await outcomes).toEqual(['ok', 'ok']);
    expect(member.joins).toBe(2);
  });

  test('are made before a consumer ends that assigns partitions to itself', async () => {
    const member = new LoneMember({ 'enable.auto.commit': false });
    member.state.assign([tp(0)]);
    member.commitMs = 500;
    const outcomes = asksTwice(member);
    await member.world.complete(member.coordinator.leave(), 5000, 'leaving');
    expect(member.asked.filter((api) => api === 'OffsetCommit').length).toBe(2);
    expect(await outcomes).toEqual(['ok', 'ok']);
  });
});
