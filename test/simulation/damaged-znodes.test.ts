/**
 * Whatever stands in a znode, it costs at most the one entity it is about: no broker ends, another controller
 * can take over, other partitions get leaders and settings, and after a repair everything is as it was,
 * without any restart.
 */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { bringUp, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

const U = { topic: 'u', partition: 0 };
const LATER = { topic: 'later', partition: 0 };
const TEXTS = [
  '',
  'no json',
  'null',
  '[]',
  '{}',
  '{"version":1}',
  '{"version":"1","partitions":{"x":["y"]},"config":7,"isr":["a"],"brokerid":"b"}',
  '{"version":1,"config":{"retention.ms":"x","min.insync.replicas":"[]"}}',
];

interface Damage {
  readonly path: string;
  /** While it lasts there is no controller, or the controller cannot be told from a broker. */
  readonly stopsElections?: boolean;
}

const DAMAGES: readonly Damage[] = [
  { path: '/controller' },
  { path: '/controller_epoch', stopsElections: true },
  { path: '/brokers/ids/1' },
  { path: '/brokers/ids/junk' },
  { path: '/brokers/seqid' },
  { path: '/brokers/topics/t' },
  { path: '/brokers/topics/junk' },
  { path: '/brokers/topics/t/partitions/0/state' },
  { path: '/config/topics/t' },
  { path: '/config/topics/junk' },
  { path: '/config/changes/config_change_0000000000' },
  { path: '/isr_change_notification/isr_change_0000000000' },
  { path: '/log_dir_event_notification/log_dir_event_0000000000' },
  { path: '/admin/preferred_replica_election' },
  { path: '/latest_producer_id_block' },
  { path: '/feature' },
];

function kill(cluster: SimCluster, id: number): void {
  const { id: session } = cluster.broker(id).broker!.sessionCredentials;
  cluster.kill(id);
  cluster.zookeeper.endSession(session);
}

async function live(path: string, text: string, stopsElections: boolean): Promise<void> {
  const cluster = await bringUp('damaged', 4, [1, 2], {
    controller: 4,
    settings: { 'auto.leader.rebalance.enable': 'false' },
  });
  await cluster.world.complete(cluster.createTopic('u', new Map([[0, [2, 3]]])), 30000, 'creating u');
  await runUntil(cluster, 'u is in sync', () => cluster.isQuiet(U));
  const { zookeeper } = cluster;
  const before = zookeeper.overwrite(path, Buffer.from(text));
  await runFor(cluster, 2000);
  kill(cluster, 4);
  if (!stopsElections) {
    await runUntil(cluster, 'another is controller', () =>
      [1, 2, 3].some((id) => cluster.broker(id).broker!.controller.isActive),
    );
    kill(cluster, 2);
    await runUntil(
      cluster,
      'u is led by 3',
      () => cluster.stateOf(U)?.leader === 3 && cluster.broker(3).broker!.replicas.get(U)!.isLeader,
    );
    await cluster.world.complete(
      cluster.createTopic('later', new Map([[0, [3]]])),
      30000,
      'creating a topic',
    );
    await runUntil(cluster, 'the new topic is led', () => cluster.isQuiet(LATER), 40000);
    zookeeper.overwrite('/config/topics/u', Buffer.from('{"version":1,"config":{"retention.ms":"12345"}}'));
    zookeeper.overwrite(
      '/config/changes/config_change_0000000009',
      Buffer.from('{"version":2,"entity_path":"topics/u"}'),
    );
    await runUntil(
      cluster,
      'the settings of u are applied',
      () => cluster.logOf(3, U)!.config['retention.ms'] === 12345,
    );
    cluster.start(2);
    await runUntil(cluster, 'a broker starts beside it', () => cluster.isRunning(2));
  }
  await runFor(cluster, 15000);
  for (const id of [1, 2, 3]) expect(cluster.broker(id).host.exited).toBeUndefined();
  if (before && zookeeper.tree.exists(path)) zookeeper.overwrite(path, before);
  await runUntil(
    cluster,
    'all is well after the repair',
    () => [TP, U].every((tp) => cluster.isQuiet(tp)),
    120000,
  );
  expect(cluster.world.violations).toEqual([]);
}

for (const { path, stopsElections } of DAMAGES) {
  test(`damage in ${path} costs nothing beyond it, and no broker`, async () => {
    const problems: string[] = [];
    for (const text of TEXTS)
      await live(path, text, stopsElections ?? false).catch((error) =>
        problems.push(`'${text}': ${(error as Error).message.slice(0, 1500)}`),
      );
    expect(problems).toEqual([]);
  });
}

describe('while it lasts', () => {
  const text = Buffer.from('no json');

  test('a damaged registration does not make its broker dead: what it leads stays with it', async () => {
    const cluster = await bringUp('damaged-broker', 3, [1, 2], { controller: 3 });
    cluster.zookeeper.overwrite('/brokers/ids/1', text);
    await runFor(cluster, 5000);
    expect(cluster.stateOf(TP)).toMatchObject({ leader: 1, leaderEpoch: 0, isr: [1, 2] });
    cluster.kill(2);
    await runUntil(cluster, 'the death of another is noticed', () => cluster.stateOf(TP)!.isr.join() === '1');
    expect(cluster.stateOf(TP)!.leader).toBe(1);
  });

  test('clients that found a broker in ZooKeeper go on asking it though its registration is damaged', async () => {
    const cluster = await bringUp('damaged-broker-clients', 4, [1, 2], { controller: 4 });
    const producer = await openProducer(cluster);
    expect(await send(cluster, producer, 'before')).toBe(0);
    cluster.zookeeper.overwrite('/brokers/ids/1', text);
    // Others come and go: the brokers are read again.
    kill(cluster, 3);
    await runUntil(
      cluster,
      'the death of another is noticed',
      () => !cluster.zookeeper.tree.exists('/brokers/ids/3'),
    );
    await runFor(cluster, 5000);
    expect(await send(cluster, producer, 'after', 30000)).toBe(1);
    expect(cluster.stateOf(TP)).toMatchObject({ leader: 1, leaderEpoch: 0 });
  });

  test('no unclean election is held for a topic whose settings cannot be read, though the default allows it', async () => {
    const settings = { 'unclean.leader.election.enable': 'true' };
    const topic = { 'unclean.leader.election.enable': 'false' };
    const cluster = await bringUp('damaged-unclean', 3, [1, 2], { controller: 3, settings, topic });
    cluster.kill(2);
    await runUntil(cluster, '1 is alone', () => cluster.stateOf(TP)!.isr.join() === '1');
    cluster.zookeeper.overwrite('/config/topics/t', text);
    kill(cluster, 1);
    cluster.start(2);
    await runUntil(cluster, '2 runs', () => cluster.isRunning(2));
    await runFor(cluster, 10000);
    expect(cluster.stateOf(TP)).toMatchObject({ leader: -1, isr: [1] });
  });

  test('settings that cannot be read, or are not valid, leave those that were valid', async () => {
    const cluster = await bringUp('damaged-settings', 3, [1, 2], {
      controller: 3,
      topic: { 'min.insync.replicas': '2', 'retention.ms': '777' },
    });
    const notify = (n: number) =>
      cluster.zookeeper.overwrite(
        `/config/changes/config_change_000000000${n}`,
        Buffer.from('{"version":2,"entity_path":"topics/t"}'),
      );
    const now = () =>
      [1, 2]
        .map((id) => cluster.logOf(id, TP)!.config)
        .map((config) => [config['min.insync.replicas'], config['retention.ms']]);
    cluster.zookeeper.overwrite('/config/topics/t', text);
    notify(1);
    await runFor(cluster, 2000);
    expect(now()).toEqual([
      [2, 777],
      [2, 777],
    ]);
    cluster.zookeeper.overwrite(
      '/config/topics/t',
      Buffer.from('{"version":1,"config":{"min.insync.replicas":"x","retention.ms":"888"}}'),
    );
    notify(2);
    await runUntil(cluster, 'what is valid is applied', () =>
      now().every(([isr, ms]) => isr === 2 && ms === 888),
    );
  });

  const STATE = '/brokers/topics/t/partitions/0/state';

  /** 1 leads [1, 2], which have three records; the state is damaged, and `id` loses power and is back. */
  async function losesPower(seed: string, id: number, before: (cluster: SimCluster) => void = () => {}) {
    const cluster = await bringUp(seed, 4, [1, 2], {
      controller: 4,
      settings: { 'auto.leader.rebalance.enable': 'false' },
    });
    const producer = await openProducer(cluster);
    for (const value of ['a', 'b', 'c'])
      expect(await send(cluster, producer, value)).toEqual(expect.any(Number));
    await runUntil(cluster, 'it is in sync', () => cluster.isQuiet(TP));
    const sound = cluster.zookeeper.overwrite(STATE, text)!;
    before(cluster);
    const { id: session } = cluster.broker(id).broker!.sessionCredentials;
    cluster.powerCut(id);
    cluster.zookeeper.endSession(session);
    await runFor(cluster, 1000);
    cluster.start(id);
    await runUntil(cluster, 'it is back', () => cluster.isRunning(id));
    await runFor(cluster, 10000);
    return { cluster, repair: () => cluster.zookeeper.overwrite(STATE, sound) };
  }

  test('a leader that loses power does not lead on in its epoch, and after the repair who has everything leads', async () => {
    const { cluster, repair } = await losesPower('damaged-leader', 1);
    expect(cluster.partitionOf(1, TP)?.isLeader ?? false).toBe(false);
    expect(cluster.logOf(2, TP)!.logEndOffset).toBe(3);
    repair();
    await runUntil(cluster, 'it is in sync again', () => cluster.isQuiet(TP));
    expect(cluster.stateOf(TP)).toMatchObject({ leader: 2 });
    expect(await readValues(cluster)).toEqual(['a', 'b', 'c']);
    expect(cluster.world.violations).toEqual([]);
  });

  test('a member that loses power has left the ISR after the repair, until it has fetched everything again', async () => {
    const { cluster, repair } = await losesPower('damaged-member', 2, (one) => one.cutPeers(1, 2, false));
    expect(cluster.logOf(2, TP)?.logEndOffset ?? 0).toBeLessThan(3);
    repair();
    await runUntil(cluster, 'its leaving is written', () => cluster.stateOf(TP)?.isr.join() === '1');
    cluster.healLink('broker-1', 'broker-2');
    await runUntil(cluster, 'it is in sync again', () => cluster.isQuiet(TP));
    expect(await readValues(cluster)).toEqual(['a', 'b', 'c']);
    expect(cluster.world.violations).toEqual([]);
  });

  for (const isRestartedFirst of [true, false]) {
    const order = isRestartedFirst ? 'before' : 'after';
    const what = `a leader that lost power ${order} another broker became controller`;
    test(`${what} does not lead after the repair`, async () => {
      const change = (one: SimCluster) => kill(one, 4);
      const before = isRestartedFirst ? undefined : change;
      const { cluster, repair } = await losesPower('damaged-and-changed', 1, before);
      if (isRestartedFirst) change(cluster);
      await runUntil(cluster, 'another is controller', () =>
        [1, 2, 3].some((id) => cluster.broker(id).broker!.controller.isActive),
      );
      await runFor(cluster, 3000);
      repair();
      await runUntil(cluster, 'it is in sync again', () => cluster.isQuiet(TP));
      expect(await readValues(cluster)).toEqual(['a', 'b', 'c']);
      expect(cluster.stateOf(TP)).toMatchObject({ leader: 2 });
      expect(cluster.world.violations).toEqual([]);
    });
  }
});
