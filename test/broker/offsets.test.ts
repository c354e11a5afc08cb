/** ListOffsets: what a consumer is told of the end of a partition. */
import { handleListOffsets, handleOffsetForLeaderEpoch } from '../../src/broker/handlers/offsets';
import { Clock } from '../../src/common/host';
import { ReplicaManager } from '../../src/broker/replica-manager';
import { errorName, KafkaError } from '../../src/common/errors';

const LATEST = -1;
const log = { error: () => {} };

/** A leader whose epoch began at `epochStart`, with this high watermark and end. */
async function ask(
  replicaId: number,
  { highWatermark, logEndOffset, epochStart, found = -1 }: Record<string, number>,
  timestamp = LATEST,
): Promise<string> {
  const partition = {
    requireLeader: () => {},
    leaderEpoch: 3,
    leaderEpochStartOffset: epochStart,
    log: {
      highWatermark,
      logEndOffset,
      logStartOffset: 0,
      offsetForTimestamp: () => (found < 0 ? undefined : { timestamp: 1000, offset: found }),
    },
  };
  const replicas = { require: () => partition } as unknown as ReplicaManager;
  const topics = [{ name: 't', partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp }] }];
  const turns = { clock: { monotonicMs: () => 0 } as Clock, next: () => Promise.resolve() };
  const answer = await handleListOffsets(turns, { replicas, log }, { replicaId, isolationLevel: 0, topics });
  const row = answer.topics[0]!.partitions[0]!;
  return row.errorCode === 0 ? String(row.offset) : errorName(row.errorCode);
}

test('a consumer is told the high watermark as the end, a replica the log end', async () => {
  expect(await ask(-1, { highWatermark: 7, logEndOffset: 9, epochStart: 5 })).toBe('7');
  expect(await ask(2, { highWatermark: 7, logEndOffset: 9, epochStart: 5 })).toBe('9');
});

test('a new leader does not tell an end below what its predecessor may have told (KIP-207)', async () => {
  expect(await ask(-1, { highWatermark: 4, logEndOffset: 9, epochStart: 5 })).toBe('OFFSET_NOT_AVAILABLE');
  expect(await ask(-1, { highWatermark: 5, logEndOffset: 9, epochStart: 5 })).toBe('5');
});

test('nor does it say that there is no record of a time, when there may be one its high watermark has not reached', async () => {
  const behind = { highWatermark: 4, logEndOffset: 9, epochStart: 5 };
  expect(await ask(-1, { ...behind, found: 3 }, 1000)).toBe('3');
  expect(await ask(-1, { ...behind, found: 4 }, 1000)).toBe('OFFSET_NOT_AVAILABLE');
  expect(await ask(-1, behind, 1000)).toBe('OFFSET_NOT_AVAILABLE');
  expect(await ask(-1, { ...behind, highWatermark: 5, found: 5 }, 1000)).toBe('-1');
  expect(await ask(2, { ...behind, found: 8 }, 1000)).toBe('8');
});

test('look-ups are made in turns of 5 ms, and a partition that is named twice is refused', async () => {
  let nowMs = 0;
  let turns = 0;
  const clock = { monotonicMs: () => nowMs } as Clock;
  const next = async () => {
    turns++;
  };
  const partition = {
    requireLeader: () => {},
    leaderEpoch: 3,
    leaderEpochStartOffset: 0,
    log: {
      highWatermark: 9,
      logEndOffset: 9,
      logStartOffset: 0,
      offsetForTimestamp: () => {
        nowMs += 1.25;
        return { timestamp: 1000, offset: 1 };
      },
    },
  };
  const replicas = { require: () => partition } as unknown as ReplicaManager;
  const rows = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => {
      return { partitionIndex: from + i, currentLeaderEpoch: -1, timestamp: 1000 };
    });
  const { topics } = await handleListOffsets(
    { clock, next },
    { replicas, log },
    {
      replicaId: -1,
      isolationLevel: 0,
      topics: [
        { name: 't', partitions: rows(0, 20) },
        { name: 'u', partitions: rows(0, 2) },
        { name: 't', partitions: rows(19, 1) },
      ],
    },
  );
  const codes = topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorName(errorCode)));
  expect(codes).toEqual([
    [...new Array(19).fill('NONE'), 'INVALID_REQUEST'],
    ['NONE', 'NONE'],
    ['INVALID_REQUEST'],
  ]);
  expect(turns).toBe(5);
});

test('an error that nobody expected is told of its own partition; the others are answered', async () => {
  const logged: string[] = [];
  const partition = {
    requireLeader: () => {},
    leaderEpoch: 3,
    leaderEpochStartOffset: 0,
    log: { highWatermark: 9, logEndOffset: 9, logStartOffset: 0 },
    endOffsetFor: () => ({ epoch: 2, endOffset: 5 }),
  };
  const require = (tp: { partition: number }) => {
    if (tp.partition === 0) throw new TypeError('undefined is not a function');
    return partition;
  };
  const deps = {
    replicas: { require } as never,
    log: {
      error: (line: string) => {
        logged.push(line);
      },
    },
  };
  const turns = { clock: { monotonicMs: () => 0 } as Clock, next: () => Promise.resolve() };
  const listed = await handleListOffsets(turns, deps, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [
      {
        name: 't',
        partitions: [0, 1].map((partitionIndex) => ({
          partitionIndex,
          currentLeaderEpoch: -1,
          timestamp: -1,
        })),
      },
    ],
  });
  expect(listed.topics[0]!.partitions.map((row) => errorName(row.errorCode))).toEqual([
    'UNKNOWN_SERVER_ERROR',
    'NONE',
  ]);
  const { topics } = await handleOffsetForLeaderEpoch(turns, deps, {
    replicaId: -1,
    topics: [
      {
        topic: 't',
        partitions: [0, 1].map((index) => ({ partition: index, currentLeaderEpoch: -1, leaderEpoch: 2 })),
      },
    ],
  });
  expect(topics[0]!.partitions.map((row) => errorName(row.errorCode))).toEqual([
    'UNKNOWN_SERVER_ERROR',
    'NONE',
  ]);
  expect(logged).toHaveLength(2);
});

test('leader epochs are looked up in turns of 5 ms', async () => {
  let nowMs = 0;
  let turns = 0;
  const clock = { monotonicMs: () => nowMs } as Clock;
  const next = async () => {
    turns++;
  };
  const require = () => {
    nowMs += 1.25;
    throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
  };
  const rows = (count: number) =>
    Array.from({ length: count }, (_, partition) => {
      return { partition, currentLeaderEpoch: -1, leaderEpoch: 2 };
    });
  const { topics } = await handleOffsetForLeaderEpoch(
    { clock, next },
    { replicas: { require }, log },
    {
      replicaId: -1,
      topics: [
        { topic: 't', partitions: rows(18) },
        { topic: 'u', partitions: rows(2) },
      ],
    },
  );
  expect(
    topics.map(({ topic, partitions }) => `${topic} ${partitions.map(({ partition }) => partition)}`),
  ).toEqual(['t 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17', 'u 0,1']);
  expect(turns).toBe(5);
});
