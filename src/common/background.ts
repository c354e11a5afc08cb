/**
 * Runs work whose result is not awaited. If the work fails, the error is logged with its stack trace; the
 * caller is not affected.
 *
 * An InvariantError is not logged but thrown again: the process has to end, because it can no longer trust
 * its own state. (The node host ends the process at an unhandled rejection.)
 *
 * Kafka: utils/CoreUtils.scala#swallow@2.8.2
 */
import { InvariantError, stackOf } from './errors';
import { Log } from './host';

/**
 * Returns a callback for a timer that runs `action` and logs what it throws, as `<what> failed: …`. An
 * InvariantError is thrown again.
 */
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

/** Logs a rejection of `work` as `<what> failed: …`. An InvariantError stays an unhandled rejection. */
export function inBackground(
  log: Pick<Log, 'error'>,
  what: string,
  work: Promise<unknown> | undefined,
): void {
  work?.catch((error: unknown) => {
    if (error instanceof InvariantError) throw error;
    log.error(`${what} failed: ${stackOf(error)}`);
  });
}
