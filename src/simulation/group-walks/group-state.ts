/**
 * A group and its clients as the search distinguishes them: running processes, owners of partitions, how far
 * positions and commits are behind the log ends, links that are cut. Offsets are compared by their meaning,
 * not by their number.
 */
import { NO_LEADER, tpName } from '../../common/cluster-types';
import { GroupCluster } from './group-cluster';
import { WalkMember } from './walk-member';

const mark = (flag: boolean, letter: string) => (flag ? letter : '');

/** All distinguished properties, as text. */
export function groupState(walk: GroupCluster): string {
  const { cluster, setup } = walk;
  const brokers = walk.ids.map((id) => {
    const { host } = cluster.broker(id);
    if (host.life.isDead) return '-';
    const isSlow = host.timerDelayMs > 0;
    return `${cluster.isRunning(id) ? 'r' : 's'}${mark(host.isPaused, 'P')}${mark(isSlow, 'w')}`;
  });
  const leaders = walk.partitions.map((tp) => walk.leaderOf(tp));
  const members = [...walk.members]
    .sort(([a], [b]) => a - b)
    .map(([place, member]) => `${place}${ofMember(walk, member)}`);
  const cuts = walk.clients.map((place) => walk.ids.filter((id) => walk.isCut(place, id)).join('')).join(',');
  const styles = setup.styles.map((style) => style[0]).join('');
  const variant = `${setup.assignor[0]}${styles}${mark(setup.hasLoner, 'l')}`;
  const isSending = walk.producers.map(({ open }) => mark(open > 0, 'o')).join('');
  return `${variant} ${brokers} c${walk.coordinator} ${leaders} ${members.join(' ')} x${cuts} ${isSending}`;
}

function ofMember(walk: GroupCluster, member: WalkMember): string {
  const owned = walk.partitions.map((tp) => {
    const reading = member.readings.get(tpName(tp));
    if (!reading) return '.';
    if (reading.next === undefined) return '?';
    const committed = walk.books.commitsOf(tp).last?.offset;
    const end = walk.books.committedEndOf(tp);
    const ahead = committed === undefined ? 'n' : Math.sign(reading.next - committed);
    return `${reading.next >= end ? 'e' : 'm'}${ahead}`;
  });
  const { isStalled, isPolling, host } = member;
  return `${mark(isStalled, 'S')}${mark(host.isPaused, 'P')}${mark(!isPolling, '-')}[${owned}]`;
}

/** Rare conditions. The search extends a prefix that reaches a new combination of them. */
export const groupWaypoints: Readonly<Record<string, (walk: GroupCluster) => boolean>> = {
  'there are no offsets partitions yet': (walk) => walk.offsetsPartition === undefined,
  'nobody coordinates': (walk) => walk.offsetsPartition !== undefined && walk.coordinator === NO_LEADER,
  'the coordinator has moved': (walk) => walk.isMoved(walk.offsetsPartition),
  'a leader has moved': (walk) => walk.partitions.some((tp) => walk.isMoved(tp)),
  'two members share the partitions': (walk) => walk.places(({ readings }) => readings.size > 0).length > 1,
  'a member owns nothing': (walk) => walk.places(({ readings }) => readings.size === 0).length > 0,
  'a position is behind its commit': (walk) => somebody(walk, (next, committed) => next < committed),
  'a position is ahead of its commit': (walk) =>
    somebody(walk, (next, committed) => next > committed && committed > 0),
  'two members take themselves for the owner': (walk) =>
    walk.partitions.some(
      (tp) => walk.places(({ readings, options }) => readings.has(tpName(tp)) && !options.isAlone).length > 1,
    ),
  'somebody is cut off': (walk) => walk.clients.some((place) => walk.ids.some((id) => walk.isCut(place, id))),
  'a member stands still': (walk) =>
    walk.places(({ isStalled, host }) => isStalled || host.isPaused).length > 0,
  'a send is not settled': (walk) => walk.producers.some(({ open }) => open > 0),
};

function somebody(walk: GroupCluster, holds: (next: number, committed: number) => boolean): boolean {
  return (
    walk.places(({ readings }) =>
      walk.partitions.some((tp) => {
        const next = readings.get(tpName(tp))?.next;
        return next !== undefined && holds(next, walk.books.commitsOf(tp).last?.offset ?? 0);
      }),
    ).length > 0
  );
}

const predicates = Object.values(groupWaypoints);

export function passedGroupWaypoints(walk: GroupCluster): string {
  return predicates.map((predicate) => (predicate(walk) ? '1' : '0')).join('');
}
