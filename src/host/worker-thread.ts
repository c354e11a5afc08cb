/**
 * A thread beside the loop for work that may be long: it is started when it is first needed, does one task after
 * the other, and does not keep the process alive.
 *
 * Invariants: every task settles; one that ends the thread fails with all that wait, and the next one gets a new
 * thread; beyond `MAX_QUEUED` tasks are refused.
 *
 * Kafka does such work on its request handler threads (num.io.threads).
 */
import * as path from 'node:path';
import { Worker } from 'node:worker_threads';
import { KafkaError } from '../common/errors';
import { OffLoop } from '../common/host';

const MAX_QUEUED = 1000;

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class WorkerThread implements OffLoop {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 0;

  /** `module` exports `tasks`: functions by name. */
  constructor(private readonly module: string) {}

  run(task: string, input: unknown): Promise<unknown> {
    if (this.waiting.size >= MAX_QUEUED)
      return Promise.reject(new KafkaError('REQUEST_TIMED_OUT', `${MAX_QUEUED} tasks wait for the worker thread`));
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.waiting.set(id, { resolve, reject });
      this.worker ??= this.start();
      this.worker.postMessage({ id, task, input });
    });
  }

  /** Ends the thread, and what it does with it. */
  async close(): Promise<void> {
    await this.worker?.terminate();
  }

  private start(): Worker {
    const worker = new Worker(path.join(__dirname, 'worker-main.js'), { workerData: { module: this.module } });
    worker.on('message', ({ id, result, error }: { id: number; result?: unknown; error?: string }) => {
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error));
    });
    const ended = (why: string) => {
      if (this.worker === worker) this.worker = undefined;
      for (const { reject } of this.waiting.values()) reject(new Error(`the worker thread ended: ${why}`));
      this.waiting.clear();
    };
    worker.once('error', (error) => ended(error.message));
    worker.once('exit', (code) => ended(`exit code ${code}`));
    worker.unref();
    return worker;
  }
}
