/**
 * A fault at every single operation of a short story. The ZooKeeper connection breaks at the k-th operation
 * of a host (before it is applied, or after it, so that the response is lost); a TCP connection breaks at the
 * k-th frame; a broker crashes at its k-th disk call (kill or power cut); the k-th time that a broker opens
 * or reads a file, this fails. For every k that the story has without faults.
 *
 * A fault that random runs do not hit in a thousand seeds is hit here for certain. The same code gives the
 * same points and the same result.
 */
import { leadersPerEpoch } from '../checkers/check-cluster';
import { checkHistory } from '../checkers/check-history';
import { TopicPartition } from '../common/cluster-types';
import { topicsZnode, topicZnode } from '../zk/znodes';
import { attachChecks } from './attach-checks';
import { livenessBeforeRestart, readFinal, replicasDiffer } from './judge';
import { Prng } from './prng';
import { SimCluster } from './sim-cluster';
import { Stage, stories, Story } from './sweep-stories';

const BROKERS = 3;
const LIVE_WITHIN_MS = 10000;
const QUIET_WITHIN_MS = 60000;

export const pointKinds = [
  'zookeeper-before',
  'zookeeper-after',
  'frame-before',
  'frame-after',
  'disk-kill',
  'disk-power-cut',
  'disk-read-error',
] as const;

/** The point of a fault: the k-th operation (from 1) of `host`, counted from the start of the story's act. */
export interface Point {
  readonly kind: (typeof pointKinds)[number];
  /** Empty for frames, which are counted over all hosts. */
  readonly host: string;
  readonly k: number;
}

export interface SweepOutcome {
  readonly story: string;
  readonly point: Point | undefined;
  readonly violations: readonly string[];
  readonly traceHash: number;
  readonly cluster: SimCluster;
}

interface Counts {
  readonly zookeeper: ReadonlyMap<string, number>;
  readonly disk: ReadonlyMap<string, number>;
  readonly looks: ReadonlyMap<string, number>;
  readonly frames: number;
}

function count(cluster: SimCluster): Counts {
  const hosts = [...cluster.brokers.map(({ host }) => host.name), ...cluster.clientHosts];
  return {
    zookeeper: new Map(hosts.map((host) => [host, cluster.zookeeper.operationsOf(host)])),
    disk: new Map(cluster.brokers.map(({ host }) => [host.name, host.diskCalls])),
    looks: new Map(cluster.brokers.map(({ host }) => [host.name, host.diskLooks])),
    frames: cluster.network.framesSent,
  };
}

function arm(cluster: SimCluster, { kind, host, k }: Point): void {
  const { zookeeper, network } = cluster;
  const broker = cluster.brokers.find((one) => one.host.name === host);
  switch (kind) {
    case 'zookeeper-before':
      return void zookeeper.atOperation({ host, k }, 'reset-before');
    case 'zookeeper-after':
      return void zookeeper.atOperation({ host, k }, 'lose-reply');
    case 'frame-before':
      return network.resetAtFrame(k, 'before');
    case 'frame-after':
      return network.resetAtFrame(k, 'after');
    case 'disk-kill':
      return broker!.host.crashAtDiskCall(k, () => cluster.kill(broker!.id));
    case 'disk-power-cut':
      return broker!.host.crashAtDiskCall(k, () => cluster.powerCut(broker!.id));
    case 'disk-read-error':
      return broker!.host.failDiskLook(k);
  }
}

function topicPartitions(cluster: SimCluster): TopicPartition[] {
  const { tree } = cluster.zookeeper;
  return tree.children(topicsZnode.path).flatMap((topic) => {
    const { partitions } = topicZnode.decode(topic, tree.get(topicZnode.path(topic)).data);
    return [...partitions.keys()].map((partition) => ({ topic, partition }));
  });
}

async function judgeStage(stage: Stage): Promise<string[]> {
  const { cluster, history, checks } = stage;
  cluster.healLinks();
  const found = await livenessBeforeRestart(cluster, topicPartitions(cluster), LIVE_WITHIN_MS);
  cluster.heal();
  const all = () => topicPartitions(cluster);
  const isUp = () =>
    cluster.brokers.every(({ id }) => cluster.isRunning(id) && cluster.offlineDirs(id) === 0);
  const isQuiet = () => isUp() && all().every((tp) => cluster.isQuiet(tp));
  if (!(await stage.until(isQuiet, QUIET_WITHIN_MS))) {
    found.push(
      ...all()
        .flatMap((tp) => cluster.unquiet(tp) ?? [])
        .map((text) => `Liveness: ${text}`),
    );
    if (!isUp()) found.push('Liveness: a broker does not run');
  }
  if (cluster.existsTopic('t')) {
    const read = cluster.world.complete(
      readFinal({ cluster, history }, [{ topic: 't', partition: 0 }]),
      60000,
      'reading back',
    );
    await read.catch((error) => found.push(`Liveness: ${String(error)}`));
  }
  found.push(...(await groupProblems(stage)), ...configProblems(stage));
  for (const record of history.sent.values()) {
    const start = cluster.logOf(stage.leader, record.tp)?.logStartOffset ?? 0;
    const isPromised = record.offset >= start && checks.isPromised(record.tp, record.offset);
    if (record.outcome === 'acked' && !isPromised) record.outcome = 'unknown';
  }
  found.push(...checkHistory(history, { ackedIsDurable: checks.counts.released === 0, ordered: false }));
  found.push(
    ...leadersPerEpoch(cluster.world.timeline),
    ...all().flatMap((tp) => replicasDiffer(cluster, tp)),
  );
  return [...cluster.world.violations, ...found];
}

