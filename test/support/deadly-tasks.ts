/** For a `WorkerThread`: tasks that end their thread, or never end. */
export const tasks = {
  echo: (input: unknown) => input,
  hang: () => new Promise<never>(() => {}),
  /** Unnoticed by the task, as when memory is used up. */
  die: () => {
    setImmediate(() => {
      throw new Error('died');
    });
    return new Promise<never>(() => {});
  },
};
