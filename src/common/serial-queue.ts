/**
 * Runs asynchronous jobs one after the other, in the order in which they were put.
 *
 * Invariant: a job starts only after the job before it has settled. A failing job does not stop the queue;
 * its error goes to `onError`. `clear` drops the jobs that have not started.
 *
 * Kafka: the ShutdownableThread around a queue.
 */
export class SerialQueue {
  private jobs: (() => Promise<void> | void)[] = [];
  private running = false;
  private idleWaiters: (() => void)[] = [];

  constructor(private readonly onError: (error: unknown) => void) {}

  get size(): number {
    return this.jobs.length + (this.running ? 1 : 0);
  }

  put(job: () => Promise<void> | void): void {
    this.jobs.push(job);
    if (!this.running) this.drain().catch(this.onError);
  }

  putFirst(job: () => Promise<void> | void): void {
    this.jobs.unshift(job);
    if (!this.running) this.drain().catch(this.onError);
  }

  clear(): void {
    this.jobs = [];
  }

  /** Resolves when no job is queued or running. */
  idle(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  private async drain(): Promise<void> {
    this.running = true;
    for (let job = this.jobs.shift(); job; job = this.jobs.shift()) {
      try {
        await job();
      } catch (error) {
        this.onError(error);
      }
    }
    this.running = false;
    const waiters = this.idleWaiters;
    this.idleWaiters = [];
    for (const wake of waiters) wake();
  }
}
