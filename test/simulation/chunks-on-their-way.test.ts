/** Whoever looks at the simulated network sees every message, and changes nothing by looking. */
import { ChunkOnItsWay } from '../../src/simulation/sim-stream';
import { bringUp, openProducer, runFor, runUntil, send, TP } from '../support/sim';

const START = { controller: 3, topic: { 'min.insync.replicas': '1' } };

async function history(onChunk?: (chunk: ChunkOnItsWay) => void): Promise<number> {
  const cluster = await bringUp('chunks', 3, [1, 2], START);
  cluster.network.onChunk = onChunk;
  const producer = await openProducer(cluster);
  expect(await send(cluster, producer, 'first')).toBe(0);
  cluster.powerCut(1);
  await runUntil(cluster, '2 leads', () => cluster.stateOf(TP)!.leader === 2);
  expect(await send(cluster, producer, 'second')).toBe(1);
  return cluster.world.traceHash;
}

test('a run that is watched is the same run', async () => {
  let seen = 0;
  const watched = await history(() => {
    seen++;
  });
  expect(seen).toBeGreaterThan(10);
  expect(await history()).toBe(watched);
});

/** What broker 2 sent while it could not reach broker 1, and then when it could. */
async function healed(
  seed: string,
): Promise<{ held: ChunkOnItsWay[]; again: ChunkOnItsWay[]; nowMs: number }> {
  const cluster = await bringUp(seed, 3, [1, 2], START);
  const sent: ChunkOnItsWay[] = [];
  cluster.network.onChunk = (chunk) => {
    if (chunk.stream.from.name === 'broker-2' && chunk.stream.to.name === 'broker-1') sent.push(chunk);
  };
  cluster.cutPeers(2, 1, true);
  await runFor(cluster, 1000);
  const held = sent.splice(0).filter(({ arrivesMs }) => arrivesMs === Infinity);
  cluster.network.heal('broker-2', 'broker-1');
  return { held, again: [...sent], nowMs: cluster.world.nowMs };
}

test('what is sent over a cut link is on its way for ever, and once more when the link is whole', async () => {
  const runs = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((seed) => healed(`held-${seed}`)));
  for (const { held } of runs) expect(held.length).toBeGreaterThan(0);
  // By seed the connection is reset instead.
  const whole = runs.filter(({ again }) => again.length > 0);
  expect(whole.length).toBeGreaterThan(0);
  for (const { held, again, nowMs } of whole) {
    expect(again.map(({ chunk }) => chunk)).toEqual(held.map(({ chunk }) => chunk));
    for (const { arrivesMs } of again) expect(arrivesMs).toBeGreaterThan(nowMs);
  }
});
