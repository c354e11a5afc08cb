/** Faults at single ZooKeeper operations do what they say, and what they do to a cluster is seen. */
import { SimHost } from '../../src/simulation/sim-host';
import { SimNetwork } from '../../src/simulation/sim-network';
import { zooKeeperOf } from '../../src/simulation/sim-zk-session';
import { SimZooKeeper } from '../../src/simulation/sim-zookeeper';
import { World } from '../../src/simulation/world';
import { isZkError, ZkSession } from '../../src/zk/zk-session';
import { failOnRejection } from '../support/fail-on-rejection';

const HOST = 'client';

async function start(): Promise<{ world: World; zk: SimZooKeeper; session: ZkSession; host: SimHost }> {
  const world = new World('hooks');
  const network = new SimNetwork(world);
  const zk = new SimZooKeeper(world, network);
  const host = new SimHost(world, network, HOST);
  host.boot();
  const opening = zooKeeperOf(zk, host).openSession({ sessionTimeoutMs: 6000, connectTimeoutMs: 1000 });
  return { world, zk, host, session: await world.complete(opening, 2000, 'opening a session') };
}

/** `ok`, or the code of the error, with a `?` if the write may have been applied. */
function outcomeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error) => (isZkError(error) ? `${error.code}${error.maybeApplied ? '?' : ''}` : String(error)),
  );
}

const make = (session: ZkSession, path: string) => outcomeOf(session.create(path, null, 'persistent'));

test('reset-before: the k-th operation of the host is not applied, nor is what is behind it; those before it are', async () => {
  const { world, zk, session } = await start();
  const hook = zk.atOperation({ host: HOST, k: 2 }, 'reset-before');
  const outcomes = await world.complete(
    Promise.all(['/a', '/b', '/c'].map((path) => make(session, path))),
    1000,
    'creating',
  );
  expect(zk.tree.paths()).toEqual(['/', '/a']);
  expect(outcomes.slice(1)).toEqual(['CONNECTION_LOSS?', 'CONNECTION_LOSS?']);
  expect(hook.fired).toMatchObject([{ k: 2, type: 'create', paths: ['/b'], isWrite: true }]);
  await world.run(world.nowMs + 1000);
  expect(await world.complete(make(session, '/d'), 1000, 'creating after the reconnect')).toBe('ok');
});

test('lose-reply: the operation is applied and its client does not know', async () => {
  const { world, zk, session } = await start();
  zk.loseNextWriteReply(HOST);
  expect(await world.complete(outcomeOf(session.exists('/a', false)), 1000, 'a read')).toBe('ok');
  expect(await world.complete(make(session, '/a'), 1000, 'the write')).toBe('CONNECTION_LOSS?');
  expect(zk.tree.exists('/a')).not.toBeNull();
  await world.run(world.nowMs + 1000);
  expect(await world.complete(make(session, '/b'), 1000, 'the next write')).toBe('ok');
});

test('a watch fired by the write whose reply is lost does not reach the client of the broken connection', async () => {
  const { world, zk, session } = await start();
  const seen: string[] = [];
  session.onEvent((event) => seen.push(event.type));
  await world.complete(session.exists('/a', true), 1000, 'arming the watch');
  zk.loseNextWriteReply(HOST);
  await world.complete(make(session, '/a'), 1000, 'the write');
  await world.run(world.nowMs + 1000);
  expect(seen).toEqual(['suspended', 'connected']);
});

test('a delayed operation arrives late, and what is behind it waits: requests of a session keep their order', async () => {
  const { world, zk, session } = await start();
  zk.atOperation(({ paths }) => paths[0] === '/a', { delayMs: 500 });
  const both = Promise.all([make(session, '/a'), make(session, '/b')]);
  await world.run(world.nowMs + 400);
  expect(zk.tree.paths()).toEqual(['/']);
  expect(await world.complete(both, 1000, 'creating')).toEqual(['ok', 'ok']);
});

test('before and after are called at the moment: a client killed after its write was applied never reads the reply', async () => {
  const { world, zk, session, host } = await start();
  const seen: string[] = [];
  zk.atOperation(({ type }) => type === 'create', { before: () => seen.push(`before: ${zk.tree.paths()}`) });
  zk.atOperation(({ type }) => type === 'create', {
    after: () => {
      seen.push(`after: ${zk.tree.paths()}`);
      host.kill();
    },
  });
  failOnRejection(make(session, '/a').then((outcome) => seen.push(outcome)));
  await world.run(world.nowMs + 1000);
  expect(seen).toEqual(['before: /', 'after: /,/a']);
});

test('operations are counted per host over its sessions, and a hook fires as often as it was told', async () => {
  const { world, zk, session } = await start();
  const hook = zk.atOperation(({ isWrite }) => isWrite, 'lose-reply', 2);
  const outcomes: string[] = [];
  for (const path of ['/a', '/b', '/c']) {
    outcomes.push(await world.complete(make(session, path), 1000, path));
    await world.run(world.nowMs + 1000);
  }
  expect(outcomes).toEqual(['CONNECTION_LOSS?', 'CONNECTION_LOSS?', 'ok']);
  expect([zk.operationsOf(HOST), hook.fired.length]).toEqual([3, 2]);
});
