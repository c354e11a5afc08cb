/**
 * Notifications to the controller: sequential znodes under one parent, created by brokers, read and deleted
 * by the controller.
 *
 * Invariant: a notification that cannot be decoded is logged and deleted like the others, so it does not
 * block them.
 *
 * Kafka: controller/KafkaController.scala#{processIsrChangeNotification,processLogDirEventNotification}@2.8.2
 */
import { messageOf } from '../common/errors';
import { Log } from '../common/host';
import { controllerMulti, ControllerTerm } from '../zk/controller-election';
import { ZkConnection } from '../zk/zk-connection';
import { isZkError } from '../zk/zk-session';
import { ZnodeError } from '../zk/znodes';

export interface Notes<T> {
  readonly paths: readonly string[];
  readonly content: readonly T[];
}

/**
 * Reads all notifications under `parent`. `paths` has every child, `content` only those that could be
 * decoded.
 */
export async function readNotes<T>(
  zk: ZkConnection,
  log: Log,
  parent: string,
  decode: (path: string, data: Buffer) => T,
): Promise<Notes<T>> {
  const paths = ((await zk.children(parent)) ?? []).map((name) => `${parent}/${name}`);
  const content: T[] = [];
  for (const path of paths) {
    const znode = await zk.get(path);
    if (!znode) continue;
    try {
      content.push(decode(path, znode.data));
    } catch (error) {
      if (!(error instanceof ZnodeError)) throw error;
      log.error(`${path} is ignored: ${messageOf(error)}`);
    }
  }
  return { paths, content };
}

/** Deletes the notifications. Throws ControllerMovedError if the term has ended. */
export async function deleteNotes(
  zk: ZkConnection,
  term: ControllerTerm,
  paths: readonly string[],
): Promise<void> {
  await Promise.all(
    paths.map(async (path) => {
      try {
        await controllerMulti(zk, term, [{ type: 'delete', path, version: -1 }]);
      } catch (error) {
        if (!isZkError(error, 'NO_NODE', 'CONNECTION_LOSS')) throw error;
      }
    }),
  );
}
