/**
 * The controller's writes of partition states: one fenced multi per partition, pipelined, each with the
 * zkVersion that was read.
 *
 * Invariant: every write ends as done, as a conflict with the current state, or as failed for a reason that
 * concerns this partition alone; no outcome is left unknown. If a reply was lost, the znode is read; if the
 * write is not there, it is repeated with the same version, which is safe even if that read was stale. If the
 * connection does not come back or the session ends, all writes reject with a ZkError.
 *
 * Each write also checks that the live members of the new ISR are registered with the broker epochs that the
 * controller knows. So a controller whose ZooKeeper server lags cannot elect a replica whose broker has
 * restarted, and a state shows the next controller that its live members had not restarted when it was
 * written (decision 0004).
 *
 * Kafka:
 * zk/KafkaZkClient.scala#{updateLeaderAndIsr,createTopicPartitionStatesRaw,retryRequestsUntilConnected}@2.8.2
 */
import { TopicPartition } from '../common/cluster-types';
import { messageOf } from '../common/errors';
import { ControllerMovedError, controllerMulti, ControllerTerm } from './controller-election';
import {
  checkIncarnation,
  IsrMember,
  PartitionState,
  readPartitionState,
  sameContent,
  StateContent,
} from './partition-state-store';
import { isOfOneZnode } from './read-each';
import { isZkError, ZkError, ZkOp } from './zk-session';
import { ZkConnection } from './zk-connection';
import { partitionStateZnode, partitionsZnode, partitionZnode } from './znodes';

export interface StateWrite {
  readonly tp: TopicPartition;
  readonly content: StateContent;
  /** Undefined: the znode and its parents are created. */
  readonly expectedZkVersion: number | undefined;
  /** The live members of the ISR: each must still be registered with this broker epoch (decision 0004). */
  readonly members: readonly IsrMember[];
}

export type StateWriteResult =
  | { readonly kind: 'ok'; readonly state: PartitionState }
  /** The znode has another content or version; `state` is the current one. */
  | { readonly kind: 'conflict'; readonly state: PartitionState }
  /** Not written, and the current state is not known. The caller must have it retried later. */
  | { readonly kind: 'failed'; readonly reason: string };

/** The number of operations that controllerMulti puts before ours. */
const CHECK_OF_TERM = 1;

/** After this many lost connections under one write the controller resigns and starts over. */
const MAX_ATTEMPTS = 10;

/**
 * Returns the results in the order of the writes. Rejects with ControllerMovedError, or with ZkError if
 * ZooKeeper cannot be reached.
 */
export async function writePartitionStates(
  zk: ZkConnection,
  term: ControllerTerm,
  writes: readonly StateWrite[],
): Promise<StateWriteResult[]> {
  const creating = writes.filter((write) => write.expectedZkVersion === undefined);
  const created = creating.map((write) => write.tp.topic);
  await allOrMoved([...new Set(created)].map((topic) => createPartitionsZnode(zk, term, topic)));
  return allOrMoved(writes.map((write) => writeUntilKnown(zk, term, write)));
}

/** Like Promise.all, but waits for all promises; ControllerMovedError takes precedence over other errors. */
async function allOrMoved<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(work);
  const rejected = outcomes.filter((outcome) => outcome.status === 'rejected');
  const failed = rejected.map((outcome) => outcome.reason as unknown);
  const worst = failed.find((error) => error instanceof ControllerMovedError) ?? failed[0];
  if (worst !== undefined) throw worst;
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<T>).value);
}

/**
 * Creates `/brokers/topics/T/partitions`. If the topic was deleted meanwhile, the writes that follow report
 * it.
 */
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

/** Repeats `attempt` after CONNECTION_LOSS, up to MAX_ATTEMPTS times in all. */
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
  zk: ZkConnection,
  term: ControllerTerm,
  write: StateWrite,
): Promise<StateWriteResult> {
  try {
    return await repeatedly(() => writeOnce(zk, term, write));
  } catch (error) {
    if (!isOfOneZnode(error)) throw error;
    return { kind: 'failed', reason: messageOf(error) };
  }
}

/** One attempt. Rejects with CONNECTION_LOSS if a read after the lost reply does not show the write. */
async function writeOnce(
  zk: ZkConnection,
  term: ControllerTerm,
  write: StateWrite,
): Promise<StateWriteResult> {
  const { content, expectedZkVersion, members } = write;
  try {
    const zkVersion =
      expectedZkVersion === undefined
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

/**
 * The state after the write. The mzxid of the write is not known; the greatest broker epoch among the members
 * is a safe lower bound: the multi checked their registrations, so any later registration has a greater
 * epoch.
 */
function written({ content, members }: StateWrite, zkVersion: number): PartitionState {
  const epochs = members.map(({ brokerEpoch }) => brokerEpoch);
  return { ...content, zkVersion, mzxid: epochs.length > 0 ? Math.max(...epochs) : undefined };
}

async function set(
  zk: ZkConnection,
  term: ControllerTerm,
  { tp, content, members }: StateWrite,
  version: number,
): Promise<number> {
  const data = partitionStateZnode.encode(content);
  const op: ZkOp = { type: 'set', path: partitionStateZnode.path(tp), data, version };
  const results = await controllerMulti(zk, term, [...members.map(checkIncarnation), op]);
  return results[members.length]!.version!;
}

async function create(
  zk: ZkConnection,
  term: ControllerTerm,
  { tp, content, members }: StateWrite,
): Promise<number> {
  const checks = members.map(checkIncarnation);
  const state = createOp(partitionStateZnode.path(tp), partitionStateZnode.encode(content));
  try {
    await controllerMulti(zk, term, [...checks, createOp(partitionZnode.path(tp), null), state]);
  } catch (error) {
    const isPartitionThere =
      isZkError(error, 'NODE_EXISTS') && error.failedOp === CHECK_OF_TERM + checks.length;
    if (!isPartitionThere) throw error;
    // The partition's znode exists, perhaps without a state: older versions of Kafka write the three znodes
    // one by one, and may stop in between.
    await controllerMulti(zk, term, [...checks, state]);
  }
  return 0;
}

/** Determines the result of a write that ended with `error` from the znode as it is now. */
async function settle(
  zk: ZkConnection,
  { tp, content, expectedZkVersion }: StateWrite,
  error: ZkError,
): Promise<StateWriteResult> {
  const state = await readPartitionState(zk, tp);
  const ours = expectedZkVersion === undefined ? 0 : expectedZkVersion + 1;
  if (state && state.zkVersion === ours && sameContent(state, content)) return { kind: 'ok', state };
  const isNotThere = state === undefined || state.zkVersion === expectedZkVersion;
  if (isNotThere && error.code === 'CONNECTION_LOSS') throw error;
  if (state) return { kind: 'conflict', state };
  return { kind: 'failed', reason: `${partitionStateZnode.path(tp)} could not be written: ${error.message}` };
}
