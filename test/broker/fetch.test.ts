/** What a leader gives to whom: consumers, followers, strangers. Whole brokers, virtual time. */
import { fetch } from '../../src/protocol/messages/produce-fetch';
import { recordsOf } from '../../src/record/record';
import { batchesOf } from '../../src/record/record-batch';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { ask } from '../support/control';
import { bringUp, openProducer, send, TP } from '../support/sim';

const CONSUMER = -1;

async function fetched(cluster: SimCluster, replicaId: number): Promise<string[]> {
  const row = {
    partition: 0,
    currentLeaderEpoch: -1,
    fetchOffset: 0,
    logStartOffset: 0,
    partitionMaxBytes: 1 << 20,
  };
  const response = await ask(cluster, 1, fetch, {
    replicaId,
    replicaEpoch: -1,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1 << 20,
    isolationLevel: 0,
    topics: [{ topic: TP.topic, partitions: [row] }],
  });
  const { records } = response.responses[0]!.partitions[0]!;
  return [...batchesOf(Buffer.concat(records))].flatMap((batch) =>
    [...recordsOf(batch)].map(({ value }) => value!.toString()),
  );
}

test('a consumer gets what is committed, a follower all there is, a stranger nothing', async () => {
  const cluster = await bringUp('who-gets-what', 4, [1, 2, 3], { topic: { 'min.insync.replicas': '1' } });
  expect(await send(cluster, await openProducer(cluster), 'everywhere')).toBe(0);
  cluster.cutPeers(2, 1, false);
  cluster.cutPeers(3, 1, false);
  expect(await send(cluster, await openProducer(cluster, { acks: '1' }), 'on the leader')).toBe(1);
  expect(await fetched(cluster, CONSUMER)).toEqual(['everywhere']);
  expect(await fetched(cluster, 2)).toEqual(['everywhere', 'on the leader']);
  expect(await fetched(cluster, 4)).toEqual([]);
});
