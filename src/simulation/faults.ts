/**
 * The faults of a run, drawn before it as a list: time, kind, target, duration. So a failing run can be
 * shrunk by leaving some out.
 *
 * Swarm testing: each seed first draws which kinds exist at all, because runs with every kind at once find
 * less.
 */
import { Prng } from './prng';
import { SimCluster } from './sim-cluster';
import { SimGroup } from './sim-group';
import { SimOldGroup } from './sim-old-group';
import { ZOOKEEPER_HOST } from './sim-zookeeper';
import { damageZnode } from './zk-faults';

export const faultKinds = [
  'kill',
  'terminate',
  'pause',
  'cut-zookeeper',
  'cut-peers',
  'cut-one-way',
  'expire-session',
  'reset-zookeeper',
  'zookeeper-down',
  'power-cut',
  'kill-member',
  'pause-member',
  'reset-peers',
  'lose-reply',
  'cut-client',
  'isolate',
  'lag-zookeeper',
  'clock-jump',
  'slow-flush',
] as const;

/** Drawn separately, because they need a log dir as a target. */
export const diskFaultKinds = ['disk-error', 'disk-full'] as const;

/** Drawn separately, so that these kinds did not change the scenarios of existing seeds. */
export const zooKeeperFaultKinds = ['stale-zookeeper', 'damaged-znode'] as const;

/** Drawn separately, also for seeds without other power cuts: nothing may be lost. */
export const stopFaultKinds = ['stop-power-cut'] as const;

export type FaultKind =
  | (typeof faultKinds)[number]
  | (typeof diskFaultKinds)[number]
  | (typeof zooKeeperFaultKinds)[number]
  | (typeof stopFaultKinds)[number];

export interface Fault {
  readonly atMs: number;
  readonly kind: FaultKind;
  readonly target: number;
  readonly other: number;
  readonly lastsMs: number;
}

export interface FaultWindow {
  readonly brokers: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

export function drawFaults(
  random: Prng,
  kinds: readonly FaultKind[],
  { brokers, fromMs, untilMs }: FaultWindow,
): Fault[] {
  const count = random.between(2, 8);
  const faults = Array.from({ length: count }, (): Fault => {
    const target = random.between(1, brokers);
    const others = Array.from({ length: brokers }, (_, i) => i + 1).filter((id) => id !== target);
    return {
      atMs: fromMs + random.below(untilMs - fromMs),
      kind: random.pick(kinds),
      target,
      other: others.length > 0 ? random.pick(others) : target,
      lastsMs: random.pick([20, 200, 1000, 3000, 7000]) + random.below(500),
    };
  });
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** The groups that read during the run, if there are any. */
export interface Readers {
  readonly group: SimGroup | undefined;
  readonly oldGroup: SimOldGroup | undefined;
}

function oldMemberFault(
  cluster: SimCluster,
  group: SimOldGroup,
  kind: 'kill-member' | 'pause-member',
  target: number,
  lastsMs: number,
): void {
  const member = group.alive[target % Math.max(1, group.alive.length)];
  if (!member) return;
  cluster.event(kind, member.name);
  if (kind === 'pause-member') member.host.pause();
  else member.host.kill();
  cluster.world.schedule(lastsMs, () =>
    kind === 'pause-member' ? member.host.resume() : group.start(`${member.name}'`),
  );
}

/** Starts the fault, and schedules its end. */
export function applyFault(
  cluster: SimCluster,
  { group, oldGroup }: Readers,
  { kind, target, other, lastsMs }: Fault,
): void {
  const later = (undo: () => void) => void cluster.world.schedule(lastsMs, undo);
  switch (kind) {
    case 'kill':
      cluster.kill(target);
      return later(() => cluster.start(target));
    case 'power-cut':
      cluster.powerCut(target);
      return later(() => cluster.start(target));
    case 'terminate':
      cluster.terminate(target);
      return later(() => cluster.start(target));
    case 'stop-power-cut':
      if (!cluster.isRunning(target)) return;
      cluster.terminate(target);
      return cluster.broker(target).host.whenDead(() => {
        cluster.world.afterAction(() => cluster.powerCutAfterStop(target));
        later(() => cluster.start(target));
      });
    case 'pause':
      cluster.pause(target);
      return later(() => cluster.resume(target));
    case 'cut-zookeeper':
      cluster.cutFromZooKeeper(target);
      return later(() => cluster.healLink(`broker-${target}`, ZOOKEEPER_HOST));
    case 'cut-peers':
    case 'cut-one-way':
      cluster.cutPeers(target, other, kind === 'cut-one-way');
      return later(() => cluster.healLink(`broker-${target}`, `broker-${other}`));
    case 'disk-error':
    case 'disk-full': {
      const dirs = cluster.logDirsOf(target);
      cluster.failDisk(target, kind === 'disk-full' ? 'ENOSPC' : 'EIO', dirs[lastsMs % dirs.length]!);
      return later(() => cluster.mendDisk(target));
    }
    case 'expire-session':
      return cluster.expireSession(target);
    case 'stale-zookeeper':
      cluster.event(kind, target);
      cluster.zookeeper.lag(`broker-${target}`, 50 + (lastsMs % 1500));
      return later(() => cluster.zookeeper.lag(`broker-${target}`, 0));
    case 'damaged-znode':
      return later(damageZnode(cluster, 'records', target, other * 100 + lastsMs));
    case 'reset-zookeeper':
      return cluster.zookeeper.resetConnections(`broker-${target}`);
    case 'kill-member':
    case 'pause-member': {
      if (oldGroup && (!group || lastsMs % 2 === 0)) {
        return oldMemberFault(cluster, oldGroup, kind, target, lastsMs);
      }
      const member = group?.alive[target % Math.max(1, group.alive.length)];
      if (!group || !member) return;
      if (kind === 'pause-member') {
        group.pause(member);
        return later(() => group.resume(member));
      }
      group.kill(member);
      return later(() => group.start(`${member.name}'`));
    }
    case 'reset-peers':
      cluster.event(kind, `${target}>${other}`);
      return cluster.network.resetBetween(`broker-${target}`, `broker-${other}`);
    case 'lose-reply':
      cluster.event(kind, target);
      return void cluster.zookeeper.loseNextWriteReply(`broker-${target}`);
    case 'cut-client': {
      const client = cluster.clientHost(other * 7 + lastsMs);
      cluster.event(kind, `${client}>${target}`);
      cluster.network.cut(client, `broker-${target}`);
      return later(() => cluster.healLink(client, `broker-${target}`));
    }
    case 'isolate': {
      const others = cluster.brokers.map(({ id }) => id).filter((id) => id !== target);
      for (const id of others) cluster.cutPeers(target, id, false);
      return later(() => others.forEach((id) => cluster.healLink(`broker-${target}`, `broker-${id}`)));
    }
    case 'lag-zookeeper':
      cluster.event(kind, target);
      cluster.zookeeper.lag(`broker-${target}`, 5 + (lastsMs % 400));
      return later(() => cluster.zookeeper.lag(`broker-${target}`, 0));
    case 'clock-jump':
      cluster.event(kind, target);
      cluster.broker(target).host.clockOffsetMs += (lastsMs % 2 === 0 ? 1 : -1) * lastsMs * 400;
      return;
    case 'slow-flush':
      cluster.event(kind, target);
      cluster.broker(target).host.flushDelayMs = 50 + (lastsMs % 1500);
      return later(() => {
        cluster.broker(target).host.flushDelayMs = 0;
      });
    case 'zookeeper-down':
      cluster.setZooKeeperDown(true);
      return later(() => cluster.setZooKeeperDown(false));
  }
}
