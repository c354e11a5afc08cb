/**
 * Who may play controller or follower: listeners for brokers alone, and claims that are looked up in
 * ZooKeeper. Whole brokers, virtual time.
 */
import { TopicPartition } from '../../src/common/cluster-types';
import { errorName } from '../../src/common/errors';
import { RpcConnection } from '../../src/network/rpc-connection';
import { createTopics } from '../../src/protocol/messages/metadata';
import { fetch } from '../../src/protocol/messages/produce-fetch';
import {
  controlledShutdown,
  leaderAndIsr,
  stopReplica,
  updateMetadata,
} from '../../src/protocol/messages/replica-control';
import { Api } from '../../src/protocol/schema';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { ZkConnection } from '../../src/zk/zk-connection';
import { ask, askAt, rowOf, stampFor } from '../support/control';
import { bringUp, healAndSettle, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

const MAX_INT = 2 ** 31 - 1;
const CLIENTS = 9092;
const BROKERS = 9093;
const CONTROL = 9094;
const SEPARATE = {
  'listeners': 'PLAINTEXT://{host}:9092,BROKERS://{host}:9093,CONTROL://{host}:9094',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,BROKERS:PLAINTEXT,CONTROL:PLAINTEXT',
  'inter.broker.listener.name': 'BROKERS',
  'control.plane.listener.name': 'CONTROL',
};

/** The error of the whole request, as a name. */
async function answer<Q, R>(cluster: SimCluster, port: number, api: Api<Q, R>, body: Q): Promise<string> {
  const response = await askAt(cluster, { host: 'broker-1', port }, api, body);
  return errorName((response as { errorCode: number }).errorCode);
}

function forgedFetch(cluster: SimCluster, replicaId: number, fetchOffset: number) {
  const row = {
    partition: 0,
    currentLeaderEpoch: cluster.stateOf(TP)!.leaderEpoch,
    fetchOffset,
    logStartOffset: 0,
    partitionMaxBytes: 1000,
  };
  return {
    replicaId,
    replicaEpoch: Number.MAX_SAFE_INTEGER,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1000,
    isolationLevel: 0,
    topics: [{ topic: TP.topic, partitions: [row] }],
  };
}

function stop(cluster: SimCluster, leaderEpoch: number, deletePartition: boolean) {
  return { ...stampFor(cluster, 1), partitionStates: [{ ...TP, leaderEpoch, deletePartition }] };
}

/** The answer of broker 1 to a request about one partition: the request's error, or the partition's. */
async function rowAnswer<Q, R>(cluster: SimCluster, api: Api<Q, R>, body: Q): Promise<string> {
  const response = (await ask(cluster, 1, api, body)) as {
    errorCode: number;
    partitionErrors: { errorCode: number }[];
  };
  return errorName(response.errorCode !== 0 ? response.errorCode : response.partitionErrors[0]!.errorCode);
}

/** Another broker leads after 1 is gone, and everything acknowledged is there. */
async function takesOver(cluster: SimCluster, values: readonly string[]): Promise<void> {
  cluster.kill(1);
  await runUntil(cluster, 'another broker leads', () => [2, 3].includes(cluster.stateOf(TP)!.leader));
  await healAndSettle(cluster);
  expect(await readValues(cluster)).toEqual(values);
}

async function withRecord(seed: string, settings: Record<string, unknown> = {}): Promise<SimCluster> {
  const cluster = await bringUp(seed, 3, [1, 2, 3], { settings });
  const producer = await openProducer(cluster);
  expect(await send(cluster, producer, 'first')).toBe(0);
  return cluster;
}

describe('brokers with listeners of their own', () => {
  test('serve what a controller sends on the control plane listener alone', async () => {
    const cluster = await withRecord('control-listener', SEPARATE);
    const control = stampFor(cluster, 1);
    const requests: readonly (readonly [Api, unknown])[] = [
      [leaderAndIsr as Api, { ...control, partitionStates: [], liveLeaders: [] }],
      [updateMetadata as Api, { ...control, partitionStates: [], liveBrokers: [] }],
      [stopReplica as Api, { ...control, partitionStates: [] }],
      [controlledShutdown as Api, { brokerId: 1, brokerEpoch: control.brokerEpoch }],
    ];
    for (const port of [CLIENTS, BROKERS]) {
      for (const [api, body] of requests) {
        expect([port, api.name, await answer(cluster, port, api, body)]).toEqual([
          port,
          api.name,
          'CLUSTER_AUTHORIZATION_FAILED',
        ]);
      }
    }
    expect(
      await answer(cluster, CONTROL, leaderAndIsr, { ...control, partitionStates: [], liveLeaders: [] }),
    ).toBe('NONE');
    await takesOver(cluster, ['first']);
  });

  test('log what they refuse once, not as often as it is sent', async () => {
    const cluster = await withRecord('refusals-logged', SEPARATE);
    const body = { ...stampFor(cluster, 1), partitionStates: [] };
    for (let i = 0; i < 30; i++) await answer(cluster, CLIENTS, stopReplica, body);
    const lines = cluster.broker(1).host.logLines.filter((line) => line.includes('Refusing StopReplica'));
    expect(lines.length).toBeLessThan(5);
    expect(lines[0]).toContain(
      'on listener PLAINTEXT: CLUSTER_AUTHORIZATION_FAILED, it is served on CONTROL alone',
    );
  });

  test("count no follower's fetch from elsewhere: the high watermark waits for the followers", async () => {
    const cluster = await withRecord('forged-fetch', SEPARATE);
    for (const id of [2, 3]) cluster.pause(id);
    const producer = await openProducer(cluster, { acks: '1' });
    expect(await send(cluster, producer, 'only here')).toBe(1);
    for (const port of [CLIENTS, CONTROL]) {
      for (const id of [2, 3]) {
        expect(await answer(cluster, port, fetch, forgedFetch(cluster, id, 2))).toBe(
          'CLUSTER_AUTHORIZATION_FAILED',
        );
      }
    }
    expect(cluster.logOf(1, TP)).toMatchObject({ logEndOffset: 2, highWatermark: 1 });
    await healAndSettle(cluster);
  });

  test('stop in a controlled way: the controller is asked on its own listener', async () => {
    const cluster = await withRecord('controlled', SEPARATE);
    cluster.terminate(1);
    await runUntil(cluster, 'broker 1 has stopped', () => cluster.broker(1).host.life.isDead);
    expect(
      cluster.broker(1).host.logLines.some((line) => line.includes('Controlled shutdown succeeded')),
    ).toBe(true);
    expect(cluster.stateOf(TP)).toMatchObject({ isr: [2, 3] });
    await healAndSettle(cluster);
  });

  test('are given them in two rolling restarts: in the first, every listener is served', async () => {
    const { listeners, 'listener.security.protocol.map': map, ...names } = SEPARATE;
    const cluster = await withRecord('rolling', { listeners, 'listener.security.protocol.map': map });
    const producer = await openProducer(cluster);
    let sent = 0;
    for (const settings of [{ ...names, 'broker.requests.on.any.listener': 'true' }, names]) {
      for (const id of [1, 2, 3]) {
        cluster.terminate(id);
        await runUntil(cluster, `broker ${id} has stopped`, () => cluster.broker(id).host.life.isDead);
        cluster.start(id, settings);
        await runUntil(cluster, `the topic is in sync after ${id}`, () => cluster.isQuiet(TP));
        expect(await send(cluster, producer, `${id}`)).toBe(++sent);
      }
    }
    expect(await answer(cluster, CLIENTS, fetch, forgedFetch(cluster, 2, 1))).toBe(
      'CLUSTER_AUTHORIZATION_FAILED',
    );
  });
});

describe('what a control request claims is looked up in ZooKeeper', () => {
  test('a controller epoch that nobody has is refused, and fences no controller', async () => {
    const cluster = await withRecord('future-controller');
    const future = { ...stampFor(cluster, 1), controllerEpoch: MAX_INT, partitionStates: [] };
    expect(await answer(cluster, CLIENTS, leaderAndIsr, { ...future, liveLeaders: [] })).toBe(
      'CLUSTER_AUTHORIZATION_FAILED',
    );
    expect(await answer(cluster, CLIENTS, updateMetadata, { ...future, liveBrokers: [] })).toBe(
      'CLUSTER_AUTHORIZATION_FAILED',
    );
    expect(await answer(cluster, CLIENTS, stopReplica, future)).toBe('CLUSTER_AUTHORIZATION_FAILED');
    const { controllerEpoch } = stampFor(cluster, 1);
    expect(
      await answer(cluster, CLIENTS, stopReplica, { ...future, controllerEpoch: controllerEpoch + 1 }),
    ).toBe('CLUSTER_AUTHORIZATION_FAILED');
    cluster.kill(2);
    await runUntil(cluster, 'broker 1 is told', () => cluster.partitionOf(1, TP)!.isr.join() === '1,3');
    await healAndSettle(cluster);
    await takesOver(cluster, ['first']);
  });

  test('a broker epoch that nobody has is refused', async () => {
    const cluster = await withRecord('future-broker');
    const body = { ...stampFor(cluster, 1), brokerEpoch: Number.MAX_SAFE_INTEGER, partitionStates: [] };
    expect(await answer(cluster, CLIENTS, stopReplica, body)).toBe('CLUSTER_AUTHORIZATION_FAILED');
  });

  test("a leader epoch far beyond the state's is refused, and fences no leader", async () => {
    const cluster = await withRecord('future-leader');
    const row = { ...rowOf(cluster), leader: 2, leaderEpoch: MAX_INT };
    const request = { ...stampFor(cluster, 1), partitionStates: [row], liveLeaders: [] };
    expect(await rowAnswer(cluster, leaderAndIsr, request)).toBe('UNKNOWN_LEADER_EPOCH');
    expect(cluster.partitionOf(1, TP)!.isLeader).toBe(true);
    await takesOver(cluster, ['first']);
  });

  test('no StopReplica deletes or stops a replica that is assigned', async () => {
    const cluster = await withRecord('forged-stop');
    const { leaderEpoch } = cluster.stateOf(TP)!;
    for (const [epoch, isDelete] of [
      [leaderEpoch + 1, true],
      [-1, true],
      [-2, true],
      [-2, false],
      [MAX_INT, true],
    ] as const) {
      expect([epoch, await rowAnswer(cluster, stopReplica, stop(cluster, epoch, isDelete))]).toEqual([
        epoch,
        'CLUSTER_AUTHORIZATION_FAILED',
      ]);
    }
    expect(await rowAnswer(cluster, stopReplica, stop(cluster, leaderEpoch + 1, false))).toBe(
      'CLUSTER_AUTHORIZATION_FAILED',
    );
    expect(cluster.logOf(1, TP)!.logEndOffset).toBe(1);
    expect(await readValues(cluster)).toEqual(['first']);
  });

  test('nor does one that lies in wait for a replica that is being made', async () => {
    const cluster = await withRecord('stop-before-start');
    const { host } = cluster.environment();
    const options = { clientId: 'x', requestTimeoutMs: 10_000, connectTimeoutMs: 1000 };
    const open = RpcConnection.open(host, { host: 'broker-1', port: CLIENTS }, options);
    const connection = await cluster.world.complete(open, 10_000, 'connecting');
    const tp = { topic: 'fresh', partition: 0 };
    const row = { ...tp, leaderEpoch: -1, deletePartition: true };
    const forged = { ...stampFor(cluster, 1), partitionStates: [row] };
    let isOver = false;
    const forge = () => {
      if (isOver) return;
      connection.request(stopReplica, forged).catch(() => {});
      host.clock.schedule(1, forge);
    };
    forge();
    const topic = { name: 'fresh', numPartitions: 1, replicationFactor: 3, assignments: [], configs: [] };
    await ask(cluster, 2, createTopics, { topics: [topic], timeoutMs: 10_000, validateOnly: false });
    isOver = true;
    connection.close();
    expect(cluster.partitionOf(1, tp)?.leaderEpoch).toBe(0);
  });

  test('a StopReplica for a topic that is being deleted is obeyed', async () => {
    const cluster = await withRecord('deleted-topic');
    const { host, zookeeper } = cluster.environment();
    const options = { sessionTimeoutMs: 6000, connectTimeoutMs: 30000, maxInFlightRequests: 64 };
    const zk = await cluster.world.complete(
      ZkConnection.open(host, zookeeper(''), options),
      30000,
      'connecting',
    );
    await cluster.world.complete(zk.create('/admin/delete_topics/t', null), 1000, 'asking for the deletion');
    expect(await rowAnswer(cluster, stopReplica, stop(cluster, -2, true))).toBe('NONE');
    expect(cluster.partitionOf(1, TP)).toBeUndefined();
  });
});

describe('while ZooKeeper does not answer', () => {
  /** What becomes of a request: its error, or that the connection was closed. */
  async function outcome(cluster: SimCluster, controllerEpoch: number): Promise<string> {
    const { host } = cluster.environment();
    const options = { clientId: 'test', requestTimeoutMs: 20000 };
    const open = RpcConnection.open(host, { host: 'broker-1', port: CLIENTS }, options);
    const connection = await cluster.world.complete(open, 10000, 'connecting');
    const body = { ...stampFor(cluster, 1), controllerEpoch, partitionStates: [] };
    const asked = connection.request(stopReplica, body).then(
      ({ errorCode }) => errorName(errorCode),
      () => 'closed',
    );
    return cluster.world.complete(asked, 20000, 'the outcome');
  }

  test('a claim is not believed, and holds up nobody who claims nothing new', async () => {
    const cluster = await withRecord('zookeeper-away');
    const { controllerEpoch } = stampFor(cluster, 1);
    cluster.cutFromZooKeeper(1);
    const forged = outcome(cluster, MAX_INT);
    expect(await outcome(cluster, controllerEpoch)).toBe('NONE');
    expect(await forged).toBe('closed');
    await healAndSettle(cluster);
    await takesOver(cluster, ['first']);
  });

  test('a new controller is obeyed as soon as it can be looked up', async () => {
    const cluster = await withRecord('new-controller');
    cluster.cutFromZooKeeper(1);
    cluster.expireSession(3);
    cluster.kill(3);
    await runUntil(cluster, '2 is controller', () => cluster.broker(2).broker!.controller.isActive);
    await runUntil(cluster, 'ZooKeeper has the new ISR', () => cluster.stateOf(TP)!.isr.join() === '1,2');
    await runFor(cluster, 500);
    expect(cluster.partitionOf(1, TP)!.isr).toEqual([1, 2, 3]);
    cluster.healLinks();
    await runUntil(cluster, '1 has a new ISR', () => cluster.partitionOf(1, TP)!.isr.join() === '1,2');
    await healAndSettle(cluster);
    expect(await readValues(cluster)).toEqual(['first']);
  });
});

describe('a replica that the controller assigned and that is gone', () => {
  const SOON = { 'replica.missing.check.interval.ms': 1000 };

  /** What no request can do any more: the log of the replica is deleted under the broker. */
  async function lose(cluster: SimCluster, id: number, tp: TopicPartition = TP): Promise<void> {
    const { replicas } = cluster.broker(id).broker!;
    const request = {
      ...stampFor(cluster, id),
      partitionStates: [{ ...tp, leaderEpoch: -2, deletePartition: true }],
    };
    await cluster.world.complete(replicas.stopReplicas(request), 1000, 'deleting');
    expect(cluster.partitionOf(id, tp)).toBeUndefined();
  }

  test.each([
    [1, 'leader'],
    [2, 'follower'],
  ])('is noticed and made anew, without a loss (%i, the %s)', async (id) => {
    const cluster = await withRecord(`gone-${id}`, SOON);
    await lose(cluster, id);
    await runUntil(cluster, 'it has left the ISR', () => !cluster.stateOf(TP)!.isr.includes(id));
    expect(cluster.stateOf(TP)!.leader).not.toBe(id);
    await runUntil(cluster, 'it is back', () => cluster.isQuiet(TP));
    expect(cluster.logOf(id, TP)!.logEndOffset).toBe(1);
    expect(await readValues(cluster)).toEqual(['first']);
    expect(
      cluster.broker(id).host.logLines.filter((line) => line.includes('is not here; telling the controller')),
    ).toHaveLength(1);
  });

  test('is reported, and not made anew, where it was the last one: the partition is offline', async () => {
    const cluster = await bringUp('gone-last', 3, [1], { settings: SOON });
    const producer = await openProducer(cluster);
    expect(await send(cluster, producer, 'first')).toBe(0);
    await lose(cluster, 1);
    await runUntil(cluster, 'the partition has no leader', () => cluster.stateOf(TP)!.leader === -1);
    await runFor(cluster, 20000);
    expect(cluster.partitionOf(1, TP)).toBeUndefined();
    expect(cluster.stateOf(TP)!.isr).toEqual([1]);
    expect(
      cluster.broker(1).broker!.metrics.read('kafka.server:type=ReplicaManager,name=MissingReplicaCount'),
    ).toBe(1);
  });
});
