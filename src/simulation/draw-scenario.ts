/**
 * Draws the scenario of a seed before the run: a cluster, topics, producers, readers, operations and faults.
 * So a failing run can be printed, and shrunk by leaving faults out.
 *
 * Swarm testing: each seed draws which kinds of faults and operations exist at all, because runs with all
 * kinds at once find less.
 */
import {
  diskFaultKinds,
  drawFaults,
  Fault,
  FaultKind,
  faultKinds,
  stopFaultKinds,
  zooKeeperFaultKinds,
} from './faults';
import { drawEventFaults, EventFault } from './event-faults';
import { drawOperations, Operation } from './operations';
import { Prng } from './prng';
import { drawRecipe } from './recipes';
import { drawWriters, Writer } from './workload';

export const MAIN_TOPIC = 'records';
/** Records of this topic are deleted, compacted or expire, so readers are not promised every offset. */
export const TRIMMED_TOPIC = 'trimmed';
export const FAULTS_FROM_MS = 1000;
/** Many short runs find more than a few long ones. */
const FAULTS_UNTIL_MS = [5000, 8000, 8000, 12000, 18000];

/** So that the offsets topic is compacted during the faults. */
const EAGER_CLEANER = {
  'offsets.topic.segment.bytes': '4000',
  'log.cleaner.backoff.ms': '1000',
  'log.cleaner.min.cleanable.ratio': '0.1',
};
const EAGER_REBALANCE = {
  'auto.leader.rebalance.enable': 'true',
  'leader.imbalance.check.interval.seconds': '3',
};
/** A follower gets one batch at a time, and brokers read one request at a time. */
const TINY_FETCHES = { 'replica.fetch.max.bytes': '100', 'replica.fetch.response.max.bytes': '150' };

export interface Scenario {
  readonly seed: string;
  readonly brokers: number;
  readonly partitions: number;
  /** Virtual ms from the start of the workload until all faults are healed. */
  readonly faultsUntilMs: number;
  readonly replicationFactor: number;
  readonly minIsr: number;
  readonly segmentBytes: number;
  readonly writers: readonly Writer[];
  /**
   * The settings of a second topic, with deleted records, retention or compaction; undefined: there is no
   * such topic.
   */
  readonly trimmed: Readonly<Record<string, string>> | undefined;
  /**
   * Whether the main topic allows unclean elections. After one, older acknowledged records are no longer
   * promised.
   */
  readonly unclean: boolean;
  /** The number of members of a consumer group that reads the main topic; 0: no group. */
  readonly members: number;
  readonly assignor: string;
  /** After the start of the faults, so that the offsets topic is created during faults. */
  readonly membersStartMs: number;
  readonly membersBootstrap: boolean;
  /** The number of members of a group of 0.8 consumers that reads the main topic; 0: no group. */
  readonly oldMembers: number;
  readonly kinds: readonly FaultKind[];
  readonly faults: readonly Fault[];
  readonly eventFaults: readonly EventFault[];
  readonly operations: readonly Operation[];
  readonly brokerSettings: Readonly<Record<string, string>>;
}

function drawKinds(random: Prng): readonly FaultKind[] {
  if (random.chance(0.2)) {
    const others = faultKinds.filter((kind) => kind !== 'power-cut' && random.chance(0.25));
    return ['power-cut', 'power-cut', ...others];
  }
  const kinds = faultKinds.filter((kind) => kind !== 'power-cut' && random.chance(0.35));
  return kinds.length > 0 ? kinds : ['kill'];
}

function drawSettings(random: Prng): Record<string, string> {
  return {
    'log.dirs': random.pick(['/data', '/data/1,/data/2', '/data/1,/data/2']),
    'zookeeper.session.timeout.ms': random.pick(['3000', '6000']),
    'replica.lag.time.max.ms': random.pick(['1500', '4000']),
    ...(random.chance(0.5) ? EAGER_CLEANER : {}),
    ...(random.chance(0.25) ? EAGER_REBALANCE : {}),
    ...(random.chance(0.15) ? TINY_FETCHES : {}),
    ...(random.chance(0.4) ? { 'offsets.load.buffer.size': '300' } : {}),
    ...(random.chance(0.2) ? { 'queued.max.request.bytes': random.pick(['1000', '4000']) } : {}),
  };
}

function drawTrimmed(random: Prng): Readonly<Record<string, string>> | undefined {
  if (!random.chance(0.4)) return undefined;
  return random.pick<Readonly<Record<string, string>>>([
    { 'segment.bytes': '500' },
    { 'segment.bytes': '500', 'retention.ms': '3000' },
    { 'segment.bytes': '500', 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.1' },
  ]);
}

export function drawScenario(seed: string, brokerSettings: Readonly<Record<string, string>> = {}): Scenario {
  const random = new Prng(`${seed}/scenario`);
  const brokers = random.pick([2, 3, 3, 3, 4]);
  const replicationFactor = Math.min(brokers, random.pick([2, 3, 3, 4]));
  const kinds = drawKinds(random.split('kinds'));
  const losesPower = kinds.includes('power-cut');
  const disks = random.split('disks');
  const faultsUntilMs = random.split('length').pick(FAULTS_UNTIL_MS);
  const window = { brokers, fromMs: FAULTS_FROM_MS, untilMs: faultsUntilMs };
  const diskFaults = disks.chance(0.3) ? drawFaults(disks, diskFaultKinds, window).slice(0, 3) : [];
  const zk = random.split('zookeeper faults');
  const zkFaults = zk.chance(0.3) ? drawFaults(zk, zooKeeperFaultKinds, window).slice(0, 4) : [];
  const stops = random.split('clean stops');
  const stopFaults = stops.chance(0.2) ? drawFaults(stops, stopFaultKinds, window).slice(0, 3) : [];
  const events = random.split('event faults');
  const timed = drawFaults(random.split('faults'), kinds, window);
  const eventFaults = events.chance(0.7) ? drawEventFaults(events, brokers, losesPower) : [];
  const recipes = random.split('recipes');
  const recipe = recipes.chance(0.4) ? drawRecipe(recipes, window) : undefined;
  const drawn = recipe
    ? [...recipe.faults, ...timed.slice(0, 2)]
    : eventFaults.length > 0
      ? timed.slice(0, 4)
      : timed;
  const faults = [...drawn, ...diskFaults, ...zkFaults, ...stopFaults];
  const readers = random.split('readers');
  const trimmed = drawTrimmed(random.split('trimmed'));
  const operations = random.split('operations');
  return {
    seed,
    brokers,
    replicationFactor,
    partitions: random.between(1, 3),
    kinds,
    trimmed,
    faultsUntilMs,
    eventFaults: [...eventFaults, ...(recipe?.eventFaults ?? [])],
    minIsr: random.pick([1, 2, 2].filter((n) => n <= replicationFactor)),
    segmentBytes: random.pick([500, 2000, 1048576]),
    unclean: random.chance(0.08),
    writers: drawWriters(random.split('writers'), trimmed !== undefined),
    members: readers.pick([0, 0, 0, 1, 2, 3]),
    assignor: readers.pick(['range', 'roundrobin', 'sticky', 'cooperative-sticky']),
    membersStartMs: readers.pick([0, 0, 1500, 5000]),
    membersBootstrap: readers.chance(0.3),
    oldMembers: readers.pick([0, 0, 0, 0, 1, 2]),
    faults: faults.sort((a, b) => a.atMs - b.atMs),
    operations: operations.chance(0.6) ? drawOperations(operations, window, trimmed !== undefined) : [],
    brokerSettings: { ...drawSettings(random.split('settings')), ...brokerSettings },
  };
}
