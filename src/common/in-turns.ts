/**
 * Work on many items without keeping the loop from others: after 20 ms the rest waits for its next turn.
 */
import { Clock } from './host';

const TURN_MS = 20;

export interface Turns {
  readonly clock: Clock;
  /** Resolves when it is our turn again. */
  readonly next: () => Promise<void>;
}

/** Calls `work` for each item, in order; resolves with the results. Rejects with what `work` throws. */
export async function inTurns<T, R>(
  { clock, next }: Turns, items: Iterable<T>, work: (item: T) => R | Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let startMs = clock.monotonicMs();
  for (const item of items) {
    const result = work(item);
    results.push(result instanceof Promise ? await result : result);
    if (clock.monotonicMs() - startMs < TURN_MS) continue;
    await next();
    startMs = clock.monotonicMs();
  }
  return results;
}