async function groupProblems(stage: Stage): Promise<string[]> {
  const { group } = stage;
  if (!group) return [];
  const tp = { topic: 't', partition: 0 };
  const end = () => stage.cluster.logOf(stage.leader, tp)?.highWatermark ?? Infinity;
  await stage.until(() => group.processedCount(tp) >= end(), QUIET_WITHIN_MS);
  const problems = group
    .unprocessed(tp, end() === Infinity ? 0 : end())
    .slice(0, 1)
    .map((offset) => `AllProcessed: offset ${offset}`);
  for (const { name, endedWith } of group.members) {
    if (endedWith !== undefined) problems.push(`Liveness: ${name} ended with ${endedWith}`);
  }
  return problems;
}

/** Every broker must have the settings that are in ZooKeeper. */
function configProblems({ cluster, expectedConfig }: Stage): string[] {
  return Object.entries(expectedConfig).flatMap(([name, value]) =>
    cluster.brokers.flatMap(({ id }) => {
      const log = cluster.logOf(id, { topic: 't', partition: 0 });
      const has = String((log?.config as Readonly<Record<string, unknown>> | undefined)?.[name]);
      return has === value ? [] : [`ConfigArrives: broker ${id} has ${name}=${has}, ZooKeeper has ${value}`];
    }),
  );
}

/** Runs a story once, with the fault at `point`. Never rejects: an error is a violation. */
async function runStory(
  name: string,
  story: Story,
  point: Point | undefined,
): Promise<{ outcome: SweepOutcome; counts: Counts }> {
  const cluster = new SimCluster(`sweep ${name}`, BROKERS, {
    'zookeeper.session.timeout.ms': 2000,
    'replica.lag.time.max.ms': 2000,
    'replica.fetch.wait.max.ms': 500,
    'log.segment.bytes': 300,
    'offsets.topic.num.partitions': 1,
    'offsets.topic.replication.factor': 3,
    'group.initial.rebalance.delay.ms': 100,
    ...story.settings,
  });
  const stage = new Stage(cluster, attachChecks(cluster));
  const violations: string[] = [];
  let counts: Counts = { zookeeper: new Map(), disk: new Map(), looks: new Map(), frames: 0 };
  try {
    cluster.startAll();
    if (!(await stage.until(() => cluster.brokers.every(({ id }) => cluster.isRunning(id))))) {
      throw new Error('the cluster did not come up');
    }
    await story.prepare(stage);
    const before = count(cluster);
    if (point) arm(cluster, point);
    await story.act(stage);
    counts = since(before, count(cluster));
    violations.push(...(await judgeStage(stage)));
  } catch (error) {
    violations.push(
      `the run ended early: ${error instanceof Error ? error.stack : String(error)}`,
      ...cluster.world.violations,
    );
  }
  return { outcome: { story: name, point, violations, traceHash: cluster.world.traceHash, cluster }, counts };
}

function since(before: Counts, after: Counts): Counts {
  const minus = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>) =>
    new Map([...a].map(([host, n]) => [host, n - (b.get(host) ?? 0)]));
  return {
    zookeeper: minus(after.zookeeper, before.zookeeper),
    disk: minus(after.disk, before.disk),
    looks: minus(after.looks, before.looks),
    frames: after.frames - before.frames,
  };
}

/**
 * The points of a story, from a run without faults. The outcome of that run comes first and must be clean.
 */
export async function pointsOf(name: string): Promise<{ clean: SweepOutcome; points: Point[] }> {
  const { outcome, counts } = await runStory(name, stories[name]!, undefined);
  const points: Point[] = [];
  const add = (kind: Point['kind'], host: string, most: number) => {
    for (let k = 1; k <= most; k++) points.push({ kind, host, k });
  };
  for (const [host, most] of counts.zookeeper) {
    add('zookeeper-before', host, most);
    add('zookeeper-after', host, most);
  }
  add('frame-before', '', counts.frames);
  add('frame-after', '', counts.frames);
  for (const [host, most] of counts.disk) {
    add('disk-kill', host, most);
    add('disk-power-cut', host, most);
  }
  for (const [host, most] of counts.looks) add('disk-read-error', host, most);
  return { clean: outcome, points };
}

export async function runPoint(name: string, point: Point): Promise<SweepOutcome> {
  return (await runStory(name, stories[name]!, point)).outcome;
}

/** All points of the stories, in a mixed order, so that any part of them is a fair sample. */
export async function allPoints(names: readonly string[]): Promise<{
  clean: SweepOutcome[];
  points: { story: string; point: Point }[];
}> {
  const clean: SweepOutcome[] = [];
  const points: { story: string; point: Point }[] = [];
  for (const story of names) {
    const found = await pointsOf(story);
    clean.push(found.clean);
    points.push(...found.points.map((point) => ({ story, point })));
  }
  return { clean, points: mixed(points) };
}

/**
 * In random order, and the kinds in turn: a kind with few points must not have to wait for one with many.
 */
function mixed<T extends { readonly point: Point }>(points: readonly T[]): T[] {
  const random = new Prng('sweep order');
  const byKind = pointKinds.map((kind) => points.filter(({ point }) => point.kind === kind));
  const found: T[] = [];
  while (found.length < points.length) {
    for (const rest of byKind) {
      if (rest.length > 0) found.push(...rest.splice(random.below(rest.length), 1));
    }
  }
  return found;
}

export const storyNames = Object.keys(stories);

/** In the form KIND [HOST] K. */
export function pointName(point: Point | undefined): string {
  return point ? [point.kind, point.host, point.k].filter((part) => part !== '').join(' ') : 'no fault';
}
