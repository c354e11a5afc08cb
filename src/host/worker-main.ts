/**
 * The entry point of a `WorkerThread`: runs the tasks of the configured module, one after the other, in
 * order.
 */
import { parentPort, workerData } from 'node:worker_threads';

type Task = (input: unknown) => unknown;

// The creator of the worker names the module, which is CommonJS like this one.
const { tasks } = require((workerData as { module: string }).module) as {
  tasks: Readonly<Record<string, Task>>;
};
let last: Promise<void> = Promise.resolve();

async function perform({ id, task, input }: { id: number; task: string; input: unknown }): Promise<void> {
  try {
    parentPort!.postMessage({ id, result: await tasks[task]!(input) });
  } catch (error) {
    parentPort!.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
}

parentPort!.on('message', (message: Parameters<typeof perform>[0]) => {
  last = last.then(() => perform(message));
});
// A message that cannot be deserialized ends the thread, which rejects the task in the main thread.
parentPort!.on('messageerror', (error) => {
  throw error;
});
