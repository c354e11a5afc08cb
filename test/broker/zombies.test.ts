/** What zombies are told, and what nothing stops: the cases of docs/fencing.md that have no other test. */
import { ControlFence } from '../../src/broker/control-fence';
import { errorName } from '../../src/common/errors';
import { Host, Log } from '../../src/common/host';
import { RpcConnection } from '../../src/network/rpc-connection';
import { fetch } from '../../src/protocol/messages/produce-fetch';
import { controlledShutdown } from '../../src/protocol/messages/replica-control';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { ZooKeeperGroup } from '../../src/consumer/zookeeper-group';
import { ZkConnection } from '../../src/zk/zk-connection';
import { ask } from '../support/control';
import { bringUp, healAndSettle, openProducer, runFor, runUntil, send, TP } from '../support/sim';
import { StagedGroups } from '../support/staged-groups';

const isController = (cluster: SimCluster, id: number) =>
  cluster.isRunning(id) && cluster.broker(id).broker!.controller.isActive;

/** What is sent over it while the broker is paused waits in the broker's socket. */
function connect(cluster: SimCluster, id: number): Promise<RpcConnection> {
  const address = { host: `broker-${id}`, port: 9092 };
  const options = { clientId: 'x', requestTimeoutMs: 60000 };
  const opening = RpcConnection.open(cluster.environment().host, address, options);
  return cluster.world.complete(opening, 30000, 'connecting');
}

describe('a controller that was deposed', () => {
  test('moves no leader for a controlled shutdown, and neither does a broker that never was controller', async () => {
    const cluster = await bringUp('zombie-shutdown', 3, [1, 2], { controller: 3 });
    const request = { brokerId: 1, brokerEpoch: cluster.broker(1).broker!.epoch };
    expect(errorName((await ask(cluster, 2, controlledShutdown, request)).errorCode)).toBe('NOT_CONTROLLER');
    const toZombie = await connect(cluster, 3);
    cluster.pause(3);
    // Waits in the socket of the sleeper, which still believes to be controller when it wakes up.
    const answer = toZombie.request(controlledShutdown, request);
    await runUntil(cluster, 'a successor', () => isController(cluster, 1) || isController(cluster, 2));
    await runFor(cluster, 2000);
    const before = cluster.stateOf(TP)!;
    cluster.resume(3);
    const { errorCode } = await cluster.world.complete(answer, 60000, 'the answer of the zombie');
    expect(errorName(errorCode)).toBe('NOT_CONTROLLER');
    expect(cluster.stateOf(TP)).toMatchObject({ leader: before.leader, leaderEpoch: before.leaderEpoch });
  });

  test('is obeyed by a broker that its successor has not reached yet, and never after that', () => {
    const log = { warn: () => {} } as unknown as Log;
    const host = { event: () => {}, clock: { monotonicMs: () => 0 } } as unknown as Host;
    const fence = new ControlFence(host, log, 1, () => 100);
    const sender = { controllerId: 3, brokerEpoch: 100 };
    const from = (controllerEpoch: number) => fence.problem({ ...sender, controllerEpoch }, 'LeaderAndIsr');
    expect([from(1), from(1), from(2), from(1), from(2)]).toEqual([
      undefined,
      undefined,
      undefined,
      'STALE_CONTROLLER_EPOCH',
      undefined,
    ]);
  });
});

describe('a leader that was deposed', () => {
  test('tells a consumer that knows of its successor UNKNOWN_LEADER_EPOCH; the successor fences who does not', async () => {
    const cluster = await bringUp('zombie-reads', 3, [1, 2, 3], { controller: 3 });
    expect(await send(cluster, await openProducer(cluster), 'a')).toBe(0);
    const { leaderEpoch: former } = cluster.stateOf(TP)!;
    const toZombie = await connect(cluster, 1);
    const asking = (currentLeaderEpoch: number) => ({
      replicaId: -1,
      replicaEpoch: -1,
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1 << 20,
      isolationLevel: 0,
      topics: [
        {
          topic: TP.topic,
          partitions: [
            {
              partition: 0,
              currentLeaderEpoch,
              fetchOffset: 0,
              logStartOffset: -1,
              partitionMaxBytes: 1 << 20,
            },
          ],
        },
      ],
    });
    cluster.pause(1);
    await runUntil(cluster, 'another leads', () => ![1, -1].includes(cluster.stateOf(TP)!.leader));
    const { leader, leaderEpoch } = cluster.stateOf(TP)!;
    const answers = [toZombie.request(fetch, asking(leaderEpoch)), toZombie.request(fetch, asking(former))];
    await runFor(cluster, 1000);
    cluster.resume(1);
    const told = await cluster.world.complete(Promise.all(answers), 60000, 'the answers of the zombie');
    const rows = told.map(({ responses }) => responses[0]!.partitions[0]!);
    expect(errorName(rows[0]!.errorCode)).toBe('UNKNOWN_LEADER_EPOCH');
    // Who does not know of the successor is served what is committed.
    expect([errorName(rows[1]!.errorCode), rows[1]!.highWatermark]).toEqual(['NONE', 1]);
    const late = await ask(cluster, leader, fetch, asking(former));
    expect(errorName(late.responses[0]!.partitions[0]!.errorCode)).toBe('FENCED_LEADER_EPOCH');
    await healAndSettle(cluster);
  });
});

