/**
 * What happened while the controller did not look: it sees that several brokers are gone, or registered anew,
 * at once, and must not put one that lost records in the place of one that lost nothing.
 */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { bringUp, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

const SETTINGS = { 'auto.leader.rebalance.enable': 'false', 'zookeeper.session.timeout.ms': '30000' };

/**
 * 1 leads [1, 2], which have three records. While the controller, 4, is paused the session of `expired` is
 * replaced, and `lost` loses power; `back`: it is started before the controller goes on.
 */
async function inOneLook(expired: number, lost: number, back: boolean): Promise<SimCluster> {
  const cluster = await bringUp('one-look', 4, [1, 2], { controller: 4, settings: SETTINGS });
  const producer = await openProducer(cluster);
  for (const value of ['a', 'b', 'c'])
    expect(await send(cluster, producer, value)).toEqual(expect.any(Number));
  await runUntil(cluster, 'it is in sync', () => cluster.isQuiet(TP));
  cluster.pause(4);
  const { id: session } = cluster.broker(lost).broker!.sessionCredentials;
  cluster.powerCut(lost);
  cluster.zookeeper.endSession(session);
  if (back) cluster.start(lost);
  const { epoch } = cluster.broker(expired).broker!;
  cluster.expireSession(expired);
  await runUntil(
    cluster,
    'both are registered',
    () => cluster.broker(expired).broker!.epoch !== epoch && cluster.isRunning(lost) === back,
  );
  await runFor(cluster, 1000);
  cluster.resume(4);
  return cluster;
}

for (const [expired, lost] of [
  [1, 2],
  [2, 1],
] as const) {
  test(`${expired}, whose session expired, leads when ${lost} lost power and is back in the same look`, async () => {
    const cluster = await inOneLook(expired, lost, true);
    await runUntil(
      cluster,
      'it is in sync again',
      () => cluster.stateOf(TP)!.leader === expired && cluster.isQuiet(TP),
    );
    expect(await readValues(cluster)).toEqual(['a', 'b', 'c']);
  });

  test(`${expired}, whose session expired, leads when ${lost} is gone in the same look`, async () => {
    const cluster = await inOneLook(expired, lost, false);
    await runUntil(cluster, 'it leads', () => cluster.stateOf(TP)!.isr.join() === String(expired));
    expect(await readValues(cluster)).toEqual(['a', 'b', 'c']);
  });
}

test('who only got a new session stays leader in its epoch, and in the ISR', async () => {
  const cluster = await bringUp('renewed', 4, [1, 2], { controller: 4, settings: SETTINGS });
  const before = cluster.stateOf(TP);
  cluster.pause(4);
  const epochs = [1, 2].map((id) => cluster.broker(id).broker!.epoch);
  for (const id of [1, 2]) cluster.expireSession(id);
  await runUntil(cluster, 'both are registered again', () =>
    [1, 2].every((id, i) => cluster.broker(id).broker!.epoch !== epochs[i]),
  );
  cluster.resume(4);
  await runFor(cluster, 5000);
  expect(cluster.stateOf(TP)).toEqual(before);
  const producer = await openProducer(cluster);
  expect(await send(cluster, producer, 'a')).toBe(0);
  await runUntil(cluster, 'both have it', () => cluster.isQuiet(TP));
});
