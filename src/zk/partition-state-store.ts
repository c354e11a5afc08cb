/**
 * Partition states in ZooKeeper: read many at once, write each at the version it was read at.
 *
 * There is no unconditional write. The controller's go through its fence; the leader's (the ISR) through the
 * state's own version alone, and carry the epoch of the controller that made it leader. A reply that was lost
 * is settled by reading: the znode has our content at the next version, or it has not.
 *
 * Kafka:
 * zk/KafkaZkClient.scala#{getTopicPartitionStatesRaw,updateLeaderAndIsr,createTopicPartitionStatesRaw},
 * utils/ReplicationUtils.scala@2.8.2
 */
import { LeaderIsrAndControllerEpoch, TopicPartition, tpName } from '../common/cluster-types';
import { OnBad, readEach } from './read-each';
import { isZkError } from './zk-session';
import { ZkConnection } from './zk-connection';
import { incarnationZnode, partitionStateZnode } from './znodes';

export interface PartitionState extends LeaderIsrAndControllerEpoch {
  /** When read: the transaction that last wrote the znode, comparable with a broker epoch. */
  readonly mzxid?: number;
}
export type StateContent = Omit<LeaderIsrAndControllerEpoch, 'zkVersion'>;

export async function readPartitionState(zk: ZkConnection, tp: TopicPartition): Promise<PartitionState | undefined> {
  const znode = await zk.get(partitionStateZnode.path(tp));
  return znode ? { ...partitionStateZnode.decode(tp, znode.data, znode.stat.version), mzxid: znode.stat.mzxid } : undefined;
}

/** All states that exist and can be read, by `topic-partition`, read in parallel. */
export async function readPartitionStates(
  zk: ZkConnection, tps: readonly TopicPartition[], onBad: OnBad<TopicPartition> = () => {},
): Promise<Map<string, PartitionState>> {
  const states = await readEach(tps, (tp) => readPartitionState(zk, tp), onBad);
  return new Map([...states].map(([tp, state]) => [tpName(tp), state]));
}

export function sameContent(state: PartitionState, content: StateContent): boolean {
  return partitionStateZnode.encode(state).equals(partitionStateZnode.encode(content));
}

export type WriteResult =
  | { readonly kind: 'ok'; readonly state: PartitionState }
  /** Somebody else wrote, or the reply was lost and the write is not there: the state to go on from, if it exists. */
  | { readonly kind: 'conflict'; readonly state: PartitionState | undefined };

async function settle(zk: ZkConnection, tp: TopicPartition, content: StateContent, zkVersion: number): Promise<WriteResult> {
  const state = await readPartitionState(zk, tp);
  if (state && state.zkVersion === zkVersion && sameContent(state, content)) return { kind: 'ok', state };
  return { kind: 'conflict', state };
}

/** A replica that is to join the ISR, in the incarnation that is known to have what it needs. */
export interface Joiner {
  readonly brokerId: number;
  readonly brokerEpoch: number;
}

export interface IsrWrite {
  readonly content: StateContent;
  readonly expectedZkVersion: number;
  readonly joiner?: Joiner;
}

export type IsrWriteResult = WriteResult | { readonly kind: 'joiner-gone' };

/**
 * The leader's write of its ISR. Rejects with ZkError if ZooKeeper cannot be reached; then nothing is known,
 * as with a conflict that shows no newer version.
 */
export async function writeIsr(zk: ZkConnection, tp: TopicPartition, write: IsrWrite): Promise<IsrWriteResult> {
  const { content, expectedZkVersion, joiner } = write;
  try {
    const zkVersion = await setIsr(zk, partitionStateZnode.path(tp), write);
    return { kind: 'ok', state: { ...content, zkVersion } };
  } catch (error) {
    if (!isZkError(error, 'BAD_VERSION', 'NO_NODE', 'CONNECTION_LOSS')) throw error;
    if (joiner && error.code === 'NO_NODE' && error.failedOp === 0) return { kind: 'joiner-gone' };
    return settle(zk, tp, content, expectedZkVersion + 1);
  }
}

/** Resolves with the new version. Whoever joins must be registered, as the same incarnation, when the write is applied. */
async function setIsr(zk: ZkConnection, path: string, { content, expectedZkVersion, joiner }: IsrWrite): Promise<number> {
  const data = partitionStateZnode.encode(content);
  if (!joiner) return (await zk.set(path, data, expectedZkVersion)).version;
  const [, written] = await zk.multi([
    { type: 'check', path: incarnationZnode.path(joiner.brokerId, joiner.brokerEpoch), version: -1 },
    { type: 'set', path, data, version: expectedZkVersion },
  ]);
  return written!.version!;
}
