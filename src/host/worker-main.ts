/** What runs in a `WorkerThread`: the tasks of the module it was told, one after the other, in their order. */
import { parentPort, workerData } from 'node:worker_threads';

type Task = (input: unknown) => unknown;

// The module is named by whoever starts the worker, and compiled to CommonJS like this one.
const { tasks } = require((workerData as { module: string }).module) as { tasks: Readonly<Record<string, Task>> };
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
// Who waits for a task that cannot be read learns it by our end.
parentPort!.on('messageerror', (error) => { throw error; });
