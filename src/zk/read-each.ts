/**
 * Reads many znodes in parallel, some of which may be damaged.
 *
 * Invariant: a znode that an administrator or another tool damaged affects only its own topic, partition or
 * broker, never the whole controller or broker.
 *
 * Kafka: a decode that fails is logged and left out, zk/KafkaZkClient.scala#getTopicPartitionStates@2.8.2
 */
import { messageOf } from '../common/errors';
import { isZkError } from './zk-session';
import { ZnodeError } from './znodes';

/** Called for a znode that cannot be read, with a reason that names the znode, and the error. */
export type OnBad<K> = (key: K, reason: string, error: Error) => void;

/**
 * Whether the error concerns only this znode: others can be read, and an immediate retry does not help. All
 * other errors (a lost connection, an expired session) concern every znode.
 */
export function isOfOneZnode(error: unknown): error is Error {
  return error instanceof ZnodeError || isZkError(error, 'NO_AUTH', 'BAD_ARGUMENTS', 'TOO_LARGE', 'UNKNOWN');
}

/**
 * Znodes that do not exist (`undefined`) or cannot be decoded are left out. Rejects with ZkError for all
 * other errors.
 */
export async function readEach<K, T>(
  keys: readonly K[],
  read: (key: K) => Promise<T | undefined>,
  onBad: OnBad<K>,
): Promise<Map<K, T>> {
  const found = await Promise.all(
    keys.map((key) =>
      read(key).catch((error: unknown) => {
        if (!isOfOneZnode(error)) throw error;
        onBad(key, messageOf(error), error);
        return undefined;
      }),
    ),
  );
  const map = new Map<K, T>();
  found.forEach((value, i) => {
    if (value !== undefined) map.set(keys[i]!, value);
  });
  return map;
}
