/**
 * A thread beside the event loop for long computations. It is started when it is first needed, runs one task
 * at a time, and does not keep the process alive. An idle thread is ended: it would keep hundreds of
 * megabytes of what it decompressed last.
 *
 * Invariants: every task settles. A task that ends the thread is rejected, and the tasks after it get a new
 * thread. A task for which nobody waits any longer is not begun, and takes no other's place. At most
 * `MAX_QUEUED` tasks wait; more are rejected.
 *
 * Kafka does such work on its request handler threads (num.io.threads).
 */
import * as path from 'node:path';
import { Worker } from 'node:worker_threads';
import { KafkaError } from '../common/errors';
import { OffLoop } from '../common/host';

const MAX_QUEUED = 1000;
/** A thread without a task for so long is ended. */
const IDLE_MS = 5000;

interface Waiting {
  readonly id: number;
  readonly task: string;
  readonly input: unknown;
  readonly isWanted: () => boolean;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

function notWanted(): Error {
  return new Error('nobody waits for the task any longer');
}

export class WorkerThread implements OffLoop {
  private worker: Worker | undefined;
  private idleTimer: NodeJS.Timeout | undefined;
  /** Oldest first. The first one is running in the thread. */
  private readonly waiting: Waiting[] = [];
  private nextId = 0;

  /** `module` exports `tasks`: functions by name. */
  constructor(
    private readonly module: string,
    private readonly idleMs = IDLE_MS,
  ) {}

  get isStarted(): boolean {
    return this.worker !== undefined;
  }

  run(task: string, input: unknown, isWanted = () => true): Promise<unknown> {
    if (this.waiting.length >= MAX_QUEUED) this.dropUnwanted();
    if (this.waiting.length >= MAX_QUEUED)
      return Promise.reject(
        new KafkaError('REQUEST_TIMED_OUT', `${MAX_QUEUED} tasks wait for the worker thread`),
      );
    return new Promise((resolve, reject) => {
      this.waiting.push({ id: this.nextId++, task, input, isWanted, resolve, reject });
      if (this.waiting.length === 1) this.give();
    });
  }

  /** Ends the thread and rejects all tasks. */
  async close(): Promise<void> {
    clearTimeout(this.idleTimer);
    const ended = this.endThread();
    for (const { reject } of this.waiting.splice(0)) reject(new Error('the worker thread was closed'));
    await ended;
  }

  private async endThread(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }

  private endWhenIdle(): void {
    this.idleTimer = setTimeout(() => {
      this.endThread().catch(() => undefined);
    }, this.idleMs).unref();
  }

  /** Sends the oldest task to the thread. */
  private give(): void {
    clearTimeout(this.idleTimer);
    while (this.waiting[0]?.isWanted() === false) this.waiting.shift()!.reject(notWanted());
    const [first] = this.waiting;
    if (first === undefined) return this.endWhenIdle();
    const { id, task, input } = first;
    try {
      this.worker ??= this.start();
      this.worker.postMessage({ id, task, input });
    } catch (error) {
      this.failFirst(error as Error);
    }
  }

  /** The first task is running and stays. */
  private dropUnwanted(): void {
    for (const one of this.waiting.splice(1)) {
      if (one.isWanted()) this.waiting.push(one);
      else one.reject(notWanted());
    }
  }

  private failFirst(error: Error): void {
    this.waiting.shift()?.reject(error);
    this.give();
  }

  private receive({ id, result, error }: Reply): void {
    const [first] = this.waiting;
    if (first?.id !== id) return;
    if (error !== undefined) return this.failFirst(new Error(error));
    this.waiting.shift();
    first.resolve(result);
    this.give();
  }

  private start(): Worker {
    const worker = new Worker(path.join(__dirname, 'worker-main.js'), {
      workerData: { module: this.module },
    });
    // Called up to twice, for the error and for the exit; in between another thread may have been started.
    const ended = (why: string) => {
      if (this.worker !== worker) return;
      this.worker = undefined;
      this.failFirst(new Error(`the worker thread ended: ${why}`));
    };
    worker.on('message', (reply: Reply) => this.receive(reply));
    worker.once('messageerror', ({ message }) =>
      this.failFirst(new Error(`the reply cannot be read: ${message}`)),
    );
    worker.once('error', (error) => ended(error.message));
    worker.once('exit', (code) => ended(`exit code ${code}`));
    worker.unref();
    return worker;
  }
}
