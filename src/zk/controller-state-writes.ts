/**
 * The controller's writes of partition states: one fenced multi each, pipelined, each at the version it was
 * read at.
 *
 * A reply that was lost says nothing, so what is there is read back; if the write is not there, it is tried
 * again at the same version, which cannot do harm even if the read was stale. So every write ends as done, as
 * a conflict that shows the state to go on from, or as failed with a reason that concerns this partition
 * alone; nothing is left unknown. A connection that does not come back, or an ended session, ends all of them
 * with a ZkError.
 *
 * A live member of the ISR that is written must be registered in the incarnation the controller knows. So a
 * controller whose ZooKeeper member lags elects nobody that has been restarted meanwhile, and a state tells
 * the next controller that its live members had not been restarted when it was written (decision 0004).
 *
 * Kafka:
 * zk/KafkaZkClient.scala#{updateLeaderAndIsr,createTopicPartitionStatesRaw,retryRequestsUntilConnected}@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { messageOf } from '../common/errors';
import { ControllerMovedError, controllerMulti, ControllerTerm } from './controller-election';
import {
  checkIncarnation, IsrMember, PartitionState, readPartitionState, sameContent, StateContent,
} from './partition-state-store';
import { isOfOneZnode } from './read-each';
import { isZkError, ZkError, ZkOp } from './zk-session';
import { ZkConnection } from './zk-connection';
import { partitionStateZnode, partitionsZnode, partitionZnode } from './znodes';

export interface StateWrite {
  readonly tp: TopicPartition;
  readonly content: StateContent;
  /** Undefined creates the znode and its parents. */
  readonly expectedZkVersion: number | undefined;
  /** The members of the ISR that live: each must still be registered, as that incarnation (decision 0004). */
  readonly members: readonly IsrMember[];
}

export type StateWriteResult =
  | { readonly kind: 'ok'; readonly state: PartitionState }
  /** Something else is there: the state to go on from. */
  | { readonly kind: 'conflict'; readonly state: PartitionState }
  /** Neither written nor known; the caller sees to it that somebody tries again later. */
  | { readonly kind: 'failed'; readonly reason: string };

/** controllerMulti puts one operation before ours. */
const CHECK_OF_TERM = 1;

/** So often the connection may break under one write before the whole term is better started over. */
const MAX_ATTEMPTS = 10;

/**
 * Results in the order of the writes. Rejects with ControllerMovedError, or with ZkError if ZooKeeper is
 * away.
 */
export async function writePartitionStates(
  zk: ZkConnection, term: ControllerTerm, writes: readonly StateWrite[],
): Promise<StateWriteResult[]> {
  const creating = writes.filter((write) => write.expectedZkVersion === undefined);
  const created = creating.map((write) => write.tp.topic);
  await allOrMoved([...new Set(created)].map((topic) => createPartitionsZnode(zk, term, topic)));
  return allOrMoved(writes.map((write) => writeUntilKnown(zk, term, write)));
}

/** As Promise.all, after all have ended; that the office is lost weighs more than any other error. */
async function allOrMoved<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(work);
  const rejected = outcomes.filter((outcome) => outcome.status === 'rejected');
  const failed = rejected.map((outcome) => outcome.reason as unknown);
  const worst = failed.find((error) => error instanceof ControllerMovedError) ?? failed[0];
  if (worst !== undefined) throw worst;
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<T>).value);
}

/** Makes `/brokers/topics/T/partitions`; a topic that is gone meanwhile shows at the writes that follow. */
async function createPartitionsZnode(zk: ZkConnection, term: ControllerTerm, topic: string): Promise<void> {
  await repeatedly(async () => {
    try {
      await controllerMulti(zk, term, [createOp(partitionsZnode.path(topic), null)]);
    } catch (error) {
      if (!isZkError(error, 'NODE_EXISTS', 'NO_NODE') && !isOfOneZnode(error)) throw error;
    }
  });
}

function createOp(path: string, data: Buffer | null): ZkOp {
  return { type: 'create', path, data, mode: 'persistent' };
}

