/** A fetcher and its partitions; the leader is played by the test, which answers when it likes. */
import { Partition } from '../../src/broker/partition';
import { LeaderEndPoint } from '../../src/broker/leader-end-point';
import { ReplicaFetcher } from '../../src/broker/replica-fetcher';
import { errorCode, ErrorName, KafkaError } from '../../src/common/errors';
import { Host, TimelineEvent } from '../../src/common/host';
import { LeaderEpochCache } from '../../src/log/leader-epoch-cache';

const BACKOFF_MS = 100;

class FakeLog {
  logStartOffset = 0;
  highWatermark = 0;
  readonly calls: string[] = [];
  readonly epochs: LeaderEpochCache;
  appendError: Error | undefined;

  constructor(
    public logEndOffset: number,
    epoch: number,
  ) {
    this.epochs = new LeaderEpochCache(epoch < 0 ? [] : [{ epoch, startOffset: 0 }]);
  }

  truncateTo(offset: number): boolean {
    if (offset >= this.logEndOffset) return false;
    this.calls.push(`truncateTo ${offset}`);
    this.logEndOffset = offset;
    return true;
  }

  truncateFullyAndStartAt(offset: number): void {
    this.calls.push(`truncateFullyAndStartAt ${offset}`);
    this.logEndOffset = offset;
  }

  appendAsFollower(records: Buffer): void {
    if (this.appendError) throw this.appendError;
    this.calls.push(`append ${records.length}`);
    this.logEndOffset += records.length;
  }

  updateHighWatermark(offset: number): void {
    this.highWatermark = offset;
  }
  /** Moves of the log start, with the number of appends before each. */
  readonly starts: string[] = [];
  maybeIncrementLogStartOffset(offset: number): void {
    if (offset <= this.logStartOffset) return;
    this.logStartOffset = offset;
    this.starts.push(`to ${offset} after ${this.calls.length} calls`);
  }
}

interface Followed {
  readonly partition: Partition;
  readonly log: FakeLog;
  setLeaderEpoch(epoch: number): void;
}

function replica(name: string, logEndOffset: number, epoch = 1): Followed {
  const log = new FakeLog(logEndOffset, epoch);
  const [topic, index] = name.split('-');
  const played = {
    name,
    tp: { topic: topic!, partition: Number(index) },
    log,
    leaderEpoch: 1,
    isOffline: false,
    endOffsetFor: (asked: number) => log.epochs.endOffsetFor(asked, log.logEndOffset),
  };
  return {
    partition: played as unknown as Partition,
    log,
    setLeaderEpoch: (leaderEpoch) => {
      played.leaderEpoch = leaderEpoch;
    },
  };
}

interface Asked {
  readonly api: 'fetch' | 'epochs' | 'offsets';
  readonly request: never;
  readonly answer: (response: unknown) => void;
  readonly fail: (error: Error) => void;
}

class PlayedLeader {
  readonly asked: Asked[] = [];
  readonly events: TimelineEvent[] = [];
  readonly logged: string[] = [];
  nowMs = 0;
  private timers: { readonly atMs: number; readonly action: () => void }[] = [];
  readonly fetcher: ReplicaFetcher;

  constructor() {
    const ask = (api: Asked['api']) => (request: unknown) =>
      new Promise<never>((answer, fail) => {
        this.asked.push({ api, request: request as never, answer: answer as never, fail });
      });
    const leader: LeaderEndPoint = {
      fetch: ask('fetch'),
      offsetsForLeaderEpoch: ask('epochs'),
      listOffsets: ask('offsets'),
      close: () => {},
    };
    const clock = {
      wallMs: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      schedule: (delayMs: number, action: () => void) => {
        const timer = { atMs: this.nowMs + delayMs, action };
        this.timers.push(timer);
        return {
          cancel: () => {
            this.timers = this.timers.filter((one) => one !== timer);
          },
        };
      },
    };
    const error = (line: string) => {
      this.logged.push(line);
    };
    const log = { error, warn: () => {}, info: () => {}, debug: () => {}, debugOn: false };
    const host = {
      clock,
      event: (event: TimelineEvent) => {
        this.events.push(event);
      },
    } as unknown as Host;
    this.fetcher = new ReplicaFetcher(host, log as never, leader, {
      brokerId: 2,
      leaderId: 1,
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 100,
      partitionMaxBytes: 100,
      backoffMs: BACKOFF_MS,
      brokerEpoch: () => 20,
      truncateToHighWatermark: false,
    });
  }

