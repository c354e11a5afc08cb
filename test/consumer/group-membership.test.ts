/** A member and its commits against a scripted coordinator: what is sent, and under which membership. */
import { KafkaError } from '../../src/common/errors';
import { parseConsumerConfig } from '../../src/consumer/consumer-config';
import { CoordinatorClient } from '../../src/consumer/coordinator-client';
import { rangeAssignor } from '../../src/consumer/assignors/range-assignor';
import { GroupMembership } from '../../src/consumer/group-membership';
import { OffsetCommitter, OUTSIDE_OF_A_GROUP } from '../../src/consumer/offset-committer';
import { encodeAssignment } from '../../src/protocol/consumer-protocol';
import { Api } from '../../src/protocol/schema';
import { SimHost } from '../../src/simulation/sim-host';
import { World } from '../../src/simulation/world';
import { errorCode, ErrorName, errorName } from '../../src/common/errors';

interface Asked {
  readonly api: string;
  readonly body: Readonly<Record<string, unknown>>;
  answer(body: unknown): void;
  fail(error: KafkaError): void;
}

/** What the coordinator is asked, oldest first; the test answers. */
class Script {
  readonly world = new World('script');
  readonly host = new SimHost(
    this.world,
    { of: () => undefined as never, hostDied: () => {} },
    'member',
  ).boot();
  readonly asked: Asked[] = [];
  readonly client = {
    isKnown: true,
    note: (code: number) => errorName(code),
    request: (api: Api, body: Readonly<Record<string, unknown>>) =>
      new Promise((answer, fail) => {
        this.asked.push({ api: api.name, body, answer, fail });
      }),
  } as unknown as CoordinatorClient;
  readonly config = parseConsumerConfig({ 'zookeeper.connect': 'z', 'group.id': 'g' });
  readonly membership = new GroupMembership({
    host: this.host,
    log: this.host.log,
    config: this.config,
    groupId: 'g',
    assignors: [rangeAssignor()],
    coordinator: this.client,
    subscription: () => ({ topics: ['t'], owned: [] }),
    partitionCounts: async () => new Map([['t', 1]]),
    onAttention: () => {},
  });
  readonly committer = new OffsetCommitter(this.host, 'g', 100, this.client);

  async turn(ms = 0): Promise<void> {
    await this.world.complete(Promise.resolve(), 0, 'a turn');
    await this.world.run(this.world.nowMs + ms);
  }

  next(api: string): Asked {
    const at = this.asked.findIndex((one) => one.api === api);
    if (at < 0)
      throw new Error(
        `the coordinator was not asked ${api}, but ` +
          `${this.asked.map((one) => one.api).join(', ') || 'nothing'}`,
      );
    return this.asked.splice(at, 1)[0]!;
  }

  /** Outcomes that must not have to wait for anything. */
  soon(...outcomes: readonly Promise<string>[]): Promise<string[]> {
    return this.world.complete(Promise.all(outcomes), 50, 'the outcome');
  }

  async answerJoin(generationId: number): Promise<void> {
    await this.turn();
    this.next('JoinGroup').answer({
      errorCode: 0,
      generationId,
      protocolType: 'consumer',
      protocolName: 'range',
      leader: 'other',
      memberId: 'me',
      members: [],
    });
    await this.turn();
  }

  async answerSync(): Promise<void> {
    const assignment = encodeAssignment({ partitions: [{ topic: 't', partition: 0 }], userData: null });
    this.next('SyncGroup').answer({
      errorCode: 0,
      protocolType: 'consumer',
      protocolName: 'range',
      assignment,
    });
    await this.turn();
  }

  async join(generationId: number): Promise<void> {
    this.membership.startJoin();
    await this.answerJoin(generationId);
    await this.answerSync();
    expect(this.membership.takeJoined()?.generation).toBe(generationId);
  }

  commit(
    offset: number,
    rights = this.membership as Parameters<OffsetCommitter['commit']>[1],
  ): Promise<string> {
    return this.committer.commit([{ topic: 't', partition: 0, offset }], rights, 30000).then(
      () => 'ok',
      (error: KafkaError) => error.errorName,
    );
  }

  answerCommit(error: ErrorName): void {
    this.next('OffsetCommit').answer({
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode: errorCode(error) }] }],
    });
  }
}

