/**
 * Many znodes at once, some of which may be damaged: what an operator or a foreign tool wrote there must cost
 * only that one entity, never a controller's term or a broker.
 *
 * Kafka: a decode that fails is logged and left out, zk/KafkaZkClient.scala#getTopicPartitionStates@2.8.2
 */
import { messageOf } from '../common/errors';
import { isZkError } from './zk-session';
import { ZnodeError } from './znodes';

/** Takes what cannot be read, as a sentence that names the znode, and as the error that says it. */
export type OnBad<K> = (key: K, reason: string, error: Error) => void;

/**
 * The error concerns this znode alone: other znodes are sound, and asking again at once does not help.
 * Everything else (a lost connection, an expired session) concerns all of them.
 */
export function isOfOneZnode(error: unknown): error is Error {
  return error instanceof ZnodeError || isZkError(error, 'NO_AUTH', 'BAD_ARGUMENTS', 'TOO_LARGE', 'UNKNOWN');
}

/** Reads in parallel; what is not there (`undefined`) or cannot be read is left out. Rejects with ZkError. */
export async function readEach<K, T>(
  keys: readonly K[], read: (key: K) => Promise<T | undefined>, onBad: OnBad<K>,
): Promise<Map<K, T>> {
  const found = await Promise.all(keys.map((key) => read(key).catch((error: unknown) => {
    if (!isOfOneZnode(error)) throw error;
    onBad(key, messageOf(error), error);
    return undefined;
  })));
  const map = new Map<K, T>();
  found.forEach((value, i) => { if (value !== undefined) map.set(keys[i]!, value); });
  return map;
}
