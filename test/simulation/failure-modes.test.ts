/**
 * The failure modes of the ZooKeeper era, each as the promise that must hold. Whole brokers, virtual time.
 */
import { errorName } from '../../src/common/errors';
import { Connection } from '../../src/common/host';
import { RpcConnection } from '../../src/network/rpc-connection';
import { produce } from '../../src/protocol/messages/produce-fetch';
import { leaderAndIsr } from '../../src/protocol/messages/replica-control';
import { buildBatch } from '../../src/record/batch-builder';
import { leadersPerEpoch } from '../../src/checkers/check-cluster';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { ZOOKEEPER_HOST } from '../../src/simulation/sim-zookeeper';
import { ZkConnection } from '../../src/zk/zk-connection';
import { brokerIdZnode, partitionStateZnode } from '../../src/zk/znodes';
import { bringUp, healAndSettle, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

const switchOn = (name: string) => ({ settings: { [name]: 'true' } });

describe('leader death', () => {
  test('F1: acks=1 loses exactly what was not replicated; acks=all acknowledges none of it', async () => {
    const cluster = await bringUp('f1', 3, [1, 2], { topic: { 'min.insync.replicas': '2' } });
    const one = await openProducer(cluster, { acks: '1' });
    const all = await openProducer(cluster, { retries: 0 });
    expect(await send(cluster, all, 'before')).toBe(0);
    await runFor(cluster, 2000);
    cluster.cutPeers(2, 1, false);
    for (let i = 0; i < 10; i++) expect(await send(cluster, one, `one-${i}`)).toBe(i + 1);
    const lastWrite = all.send({ ...TP, value: 'all' }).then(
      () => 'acked',
      () => 'unknown',
    );
    await runFor(cluster, 100);
    const atDeath = cluster.logOf(1, TP)!;
    const unreplicated = atDeath.logEndOffset - atDeath.highWatermark;
    expect(unreplicated).toBe(11);
    cluster.kill(1);
    await runUntil(cluster, 'broker 2 leads', () => cluster.stateOf(TP)?.leader === 2);
    await healAndSettle(cluster);
    expect(await cluster.world.complete(lastWrite, 200000, 'the acks=all write')).toBe('unknown');
    const values = await readValues(cluster);
    expect(values).toContain('before');
    expect(values.filter((value) => value.startsWith('one-'))).toEqual([]);
  });

  async function truncationDuringEpochBump(
    seed: string,
    settings: Record<string, string>,
  ): Promise<string[]> {
    const cluster = await bringUp(seed, 4, [1, 2, 3], {
      settings: { ...settings, 'replica.socket.timeout.ms': 600 },
      topic: { 'min.insync.replicas': '1' },
      controller: 4,
    });
    const producer = await openProducer(cluster);
    await runFor(cluster, 1000);
    for (let i = 0; i < 5; i++) await send(cluster, producer, `m${i}`);
    // The last acknowledged record is on 2 and 3, but their high watermarks do not cover it yet.
    cluster.cutPeers(2, 1, false);
    cluster.kill(3);
    cluster.zookeeper.endSession(cluster.broker(3).broker!.sessionCredentials.id);
    await runUntil(
      cluster,
      '2 heard of the new epoch',
      () => cluster.broker(2).broker!.replicas.get(TP)!.leaderEpoch === 1,
    );
    // Its fetch to the old leader has to time out before it looks at its log again.
    await runFor(cluster, 1500);
    expect(cluster.stateOf(TP)!.isr).toContain(2);
    cluster.kill(1);
    cluster.zookeeper.endSession(cluster.broker(1).broker!.sessionCredentials.id);
    await runUntil(cluster, '2 leads', () => cluster.stateOf(TP)?.leader === 2);
    await healAndSettle(cluster);
    return readValues(cluster);
  }

  test('F2: a follower does not truncate to its high watermark, so nothing acknowledged is lost (KIP-101)', async () => {
    expect(await truncationDuringEpochBump('f2', {})).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
  });

  test('F2, the lesson: truncating to the high watermark does lose it', async () => {
    const values = await truncationDuringEpochBump('f2', { 'lab.truncate.to.high.watermark': 'true' });
    expect(values.length).toBeLessThan(5);
  });

  test('F3: after both replicas lost un-synced tails, their logs agree byte for byte', async () => {
    for (const seed of ['f3-a', 'f3-b', 'f3-c', 'f3-d']) {
      const cluster = await bringUp(seed, 3, [1, 2], {
        topic: { 'min.insync.replicas': '1' },
        settings: { 'log.segment.bytes': 400 },
      });
      const producer = await openProducer(cluster);
      for (let i = 0; i < 12; i++) await send(cluster, producer, `old-${i}`);
      const sessions = [1, 2].map((id) => cluster.broker(id).broker!.sessionCredentials.id);
      cluster.powerCut(1);
      cluster.powerCut(2);
      for (const session of sessions) {
        cluster.zookeeper.endSession(session);
        await runFor(cluster, 500);
      }
      expect(cluster.stateOf(TP)).toMatchObject({ leader: -1, isr: [2] });
      cluster.start(2);
      await runUntil(cluster, '2 leads', () => cluster.stateOf(TP)?.leader === 2 && cluster.isRunning(2));
      const late = await openProducer(cluster);
      for (let i = 0; i < 5; i++) await send(cluster, late, `new-${i}`);
      await healAndSettle(cluster);
      const bytes = [1, 2].map((id) => Buffer.concat(readLog(cluster, id)).toString('hex'));
      expect(bytes[0]).toBe(bytes[1]);
      expect((await readValues(cluster)).slice(-5)).toEqual(['new-0', 'new-1', 'new-2', 'new-3', 'new-4']);
    }
  });

  test('F5: a leader that slept through its succession acknowledges nothing and follows the new one', async () => {
    const cluster = await bringUp('f5', 3, [1, 2, 3], { topic: { 'min.insync.replicas': '2' } });
    const producer = await openProducer(cluster);
    expect(await send(cluster, producer, 'a')).toBe(0);
    const client = cluster.environment();
    const opening = RpcConnection.open(
      client.host,
      { host: 'broker-1', port: 9092 },
      { clientId: 'x', requestTimeoutMs: 60000 },
    );
    const toZombie = await cluster.world.complete(opening, 30000, 'connecting to the leader');
    cluster.pause(1);
    // Waits in the sleeper's socket and is the first thing it sees when it wakes up, still believing to lead.
    const records = [buildBatch([{ timestamp: 1, value: Buffer.from('to the zombie') }])];
    const answer = toZombie.request(produce, {
      acks: -1,
      timeoutMs: 8000,
      topicData: [{ name: TP.topic, partitionData: [{ index: 0, records }] }],
    });
    await runUntil(cluster, 'another leads', () => ![1, -1].includes(cluster.stateOf(TP)!.leader));
    const epoch = cluster.stateOf(TP)!.leaderEpoch;
    expect(await send(cluster, producer, 'b')).toBe(1);
    cluster.resume(1);
    const response = await cluster.world.complete(answer, 60000, "the zombie's answer");
    expect(['NOT_LEADER_OR_FOLLOWER', 'REQUEST_TIMED_OUT']).toContain(
      errorName(response.responses[0]!.partitionResponses[0]!.errorCode),
    );
    await healAndSettle(cluster);
    expect(cluster.broker(1).broker!.replicas.get(TP)!.leaderEpoch).toBeGreaterThanOrEqual(epoch);
    expect(leadersPerEpoch(cluster.world.timeline)).toEqual([]);
    expect(await readValues(cluster)).toEqual(['a', 'b']);
  });
});

function readLog(cluster: Awaited<ReturnType<typeof bringUp>>, id: number): Buffer[] {
  const log = cluster.logOf(id, TP)!;
  return log.read(log.logStartOffset, log.logEndOffset, 1 << 24, true);
}

describe('the in-sync replicas', () => {
  async function lastReplicaDies(unclean: string) {
    const cluster = await bringUp(`f6-${unclean}`, 3, [1, 2], {
      topic: { 'min.insync.replicas': '1', 'unclean.leader.election.enable': unclean },
    });
    const producer = await openProducer(cluster);
    for (let i = 0; i < 3; i++) await send(cluster, producer, `both-${i}`);
    cluster.kill(2);
    await runUntil(cluster, 'ISR is the leader alone', () => cluster.stateOf(TP)!.isr.join() === '1');
    for (let i = 0; i < 4; i++) await send(cluster, producer, `alone-${i}`);
    const highWatermark = cluster.logOf(1, TP)!.highWatermark;
    cluster.kill(1);
    await runUntil(cluster, 'the leader is gone', () => cluster.stateOf(TP)!.leader === -1);
    cluster.start(2);
    await runUntil(cluster, '2 runs', () => cluster.isRunning(2));
    await runFor(cluster, 20000);
    return { cluster, highWatermark };
  }

  test('F6: with unclean election off the partition waits for the last in-sync replica and loses nothing', async () => {
    const { cluster } = await lastReplicaDies('false');
    expect(cluster.stateOf(TP)).toMatchObject({ leader: -1, isr: [1] });
    await healAndSettle(cluster);
    expect(await readValues(cluster)).toEqual([
      'both-0',
      'both-1',
      'both-2',
      'alone-0',
      'alone-1',
      'alone-2',
      'alone-3',
    ]);
  });

  test('F6: with it on the stale replica leads, and the loss is exactly its distance from the high watermark', async () => {
    const { cluster, highWatermark } = await lastReplicaDies('true');
    expect(cluster.stateOf(TP)).toMatchObject({ leader: 2, isr: [2] });
    expect(
      cluster.world.timeline.some((event) => event.what === 'leader-elected' && event.unclean === true),
    ).toBe(true);
    const newEnd = cluster.logOf(2, TP)!.logEndOffset;
    await healAndSettle(cluster);
    const values = await readValues(cluster);
    expect(highWatermark - newEnd).toBe(4);
    expect(values).toEqual(['both-0', 'both-1', 'both-2']);
  });

  test('F7: with min.insync.replicas 2 and one in sync, acks=all is refused and nothing is written; acks=1 is not', async () => {
    const cluster = await bringUp('f7', 3, [1, 2], { topic: { 'min.insync.replicas': '2' } });
    cluster.kill(2);
    await runUntil(cluster, 'ISR is the leader alone', () => cluster.stateOf(TP)!.isr.join() === '1');
    const end = cluster.logOf(1, TP)!.logEndOffset;
    expect(await send(cluster, await openProducer(cluster, { retries: 0 }), 'x')).toBe('NOT_ENOUGH_REPLICAS');
    expect(cluster.logOf(1, TP)!.logEndOffset).toBe(end);
    expect(await send(cluster, await openProducer(cluster, { acks: '1' }), 'y')).toBe(end);
  });

  test('F8: if the ISR shrinks between append and acknowledgement the answer says so, and the record may exist', async () => {
    const cluster = await bringUp('f8', 3, [1, 2], { topic: { 'min.insync.replicas': '2' } });
    const producer = await openProducer(cluster, {
      'retries': 0,
      'request.timeout.ms': 60000,
      'delivery.timeout.ms': 120000,
    });
    cluster.cutPeers(2, 1, false);
    expect(await send(cluster, producer, 'appended')).toBe('NOT_ENOUGH_REPLICAS_AFTER_APPEND');
    await healAndSettle(cluster);
    expect(await readValues(cluster)).toEqual(['appended']);
  });

  async function versionConflict(settings: Record<string, string>): Promise<string> {
    const cluster = await bringUp('f16', 3, [1, 2, 3], { settings, topic: { 'min.insync.replicas': '1' } });
    const path = partitionStateZnode.path(TP);
    // Somebody raises the version without changing the state: a write of ours whose reply was lost looks like
    // this.
    cluster.zookeeper.tree.write(
      { type: 'set', path, data: cluster.zookeeper.tree.get(path).data, version: -1 },
      'test',
    );
    const producer = await openProducer(cluster);
    cluster.cutPeers(3, 1, false);
    const sent = send(cluster, producer, 'x');
    await sent;
    await runFor(cluster, 20000);
    cluster.heal();
    await runFor(cluster, 60000);
    return cluster.stateOf(TP)!.isr.slice().sort().join();
  }

  test('F16: a version conflict is answered by reading; the ISR shrinks and comes back (KAFKA-2729)', async () => {
    expect(await versionConflict({})).toBe('1,2,3');
  });

  test('F16, the lesson: giving up on the conflict freezes the ISR', async () => {
    const cluster = await bringUp('f16-frozen', 3, [1, 2], {
      ...switchOn('lab.freeze.on.isr.conflict'),
      topic: { 'min.insync.replicas': '1' },
    });
    const path = partitionStateZnode.path(TP);
    cluster.zookeeper.tree.write(
      { type: 'set', path, data: cluster.zookeeper.tree.get(path).data, version: -1 },
      'test',
    );
    const producer = await openProducer(cluster, {
      'request.timeout.ms': 5000,
      'retries': 0,
      'delivery.timeout.ms': 20000,
    });
    cluster.cutPeers(2, 1, false);
    await send(cluster, producer, 'x');
    await runFor(cluster, 60000);
    expect(cluster.stateOf(TP)!.isr).toEqual([1, 2]);
    expect(cluster.logLines().some((line) => line.includes('Cached zkVersion'))).toBe(true);
  });

  test('F28: a leader cut from its peers but not from ZooKeeper shrinks the ISR to itself; its death is an offline partition, not a loss', async () => {
    const cluster = await bringUp('f28', 3, [1, 2, 3], { topic: { 'min.insync.replicas': '1' } });
    const producer = await openProducer(cluster);
    await send(cluster, producer, 'together');
    cluster.cutPeers(1, 2, false);
    cluster.cutPeers(1, 3, false);
    await send(cluster, producer, 'alone');
    expect(cluster.stateOf(TP)!.isr).toEqual([1]);
    cluster.kill(1);
    await runUntil(cluster, 'no leader', () => cluster.stateOf(TP)!.leader === -1);
    await runFor(cluster, 20000);
    expect(cluster.stateOf(TP)).toMatchObject({ leader: -1, isr: [1] });
    await healAndSettle(cluster);
    // Without idempotence a retry may have written the second one twice.
    expect([...new Set(await readValues(cluster))]).toEqual(['together', 'alone']);
  });
});

describe('the controller', () => {
  const controllers = (cluster: Awaited<ReturnType<typeof bringUp>>) =>
    cluster.brokers
      .filter(({ id }) => cluster.isRunning(id) && cluster.broker(id).broker!.controller.isActive)
      .map(({ id }) => id);

  test('F10: when the controller crashes another takes over with epoch +1, and producers to live leaders see no error', async () => {
    const cluster = await bringUp('f10', 3, [1, 2], { controller: 3 });
    const producer = await openProducer(cluster, { retries: 0 });
    expect(await send(cluster, producer, 'a')).toBe(0);
    cluster.kill(3);
    for (let i = 1; i < 30; i++) {
      expect(await send(cluster, producer, `b${i}`)).toBe(i);
      await runFor(cluster, 500);
    }
    await runUntil(cluster, 'a successor', () => controllers(cluster).length === 1);
    expect(cluster.zookeeper.tree.get('/controller_epoch').data.toString()).toBe('2');
  });

  test('F11: a controller that was frozen past its session writes nothing after its successor, and resigns', async () => {
    const cluster = await bringUp('f11', 3, [1, 2], { controller: 3 });
    cluster.pause(3);
    await runUntil(
      cluster,
      'a successor',
      () =>
        controllers(cluster).some((id) => id !== 3) &&
        cluster.zookeeper.tree.get('/controller_epoch').data.toString() === '2',
    );
    // Something to do for whoever believes to be controller when it wakes up.
    cluster.kill(2);
    await runFor(cluster, 3000);
    const states: number[] = [];
    cluster.zookeeper.onWrite.push((changes) => {
      for (const { path } of changes)
        if (path.endsWith('/state')) states.push(cluster.stateOf(TP)!.controllerEpoch);
    });
    cluster.resume(3);
    await runUntil(cluster, 'the old controller resigned', () =>
      cluster.world.timeline.some((event) => event.what === 'controller-resigned' && event.broker === 3),
    );
    await healAndSettle(cluster);
    expect(controllers(cluster)).toHaveLength(1);
    expect(states.length).toBeGreaterThan(0);
    expect(states.every((epoch) => epoch >= 2)).toBe(true);
  });
});

describe('registration', () => {
  const registrations = (cluster: Awaited<ReturnType<typeof bringUp>>) =>
    cluster.zookeeper.tree.children('/brokers/ids');

  test('F13: a broker that restarts within its session registers anew at once, and words meant for its former life are refused', async () => {
    const cluster = await bringUp('f13', 3, [1, 2], { controller: 3 });
    const formerEpoch = cluster.broker(1).broker!.epoch;
    cluster.kill(1);
    cluster.start(1);
    await runUntil(cluster, '1 runs again', () => cluster.isRunning(1), 3000);
    const epoch = cluster.broker(1).broker!.epoch;
    expect(epoch).toBeGreaterThan(formerEpoch);
    await healAndSettle(cluster);
    const client = cluster.environment();
    const connection = await cluster.world.complete(
      RpcConnection.open(
        client.host,
        { host: 'broker-1', port: 9092 },
        { clientId: 'x', requestTimeoutMs: 5000 },
      ),
      10000,
      'connecting',
    );
    const stale = {
      controllerId: 3,
      controllerEpoch: 1,
      brokerEpoch: formerEpoch,
      partitionStates: [],
      liveLeaders: [],
    };
    expect(
      (await cluster.world.complete(connection.request(leaderAndIsr, stale), 10000, 'the stale request'))
        .errorCode,
    ).toBe(77);
    const older = { ...stale, controllerEpoch: 0, brokerEpoch: epoch };
    expect(
      (await cluster.world.complete(connection.request(leaderAndIsr, older), 10000, 'the old controller'))
        .errorCode,
    ).toBe(11);
  });

  test('F14: after an expired session every live broker is registered exactly once', async () => {
    const cluster = await bringUp('f14', 3, [1, 2]);
    for (const id of [1, 2, 3]) {
      const before = cluster.broker(id).broker!.epoch;
      cluster.expireSession(id);
      await runUntil(cluster, `${id} registered again`, () => cluster.broker(id).broker!.epoch > before);
    }
    await healAndSettle(cluster);
    expect(registrations(cluster)).toEqual(['1', '2', '3']);
  });

  test('F14: a blocked event loop that cost the session is named as the cause', async () => {
    const cluster = await bringUp('f14-stall', 3, [1, 2]);
    cluster.pause(2);
    await runFor(cluster, 15000);
    cluster.resume(2);
    await healAndSettle(cluster);
    expect(registrations(cluster)).toEqual(['1', '2', '3']);
    expect(
      cluster
        .logLines()
        .some((line) => line.includes('session expired') && line.includes('event loop had been blocked')),
    ).toBe(true);
  });

  test('a broker id that somebody else holds is refused, and the holder is not disturbed', async () => {
    const cluster = await bringUp('taken', 3, [1, 2]);
    const epoch = cluster.broker(1).broker!.epoch;
    cluster.start(3);
    cluster.kill(3);
    cluster.start(3, { 'broker.id': 1, 'listeners': 'PLAINTEXT://broker-3:9099' });
    await runUntil(cluster, 'the start failed', () => cluster.broker(3).startError !== undefined);
    expect(cluster.broker(3).startError).toMatch(
      /Broker id 1 is already registered|doesn't match stored broker.id/,
    );
    expect(cluster.zookeeper.tree.exists('/brokers/ids/1')!.czxid).toBe(epoch);
  });
});

describe('a registered peer that is a Kafka broker', () => {
  /** Broker 9 is registered at a host that answers a connection's first bytes as told. */
  async function startBeside(
    seed: string,
    answer: (connection: Connection, request: Buffer) => void,
  ): Promise<SimCluster> {
    const cluster = new SimCluster(seed, 1);
    const { host, zookeeper } = cluster.environment();
    const { port } = await cluster.world.complete(
      host.network.listen('peer', 9092, (connection) =>
        connection.onData((bytes) => answer(connection, bytes)),
      ),
      1000,
      'listening',
    );
    const zk = await cluster.world.complete(
      ZkConnection.open(host, zookeeper(''), {
        sessionTimeoutMs: 6000,
        connectTimeoutMs: 30000,
        maxInFlightRequests: 64,
      }),
      30000,
      'connecting',
    );
    const registration = brokerIdZnode.encode({
      id: 9,
      endpoints: [{ listener: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: 'peer', port }],
      rack: null,
      jmxPort: -1,
      timestampMs: 0,
    });
    for (const path of ['/brokers', '/brokers/ids'])
      await cluster.world.complete(zk.create(path, Buffer.alloc(0)), 1000, 'creating');
    await cluster.world.complete(zk.create('/brokers/ids/9', registration, 'ephemeral'), 1000, 'registering');
    cluster.start(1);
    await runUntil(
      cluster,
      'it started or gave up',
      () => cluster.isRunning(1) || cluster.broker(1).startError !== undefined,
    );
    return cluster;
  }

  /**
   * As Kafka: what it does not understand ends the connection; its own ApiVersions v0 is answered, here with
   * two APIs, in pieces.
   */
  function asKafka(connection: Connection, request: Buffer): void {
    if (request.readInt16BE(4) !== 18 || request.readInt16BE(6) !== 0)
      return connection.destroy('InvalidRequestException');
    const body = Buffer.from([0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 9, 0, 18, 0, 0, 0, 3]);
    const head = Buffer.alloc(8);
    head.writeInt32BE(4 + body.length, 0);
    request.copy(head, 4, 8, 12);
    connection.write([head]);
    connection.write([body]);
  }

  test('it is not joined, and the sentence says what to do', async () => {
    const cluster = await startBeside('kafka-peer', asKafka);
    expect(cluster.broker(1).startError).toBe(
      'Broker 9 at peer:9092 is a Kafka broker. Samsa and Kafka brokers cannot serve one cluster together: ' +
        "stop all of Kafka's first, then start broker 1.",
    );
    expect(cluster.zookeeper.tree.children('/brokers/ids')).toEqual(['9']);
  });

  test('a peer that says nothing, or nonsense, is no reason not to start', async () => {
    expect((await startBeside('silent-peer', () => {})).isRunning(1)).toBe(true);
    expect(
      (
        await startBeside('babbling-peer', (connection) => void connection.write([Buffer.alloc(100, 7)]))
      ).isRunning(1),
    ).toBe(true);
  });
});

test('F17: without ZooKeeper leaders go on serving; nothing acknowledged is lost, and all resolves when it is back', async () => {
  const cluster = await bringUp('f17', 3, [1, 2, 3], { topic: { 'min.insync.replicas': '2' } });
  const producer = await openProducer(cluster, { 'delivery.timeout.ms': 200000 });
  expect(await send(cluster, producer, 'r0')).toBe(0);
  cluster.setZooKeeperDown(true);
  for (let i = 1; i < 20; i++) {
    expect(await send(cluster, producer, `r${i}`)).toBe(i);
    await runFor(cluster, 1000);
  }
  cluster.kill(3);
  const blocked = producer.send({ ...TP, value: 'blocked' }).then(({ offset }) => offset);
  await runFor(cluster, 10000);
  expect(cluster.stateOf(TP)!.isr).toEqual([1, 2, 3]);
  cluster.setZooKeeperDown(false);
  expect(await cluster.world.complete(blocked, 100000, 'the blocked write')).toBeGreaterThanOrEqual(20);
  await healAndSettle(cluster);
  const values = await readValues(cluster);
  expect(new Set(values)).toEqual(new Set([...Array.from({ length: 20 }, (_, i) => `r${i}`), 'blocked']));
});

test('a broker cut from ZooKeeper goes on leading, and its controller resigns when the session time is over', async () => {
  const cluster = await bringUp('cut', 3, [3, 1], { controller: 3 });
  const producer = await openProducer(cluster, { retries: 0 });
  cluster.cutFromZooKeeper(3);
  await runFor(cluster, 4000);
  expect(await send(cluster, producer, 'a')).toBe(0);
  await runUntil(cluster, 'the controller resigned', () =>
    cluster.world.timeline.some((event) => event.what === 'controller-resigned' && event.broker === 3),
  );
  cluster.healLink('broker-3', ZOOKEEPER_HOST);
  await healAndSettle(cluster);
  expect(await readValues(cluster)).toEqual(['a']);
});

test('a client that is started before the first broker finds the cluster when it comes up', async () => {
  const cluster = new SimCluster('early', 2, { 'auto.create.topics.enable': 'true' });
  const producer = await cluster.world.complete(
    cluster.producer({ acks: 'all' }),
    30000,
    'opening a producer',
  );
  const sent = producer.send({ ...TP, value: 'early' }).then(({ offset }) => offset);
  await runFor(cluster, 3000);
  cluster.startAll();
  expect(await cluster.world.complete(sent, 50000, 'the early record')).toBe(0);
});
