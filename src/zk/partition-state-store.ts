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
import { isZkError, ZkOp } from './zk-session';
import { ZkConnection } from './zk-connection';
import { incarnationZnode, partitionStateZnode, ZnodeError } from './znodes';

export interface PartitionState extends LeaderIsrAndControllerEpoch {
  /**
   * The transaction that last wrote the znode, comparable with a broker epoch; after a write of ours one
   * that is not later, and not before the epoch of any member of the ISR.
   */
  readonly mzxid?: number;
}
export type StateContent = Omit<LeaderIsrAndControllerEpoch, 'zkVersion'>;

/** The state stands there and cannot be read; what stands there was written by the transaction `mzxid`. */
export class UnreadableStateError extends ZnodeError {
  constructor(message: string, readonly mzxid: number) {
    super(message);
  }
}

/** Rejects with UnreadableStateError, or ZkError. */
export async function readPartitionState(
  zk: ZkConnection, tp: TopicPartition,
): Promise<PartitionState | undefined> {
  const znode = await zk.get(partitionStateZnode.path(tp));
  if (!znode) return undefined;
  const { version, mzxid } = znode.stat;
  try {
    return { ...partitionStateZnode.decode(tp, znode.data, version), mzxid };
  } catch (error) {
    throw error instanceof ZnodeError ? new UnreadableStateError(error.message, mzxid) : error;
  }
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

/** A member of the ISR that is written, in the incarnation that is known to have what it needs. */
export interface IsrMember {
  readonly brokerId: number;
  readonly brokerEpoch: number;
}

/** Fails the multi it is part of with NO_NODE if that incarnation is no longer registered. */
export function checkIncarnation({ brokerId, brokerEpoch }: IsrMember): ZkOp {
  return { type: 'check', path: incarnationZnode.path(brokerId, brokerEpoch), version: -1 };
}

export interface IsrWrite {
  readonly content: StateContent;
  readonly expectedZkVersion: number;
  /** Everybody in the ISR but the leader. */
  readonly members: readonly IsrMember[];
}

/** `member-gone`: nothing was written, as this member has been restarted, or is gone. */
export type IsrWriteResult = WriteResult | { readonly kind: 'member-gone'; readonly member: IsrMember };

/**
 * The leader's write of its ISR. Rejects with ZkError if ZooKeeper cannot be reached; then nothing is known,
 * as with a conflict that shows no newer version.
 */
export async function writeIsr(zk: ZkConnection, tp: TopicPartition, write: IsrWrite): Promise<IsrWriteResult> {
  const { content, expectedZkVersion, members } = write;
  try {
    const zkVersion = await setIsr(zk, partitionStateZnode.path(tp), write);
    return { kind: 'ok', state: { ...content, zkVersion } };
  } catch (error) {
    if (!isZkError(error, 'BAD_VERSION', 'NO_NODE', 'CONNECTION_LOSS')) throw error;
    const member = error.code === 'NO_NODE' ? members[error.failedOp] : undefined;
    if (member) return { kind: 'member-gone', member };
    return settle(zk, tp, content, expectedZkVersion + 1);
  }
}

/** Resolves with the new version. The members must be registered, as those incarnations, when it is applied. */
async function setIsr(zk: ZkConnection, path: string, write: IsrWrite): Promise<number> {
  const { content, expectedZkVersion, members } = write;
  const data = partitionStateZnode.encode(content);
  const set: ZkOp = { type: 'set', path, data, version: expectedZkVersion };
  const results = await zk.multi([...members.map(checkIncarnation), set]);
  return results[members.length]!.version!;
}