  async turns(): Promise<void> {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }

  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    const due = this.timers.filter(({ atMs }) => atMs <= this.nowMs);
    this.timers = this.timers.filter(({ atMs }) => atMs > this.nowMs);
    for (const { action } of due) action();
    await this.turns();
  }

  /** The request that waits for an answer. */
  get last(): Asked {
    return this.asked.at(-1)!;
  }

  async answer(response: unknown): Promise<void> {
    this.last.answer(response);
    await this.turns();
  }

  /** Our epoch 1 ended, or ends, at `endOffset`. */
  epochEnds(name: string, endOffset: number, error: ErrorName = 'NONE'): Promise<void> {
    const [topic, partition] = name.split('-');
    const row = { partition: Number(partition), errorCode: errorCode(error), leaderEpoch: 1, endOffset };
    return this.answer({ topics: [{ topic, partitions: [row] }] });
  }

  /** Rows by partition: bytes of records, or an error. */
  fetched(rows: Readonly<Record<string, number | ErrorName>>, logStartOffset = 0): Promise<void> {
    const responses = Object.entries(rows).map(([name, row]) => {
      const [topic, partition] = name.split('-');
      const isError = typeof row === 'string';
      return {
        topic,
        partitions: [
          {
            partitionIndex: Number(partition),
            errorCode: isError ? errorCode(row) : 0,
            highWatermark: 0,
            lastStableOffset: 0,
            logStartOffset,
            records: [Buffer.alloc(isError ? 0 : row)],
          },
        ],
      };
    });
    return this.answer({ errorCode: 0, responses });
  }

  offset(offset: number, error: ErrorName = 'NONE'): Promise<void> {
    const row = { partitionIndex: 0, errorCode: errorCode(error), timestamp: -1, offset, leaderEpoch: 1 };
    return this.answer({ topics: [{ name: 't', partitions: [row] }] });
  }

  /** The names in the order of the last fetch. */
  get order(): string[] {
    expect(this.last.api).toBe('fetch');
    const { topics } = this.last.request as {
      topics: { topic: string; partitions: { partition: number }[] }[];
    };
    return topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition }) => `${topic}-${partition}`),
    );
  }

  /** Follows the partition, whose log agrees with the leader's. */
  async follow(one: Followed): Promise<void> {
    this.fetcher.add(one.partition);
    await this.turns();
    await this.epochEnds(one.partition.name, one.log.logEndOffset);
  }
}

/** Follows `t-0`, which ends at 10, and has asked for more. */
async function fetching(): Promise<{ leader: PlayedLeader; one: Followed }> {
  const leader = new PlayedLeader();
  const one = replica('t-0', 10);
  await leader.follow(one);
  expect(leader.order).toEqual(['t-0']);
  return { leader, one };
}

test('a partition that brought records asks last the next time, so that busy ones do not starve the others', async () => {
  const leader = new PlayedLeader();
  for (const name of ['a-0', 'a-1', 'b-0', 'a-2']) leader.fetcher.add(replica(name, 0, -1).partition);
  await leader.turns();
  await leader.fetched({});
  expect(leader.order).toEqual(['a-0', 'a-1', 'b-0', 'a-2']);
  await leader.fetched({ 'a-0': 50, 'a-1': 50, 'b-0': 0, 'a-2': 0 });
  expect(leader.order).toEqual(['b-0', 'a-2', 'a-0', 'a-1']);
  await leader.fetched({ 'b-0': 50, 'a-2': 50, 'a-0': 0, 'a-1': 0 });
  expect(leader.order).toEqual(['a-0', 'a-1', 'b-0', 'a-2']);
});

test('a fetcher counts the responses that served others, until a partition is served or refused itself', async () => {
  const leader = new PlayedLeader();
  for (const name of ['a-0', 'a-1', 'b-0']) leader.fetcher.add(replica(name, 0, -1).partition);
  const counts = () =>
    Object.fromEntries(leader.fetcher.passedOver.map((one) => [one.partition.name, one.passedOver]));
  await leader.turns();
  await leader.fetched({ 'a-0': 0, 'a-1': 0, 'b-0': 0 });
  expect(counts()).toEqual({ 'a-0': 0, 'a-1': 0, 'b-0': 0 });
  await leader.fetched({ 'a-0': 50, 'a-1': 0, 'b-0': 0 });
  await leader.fetched({ 'a-1': 0, 'b-0': 0, 'a-0': 50 });
  expect(counts()).toEqual({ 'a-0': 0, 'a-1': 2, 'b-0': 2 });
  await leader.fetched({ 'a-1': 50, 'b-0': 'UNKNOWN_SERVER_ERROR', 'a-0': 0 });
  expect(counts()).toEqual({ 'a-0': 1, 'a-1': 0, 'b-0': 0 });
});

test("a log whose records were all deleted at the leader is empty before the leader's first batch is appended", async () => {
  const { leader, one } = await fetching();
  await leader.fetched({ 't-0': 5 }, 10);
  expect(one.log.starts).toEqual(['to 10 after 0 calls']);
  expect(one.log.calls).toEqual(['append 5']);
});

test("a log that reaches beyond the leader's start keeps its records until they are appended to", async () => {
  const { leader, one } = await fetching();
  await leader.fetched({ 't-0': 5 }, 9);
  expect(one.log.starts).toEqual([]);
  expect(one.log.calls).toEqual(['append 5']);
});

