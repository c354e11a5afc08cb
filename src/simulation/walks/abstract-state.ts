/**
 * The cluster as the search of a walk distinguishes it: leaders, ISRs, replicas that are behind, the shape of
 * the leader epoch caches, and which broker knows which epoch. Clusters with the same abstract state are
 * equally good starting points.
 *
 * Offsets and epochs are replaced by their ranks, so that a state can occur again. Only the newest three
 * entries of each leader epoch cache count.
 */
import { NO_LEADER } from '../../common/cluster-types';
import { WalkCluster } from './walk-cluster';

const CACHE_ENTRIES = 3;

/** All distinguished properties, as text. */
export function abstractState(walk: WalkCluster): string {
  const { ids, tp, tps } = walk;
  const cuts = ids.flatMap((a) => ids.filter((b) => walk.isCut(a, b)).map((b) => `${a}${b}`)).join(' ');
  const looking = tps.length > 1 ? `@${tp.partition} ` : '';
  return `${looking}${walk.ofEach(() => partitionState(walk)).join(' + ')} x${cuts}`;
}

/** The state of the current partition. */
function partitionState(walk: WalkCluster): string {
  const { cluster, tp, ids } = walk;
  const state = cluster.stateOf(tp);
  const replicas = ids.map((id) => walk.replica(id));
  const caches = replicas.map((replica) => replica?.log.epochs.all.slice(-CACHE_ENTRIES) ?? []);
  const epochRank = ranks(caches.flatMap((cache) => cache.map(({ epoch }) => epoch)));
  const offsets = replicas.flatMap((replica) =>
    replica ? [replica.log.logEndOffset, replica.log.highWatermark] : [],
  );
  const offsetRank = ranks([
    ...caches.flatMap((cache) => cache.map(({ startOffset }) => startOffset)),
    ...offsets,
  ]);
  const brokers = ids.map((id, i) => {
    const { host, broker } = cluster.broker(id);
    if (host.life.isDead) return '-';
    const replica = replicas[i];
    const isController = cluster.isRunning(id) && broker!.controller.isActive;
    const link = walk.isDeaf(id) ? 'd' : walk.isCutFromZooKeeper(id) ? 'z' : '';
    const process = `${host.isPaused ? 'P' : ''}${isController ? 'C' : ''}${link}`;
    if (!replica) return `${process}?`;
    const role = replica.isLeader ? `L${replica.isr.join('')}/${replica.maximalIsr.join('')}` : 'F';
    const epoch = replica.leaderEpoch === state?.leaderEpoch ? '=' : '<';
    const cache = caches[i]!.map(
      (entry) => `${epochRank.get(entry.epoch)}.${offsetRank.get(entry.startOffset)}`,
    ).join(',');
    const { logEndOffset, highWatermark } = replica.log;
    return `${process}${role}${epoch}${offsetRank.get(highWatermark)}:${offsetRank.get(logEndOffset)}(${cache})`;
  });
  return `${state?.leader ?? '?'}[${state?.isr.join('') ?? ''}] ${brokers.join(' | ')}`;
}

/** The newest value has rank 0, so that a long history has the same ranks as a short one. */
function ranks(values: readonly number[]): Map<number, number> {
  const sorted = [...new Set(values)].sort((a, b) => b - a);
  return new Map(sorted.map((value, rank) => [value, rank]));
}

/**
 * Rare conditions under which records have been lost before. The search extends a prefix that reaches a new
 * combination of them.
 */
export const waypoints: Readonly<Record<string, (walk: WalkCluster) => boolean>> = {
  'an epoch was led without a write': (walk) =>
    running(walk).some(({ log }) => {
      const { all } = log.epochs;
      return all.some(
        ({ startOffset }, i) => i > 0 && startOffset === (all[i + 1]?.startOffset ?? log.logEndOffset),
      );
    }),
  'two epoch caches disagree': (walk) => {
    const starts = new Map<number, number>();
    return running(walk).some(({ log }) =>
      log.epochs.all.some(({ epoch, startOffset }) => {
        const known = starts.get(epoch);
        starts.set(epoch, startOffset);
        return known !== undefined && known !== startOffset;
      }),
    );
  },
  'a follower knows an epoch that its leader does not': (walk) => {
    const leader = walk.replica(walk.leader);
    const known = new Set(leader?.log.epochs.all.map(({ epoch }) => epoch));
    return (
      leader?.isLeader === true &&
      running(walk).some(
        (replica) => !replica.isLeader && replica.log.epochs.all.some(({ epoch }) => !known.has(epoch)),
      )
    );
  },
  'the result of an ISR write is unknown': (walk) =>
    running(walk).some((replica) => replica.isLeader && replica.maximalIsr.length !== replica.isr.length),
  'ZooKeeper has a member of the ISR that its leader has not seen there': (walk) => {
    const leader = walk.replica(walk.leader);
    return leader?.isLeader === true && walk.inSync.some((id) => !leader.isr.includes(id));
  },
  'two brokers take themselves for the leader': (walk) => walk.believers.length > 1,
  'nobody leads': (walk) => walk.leader === NO_LEADER,
  'the leader is alone in the ISR': (walk) => walk.inSync.length === 1,
  'somebody is out of the ISR': (walk) => walk.inSync.length < walk.replicas.length,
  'a member of the ISR is longer than its leader': (walk) => {
    const end = walk.replica(walk.leader)?.log.logEndOffset ?? Infinity;
    return walk.inSync.some((id) => (walk.replica(id)?.log.logEndOffset ?? 0) > end);
  },
  'a member of the ISR is behind the leader': (walk) => {
    const end = walk.replica(walk.leader)?.log.logEndOffset ?? 0;
    return walk.inSync.some((id) => (walk.replica(id)?.log.logEndOffset ?? Infinity) < end);
  },
  'a member of the ISR has lost what is committed': (walk) => {
    const committed = Math.max(0, ...running(walk).map(({ log }) => log.highWatermark));
    return walk.inSync.some((id) => (walk.replica(id)?.log.logEndOffset ?? Infinity) < committed);
  },
  'a leader takes a follower for longer than it is': (walk) =>
    running(walk).some(
      (leader) =>
        leader.isLeader &&
        [...leader.followerProgress()].some(
          ([id, { logEndOffset }]) => logEndOffset > (walk.replica(id)?.log.logEndOffset ?? Infinity),
        ),
    ),
  'nobody is controller': (walk) =>
    !walk.running.some((id) => walk.cluster.broker(id).broker!.controller.isActive),
  'a broker does not know the current epoch': (walk) => {
    const epoch = walk.cluster.stateOf(walk.tp)?.leaderEpoch ?? 0;
    return running(walk).some((replica) => replica.leaderEpoch < epoch);
  },
  'a high watermark is behind another': (walk) =>
    new Set(running(walk).map(({ log }) => log.highWatermark)).size > 1,
};

function running(walk: WalkCluster) {
  return walk.ids.flatMap((id) => walk.replica(id) ?? []);
}

const predicates = Object.values(waypoints);

/** One character for each waypoint: whether it holds for any partition. */
export function passedWaypoints(walk: WalkCluster): string {
  return predicates
    .map((predicate) => (walk.ofEach(() => predicate(walk)).includes(true) ? '1' : '0'))
    .join('');
}
