/**
 * Writes to ZooKeeper by somebody who is late, or who does not know whether they were applied. Simulated
 * ZooKeeper.
 */
import { BrokerIdTakenError, registerBroker } from '../../src/zk/broker-registration';
import { ControllerMovedError, electController } from '../../src/zk/controller-election';
import { writePartitionStates } from '../../src/zk/controller-state-writes';
import { StateContent, writeIsr } from '../../src/zk/partition-state-store';
import { claimProducerIdBlock } from '../../src/zk/producer-ids';
import { isZkError, ZkOp } from '../../src/zk/zk-session';
import { ZkConnection } from '../../src/zk/zk-connection';
import { brokerIdZnode, controllerEpochZnode, partitionStateZnode } from '../../src/zk/znodes';
import { SimCluster } from '../../src/simulation/sim-cluster';

const TP = { topic: 't', partition: 0 };
const PATH = partitionStateZnode.path(TP);

/** ZooKeeper with nobody but the test at it. */
class Stage {
  readonly cluster = new SimCluster('fencing', 1);

  async connect(): Promise<{ zk: ZkConnection; host: string }> {
    const { host, zookeeper } = this.cluster.environment();
    const options = { sessionTimeoutMs: 6000, connectTimeoutMs: 30000, maxInFlightRequests: 64 };
    return {
      zk: await this.run(ZkConnection.open(host, zookeeper(''), options)),
      host: this.cluster.lastClient,
    };
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.cluster.world.complete(work, 60000, 'ZooKeeper');
  }

  /** Past every connection, as somebody else. */
  write(path: string, data: Buffer): void {
    const { tree } = this.cluster.zookeeper;
    const parts = path.split('/').slice(1);
    for (let i = 1; i < parts.length; i++) this.create(`/${parts.slice(0, i).join('/')}`, Buffer.alloc(0));
    if (tree.exists(path) === null) this.create(path, data);
    else tree.write({ type: 'set', path, data, version: -1 }, 'test');
  }

  private create(path: string, data: Buffer): void {
    const { tree } = this.cluster.zookeeper;
    if (tree.exists(path) === null)
      tree.write({ type: 'create', path, data, mode: 'persistent' } as ZkOp, 'test');
  }

  get state() {
    const { data, stat } = this.cluster.zookeeper.tree.get(PATH);
    return partitionStateZnode.decode(TP, data, stat.version);
  }
}

const content = (leader: number, leaderEpoch: number, isr: readonly number[]): StateContent => ({
  leader,
  leaderEpoch,
  isr,
  controllerEpoch: 1,
});

async function elected(): Promise<{
  stage: Stage;
  zk: ZkConnection;
  host: string;
  term: { epoch: number; epochZkVersion: number };
}> {
  const stage = new Stage();
  const { zk, host } = await stage.connect();
  const term = (await stage.run(electController(zk, 1, 0)))!;
  stage.write(PATH, partitionStateZnode.encode(content(1, 0, [1, 2, 3])));
  return { stage, zk, host, term };
}

test('a deposed controller writes nothing any more, and is told so (KAFKA-6082)', async () => {
  const { stage, zk, term } = await elected();
  stage.write(controllerEpochZnode.path, controllerEpochZnode.encode(term.epoch + 1));
  const write = { tp: TP, content: content(2, 1, [2]), expectedZkVersion: 0, members: [] };
  const outcome = stage.run(writePartitionStates(zk, term, [write])).then(
    () => 'written',
    (error) => (error as Error).constructor,
  );
  expect(await outcome).toBe(ControllerMovedError);
  expect(stage.state).toMatchObject({ leader: 1, zkVersion: 0 });
});

test('an election that was planned from an older state is not written; the newer one is told', async () => {
  const { stage, zk, term } = await elected();
  stage.write(PATH, partitionStateZnode.encode(content(1, 0, [1, 3])));
  const [result] = await stage.run(
    writePartitionStates(zk, term, [
      { tp: TP, content: content(2, 1, [2, 3]), expectedZkVersion: 0, members: [] },
    ]),
  );
  expect(result).toMatchObject({ kind: 'conflict', state: { leader: 1, isr: [1, 3], zkVersion: 1 } });
  expect(stage.state).toMatchObject({ leader: 1, isr: [1, 3] });
});

