/** Handlers and requests over breaks of the connection and of the session. Simulated ZooKeeper. */
import { ZkConnection } from '../../src/zk/zk-connection';
import { SimCluster } from '../../src/simulation/sim-cluster';

const MAX_IN_FLIGHT = 3;

async function connect(seed: string): Promise<{
  cluster: SimCluster;
  zk: ZkConnection;
  client: string;
  set: (text: string) => void;
  warnings: () => string[];
}> {
  const cluster = new SimCluster(seed, 1);
  const { host, zookeeper, simHost } = cluster.environment();
  const options = { sessionTimeoutMs: 6000, connectTimeoutMs: 30000, maxInFlightRequests: MAX_IN_FLIGHT };
  const zk = await cluster.world.complete(
    ZkConnection.open(host, zookeeper(''), options),
    30000,
    'connecting',
  );
  await cluster.world.complete(zk.create('/a', Buffer.from('first')), 10000, 'creating');
  const set = (text: string) => {
    cluster.zookeeper.tree.write({ type: 'set', path: '/a', data: Buffer.from(text), version: -1 }, 'test');
  };
  const warnings = () => simHost.logLines.filter((line) => line.includes('WARN'));
  return { cluster, zk, client: cluster.lastClient, set, warnings };
}

/** What the handler of `/a` has read, each time it was called. */
function readings(zk: ZkConnection): string[] {
  const seen: string[] = [];
  zk.onDataChange('/a', () => void zk.get('/a').then((znode) => seen.push(znode!.data.toString())));
  return seen;
}

test('what changed while the connection was away is seen when it is back', async () => {
  const { cluster, zk, client, set } = await connect('away');
  const seen = readings(zk);
  cluster.network.cut(client, 'zookeeper');
  await cluster.world.run(cluster.world.nowMs + 5000);
  set('second');
  cluster.network.heal(client, 'zookeeper');
  expect(await cluster.world.run(cluster.world.nowMs + 20000, () => seen.includes('second'))).toBe(true);
});

test('what changed between two sessions is seen in the new one, and later changes too', async () => {
  const { cluster, zk, client, set } = await connect('expired');
  const seen = readings(zk);
  const former = zk.credentials.id;
  cluster.network.cut(client, 'zookeeper');
  await cluster.world.run(cluster.world.nowMs + 15000);
  set('second');
  cluster.network.heal(client, 'zookeeper');
  expect(await cluster.world.run(cluster.world.nowMs + 30000, () => seen.includes('second'))).toBe(true);
  expect(zk.credentials.id).not.toBe(former);
  await cluster.world.complete(zk.set('/a', Buffer.from('third'), -1), 10000, 'setting');
  expect(await cluster.world.run(cluster.world.nowMs + 10000, () => seen.includes('third'))).toBe(true);
});

test('requests that fail make room for others', async () => {
  const { cluster, zk } = await connect('slots');
  for (let i = 0; i < 2 * MAX_IN_FLIGHT; i++) {
    const outcome = zk.create('/a', null).then(
      () => 'created',
      () => 'refused',
    );
    expect(await cluster.world.complete(outcome, 10000, `request ${i}`)).toBe('refused');
  }
  const last = zk.create('/b', null);
  expect(await cluster.world.complete(last, 10000, 'the last request')).toBe('/b');
});

test('a connection that is closed while its listeners use the new session waits for nothing any more', async () => {
  const { cluster, zk, client, warnings } = await connect('closed');
  let isAsked = false;
  zk.addSessionListener({
    onNewSession: async () => {
      isAsked = true;
      await zk.close();
      throw new Error('the connection was closed under me');
    },
  });
  cluster.network.cut(client, 'zookeeper');
  await cluster.world.run(cluster.world.nowMs + 15000);
  cluster.network.heal(client, 'zookeeper');
  expect(await cluster.world.run(cluster.world.nowMs + 30000, () => isAsked)).toBe(true);
  await cluster.world.run(cluster.world.nowMs + 5000);
  expect(warnings().join()).toContain('session expired');
  expect(warnings().join()).not.toContain('cannot be used yet');
});
