/** Which fetches of a follower tell its leader that it has what is below. */
import { FollowerEpochs } from '../../src/broker/follower-epochs';
import { FetchResponse } from '../../src/broker/fetch-request';
import { FetchHandler } from '../../src/broker/handlers/fetch';
import { ReplicaManager } from '../../src/broker/replica-manager';
import { failOnRejection } from '../support/fail-on-rejection';
import { Clock } from '../../src/common/host';
import { errorName } from '../../src/common/errors';
import { DeferredResponse } from '../../src/network/server-connection';
import { LonePartition, TP } from '../support/lone-partition';

/** Leads [1, 2] in epoch 5 with records 3 to 9; the high watermark is 3. */
function leader() {
  const one = new LonePartition();
  one.log.logStartOffset = 3;
  one.log.highWatermark = 3;
  one.liveEpochs.set(2, 20);
  one.lead([1, 2], 10);
  const registered = new Set<number>();
  const clock = { monotonicMs: () => 0, schedule: () => ({ cancel: () => {} }) } as unknown as Clock;
  const followerEpochs = new FollowerEpochs({
    clock,
    liveEpoch: (id) => one.liveEpochs.get(id),
    isRegistered: async (_, epoch) => registered.has(epoch),
  });
  const some = { get: () => one.partition, require: () => one.partition, followerEpochs };
  const replicas = some as unknown as ReplicaManager;
  const handler = new FetchHandler(clock, replicas, 1000, { error: () => {} });
  const fetchAt = (fetchOffset: number, currentLeaderEpoch: number, replicaEpoch = 20) => {
    const partitions = [
      { partition: 0, currentLeaderEpoch, fetchOffset, logStartOffset: 0, partitionMaxBytes: 100 },
    ];
    const topics = [{ topic: TP.topic, partitions }];
    const limits = { maxWaitMs: 0, minBytes: 1, maxBytes: 100, isolationLevel: 0 };
    failOnRejection(handler.handle({ replicaId: 2, replicaEpoch, ...limits, topics }));
  };
  return { one, fetchAt, registered };
}

test("a fetch in the leader's epoch moves the high watermark", () => {
  const { one, fetchAt } = leader();
  fetchAt(7, 5);
  expect(one.log.highWatermark).toBe(7);
});

test('a fetch of an older or newer leader epoch, or of none, is no progress: the logs may differ below it', () => {
  const { one, fetchAt } = leader();
  for (const epoch of [4, 6, -1]) fetchAt(7, epoch);
  expect(one.log.highWatermark).toBe(3);
});

test('nor is one that lies outside the log', () => {
  const { one, fetchAt } = leader();
  fetchAt(11, 5);
  fetchAt(2, 5);
  expect(one.partition.followerProgress().get(2)!.logEndOffset).toBe(-1);
});

test('nor is one of a former incarnation', () => {
  const { one, fetchAt } = leader();
  fetchAt(7, 5, 19);
  expect(one.log.highWatermark).toBe(3);
});

test('nor is one of an incarnation that nobody knows; it does not shut the follower out', async () => {
  const { one, fetchAt } = leader();
  for (let i = 0; i < 3; i++) {
    fetchAt(9, 5, Number.MAX_SAFE_INTEGER);
    await new Promise(process.nextTick);
  }
  expect(one.log.highWatermark).toBe(3);
  fetchAt(7, 5);
  expect(one.log.highWatermark).toBe(7);
});

test('a new incarnation counts as soon as ZooKeeper knows it, before the controller tells', async () => {
  const { one, fetchAt, registered } = leader();
  registered.add(21);
  fetchAt(7, 5, 21);
  expect(one.log.highWatermark).toBe(3);
  await new Promise(process.nextTick);
  fetchAt(7, 5, 21);
  expect(one.log.highWatermark).toBe(7);
  fetchAt(8, 5, 20);
  expect(one.log.highWatermark).toBe(7);
});

test('a partition that cannot be read for a reason nobody expected keeps the follower from no other', () => {
  const { one } = leader();
  const require = (tp: { partition: number }) => {
    if (tp.partition === 0) throw new TypeError('undefined is not a function');
    return one.partition;
  };
  const logged: string[] = [];
  const replicas = { require, get: require } as unknown as ReplicaManager;
  const clock = { monotonicMs: () => 0 } as Clock;
  const handler = new FetchHandler(clock, replicas, 1000, {
    error: (line) => {
      logged.push(line);
    },
  });
  const rows = [0, 1].map((partition) => {
    return { partition, currentLeaderEpoch: 5, fetchOffset: 3, logStartOffset: 0, partitionMaxBytes: 100 };
  });
  const topics = [{ topic: TP.topic, partitions: rows }];
  const request = { replicaId: -1, replicaEpoch: -1, minBytes: 1, maxBytes: 100, isolationLevel: 0, topics };
  for (const maxWaitMs of [0, 500]) {
    const answer = handler.handle({ ...request, maxWaitMs }) as DeferredResponse;
    const { responses } = answer.build(1000) as { responses: { partitions: { errorCode: number }[] }[] };
    const errors = responses[0]!.partitions.map(({ errorCode }) => errorName(errorCode));
    expect(errors).toEqual(['UNKNOWN_SERVER_ERROR', 'NONE']);
  }
  expect(logged[0]).toMatch(/^Fetch of t-0 failed: TypeError: .*\n +at /);
});

test('partitions that are not here are told apart without an Error for each, however many a request names', () => {
  const absence = ({ partition }: { partition: number }) =>
    partition % 2 === 0 ? 'NOT_LEADER_OR_FOLLOWER' : 'UNKNOWN_TOPIC_OR_PARTITION';
  const replicas = { get: () => undefined, absence } as unknown as ReplicaManager;
  const handler = new FetchHandler({ monotonicMs: () => 0 } as Clock, replicas, 1000, { error: () => {} });
  const partitions = Array.from({ length: 4 }, (_, partition) => {
    return { partition, currentLeaderEpoch: -1, fetchOffset: 0, logStartOffset: -1, partitionMaxBytes: 100 };
  });
  const limits = { maxWaitMs: 0, minBytes: 1, maxBytes: 100, isolationLevel: 0 };
  const request = { replicaId: -1, replicaEpoch: -1, ...limits, topics: [{ topic: 't', partitions }] };
  const { responses } = (handler.handle(request) as DeferredResponse).build(1000) as FetchResponse;
  expect(responses[0]!.partitions.map((row) => errorName(row.errorCode))).toEqual([
    'NOT_LEADER_OR_FOLLOWER',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'NOT_LEADER_OR_FOLLOWER',
    'UNKNOWN_TOPIC_OR_PARTITION',
  ]);
});
