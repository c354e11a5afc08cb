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
import { ControllerMovedError, controllerMulti, ControllerTerm } from './controller-election';
import { isZkError, ZkError } from './zk-session';
import { ZkConnection } from './zk-connection';
import { incarnationZnode, partitionStateZnode, partitionsZnode, partitionZnode } from './znodes';

export interface PartitionState extends LeaderIsrAndControllerEpoch {
  /** When read: the transaction that last wrote the znode, comparable with a broker epoch. */
  readonly mzxid?: number;
}
export type StateContent = Omit<LeaderIsrAndControllerEpoch, 'zkVersion'>;

export async function readPartitionState(zk: ZkConnection, tp: TopicPartition): Promise<PartitionState | undefined> {
  const znode = await zk.get(partitionStateZnode.path(tp));
  return znode ? { ...partitionStateZnode.decode(tp, znode.data, znode.stat.version), mzxid: znode.stat.mzxid } : undefined;
}

/** All states that exist, by `topic-partition`, read in parallel. */
export async function readPartitionStates(zk: ZkConnection, tps: readonly TopicPartition[]): Promise<Map<string, PartitionState>> {
  const states = await Promise.all(tps.map((tp) => readPartitionState(zk, tp)));
  const found = new Map<string, PartitionState>();
  states.forEach((state, i) => { if (state) found.set(tpName(tps[i]!), state); });
  return found;
}

function sameContent(state: PartitionState, content: StateContent): boolean {
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

export interface StateWrite {
  readonly tp: TopicPartition;
  readonly content: StateContent;
  /** Undefined creates the znode and its parents. */
  readonly expectedZkVersion: number | undefined;
}

/** The controller's writes, pipelined, one fenced multi each; results in order. Throws ControllerMovedError. */
export async function writePartitionStates(zk: ZkConnection, term: ControllerTerm, writes: readonly StateWrite[]): Promise<WriteResult[]> {
  const topics = [...new Set(writes.filter((write) => write.expectedZkVersion === undefined).map((write) => write.tp.topic))];
  await Promise.all(topics.map((topic) => createPartitionsZnode(zk, term, topic)));
  const outcomes = await Promise.allSettled(writes.map((write) => writeOne(zk, term, write)));
  const moved = outcomes.find((outcome) => outcome.status === 'rejected' && outcome.reason instanceof ControllerMovedError);
  if (moved) throw (moved as PromiseRejectedResult).reason;
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

async function createPartitionsZnode(zk: ZkConnection, term: ControllerTerm, topic: string): Promise<void> {
  try {
    await controllerMulti(zk, term, [{ type: 'create', path: partitionsZnode.path(topic), data: null, mode: 'persistent' }]);
  } catch (error) {
    if (!isZkError(error, 'NODE_EXISTS', 'CONNECTION_LOSS')) throw error;
  }
}

async function writeOne(zk: ZkConnection, term: ControllerTerm, { tp, content, expectedZkVersion }: StateWrite): Promise<WriteResult> {
  const path = partitionStateZnode.path(tp);
  const data = partitionStateZnode.encode(content);
  try {
    if (expectedZkVersion !== undefined) {
      const [result] = await controllerMulti(zk, term, [{ type: 'set', path, data, version: expectedZkVersion }]);
      return { kind: 'ok', state: { ...content, zkVersion: result!.version! } };
    }
    await controllerMulti(zk, term, [
      { type: 'create', path: partitionZnode.path(tp), data: null, mode: 'persistent' },
      { type: 'create', path, data, mode: 'persistent' },
    ]);
    return { kind: 'ok', state: { ...content, zkVersion: 0 } };
  } catch (error) {
    if (error instanceof ZkError && error.code === 'NODE_EXISTS' && error.failedOp === 1) return createStateOnly(zk, term, tp, content);
    if (!isZkError(error, 'BAD_VERSION', 'NO_NODE', 'NODE_EXISTS', 'CONNECTION_LOSS')) throw error;
    return settle(zk, tp, content, expectedZkVersion === undefined ? 0 : expectedZkVersion + 1);
  }
}

/** The partition's znode is there but perhaps not its state: a controller died in between (older Kafkas write three times). */
async function createStateOnly(zk: ZkConnection, term: ControllerTerm, tp: TopicPartition, content: StateContent): Promise<WriteResult> {
  const path = partitionStateZnode.path(tp);
  try {
    await controllerMulti(zk, term, [{ type: 'create', path, data: partitionStateZnode.encode(content), mode: 'persistent' }]);
    return { kind: 'ok', state: { ...content, zkVersion: 0 } };
  } catch (error) {
    if (!isZkError(error, 'NODE_EXISTS', 'CONNECTION_LOSS')) throw error;
    return settle(zk, tp, content, 0);
  }
}
