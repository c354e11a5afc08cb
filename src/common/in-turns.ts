/**
 * Work on many items without keeping the loop from others: after 20 ms the rest waits for its next turn.
 */
import { Clock, sleep } from './host';

const TURN_MS = 20;

/** Calls `work` for each item, in order; resolves with the results. Rejects with what `work` throws. */
export async function inTurns<T, R>(
  clock: Clock, items: Iterable<T>, work: (item: T) => R | Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let startMs = clock.monotonicMs();
  for (const item of items) {
    const result = work(item);
    results.push(result instanceof Promise ? await result : result);
    if (clock.monotonicMs() - startMs < TURN_MS) continue;
    await sleep(clock, 0);
    startMs = clock.monotonicMs();
  }
  return results;
}