describe('when the role changes while an answer is on its way', () => {
  const changes: Record<string, (leader: PlayedLeader, one: Followed) => void> = {
    'because the partition is not followed any more': (leader, one) =>
      leader.fetcher.remove(one.partition.tp),
    'because its leader epoch is newer': (_, one) => one.setLeaderEpoch(2),
    'because it was added anew': (leader, one) => leader.fetcher.add(one.partition),
  };
  test.each(Object.entries(changes))('fetched records are not appended %s', async (_, change) => {
    const { leader, one } = await fetching();
    const asked = leader.last;
    change(leader, one);
    const row = {
      partitionIndex: 0,
      errorCode: 0,
      highWatermark: 15,
      lastStableOffset: 15,
      logStartOffset: 0,
      records: [Buffer.alloc(5)],
    };
    asked.answer({ errorCode: 0, responses: [{ topic: 't', partitions: [row] }] });
    await leader.turns();
    expect(one.log.calls).toEqual([]);
    expect(one.log.highWatermark).toBe(0);
  });

  test.each(Object.entries(changes))(
    'the log is not truncated to where an epoch ended %s',
    async (_, change) => {
      const leader = new PlayedLeader();
      const one = replica('t-0', 10);
      leader.fetcher.add(one.partition);
      await leader.turns();
      change(leader, one);
      await leader.epochEnds('t-0', 4);
      expect(one.log.calls).toEqual([]);
    },
  );

  test.each(Object.entries(changes))("the log is not truncated to the leader's end %s", async (_, change) => {
    const { leader, one } = await fetching();
    await leader.fetched({ 't-0': 'OFFSET_OUT_OF_RANGE' });
    expect(leader.last.api).toBe('offsets');
    change(leader, one);
    await leader.offset(4);
    expect(one.log.calls).toEqual([]);
  });

  test.each(Object.entries(changes))(
    "the log does not start anew at the leader's start %s",
    async (_, change) => {
      const { leader, one } = await fetching();
      await leader.fetched({ 't-0': 'OFFSET_OUT_OF_RANGE' });
      await leader.offset(100);
      change(leader, one);
      await leader.offset(50);
      expect(one.log.calls).toEqual([]);
    },
  );
});

test("a log that lies outside the leader's is truncated to its end, or starts anew at its start", async () => {
  const { leader, one } = await fetching();
  await leader.fetched({ 't-0': 'OFFSET_OUT_OF_RANGE' });
  await leader.offset(4);
  await leader.fetched({ 't-0': 'OFFSET_OUT_OF_RANGE' });
  await leader.offset(100);
  await leader.offset(50);
  expect(one.log.calls).toEqual(['truncateTo 4', 'truncateFullyAndStartAt 50']);
  expect(leader.events.filter(({ what }) => what === 'truncated').map(({ from, to }) => [from, to])).toEqual([
    [10, 4],
    [4, 50],
  ]);
});

test('an error of one partition delays that one and no other', async () => {
  const leader = new PlayedLeader();
  const [bad, good] = [replica('t-0', 0, -1), replica('t-1', 0, -1)];
  bad.log.appendError = new KafkaError('CORRUPT_MESSAGE');
  for (const one of [bad, good]) leader.fetcher.add(one.partition);
  await leader.turns();
  await leader.fetched({});
  await leader.fetched({ 't-0': 5, 't-1': 5 });
  expect(good.log.logEndOffset).toBe(5);
  expect(leader.order).toEqual(['t-1']);
  await leader.pass(BACKOFF_MS);
  await leader.fetched({ 't-1': 'NOT_LEADER_OR_FOLLOWER' });
  expect(leader.order).toEqual(['t-0']);
});

test('a partition whose log fails, or whose leader has a newer epoch, is left until it is added again', async () => {
  const leader = new PlayedLeader();
  const [broken, fenced, good] = ['t-0', 't-1', 't-2'].map((name) => replica(name, 0, -1));
  broken!.log.appendError = new RangeError('out of bounds');
  for (const one of [broken!, fenced!, good!]) leader.fetcher.add(one.partition);
  await leader.turns();
  await leader.fetched({});
  await leader.fetched({ 't-0': 5, 't-1': 'FENCED_LEADER_EPOCH', 't-2': 5 });
  await leader.pass(10 * BACKOFF_MS);
  await leader.fetched({});
  expect(leader.order).toEqual(['t-2']);
  leader.fetcher.add(fenced!.partition);
  await leader.fetched({});
  expect(leader.order).toEqual(['t-2', 't-1']);
});

test('an error that nobody expected is logged with its stack, and the fetcher goes on', async () => {
  const { leader } = await fetching();
  for (let round = 2; round < 5; round++) {
    leader.last.fail(new TypeError('undefined is not a function'));
    await leader.turns();
    await leader.pass(BACKOFF_MS);
    expect(leader.asked.filter(({ api }) => api === 'fetch')).toHaveLength(round);
  }
  expect(leader.logged).toHaveLength(3);
  expect(leader.logged[0]).toMatch(/Fetching from broker 1 failed unexpectedly: TypeError: .*\n +at /);
});

test('after a lost connection the leader is asked again', async () => {
  const { leader } = await fetching();
  leader.last.fail(new KafkaError('DISCONNECTED'));
  await leader.turns();
  await leader.pass(BACKOFF_MS);
  expect(leader.asked.filter(({ api }) => api === 'fetch')).toHaveLength(2);
});
