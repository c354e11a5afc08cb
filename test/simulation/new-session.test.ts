/**
 * A broker whose ZooKeeper session is replaced stays one broker: it registers again, whatever goes wrong
 * meanwhile.
 */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { zooKeeperOf } from '../../src/simulation/sim-zk-session';
import { ZkOperation } from '../../src/simulation/zk-hooks';
import { BrokerIdTakenError, registerBroker } from '../../src/zk/broker-registration';
import { ZkConnection } from '../../src/zk/zk-connection';
import { incarnationZnode } from '../../src/zk/znodes';
import { bringUp, runFor, runUntil, TP } from '../support/sim';

const isRegistration = (host: string, id: number) => (operation: ZkOperation) =>
  operation.host === host && operation.isWrite && operation.paths.includes(`/brokers/ids/${id}`);

test('a broker whose registration fails twice in its new session recognises what it registered, and goes on', async () => {
  const cluster = await bringUp('session-twice', 3, [1, 2], { controller: 3 });
  const { zookeeper, world } = cluster;
  // Both times the write is applied or refused, and ZooKeeper is away for longer than the broker waits for an
  // answer.
  const outage = () => {
    zookeeper.setDown(true);
    world.schedule(20000, () => zookeeper.setDown(false));
  };
  zookeeper.atOperation(isRegistration('broker-2', 2), { after: outage }, 2);
  cluster.expireSession(2);
  await runFor(cluster, 60000);
  expect(cluster.broker(2).host.exited).toBeUndefined();
  await runUntil(cluster, 'all is in sync again', () => cluster.isQuiet(TP));
});

test('a former session does not live on beside the new one', async () => {
  const cluster = await bringUp('session-leak', 3, [1, 2], { controller: 3 });
  const { zookeeper, world } = cluster;
  zookeeper.atOperation(isRegistration('broker-2', 2), {
    after: () => {
      zookeeper.setDown(true);
      world.schedule(20000, () => zookeeper.setDown(false));
    },
  });
  cluster.expireSession(2);
  await runFor(cluster, 60000);
  expect(zookeeper.sessionsOf('broker-2')).toEqual([cluster.broker(2).broker!.sessionCredentials.id]);
});

test('the controller is not a session of its own past: the office is free when the session ends that won it', async () => {
  const cluster = await bringUp('session-office', 3, [1, 2], { controller: 3 });
  const { zookeeper } = cluster;
  for (let round = 0; round < 4; round++) {
    zookeeper.atOperation(isRegistration('broker-3', 3), { after: () => cluster.expireSession(3) });
    cluster.expireSession(3);
    await runFor(cluster, 30000);
    await runUntil(cluster, 'somebody is controller', () =>
      [1, 2, 3].some((id) => cluster.broker(id).broker!.controller.isActive),
    );
    expect(zookeeper.sessionsOf('broker-3').length).toBe(1);
  }
  expect(cluster.world.violations).toEqual([]);
});

test('a registration that somebody removes is made again, and the broker leads and follows as before', async () => {
  const cluster = await bringUp('removed', 3, [1, 2], { controller: 3 });
  cluster.zookeeper.remove('/brokers/ids/1');
  await runUntil(cluster, 'the controller has noticed', () => cluster.stateOf(TP)!.leader === 2);
  await runUntil(cluster, 'all is in sync again', () => cluster.isQuiet(TP));
  expect(cluster.zookeeper.tree.exists('/brokers/ids/1')!.ephemeralOwner).toBe(
    cluster.broker(1).broker!.sessionCredentials.id,
  );
  expect(cluster.broker(1).host.exited).toBeUndefined();
});

test('the znode of an incarnation that somebody removes is made again, also after a new session', async () => {
  const cluster = await bringUp('incarnation-removed', 3, [1, 2], { controller: 3 });
  for (const isLater of [false, true]) {
    if (isLater) {
      const before = cluster.broker(2).broker!.epoch;
      cluster.expireSession(2);
      await runUntil(cluster, 'it is registered again', () => cluster.broker(2).broker!.epoch > before);
      await runUntil(cluster, 'all is in sync again', () => cluster.isQuiet(TP));
    }
    const { epoch } = cluster.broker(2).broker!;
    cluster.zookeeper.remove(incarnationZnode.path(2, epoch));
    await runFor(cluster, 5000);
    expect(cluster.zookeeper.tree.exists(incarnationZnode.path(2, epoch))).not.toBeNull();
  }
});

test('a broker leads nothing before its registration is complete, and is taken up when it is', async () => {
  const cluster = await bringUp('incarnation-late', 3, [1, 2], { controller: 3 });
  cluster.kill(2);
  await runUntil(cluster, 'it is out of the ISR', () => cluster.stateOf(TP)!.isr.join() === '1');
  const isIncarnation = ({ host, isWrite, paths }: ZkOperation) =>
    host === 'broker-2' && isWrite && paths.some((path) => path.startsWith(`${incarnationZnode.parent}/2-`));
  cluster.zookeeper.atOperation(isIncarnation, { delayMs: 3000 });
  const before = cluster.world.timeline.length;
  cluster.start(2);
  await runUntil(cluster, 'it is registered', () => cluster.zookeeper.tree.exists('/brokers/ids/2') !== null);
  await runFor(cluster, 1000);
  const isTakenUp = () =>
    cluster.world.timeline
      .slice(before)
      .some((event) => event.what === 'broker-change' && (event['added'] as number[]).includes(2));
  expect(isTakenUp()).toBe(false);
  await runUntil(cluster, 'all is in sync again', () => cluster.isQuiet(TP));
  expect(isTakenUp()).toBe(true);
});

describe('registering', () => {
  async function twoSessions(): Promise<{ cluster: SimCluster; first: ZkConnection; second: ZkConnection }> {
    const cluster = new SimCluster('registering', 1);
    for (const path of ['/brokers', '/brokers/ids']) cluster.zookeeper.overwrite(path, Buffer.alloc(0));
    const { host, simHost } = cluster.environment();
    const open = () =>
      ZkConnection.open(host, zooKeeperOf(cluster.zookeeper, simHost), {
        sessionTimeoutMs: 6000,
        connectTimeoutMs: 6000,
        maxInFlightRequests: 10,
      });
    const [first, second] = await cluster.world.complete(Promise.all([open(), open()]), 10000, 'opening');
    return { cluster, first, second };
  }
  const broker = { id: 7, endpoints: [], rack: null, jmxPort: -1, timestampMs: 0 };

  test('replaces what any of the sessions of this process has left', async () => {
    const { cluster, first, second } = await twoSessions();
    const before = await cluster.world.complete(registerBroker(first, broker), 10000, 'registering');
    const ours = new Set([first.credentials.id, 'another', second.credentials.id]);
    expect(
      await cluster.world.complete(registerBroker(second, broker, ours), 10000, 'registering again'),
    ).toBeGreaterThan(before);
    expect(cluster.zookeeper.tree.exists('/brokers/ids/7')!.ephemeralOwner).toBe(second.credentials.id);
  });

  test('leaves alone what anybody else has registered', async () => {
    const { cluster, first, second } = await twoSessions();
    await cluster.world.complete(registerBroker(first, broker), 10000, 'registering');
    const refused = cluster.world.complete(
      registerBroker(second, broker, new Set([second.credentials.id])),
      10000,
      'registering again',
    );
    await expect(refused).rejects.toThrow(BrokerIdTakenError);
  });
});