test('after a lost reply it is found out whether the write was applied', async () => {
  const { stage, zk, host, term } = await elected();
  const write = (isr: readonly number[], expectedZkVersion: number) =>
    stage.run(
      writePartitionStates(zk, term, [
        { tp: TP, content: content(1, 1, isr), expectedZkVersion, members: [] },
      ]),
    );
  stage.cluster.zookeeper.loseNextWriteReply(host);
  expect(await write([1, 2], 0)).toMatchObject([{ kind: 'ok', state: { isr: [1, 2], zkVersion: 1 } }]);
  stage.cluster.zookeeper.atOperation((one) => one.host === host && one.isWrite, 'reset-before');
  const after = (await write([1], 1))[0]!;
  // Whether it is tried again or reported: nobody is told of a state that is not there.
  expect(after).toMatchObject({
    kind: 'ok',
    state: { isr: [...stage.state.isr], zkVersion: stage.state.zkVersion },
  });
});

test('a leader that was deposed meanwhile does not write its ISR, whether a replica leaves or joins', async () => {
  const { stage, zk } = await elected();
  stage.write('/brokers/ids/x', Buffer.alloc(0));
  const brokerEpoch = await stage.run(registerBroker(zk, registration));
  stage.write(PATH, partitionStateZnode.encode(content(2, 1, [2, 3])));
  for (const members of [[], [{ brokerId: 7, brokerEpoch }]]) {
    const isr = [1, ...members.map(({ brokerId }) => brokerId)];
    const write = { content: content(1, 0, isr), expectedZkVersion: 0, members };
    expect(await stage.run(writeIsr(zk, TP, write))).toMatchObject({
      kind: 'conflict',
      state: { leader: 2, isr: [2, 3] },
    });
  }
  expect(stage.state).toMatchObject({ leader: 2, isr: [2, 3], zkVersion: 1 });
});

test('a state is not written when a live member of its ISR has been restarted meanwhile', async () => {
  const { stage, zk, term } = await elected();
  stage.write('/brokers/ids/x', Buffer.alloc(0));
  const brokerEpoch = await stage.run(registerBroker(zk, registration));
  const write = (epoch: number, expectedZkVersion: number | undefined, tp = TP) => {
    const members = [{ brokerId: 7, brokerEpoch: epoch }];
    return stage.run(
      writePartitionStates(zk, term, [{ tp, content: content(7, 1, [7]), expectedZkVersion, members }]),
    );
  };
  const reason = expect.stringContaining('broker 7') as string;
  expect(await write(brokerEpoch - 1, 0)).toEqual([{ kind: 'failed', reason }]);
  expect(stage.state).toMatchObject({ leader: 1, zkVersion: 0 });
  expect(await write(brokerEpoch, 0)).toMatchObject([
    { kind: 'ok', state: { leader: 7, mzxid: brokerEpoch } },
  ]);
  const created = { ...TP, partition: TP.partition + 1 };
  expect(await write(brokerEpoch - 1, undefined, created)).toEqual([{ kind: 'failed', reason }]);
  expect(await write(brokerEpoch, undefined, created)).toMatchObject([{ kind: 'ok', state: { leader: 7 } }]);
});

test("another's write at the same version is not taken for our own after a lost reply", async () => {
  const { stage, zk, host, term } = await elected();
  stage.cluster.zookeeper.atOperation((one) => one.host === host && one.isWrite, 'reset-before');
  stage.cluster.zookeeper.atOperation((one) => one.host === host && one.type === 'get', {
    before: () => stage.write(PATH, partitionStateZnode.encode(content(3, 9, [3]))),
  });
  const [result] = await stage.run(
    writePartitionStates(zk, term, [
      { tp: TP, content: content(1, 1, [1]), expectedZkVersion: 0, members: [] },
    ]),
  );
  expect(result).toMatchObject({ kind: 'conflict', state: { leader: 3, leaderEpoch: 9 } });
});