/** Runs `attempt` again when the connection broke under it, a limited number of times. */
async function repeatedly<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = MAX_ATTEMPTS; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left <= 1 || !isZkError(error, 'CONNECTION_LOSS')) throw error;
    }
  }
}

async function writeUntilKnown(
  zk: ZkConnection, term: ControllerTerm, write: StateWrite,
): Promise<StateWriteResult> {
  try {
    return await repeatedly(() => writeOnce(zk, term, write));
  } catch (error) {
    if (!isOfOneZnode(error)) throw error;
    return { kind: 'failed', reason: messageOf(error) };
  }
}

/** Rejects with CONNECTION_LOSS when the write is not there, as far as one can see. */
async function writeOnce(
  zk: ZkConnection, term: ControllerTerm, write: StateWrite,
): Promise<StateWriteResult> {
  const { content, expectedZkVersion, members } = write;
  try {
    const zkVersion = expectedZkVersion === undefined
      ? await create(zk, term, write)
      : await set(zk, term, write, expectedZkVersion);
    return { kind: 'ok', state: written(write, zkVersion) };
  } catch (error) {
    if (!isZkError(error, 'BAD_VERSION', 'NO_NODE', 'NODE_EXISTS', 'CONNECTION_LOSS')) throw error;
    const gone = error.code === 'NO_NODE' ? members[error.failedOp - CHECK_OF_TERM] : undefined;
    if (gone === undefined) return settle(zk, write, error);
    const isr = `the ISR ${content.isr.join(',')}`;
    const reason = `broker ${gone.brokerId} of ${isr} is no longer registered with epoch ${gone.brokerEpoch}`;
    return { kind: 'failed', reason };
  }
}

/** No member can have registered after this write and with an epoch that is not above all of theirs. */
function written({ content, members }: StateWrite, zkVersion: number): PartitionState {
  const epochs = members.map(({ brokerEpoch }) => brokerEpoch);
  return { ...content, zkVersion, mzxid: epochs.length > 0 ? Math.max(...epochs) : undefined };
}

async function set(
  zk: ZkConnection, term: ControllerTerm, { tp, content, members }: StateWrite, version: number,
): Promise<number> {
  const data = partitionStateZnode.encode(content);
  const op: ZkOp = { type: 'set', path: partitionStateZnode.path(tp), data, version };
  const results = await controllerMulti(zk, term, [...members.map(checkIncarnation), op]);
  return results[members.length]!.version!;
}

async function create(
  zk: ZkConnection, term: ControllerTerm, { tp, content, members }: StateWrite,
): Promise<number> {
  const checks = members.map(checkIncarnation);
  const state = createOp(partitionStateZnode.path(tp), partitionStateZnode.encode(content));
  try {
    await controllerMulti(zk, term, [...checks, createOp(partitionZnode.path(tp), null), state]);
  } catch (error) {
    const isPartitionThere = isZkError(error, 'NODE_EXISTS') && error.failedOp === CHECK_OF_TERM + checks.length;
    if (!isPartitionThere) throw error;
    // The partition's znode is there, perhaps without a state: older Kafkas write three times, and may die in
    // between.
    await controllerMulti(zk, term, [...checks, state]);
  }
  return 0;
}

/** What became of a write that ended with `error`, by what is there now. */
async function settle(
  zk: ZkConnection, { tp, content, expectedZkVersion }: StateWrite, error: ZkError,
): Promise<StateWriteResult> {
  const state = await readPartitionState(zk, tp);
  const ours = expectedZkVersion === undefined ? 0 : expectedZkVersion + 1;
  if (state && state.zkVersion === ours && sameContent(state, content)) return { kind: 'ok', state };
  const isNotThere = state === undefined || state.zkVersion === expectedZkVersion;
  if (isNotThere && error.code === 'CONNECTION_LOSS') throw error;
  if (state) return { kind: 'conflict', state };
  return { kind: 'failed', reason: `${partitionStateZnode.path(tp)} could not be written: ${error.message}` };
}
