/**
 * Processes many items without blocking the event loop: after every 5 ms of work it waits for its next turn.
 */
import { Clock } from './host';

/** As long as a turn of all connections together (network/work-turns.ts). */
export const SLICE_MS = 5;

export interface Turns {
  readonly clock: Clock;
  /** Resolves when the work may continue. */
  readonly next: () => Promise<void>;
}

/** Calls `work` for each item, in order; resolves with the results. Rejects with what `work` throws. */
export async function inTurns<T, R>(
  { clock, next }: Turns,
  items: Iterable<T>,
  work: (item: T) => R | Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let startMs = clock.monotonicMs();
  for (const item of items) {
    const result = work(item);
    results.push(result instanceof Promise ? await result : result);
    if (clock.monotonicMs() - startMs < SLICE_MS) continue;
    await next();
    startMs = clock.monotonicMs();
  }
  return results;
}
