/**
 * Sessions at a member of the ZooKeeper ensemble that lags behind: what they may see, and what brokers make
 * of it.
 */
import { SimHost } from '../../src/simulation/sim-host';
import { SimNetwork } from '../../src/simulation/sim-network';
import { zooKeeperOf } from '../../src/simulation/sim-zk-session';
import { SimZooKeeper } from '../../src/simulation/sim-zookeeper';
import { World } from '../../src/simulation/world';
import { isZkError, ZkSession } from '../../src/zk/zk-session';
import { bringUp, healAndSettle, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

class Ensemble {
  readonly world = new World('members');
  private readonly network = new SimNetwork(this.world);
  readonly zk = new SimZooKeeper(this.world, this.network);

  open(name: string): Promise<ZkSession> {
    const host = new SimHost(this.world, this.network, name);
    host.boot();
    return this.run(
      zooKeeperOf(this.zk, host).openSession({ sessionTimeoutMs: 6000, connectTimeoutMs: 1000 }),
    );
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.world.complete(work, 60000, 'ZooKeeper');
  }
}

async function start(): Promise<{
  ensemble: Ensemble;
  behind: ZkSession;
  other: ZkSession;
  events: string[];
}> {
  const ensemble = new Ensemble();
  const [behind, other] = [await ensemble.open('behind'), await ensemble.open('other')];
  await ensemble.run(other.create('/a', Buffer.from('0'), 'persistent'));
  const events: string[] = [];
  behind.onEvent((event) =>
    events.push(event.type === 'watch' ? `${event.change} ${event.path}` : event.type),
  );
  ensemble.zk.lag('behind', 2000);
  return { ensemble, behind, other, events };
}

const text = async (session: ZkSession, path: string, watch = false) =>
  (await session.get(path, watch)).data.toString();

test('a session there reads what was, until its member has applied the write of another', async () => {
  const { ensemble, behind, other } = await start();
  await ensemble.run(other.set('/a', Buffer.from('1'), 0));
  await ensemble.run(other.create('/b', null, 'persistent'));
  expect(await ensemble.run(text(behind, '/a'))).toBe('0');
  expect(await ensemble.run(behind.exists('/b', false))).toBeNull();
  expect(await ensemble.run(behind.children('/', false))).toEqual(['a']);
  expect(await ensemble.run(text(other, '/a'))).toBe('1');
  await ensemble.world.run(ensemble.world.nowMs + 2000);
  expect(await ensemble.run(text(behind, '/a'))).toBe('1');
  expect(await ensemble.run(behind.children('/', false))).toEqual(['a', 'b']);
});

test('its own write is decided on the newest state, and is there when it is answered, with all before it', async () => {
  const { ensemble, behind, other } = await start();
  await ensemble.run(other.set('/a', Buffer.from('1'), 0));
  const refused = behind
    .set('/a', Buffer.from('x'), 0)
    .catch((error) => (isZkError(error) ? error.code : String(error)));
  expect(await ensemble.run(refused)).toBe('BAD_VERSION');
  expect(await ensemble.run(text(behind, '/a'))).toBe('1');
  const { version } = await ensemble.run(behind.set('/a', Buffer.from('2'), 1));
  expect([version, await ensemble.run(text(other, '/a')), await ensemble.run(text(behind, '/a'))]).toEqual([
    2,
    '2',
    '2',
  ]);
});

test('requests of a session keep their order: a read behind its own write shows it', async () => {
  const { ensemble, behind } = await start();
  const [, read] = await ensemble.run(
    Promise.all([behind.set('/a', Buffer.from('mine'), 0), text(behind, '/a')]),
  );
  expect(read).toBe('mine');
});

test('a watch fires when the member applies the change, before the new state can be read', async () => {
  const { ensemble, behind, other, events } = await start();
  expect(await ensemble.run(text(behind, '/a', true))).toBe('0');
  await ensemble.run(other.set('/a', Buffer.from('1'), 0));
  expect(await ensemble.run(text(behind, '/a'))).toBe('0');
  expect(events).toEqual([]);
  await ensemble.world.run(ensemble.world.nowMs + 2000);
  expect(events).toEqual(['changed /a']);
  expect(await ensemble.run(text(behind, '/a'))).toBe('1');
});

test('a session does not go back in time by a reconnect; a watch that was set before the lag began still fires', async () => {
  const { ensemble, behind, other, events } = await start();
  ensemble.zk.lag('behind', 0);
  await ensemble.run(text(behind, '/a', true));
  ensemble.zk.lag('behind', 2000);
  await ensemble.run(other.set('/a', Buffer.from('1'), 0));
  await ensemble.world.run(ensemble.world.nowMs + 2100);
  expect(events).toEqual(['changed /a']);
  ensemble.zk.resetConnections('behind');
  await ensemble.world.run(ensemble.world.nowMs + 500);
  expect(await ensemble.run(text(behind, '/a'))).toBe('1');
});

test('catching up shows everything at once', async () => {
  const { ensemble, behind, other } = await start();
  await ensemble.run(other.set('/a', Buffer.from('1'), 0));
  ensemble.zk.lag('behind', 0);
  expect(await ensemble.run(text(behind, '/a'))).toBe('1');
  await ensemble.run(other.set('/a', Buffer.from('2'), 1));
  expect(await ensemble.run(text(behind, '/a'))).toBe('2');
});

test('a session that has ended is served reads until its member knows, and no write', async () => {
  const { ensemble, behind, other } = await start();
  await ensemble.run(other.set('/a', Buffer.from('1'), 0));
  ensemble.zk.endSession(behind.credentials.id);
  expect(await ensemble.run(text(behind, '/a'))).toBe('0');
  const write = behind
    .set('/a', Buffer.from('x'), 1)
    .catch((error) => (isZkError(error) ? error.code : String(error)));
  expect(['SESSION_EXPIRED', 'CONNECTION_LOSS']).toContain(await ensemble.run(write));
  expect(await ensemble.run(text(other, '/a'))).toBe('1');
});

for (const seed of ['lag-a', 'lag-b', 'lag-c']) {
  test(`brokers that all read late elect within the ISR and lose nothing (${seed})`, async () => {
    const cluster = await bringUp(seed, 3, [1, 2, 3], { topic: { 'min.insync.replicas': '2' } });
    const producer = await openProducer(cluster);
    for (const id of [1, 2, 3]) cluster.zookeeper.lag(`broker-${id}`, 200 * id);
    const values = ['a', 'b', 'c', 'd'];
    await send(cluster, producer, values[0]!);
    for (const [round, id] of [1, 3, 2].entries()) {
      cluster.kill(id);
      cluster.zookeeper.endSession(cluster.broker(id).broker!.sessionCredentials.id);
      await send(cluster, producer, values[round + 1]!);
      cluster.start(id);
      await runUntil(cluster, `all is in sync after ${id} came back`, () => cluster.isQuiet(TP));
    }
    await runFor(cluster, 2000);
    expect(await readValues(cluster)).toEqual(values);
    expect(cluster.world.violations).toEqual([]);
  });
}

test('a topic that is created while the controller reads late gets its leaders', async () => {
  const cluster = await bringUp('lag-topic', 3, [1, 2], { controller: 3 });
  cluster.zookeeper.lag('broker-3', 1500);
  await cluster.world.complete(
    cluster.createTopic(
      'fresh',
      new Map([
        [0, [1, 2]],
        [1, [2, 3]],
      ]),
    ),
    30000,
    'creating',
  );
  await runUntil(cluster, 'it is led', () =>
    [0, 1].every((partition) => cluster.isQuiet({ topic: 'fresh', partition })),
  );
});

test('the settings of a new topic are in force on a broker that reads late', async () => {
  const cluster = await bringUp('lag-settings', 3, [1, 2], { controller: 3 });
  cluster.zookeeper.lag('broker-1', 3000);
  const creating = cluster.createTopic('fresh', new Map([[0, [1, 2]]]), { 'min.insync.replicas': '2' });
  await cluster.world.complete(creating, 30000, 'creating');
  const fresh = { topic: 'fresh', partition: 0 };
  await runUntil(cluster, 'it is led', () => cluster.isQuiet(fresh));
  expect([1, 2].map((id) => cluster.logOf(id, fresh)!.config['min.insync.replicas'])).toEqual([2, 2]);
});

test('whoever creates a topic, loses the reply, and then reads late, is told that it was created', async () => {
  const cluster = await bringUp('lag-create', 3, [1, 2], { controller: 3 });
  const creating = cluster.createTopic('fresh', new Map([[0, [1, 2]]]));
  const client = cluster.lastClient;
  cluster.zookeeper.lag(client, 2000);
  const hook = cluster.zookeeper.loseNextWriteReply(client, ({ paths }) =>
    paths.includes('/brokers/topics/fresh'),
  );
  await cluster.world.complete(creating, 60000, 'creating');
  expect(hook.fired.length).toBe(1);
  await runUntil(cluster, 'it is led', () => cluster.isQuiet({ topic: 'fresh', partition: 0 }));
});

test('a controller whose member lags elects nobody that lost power meanwhile, nor does the one after it', async () => {
  const cluster = await bringUp('lag-and-power', 4, [1, 2, 3], { controller: 4 });
  const producer = await openProducer(cluster);
  await send(cluster, producer, 'acknowledged');
  cluster.zookeeper.lag('broker-4', 3000);
  const before = cluster.broker(2).broker!.epoch;
  cluster.powerCut(2);
  cluster.start(2);
  await runUntil(
    cluster,
    'it is registered again',
    () => (cluster.zookeeper.tree.exists('/brokers/ids/2')?.czxid ?? 0) > before,
  );
  cluster.terminate(1);
  await runUntil(cluster, 'another leads', () => ![-1, 1].includes(cluster.stateOf(TP)!.leader));
  cluster.kill(4);
  await healAndSettle(cluster);
  expect(await readValues(cluster)).toEqual(['acknowledged']);
});
