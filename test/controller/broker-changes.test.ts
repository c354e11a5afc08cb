/**
 * What brokers answer to LeaderAndIsr: the disks they lost, and who it was that said so. Simulated ZooKeeper.
 */
import { errorCode, ErrorName } from '../../src/common/errors';
import { Metrics } from '../../src/common/metrics';
import { BrokerChanges, LeaderAndIsrRequest } from '../../src/controller/broker-changes';
import { BrokerRequestBatch } from '../../src/controller/broker-request-batch';
import { ChannelManager } from '../../src/controller/channel-manager';
import { ControllerContext } from '../../src/controller/controller-context';
import { movePartition } from '../../src/controller/partition-state-machine';
import { StateTransitions } from '../../src/controller/state-transitions';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { electController } from '../../src/zk/controller-election';
import { ZkConnection } from '../../src/zk/zk-connection';
import { incarnationZnode, partitionStateZnode } from '../../src/zk/znodes';

const TP = { topic: 't', partition: 0 };
const EPOCH = 200;

/** A term in which broker 2 leads t-0 and 1 follows; broker 2 has restarted, and has epoch 200. */
async function term() {
  const cluster = new SimCluster('answers', 1);
  const { zookeeper, world } = cluster;
  const run = <T>(work: Promise<T>) => world.complete(work, 60000, 'the controller');
  const { host, zookeeper: connect } = cluster.environment();
  const zk = await run(
    ZkConnection.open(host, connect(''), {
      sessionTimeoutMs: 6000,
      connectTimeoutMs: 6000,
      maxInFlightRequests: 10,
    }),
  );
  const path = partitionStateZnode.path(TP);
  const parents = path
    .split('/')
    .slice(1, -1)
    .map((_, i, parts) => `/${parts.slice(0, i + 1).join('/')}`);
  for (const parent of parents) zookeeper.overwrite(parent, Buffer.alloc(0));
  const state = { leader: 2, isr: [2, 1], leaderEpoch: 0, controllerEpoch: 1, zkVersion: 0 };
  zookeeper.overwrite(path, partitionStateZnode.encode(state));
  const context = new ControllerContext(1, (await run(electController(zk, 1, 0)))!);
  const transitions = new StateTransitions(
    context,
    { zk, host, log: host.log, metrics: new Metrics(), uncleanByDefault: false },
    new BrokerRequestBatch(context, 'PLAINTEXT'),
  );
  for (const [id, epoch] of [
    [1, 100],
    [2, EPOCH],
  ] as const) {
    context.liveBrokers.set(id, { id, epoch, endpoints: [], rack: null });
    for (const made of ['/samsa', incarnationZnode.parent, incarnationZnode.path(id, epoch)]) {
      zookeeper.overwrite(made, Buffer.alloc(0));
    }
  }
  context.assign(TP, [2, 1]);
  context.leadership.set('t-0', state);
  const replicas = [1, 2].map((replica) => ({ ...TP, replica }));
  transitions.newReplicas(replicas);
  transitions.markOnline(replicas);
  movePartition(context, TP, 'NewPartition');
  movePartition(context, TP, 'OnlinePartition');
  const options = { listeners: ['PLAINTEXT'], socketTimeoutMs: 1000, retryBackoffMs: 100 };
  const channels = new ChannelManager(
    host,
    host.log,
    options,
    () => {},
    () => {},
  );
  const deps = {
    zk,
    host,
    log: host.log,
    interBrokerListener: 'PLAINTEXT',
    flush: () => {},
    onModified: () => {},
  };
  const brokers = new BrokerChanges(context, transitions, channels, deps);
  const answer = (brokerEpoch: number, error: ErrorName) =>
    run(
      brokers.answered(2, { brokerEpoch } as LeaderAndIsrRequest, {
        errorCode: 0,
        partitionErrors: [{ ...TP, errorCode: errorCode(error) }],
      }),
    );
  return { context, answer, leader: () => cluster.stateOf(TP)!.leader };
}

test('a replica whose disk failed is offline, and what it led is led by another', async () => {
  const { context, answer, leader } = await term();
  await answer(EPOCH, 'KAFKA_STORAGE_ERROR');
  expect([context.isReplicaLive(TP, 2), leader()]).toEqual([false, 1]);
});

test('what a former incarnation said of its disks does not count for the one that lives', async () => {
  const { context, answer, leader } = await term();
  await answer(EPOCH - 1, 'KAFKA_STORAGE_ERROR');
  expect([context.isReplicaLive(TP, 2), leader()]).toEqual([true, 2]);
});

test('a replica that is back on a disk can lead again', async () => {
  const { context, answer } = await term();
  await answer(EPOCH, 'KAFKA_STORAGE_ERROR');
  await answer(EPOCH, 'NONE');
  expect(context.isReplicaLive(TP, 2)).toBe(true);
  expect(context.replicaStateOf({ ...TP, replica: 2 })).toBe('OnlineReplica');
});

test('an answer about a topic that is gone by now changes nothing', async () => {
  const { context, answer } = await term();
  context.removeTopic('t');
  await answer(EPOCH, 'KAFKA_STORAGE_ERROR');
  expect(context.partitions).toEqual([]);
});
