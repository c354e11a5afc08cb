/** Requests of the controller that come late, twice or for somebody else. Whole brokers, virtual time. */
import { errorName } from '../../src/common/errors';
import { leaderAndIsr, stopReplica } from '../../src/protocol/messages/replica-control';
import { ask, rowOf, stampFor } from '../support/control';
import { bringUp, openProducer, readValues, runUntil, send, TP } from '../support/sim';

const leaderAt = (id: number) => [{ brokerId: id, host: `broker-${id}`, port: 9092 }];

test('a LeaderAndIsr of an older leader epoch is refused, and who leads now goes on leading', async () => {
  const cluster = await bringUp('old-laie', 3, [1, 2], { controller: 3 });
  const old = rowOf(cluster);
  cluster.kill(1);
  await runUntil(cluster, '2 leads', () => cluster.broker(2).broker!.replicas.get(TP)!.isLeader);
  for (const leaderEpoch of [old.leaderEpoch, cluster.stateOf(TP)!.leaderEpoch]) {
    const request = {
      ...stampFor(cluster, 2),
      partitionStates: [{ ...old, leaderEpoch }],
      liveLeaders: leaderAt(1),
    };
    const { partitionErrors } = await ask(cluster, 2, leaderAndIsr, request);
    expect(partitionErrors.map((row) => errorName(row.errorCode))).not.toContain('NONE');
    expect(cluster.broker(2).broker!.replicas.get(TP)).toMatchObject({ isLeader: true, leaderId: 2 });
  }
});

test('a StopReplica of an older leader epoch stops and deletes nothing', async () => {
  const cluster = await bringUp('old-stop', 3, [1, 2], {
    controller: 3,
    topic: { 'min.insync.replicas': '1' },
  });
  const producer = await openProducer(cluster);
  expect(await send(cluster, producer, 'a')).toBe(0);
  cluster.kill(1);
  await runUntil(cluster, '2 leads', () => cluster.broker(2).broker!.replicas.get(TP)!.isLeader);
  const stale = { ...TP, leaderEpoch: cluster.stateOf(TP)!.leaderEpoch - 1, deletePartition: true };
  const { partitionErrors } = await ask(cluster, 2, stopReplica, {
    ...stampFor(cluster, 2),
    partitionStates: [stale],
  });
  expect(partitionErrors.map((row) => errorName(row.errorCode))).toEqual(['FENCED_LEADER_EPOCH']);
  expect(await readValues(cluster)).toEqual(['a']);
});

test('a follower has its replica although its leader is not alive (KAFKA-1647)', async () => {
  const cluster = await bringUp('leaderless', 3, [1, 2], { controller: 3 });
  const tp = { topic: 'other', partition: 0 };
  const row = {
    ...rowOf(cluster),
    ...tp,
    leader: 9,
    leaderEpoch: 0,
    isr: [9, 2],
    replicas: [9, 2],
    isNew: true,
  };
  const request = { ...stampFor(cluster, 2), partitionStates: [row], liveLeaders: [] };
  await ask(cluster, 2, leaderAndIsr, request);
  expect(cluster.broker(2).broker!.replicas.get(tp)?.log.highWatermark).toBe(0);
});