test('a commit that waits behind another is not made under a later generation than it was asked for in', async () => {
  const script = new Script();
  await script.join(1);
  const [first, second] = [script.commit(1), script.commit(2)];
  await script.turn();
  script.membership.requestRejoin('a test');
  await script.join(2);
  script.answerCommit('NONE');
  expect(await script.soon(first, second)).toEqual(['ok', 'COMMIT_FAILED']);
  expect(script.asked).toEqual([]);
  expect(script.membership.info).toMatchObject({ generation: 2, memberId: 'me' });
});

test('from the start of a join until poll has taken what came of it a commit says REBALANCE_IN_PROGRESS at once', async () => {
  const script = new Script();
  await script.join(1);
  const before = script.commit(1);
  await script.turn();
  script.membership.startJoin();
  expect(await script.soon(script.commit(2))).toEqual(['REBALANCE_IN_PROGRESS']);
  // The coordinator has gone on to the next generation; the answer to JoinGroup is under way.
  script.answerCommit('ILLEGAL_GENERATION');
  expect(await script.soon(before)).toEqual(['REBALANCE_IN_PROGRESS']);
  await script.answerJoin(2);
  await script.answerSync();
  expect(await script.soon(script.commit(3))).toEqual(['REBALANCE_IN_PROGRESS']);
  expect([
    script.membership.partitionsLost,
    script.membership.takeJoined()?.generation,
    script.membership.rejoinNeeded,
  ]).toEqual([false, 2, false]);
  const after = script.commit(4);
  await script.turn();
  script.answerCommit('NONE');
  expect(await script.soon(after)).toEqual(['ok']);
});

test('a commit that the coordinator refuses in the present generation ends the membership; in an older one it does not', async () => {
  const script = new Script();
  await script.join(1);
  const old = script.commit(1);
  await script.turn();
  script.membership.requestRejoin('a test');
  await script.join(2);
  script.answerCommit('UNKNOWN_MEMBER_ID');
  expect([await old, script.membership.isMember, script.membership.partitionsLost]).toEqual([
    'COMMIT_FAILED',
    true,
    false,
  ]);
  const present = script.commit(2);
  await script.turn();
  script.answerCommit('UNKNOWN_MEMBER_ID');
  expect([await present, script.membership.isMember, script.membership.partitionsLost]).toEqual([
    'COMMIT_FAILED',
    false,
    true,
  ]);
});

test('a heartbeat that was sent before a join does not ask for another one', async () => {
  const script = new Script();
  await script.join(1);
  await script.turn(3000);
  const beat = script.next('Heartbeat');
  script.membership.startJoin();
  beat.answer({ errorCode: errorCode('REBALANCE_IN_PROGRESS') });
  await script.turn();
  await script.answerJoin(2);
  await script.answerSync();
  expect([script.membership.takeJoined()?.generation, script.membership.rejoinNeeded]).toEqual([2, false]);
});

test('who leaves while a JoinGroup is under way says goodbye when it is answered, and is no member', async () => {
  const script = new Script();
  script.membership.startJoin();
  await script.turn();
  await script.membership.leave();
  await script.answerJoin(1);
  expect(script.next('LeaveGroup').body).toMatchObject({ members: [{ memberId: 'me' }] });
  expect([script.membership.isMember, script.membership.isRebalancing]).toEqual([false, false]);
});

test("outside of a group commits are counted under an id of the consumer's own, and go on being made in order", async () => {
  const script = new Script();
  const outcomes = [script.commit(1, OUTSIDE_OF_A_GROUP), script.commit(2, OUTSIDE_OF_A_GROUP)];
  await script.turn();
  const first = script.next('OffsetCommit');
  expect(script.asked).toEqual([]);
  first.fail(new KafkaError('REQUEST_TIMED_OUT'));
  await script.turn(100);
  const again = script.asked[0]!.body;
  script.answerCommit('NONE');
  await script.turn();
  const last = script.asked[0]!.body;
  script.answerCommit('NONE');
  expect(await Promise.all(outcomes)).toEqual(['ok', 'ok']);
  expect([first.body, again, last].map(({ commitSequence }) => commitSequence)).toEqual([0, 1, 2]);
  expect(new Set([first.body, again, last].map(({ committerId }) => committerId)).size).toBe(1);
});
