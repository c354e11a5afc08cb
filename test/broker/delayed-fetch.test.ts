/** A fetch that waits compares offsets and sizes; the log is read when it is answered, and not before. */
import { DelayedFetch } from '../../src/broker/delayed-fetch';
import { mergedFetch } from '../../src/broker/fetch-request';
import { InvariantError, KafkaError } from '../../src/common/errors';
import { TopicPartition, tpName } from '../../src/common/cluster-types';

/** A log whose batches are ten bytes an offset; reading it is not possible at all. */
class SizedLog {
  logStartOffset = 0;
  logEndOffset = 0;
  highWatermark = 0;
  truncations = 0;
  /** What lies below is not in memory. */
  oldest = 0;

  positionOf(offset: number): number | undefined {
    return offset === this.logEndOffset || offset >= this.oldest ? offset * 10 : undefined;
  }
}

class Leader {
  readonly log = new SizedLog();
  looks = 0;
  assignment = [1, 2];
  error: Error | undefined;

  requireLeader(): void {
    this.looks++;
    if (this.error) throw this.error;
  }

  append(records: number): void {
    this.log.logEndOffset += records;
    this.log.highWatermark += records;
  }
}

function partitions(count: number) {
  const leaders = new Map<string, Leader>();
  for (let partition = 0; partition < count; partition++)
    leaders.set(tpName({ topic: 't', partition }), new Leader());
  const replicas = { require: (tp: TopicPartition) => leaders.get(tpName(tp)) } as never;
  const rows = (fetchOffset: number) =>
    Array.from({ length: count }, (_, partition) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset,
      logStartOffset: -1,
      partitionMaxBytes: 1000,
    }));
  const waiting = (minBytes: number, { fetchOffset = 0, replicaId = -1 } = {}) =>
    new DelayedFetch(
      replicas,
      {
        replicaId,
        replicaEpoch: -1,
        maxWaitMs: 1000,
        minBytes,
        maxBytes: 1 << 20,
        isolationLevel: 0,
        topics: [{ topic: 't', partitions: rows(fetchOffset) }],
      },
      () => 'answered',
    );
  return { at: (partition: number) => leaders.get(`t-${partition}`)!, waiting };
}

test('it waits until as many bytes are there as wanted, over all its partitions', () => {
  const { at, waiting } = partitions(2);
  const fetch = waiting(50);
  expect(fetch.tryComplete()).toBeUndefined();
  at(0).append(3);
  expect(fetch.tryComplete('t-0')).toBeUndefined();
  at(1).append(1);
  expect(fetch.tryComplete('t-1')).toBeUndefined();
  at(1).append(1);
  expect(fetch.tryComplete('t-1')).toBe('answered');
});

test('a change is looked at in the partition that changed, however many there are', () => {
  const { at, waiting } = partitions(1000);
  const fetch = waiting(1 << 20);
  fetch.tryComplete();
  for (let i = 0; i < 100; i++) {
    at(7).append(1);
    fetch.tryComplete('t-7');
  }
  expect(at(7).looks).toBe(101);
  expect(at(8).looks).toBe(1);
});

test('a consumer waits for what is committed, a follower for what is appended, a stranger for ever', () => {
  const { at, waiting } = partitions(1);
  const [consumer, follower, stranger] = [
    waiting(1),
    waiting(1, { replicaId: 2 }),
    waiting(1, { replicaId: 9 }),
  ];
  for (const one of [consumer, follower, stranger]) expect(one.tryComplete()).toBeUndefined();
  at(0).log.logEndOffset = 1;
  expect([consumer, follower, stranger].map((one) => one.tryComplete('t-0'))).toEqual([
    undefined,
    'answered',
    undefined,
  ]);
  at(0).log.highWatermark = 1;
  expect([consumer, stranger].map((one) => one.tryComplete('t-0'))).toEqual(['answered', undefined]);
});

test('another leader or epoch, a truncation, or an offset that fell out of the log ends the waiting', () => {
  const after = (change: (leader: Leader) => void) => {
    const { at, waiting } = partitions(2);
    at(0).append(5);
    const fetch = waiting(1000, { fetchOffset: 5 });
    at(1).append(5);
    expect(fetch.tryComplete()).toBeUndefined();
    change(at(0));
    return fetch.tryComplete('t-0');
  };
  expect(after(() => {})).toBeUndefined();
  expect(
    after((leader) => {
      leader.error = new KafkaError('FENCED_LEADER_EPOCH');
    }),
  ).toBe('answered');
  expect(
    after(({ log }) => {
      log.truncations++;
    }),
  ).toBe('answered');
  expect(
    after(({ log }) => {
      log.logEndOffset = 4;
    }),
  ).toBe('answered');
  expect(
    after(({ log }) => {
      log.logStartOffset = 6;
      log.logEndOffset = 7;
    }),
  ).toBe('answered');
});

test('what has left the memory is answered with what is there, and what is at the end of the log waits', () => {
  const { at, waiting } = partitions(1);
  at(0).append(5);
  at(0).log.oldest = 5;
  expect(waiting(1000, { fetchOffset: 3 }).tryComplete()).toBe('answered');
  const fetch = waiting(20, { fetchOffset: 5 });
  expect(fetch.tryComplete()).toBeUndefined();
  at(0).append(1);
  at(0).log.oldest = 6;
  expect(fetch.tryComplete('t-0')).toBeUndefined();
  at(0).append(1);
  expect(fetch.tryComplete('t-0')).toBe('answered');
});

test('a partition that is named many times is one partition, as the last row says', () => {
  const row = (partition: number, fetchOffset: number) => {
    return { partition, fetchOffset, currentLeaderEpoch: -1, logStartOffset: -1, partitionMaxBytes: 1 };
  };
  const request = {
    replicaId: -1,
    replicaEpoch: -1,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1,
    isolationLevel: 0,
    topics: [
      { topic: 't', partitions: [row(0, 1), row(1, 2), row(0, 3)] },
      { topic: 'u', partitions: [row(0, 4)] },
      { topic: 't', partitions: [row(2, 5)] },
    ],
  };
  expect(mergedFetch(request).topics).toEqual([
    { topic: 't', partitions: [row(0, 3), row(1, 2)] },
    { topic: 'u', partitions: [row(0, 4)] },
    { topic: 't', partitions: [row(2, 5)] },
  ]);
});

test('the order of a request stays as it is: who comes first is served first', () => {
  const row = (partition: number) => {
    return { partition, fetchOffset: 0, currentLeaderEpoch: -1, logStartOffset: -1, partitionMaxBytes: 1 };
  };
  const topics = ['t', 'u', 't'].map((topic, i) => ({ topic, partitions: [row(i)] }));
  const request = {
    replicaId: -1,
    replicaEpoch: -1,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1,
    isolationLevel: 0,
    topics,
  };
  expect(mergedFetch(request)).toBe(request);
});

test('whatever a look at one partition throws is told in the answer; a broken invariant is not', () => {
  const { at, waiting } = partitions(2);
  at(1).error = new TypeError('undefined is not a function');
  expect(waiting(50).tryComplete()).toBe('answered');
  at(1).error = new InvariantError('broken');
  expect(() => waiting(50).tryComplete()).toThrow('broken');
});
