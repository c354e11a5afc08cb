/**
 * The election of the controller through `/controller`, and the check that fences all its later writes.
 *
 * Invariant: one multi creates the ephemeral `/controller` and raises `/controller_epoch` from the version
 * that was read, so `/controller` never exists with an old epoch. Every later write of the controller is a
 * multi that first checks that version; the write of a deposed controller fails, and it resigns (KAFKA-6082).
 *
 * Kafka: zk/KafkaZkClient.scala#registerControllerAndIncrementControllerEpoch@2.8.2
 */
import { messageOf } from '../common/errors';
import { isZkError, ZkOp, ZkOpResult } from './zk-session';
import { ZkConnection } from './zk-connection';
import { controllerEpochZnode, controllerZnode } from './znodes';

export interface ControllerTerm {
  readonly epoch: number;
  /** The zkVersion of `/controller_epoch` while this controller is the current one. */
  readonly epochZkVersion: number;
}

/** The broker id in `/controller`, or -1. Rejects with ZnodeError if it cannot be decoded. */
export async function readControllerId(zk: ZkConnection): Promise<number> {
  const znode = await zk.get(controllerZnode.path);
  return znode ? controllerZnode.decode(znode.data) : -1;
}

/** The current owner of `/controller`. The owning session decides, not the content of the znode. */
export interface ControllerHolder {
  readonly isMine: boolean;
  readonly name: string;
}

/** Undefined if there is no controller. Sets the watch if a handler is registered. */
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

/** Tries to become controller. Returns the new term, or undefined if another broker is the controller. */
export async function electController(
  zk: ZkConnection,
  brokerId: number,
  nowMs: number,
): Promise<ControllerTerm | undefined> {
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

/**
 * After a failed or unanswered multi: it was applied if our own session owns `/controller` and the epoch has
 * the value and the version that we wrote.
 */
async function wasItMine(
  zk: ZkConnection,
  epoch: number,
  epochZkVersion: number,
): Promise<ControllerTerm | undefined> {
  const [controller, current] = [await zk.exists(controllerZnode.path), await readEpoch(zk)];
  const mine =
    controller?.ephemeralOwner === zk.credentials.id &&
    current.epoch === epoch &&
    current.version === epochZkVersion;
  return mine ? { epoch, epochZkVersion } : undefined;
}

/**
 * `/controller_epoch` has changed since this controller was elected: another controller is or was elected.
 */
export class ControllerMovedError extends Error {
  override readonly name = 'ControllerMovedError';
}

/** Applies the operations if the term is still current; otherwise throws ControllerMovedError. */
export async function controllerMulti(
  zk: ZkConnection,
  term: ControllerTerm,
  ops: readonly ZkOp[],
): Promise<ZkOpResult[]> {
  try {
    const results = await zk.multi([
      { type: 'check', path: controllerEpochZnode.path, version: term.epochZkVersion },
      ...ops,
    ]);
    return results.slice(1);
  } catch (error) {
    // A missing /controller_epoch also fences: without it no term is known to be current.
    if (isZkError(error, 'BAD_VERSION', 'NO_NODE') && error.failedOp === 0) {
      throw new ControllerMovedError(
        `Controller epoch zkVersion check fails. Expected zkVersion = ${term.epochZkVersion}`,
      );
    }
    throw error;
  }
}

/** Deletes `/controller`, if the term is still current. */
export async function resignController(zk: ZkConnection, term: ControllerTerm): Promise<void> {
  try {
    await controllerMulti(zk, term, [{ type: 'delete', path: controllerZnode.path, version: -1 }]);
  } catch (error) {
    if (!(error instanceof ControllerMovedError) && !isZkError(error)) throw error;
  }
}
