/**
 * Waits for a condition. The error names the condition and the last value seen.
 */
const POLL_MS = 20;

/**
 * Resolves with the first value of `probe` that is neither undefined nor false. The limit is for hangs, not
 * for slowness.
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 120_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value as T;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(
        `${what}: not after ${withinMs} ms; last seen: ` +
          `${last instanceof Error ? last.message : JSON.stringify(last)}`,
      );
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