async function stable(seed: string): Promise<{ staged: StagedGroups; member: string; generation: number }> {
  const staged = new StagedGroups(seed, 1);
  staged.partition();
  await staged.service.start();
  staged.lead(0);
  await staged.pass(10);
  const member = await staged.newMemberId();
  const joining = staged.join(member);
  await staged.pass(10);
  const { generationId: generation } = await joining;
  const syncing = staged.sync(member, generation, { [member]: 'all' });
  await staged.replicate();
  expect(await syncing).toEqual({ error: 'NONE', assignment: 'all' });
  return { staged, member, generation };
}

test('a member is told ILLEGAL_GENERATION when it heartbeats or synchronises in an older one, UNKNOWN_MEMBER_ID when it is none any more', async () => {
  const { staged, member, generation } = await stable('zombie-member');
  const rejoining = staged.join(member, { protocols: [{ name: 'range', metadata: Buffer.from('x') }] });
  await staged.pass(10);
  expect((await rejoining).generationId).toBe(generation + 1);
  expect(staged.heartbeat(member, generation)).toBe('ILLEGAL_GENERATION');
  expect((await staged.sync(member, generation, { [member]: 'none' })).error).toBe('ILLEGAL_GENERATION');
  // It says nothing for longer than its session, and synchronises too late: it is removed.
  await staged.pass(60000);
  expect(staged.heartbeat(member, generation + 1)).toBe('UNKNOWN_MEMBER_ID');
  expect(errorName((await staged.join(member)).errorCode)).toBe('UNKNOWN_MEMBER_ID');
  const leaving = { groupId: 'g', members: [{ memberId: member, groupInstanceId: null }] };
  expect(errorName(staged.service.coordinator.leave(leaving).members[0]!.errorCode)).toBe(
    'UNKNOWN_MEMBER_ID',
  );
});

test('a coordinator that was deposed and not told answers from memory, and stores nothing', async () => {
  const { staged, member, generation } = await stable('zombie-coordinator');
  const first = staged.commit(10, { memberId: member, generationId: generation });
  await staged.replicate();
  expect(await first).toBe('NONE');
  // From here on no follower fetches any more: they follow the successor.
  const commit = staged.commit(20, { memberId: member, generationId: generation });
  await staged.pass(6000);
  expect(await staged.soon(commit)).toBe('REQUEST_TIMED_OUT');
  expect(staged.committed()).toBe(10);
  expect(staged.heartbeat(member, generation)).toBe('NONE');
  const rejoining = staged.join(member, { protocols: [{ name: 'range', metadata: Buffer.from('x') }] });
  await staged.pass(10);
  const syncing = staged.sync(member, (await rejoining).generationId, { [member]: 'all' });
  await staged.pass(6000);
  expect((await staged.soon(syncing)).error).toBe('REBALANCE_IN_PROGRESS');
  staged.resign(1);
  expect([staged.committed(), staged.heartbeat(member, generation)]).toEqual([
    'NOT_COORDINATOR',
    'NOT_COORDINATOR',
  ]);
});

test('a consumer of 0.8 whose session expires under a commit makes it in the next session, over a newer one', async () => {
  const cluster = new SimCluster('zombie-old-consumer', 1);
  const path = '/consumers/g/offsets/orders/0';
  const open = async () => {
    const { host, zookeeper } = cluster.environment();
    const options = { sessionTimeoutMs: 6000, connectTimeoutMs: 30000, maxInFlightRequests: 64 };
    const zk = await cluster.world.complete(
      ZkConnection.open(host, zookeeper(''), options),
      30000,
      'connecting',
    );
    return { zk, name: cluster.lastClient, group: new ZooKeeperGroup(zk, 'g', host.name, () => 0) };
  };
  const [former, present] = [await open(), await open()];
  const commit = (group: ZooKeeperGroup, offset: number) =>
    group.commit([{ topic: 'orders', partition: 0, offset }]);
  await cluster.world.complete(commit(former.group, 5), 30000, 'a first commit');
  cluster.zookeeper.atOperation(({ host, type }) => host === former.name && type === 'exists', {
    before: () => cluster.zookeeper.endSession(former.zk.credentials.id),
  });
  const late = commit(former.group, 10);
  await cluster.world.complete(commit(present.group, 50), 30000, 'the commit of the present owner');
  await cluster.world.complete(late, 30000, 'the late commit');
  expect(cluster.zookeeper.tree.get(path).data.toString()).toBe('10');
});
