/**
 * Faults triggered by events instead of by time: a kill, power cut, link cut, reset or pause when the n-th
 * broker becomes a leader, starts to write an ISR, truncates, rolls a segment …, or shortly after.
 *
 * The periods in which a fault does harm are milliseconds long. A fault at a random time seldom hits them; a
 * fault at an event always does.
 */
import { Prng } from './prng';
import { applyFault, Fault, FaultKind, Readers } from './faults';
import { SimCluster } from './sim-cluster';
import { WorldEvent } from './world';

/** Rare events come first. Events of disks come from the simulated host. */
const EVENTS = [
  'became-leader',
  'became-follower',
  'isr-write-started',
  'isr-write-started',
  'isr-write-unknown',
  'isr-changed',
  'isr-conflict',
  'truncated',
  'leader-elected',
  'replica-left-isr',
  'controller-elected',
  'broker-registered',
  'broker-started',
  'broker-change',
  'controlled-shutdown',
  'generation-changed',
  'rebalance',
  'group-load-started',
  'group-loaded',
  'group-unloaded',
  'group-store-started',
  'offset-commit-started',
  'offset-commit-stored',
  'log-cleaned',
  'zk-session-expired',
  'control-request-refused',
  'high-watermark-moved',
  'segment-created',
  'checkpoint-written',
  'flushed',
  'topic-created',
  'duplicate-batch',
] as const;

/**
 * The faults that can be triggered by an event. Those with another target, such as a group member, are
 * triggered by time.
 */
const KINDS: readonly FaultKind[] = [
  'kill',
  'kill',
  'terminate',
  'pause',
  'cut-zookeeper',
  'cut-peers',
  'cut-one-way',
  'expire-session',
  'reset-zookeeper',
  'reset-peers',
  'lose-reply',
  'lose-reply',
  'isolate',
  'lag-zookeeper',
];

export interface EventFault extends Omit<Fault, 'atMs' | 'target'> {
  readonly event: string;
  /** The occurrence that triggers the fault, counted from 1 since the start of the faults. */
  readonly occurrence: number;
  /** Added to the id of the broker from which the event came. */
  readonly shift: number;
  readonly delayMs: number;
}

export function drawEventFaults(random: Prng, brokers: number, losesPower: boolean): EventFault[] {
  const lossy = [...KINDS, 'power-cut', 'power-cut', 'power-cut'] as const;
  const kinds = losesPower ? lossy : KINDS;
  return Array.from({ length: random.between(1, 5) }, (): EventFault => {
    const event = random.pick(EVENTS);
    const most = event === 'high-watermark-moved' ? 200 : random.pick([1, 3, 10]);
    return {
      event,
      occurrence: random.between(1, most),
      kind: random.pick(kinds),
      shift: random.pick([0, 0, 0, 1, 2]),
      other: random.between(1, brokers),
      delayMs: random.pick([0, 0, 0, 1, 2, 5, 50, 400]),
      lastsMs: random.pick([20, 200, 1000, 3000, 7000]) + random.below(500),
    };
  });
}

/** The broker that the event names, or from which it came; by default broker 1. */
function brokerOf({ who, broker }: WorldEvent): number {
  if (typeof broker === 'number') return broker;
  return who.startsWith('broker-') ? Number(who.slice('broker-'.length)) : 1;
}

/** Activates the faults; `isOver` deactivates them. */
export function armEventFaults(
  cluster: SimCluster,
  readers: () => Readers,
  faults: readonly EventFault[],
  isOver: () => boolean,
): void {
  const seen = new Map<string, number>();
  const { world } = cluster;
  const brokers = cluster.brokers.length;
  if (faults.length === 0) return;
  world.onEvent.push((event) => {
    const count = (seen.get(event.what) ?? 0) + 1;
    seen.set(event.what, count);
    for (const fault of faults) {
      if (fault.event !== event.what || fault.occurrence !== count) continue;
      const target = ((brokerOf(event) - 1 + fault.shift) % brokers) + 1;
      const other = fault.other === target ? (target % brokers) + 1 : fault.other;
      const strike = () => {
        if (isOver()) return;
        cluster.event(`at ${event.what}`, target);
        applyFault(cluster, readers(), { ...fault, atMs: world.nowMs, target, other });
      };
      if (fault.delayMs === 0) world.afterAction(strike);
      else world.schedule(fault.delayMs, strike);
    }
  });
}
