/**
 * The race for `/controller`, and the fence around everything its winner writes.
 *
 * One multi creates the ephemeral `/controller` and raises `/controller_epoch` from the version that was read, so there
 * is no moment with a controller and an old epoch. Every later write of the controller is a multi that first checks
 * that version: a deposed controller's write fails and it resigns (KAFKA-6082).
 *
 * Kafka: zk/KafkaZkClient.scala#registerControllerAndIncrementControllerEpoch@2.8.2
 */
import { messageOf } from '../common/errors';
import { isZkError, ZkOp, ZkOpResult } from './zk-session';
import { ZkConnection } from './zk-connection';
import { controllerEpochZnode, controllerZnode } from './znodes';

export interface ControllerTerm {
  readonly epoch: number;
  /** Version of `/controller_epoch` during this term. */
  readonly epochZkVersion: number;
}

/** The broker id in `/controller`, or -1. Rejects with ZnodeError if it cannot be read. */
export async function readControllerId(zk: ZkConnection): Promise<number> {
  const znode = await zk.get(controllerZnode.path);
  return znode ? controllerZnode.decode(znode.data) : -1;
}

/** Who holds the office. What counts is the session that owns `/controller`, whatever is written in it. */
export interface ControllerHolder {
  readonly isMine: boolean;
  readonly name: string;
}

/** Undefined if nobody is controller. Arms the watch if there is a handler. */
export async function readControllerHolder(zk: ZkConnection): Promise<ControllerHolder | undefined> {
  const znode = await zk.get(controllerZnode.path);
  if (!znode) return undefined;
  const { ephemeralOwner } = znode.stat;
  return { isMine: ephemeralOwner === zk.credentials.id, name: holderName(znode.data, ephemeralOwner) };
}

function holderName(data: Buffer, owner: string): string {
  try {
    return `broker ${controllerZnode.decode(data)}`;
  } catch (error) {
    return `session 0x${owner} (${messageOf(error)})`;
  }
}

async function readEpoch(zk: ZkConnection): Promise<{ epoch: number; version: number }> {
  for (;;) {
    const znode = await zk.get(controllerEpochZnode.path);
    if (znode) return { epoch: controllerEpochZnode.decode(znode.data), version: znode.stat.version };
    try {
      await zk.create(controllerEpochZnode.path, controllerEpochZnode.encode(0));
    } catch (error) {
      if (!isZkError(error, 'NODE_EXISTS', 'CONNECTION_LOSS')) throw error;
    }
  }
}

/** Tries to become controller: the new term, or undefined if somebody else is. */
export async function electController(zk: ZkConnection, brokerId: number, nowMs: number): Promise<ControllerTerm | undefined> {
  const { epoch, version } = await readEpoch(zk);
  const mine = controllerZnode.encode(brokerId, nowMs);
  try {
    await zk.multi([
      { type: 'create', path: controllerZnode.path, data: mine, mode: 'ephemeral' },
      { type: 'set', path: controllerEpochZnode.path, data: controllerEpochZnode.encode(epoch + 1), version },
    ]);
    return { epoch: epoch + 1, epochZkVersion: version + 1 };
  } catch (error) {
    if (!isZkError(error, 'NODE_EXISTS', 'BAD_VERSION', 'CONNECTION_LOSS')) throw error;
    return wasItMine(zk, epoch + 1, version + 1);
  }
}

/** After a lost reply: our write stands if this very session owns `/controller` and the epoch is the one we wrote. */
async function wasItMine(zk: ZkConnection, epoch: number, epochZkVersion: number): Promise<ControllerTerm | undefined> {
  const [controller, current] = [await zk.exists(controllerZnode.path), await readEpoch(zk)];
  const mine = controller?.ephemeralOwner === zk.credentials.id && current.epoch === epoch && current.version === epochZkVersion;
  return mine ? { epoch, epochZkVersion } : undefined;
}

/** The epoch in ZooKeeper is no longer that of our term. */
export class ControllerMovedError extends Error {
  override readonly name = 'ControllerMovedError';
}

/** Applies the operations if the term is still current; throws ControllerMovedError if not. */
export async function controllerMulti(zk: ZkConnection, term: ControllerTerm, ops: readonly ZkOp[]): Promise<ZkOpResult[]> {
  try {
    const results = await zk.multi([{ type: 'check', path: controllerEpochZnode.path, version: term.epochZkVersion }, ...ops]);
    return results.slice(1);
  } catch (error) {
    // A missing /controller_epoch fences too: no term is known to be current then.
    if (isZkError(error, 'BAD_VERSION', 'NO_NODE') && error.failedOp === 0) {
      throw new ControllerMovedError(`Controller epoch zkVersion check fails. Expected zkVersion = ${term.epochZkVersion}`);
    }
    throw error;
  }
}

/** Gives the office up, if it is still ours. */
export async function resignController(zk: ZkConnection, term: ControllerTerm): Promise<void> {
  try {
    await controllerMulti(zk, term, [{ type: 'delete', path: controllerZnode.path, version: -1 }]);
  } catch (error) {
    if (!(error instanceof ControllerMovedError) && !isZkError(error)) throw error;
  }
}
