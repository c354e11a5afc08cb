/**
 * Steps of group walks in which a request of a member arrives after the member has gone on without its
 * response.
 */
import { offsetCommit, syncGroup } from '../../protocol/messages/groups';
import { FIRST_PRODUCER, GroupCluster } from './group-cluster';

/** The delay of a commit that arrives after the member has given it up and has sent others. */
const LATE_COMMIT_MS = 3000;
/** A request that is this late arrives in a later generation, if there is one. */
const LATE_MS = 3300;
/** The next one arrives after it, and before the member's session ends. */
const NEXT_LATE_MS = 2300;
/** Longer than it takes until all members have joined again. */
const REJOINS_MS = 1500;
const STABLE_MS = 300;
/** A batch is sent, and its leader is replaced. */
const LEAVES_MS = 20;
const MOVES_MS = 200;

/**
 * The member joins again. Its connection breaks while its SyncGroup request is in flight, so that it sends
 * another one. The one of the next generation is late, too.
 */
export async function lateSync(walk: GroupCluster, place: number): Promise<void> {
  const { network, world } = walk.cluster;
  const host = walk.hostOf(place);
  network.delayNextRequest(host, syncGroup.key, LATE_MS);
  walk.member(place).rejoin();
  await world.run(world.nowMs + REJOINS_MS, () => !network.willDelayRequest(host));
  for (const id of walk.ids) network.resetBetween(host, `broker-${id}`);
  await world.run(world.nowMs + STABLE_MS);
  network.delayNextRequest(host, syncGroup.key, NEXT_LATE_MS);
}

export function lateCommit(walk: GroupCluster, place: number): void {
  walk.cluster.network.delayNextRequest(walk.hostOf(place), offsetCommit.key, LATE_COMMIT_MS);
  walk.member(place).commitAsync();
}

/** A commit arrives after a later one, of a lower offset, has been acknowledged. */
export async function overtakenCommit(walk: GroupCluster, place: number): Promise<void> {
  const { network, world } = walk.cluster;
  network.delayNextRequest(walk.hostOf(place), offsetCommit.key, LATE_COMMIT_MS);
  walk.member(place).commitSync();
  walk.member(place).seek('middle');
  walk.member(place).commitSync();
  await world.run(world.nowMs + LATE_COMMIT_MS);
}

/** A batch is in flight when its leader is replaced, and another record follows. */
export async function sendAcrossMove(
  walk: GroupCluster,
  place: number,
  partition: number,
  bytes: number,
): Promise<void> {
  const {
    cluster,
    cluster: { world },
  } = walk;
  const [tp, producer] = [walk.partitions[partition - 1]!, walk.producers[place - FIRST_PRODUCER]!];
  producer.send(tp, 1);
  await world.run(world.nowMs + LEAVES_MS);
  cluster.expireSession(walk.leaderOf(tp));
  await world.run(world.nowMs + MOVES_MS);
  producer.send(tp, 1, bytes);
}
