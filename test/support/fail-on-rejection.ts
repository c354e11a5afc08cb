/** For work that a test starts and does not wait for. */

/** Ends the test run with the error, as an unhandled rejection does, if the work is rejected. */
export function failOnRejection(work: Promise<unknown> | unknown): void {
  Promise.resolve(work).catch((error: unknown) => {
    throw error;
  });
}
