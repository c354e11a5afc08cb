/** ListOffsets: what a consumer is told of the end of a partition. */
import { handleListOffsets } from '../../src/broker/handlers/offsets';
import { ReplicaManager } from '../../src/broker/replica-manager';
import { errorName } from '../../src/common/errors';

const LATEST = -1;

/** A leader whose epoch began at `epochStart`, with this high watermark and end. */
function ask(
  replicaId: number,
  { highWatermark, logEndOffset, epochStart, found = -1 }: Record<string, number>,
  timestamp = LATEST,
): string {
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
  const topics = [
    { name: 't', partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp }] },
  ];
  const row = handleListOffsets(replicas, { replicaId, isolationLevel: 0, topics }).topics[0]!.partitions[0]!;
  return row.errorCode === 0 ? String(row.offset) : errorName(row.errorCode);
}

test('a consumer is told the high watermark as the end, a replica the log end', () => {
  expect(ask(-1, { highWatermark: 7, logEndOffset: 9, epochStart: 5 })).toBe('7');
  expect(ask(2, { highWatermark: 7, logEndOffset: 9, epochStart: 5 })).toBe('9');
});

test('a new leader does not tell an end below what its predecessor may have told (KIP-207)', () => {
  expect(ask(-1, { highWatermark: 4, logEndOffset: 9, epochStart: 5 })).toBe('OFFSET_NOT_AVAILABLE');
  expect(ask(-1, { highWatermark: 5, logEndOffset: 9, epochStart: 5 })).toBe('5');
});

test('nor does it say that there is no record of a time, when there may be one its high watermark has not reached', () => {
  const behind = { highWatermark: 4, logEndOffset: 9, epochStart: 5 };
  expect(ask(-1, { ...behind, found: 3 }, 1000)).toBe('3');
  expect(ask(-1, { ...behind, found: 4 }, 1000)).toBe('OFFSET_NOT_AVAILABLE');
  expect(ask(-1, behind, 1000)).toBe('OFFSET_NOT_AVAILABLE');
  expect(ask(-1, { ...behind, highWatermark: 5, found: 5 }, 1000)).toBe('-1');
  expect(ask(2, { ...behind, found: 8 }, 1000)).toBe('8');
});
