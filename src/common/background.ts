/**
 * Work that nobody waits for: what goes wrong with it is logged with its stack and costs nothing else.
 *
 * A broken invariant is not caught: nobody else catches it either, so the process ends, as it must (the node host
 * ends at an unhandled rejection). Kafka: utils/CoreUtils.scala#swallow@2.8.2
 */
import { InvariantError, stackOf } from './errors';
import { Log } from './host';

/** A timer's action that costs nothing but itself when it fails. */
export function guarded(log: Pick<Log, 'error'>, what: string, action: () => void): () => void {
  return () => {
    try {
      action();
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      log.error(`${what} failed: ${stackOf(error)}`);
    }
  };
}

/** `what` begins the log line: `… failed`. */
export function inBackground(log: Pick<Log, 'error'>, what: string, work: Promise<unknown> | undefined): void {
  work?.catch((error: unknown) => {
    if (error instanceof InvariantError) throw error;
    log.error(`${what} failed: ${stackOf(error)}`);
  });
}