test('of two brokers that race to be controller one wins, however late the other is', async () => {
  const stage = new Stage();
  const late = await stage.connect();
  const early = await stage.connect();
  stage.cluster.zookeeper.atOperation((one) => one.host === late.host && one.type === 'multi', {
    delayMs: 2000,
  });
  const [second, first] = await stage.run(
    Promise.all([electController(late.zk, 1, 0), electController(early.zk, 2, 0)]),
  );
  expect(first).toMatchObject({ epoch: 1 });
  expect(second).toBeUndefined();
});

const registration = { id: 7, endpoints: [], rack: null, jmxPort: -1, timestampMs: 0 };

test('a broker id that a living session holds is not taken from it', async () => {
  const stage = new Stage();
  stage.write('/brokers/ids/x', Buffer.alloc(0));
  const [holder, other] = [await stage.connect(), await stage.connect()];
  const epoch = await stage.run(registerBroker(holder.zk, registration));
  await expect(stage.run(registerBroker(other.zk, registration))).rejects.toThrow(BrokerIdTakenError);
  expect(stage.cluster.zookeeper.tree.exists(brokerIdZnode.path(7))!.czxid).toBe(epoch);
});

test('a broker with a new session replaces the registration of its former one (KAFKA-7165)', async () => {
  const stage = new Stage();
  stage.write('/brokers/ids/x', Buffer.alloc(0));
  const [former, fresh] = [await stage.connect(), await stage.connect()];
  const epoch = await stage.run(registerBroker(former.zk, registration));
  expect(
    await stage.run(registerBroker(fresh.zk, registration, new Set([former.zk.credentials.id]))),
  ).toBeGreaterThan(epoch);
  expect(stage.cluster.zookeeper.tree.exists(brokerIdZnode.path(7))!.ephemeralOwner).toBe(
    fresh.zk.credentials.id,
  );
});

test('the incarnation whose registration is replaced joins no ISR, though its session lives', async () => {
  const { stage } = await elected();
  stage.write('/brokers/ids/x', Buffer.alloc(0));
  const [former, fresh] = [await stage.connect(), await stage.connect()];
  const formerEpoch = await stage.run(registerBroker(former.zk, registration));
  const ours = new Set([former.zk.credentials.id]);
  const freshEpoch = await stage.run(registerBroker(fresh.zk, registration, ours));
  const join = (brokerEpoch: number) => {
    const members = [{ brokerId: registration.id, brokerEpoch }];
    return stage.run(
      writeIsr(fresh.zk, TP, { content: content(1, 0, [1, 7]), expectedZkVersion: 0, members }),
    );
  };
  const member = { brokerId: 7, brokerEpoch: formerEpoch };
  expect(await join(formerEpoch)).toEqual({ kind: 'member-gone', member });
  expect(await join(freshEpoch)).toMatchObject({ kind: 'ok' });
});

test('a block of producer ids is given to one broker only, also when two ask at once', async () => {
  const stage = new Stage();
  stage.write('/latest_producer_id_block', Buffer.alloc(0));
  const [one, two] = [await stage.connect(), await stage.connect()];
  const blocks = await stage.run(
    Promise.all([claimProducerIdBlock(one.zk, 1), claimProducerIdBlock(two.zk, 2)]),
  );
  expect(new Set(blocks.map(({ start }) => start)).size).toBe(2);
});

test('a write whose reply was lost is reported as such, not made again', async () => {
  const stage = new Stage();
  const { zk, host } = await stage.connect();
  stage.cluster.zookeeper.loseNextWriteReply(host);
  const outcome = await stage.run(
    zk.create('/once', Buffer.from('a')).then(
      () => 'created',
      (error: unknown) => error,
    ),
  );
  expect(isZkError(outcome, 'CONNECTION_LOSS') && outcome.maybeApplied).toBe(true);
});
