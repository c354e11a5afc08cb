/**
 * Partition states in ZooKeeper: reads many at once, and writes a leader's ISR changes.
 *
 * Invariant: every write names the zkVersion it was decided on. The controller's writes are also fenced by
 * the controller epoch (controller-state-writes.ts); a leader's write is guarded by the zkVersion alone and
 * keeps the controller epoch of the controller that elected it. If a reply was lost, the znode is read:
 * either it has our content and the next version, or the write was not applied.
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
   * The zxid of the last write of the znode; it can be compared with a broker epoch. After a write of our own
   * it is a lower bound, not less than the broker epoch of any ISR member.
   */
  readonly mzxid?: number;
}
export type StateContent = Omit<LeaderIsrAndControllerEpoch, 'zkVersion'>;

/** The znode exists and cannot be decoded. `mzxid`: the transaction that wrote its data. */
export class UnreadableStateError extends ZnodeError {
  constructor(
    message: string,
    readonly mzxid: number,
  ) {
    super(message);
  }
}

/** Undefined if there is no state. Rejects with UnreadableStateError or ZkError. */
export async function readPartitionState(
  zk: ZkConnection,
  tp: TopicPartition,
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

/** All states that exist and can be decoded, by `topic-partition`, read in parallel. */
export async function readPartitionStates(
  zk: ZkConnection,
  tps: readonly TopicPartition[],
  onBad: OnBad<TopicPartition> = () => {},
): Promise<Map<string, PartitionState>> {
  const states = await readEach(tps, (tp) => readPartitionState(zk, tp), onBad);
  return new Map([...states].map(([tp, state]) => [tpName(tp), state]));
}

export function sameContent(state: PartitionState, content: StateContent): boolean {
  return partitionStateZnode.encode(state).equals(partitionStateZnode.encode(content));
}

export type WriteResult =
  | { readonly kind: 'ok'; readonly state: PartitionState }
  /**
   * Another broker wrote, or the reply was lost and the write was not applied. `state`: the current state, if
   * it exists.
   */
  | { readonly kind: 'conflict'; readonly state: PartitionState | undefined };

async function settle(
  zk: ZkConnection,
  tp: TopicPartition,
  content: StateContent,
  zkVersion: number,
): Promise<WriteResult> {
  const state = await readPartitionState(zk, tp);
  if (state && state.zkVersion === zkVersion && sameContent(state, content)) return { kind: 'ok', state };
  return { kind: 'conflict', state };
}

/** A member of the ISR to be written, with the broker epoch of the incarnation that is in sync. */
export interface IsrMember {
  readonly brokerId: number;
  readonly brokerEpoch: number;
}

/** An operation for a multi. The multi fails with NO_NODE if this incarnation is no longer registered. */
export function checkIncarnation({ brokerId, brokerEpoch }: IsrMember): ZkOp {
  return { type: 'check', path: incarnationZnode.path(brokerId, brokerEpoch), version: -1 };
}

export interface IsrWrite {
  readonly content: StateContent;
  readonly expectedZkVersion: number;
  /** All members of the ISR except the leader. */
  readonly members: readonly IsrMember[];
}

/** `member-gone`: nothing was written, because this member has restarted or its registration is gone. */
export type IsrWriteResult = WriteResult | { readonly kind: 'member-gone'; readonly member: IsrMember };

/**
 * Writes a leader's ISR. Rejects with ZkError if ZooKeeper cannot be reached; then the outcome is unknown, as
 * it is after a conflict that shows no newer version.
 */
export async function writeIsr(
  zk: ZkConnection,
  tp: TopicPartition,
  write: IsrWrite,
): Promise<IsrWriteResult> {
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

/**
 * Returns the new zkVersion. Each member must be registered with its broker epoch when the multi is applied.
 */
async function setIsr(zk: ZkConnection, path: string, write: IsrWrite): Promise<number> {
  const { content, expectedZkVersion, members } = write;
  const data = partitionStateZnode.encode(content);
  const set: ZkOp = { type: 'set', path, data, version: expectedZkVersion };
  const results = await zk.multi([...members.map(checkIncarnation), set]);
  return results[members.length]!.version!;
}
