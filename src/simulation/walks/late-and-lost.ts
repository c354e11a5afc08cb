/**
 * Steps of walks in which messages are delayed or lost: requests of followers, the leaders' responses, and
 * writes of a partition's state.
 */
import { listOffsets } from '../../protocol/messages/metadata';
import { fetch, offsetForLeaderEpoch } from '../../protocol/messages/produce-fetch';
import { partitionStateZnode } from '../../zk/znodes';
import { ZkOperation } from '../zk-hooks';
import { WalkCluster } from './walk-cluster';

/** Longer than it takes until a broker counts as dead, or gives up its connection. */
const LATE_REQUEST_MS = 2500;
/** Shorter than the timeout of the request. */
const LATE_ANSWER_MS = 600;

const answers = {
  'late-records': fetch,
  'late-epoch-end': offsetForLeaderEpoch,
  'late-offsets': listOffsets,
};

export function delayFetch({ cluster }: WalkCluster, id: number): void {
  cluster.event('late-fetch', id);
  cluster.network.delayNextRequest(`broker-${id}`, fetch.key, LATE_REQUEST_MS);
}

/** Delays the response to the broker's next request of this kind. */
export function delayAnswer({ cluster }: WalkCluster, what: keyof typeof answers, id: number): void {
  cluster.event(what, id);
  cluster.network.delayNextAnswer(`broker-${id}`, answers[what].key, LATE_ANSWER_MS);
}

/** The broker's next write of the partition's state is not applied, and its connection breaks. */
export function loseWrite(walk: WalkCluster, id: number): void {
  const { cluster, tp } = walk;
  const path = partitionStateZnode.path(tp);
  cluster.event('lose-write', id);
  const isTheWrite = ({ host, isWrite, paths }: ZkOperation) =>
    !walk.isOver && isWrite && host === `broker-${id}` && paths.includes(path);
  cluster.zookeeper.atOperation(isTheWrite, 'reset-before');
}
