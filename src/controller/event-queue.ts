/**
 * The controller's events, one at a time, in order; an expired session or a lost office pre-empts what is
 * queued.
 *
 * Invariant: an event starts only when the one before has finished, including its ZooKeeper round trips, so
 * the context is never seen half-changed. Watch handlers only put events here, and an event of the same kind
 * that is already waiting is not put twice, so a storm of watches costs one reading. The newest handler is
 * the one that runs: one that waits may belong to a term that has ended and do nothing.
 *
 * Kafka: controller/ControllerEventManager.scala@2.8.2
 */
import { messageOf } from '../common/errors';
import { Log } from '../common/host';
import { SerialQueue } from '../common/serial-queue';

export class EventQueue {
  private readonly queue: SerialQueue;
  /** By name: what is to run when the waiting event's turn comes. */
  private readonly waiting = new Map<string, () => Promise<void>>();
  /** What to do instead of events that are dropped before they began. */
  private readonly onDrop = new Set<() => void>();

  constructor(private readonly log: Log, private readonly onFailure: (name: string, error: unknown) => void) {
    this.queue = new SerialQueue((error) => this.log.error(`The event queue failed: ${messageOf(error)}`));
  }

  /**
   * Runs `handle` after what is queued; an event of this name that already waits runs `handle` instead of its
   * own.
   */
  put(name: string, handle: () => Promise<void>): void {
    const isWaiting = this.waiting.has(name);
    this.waiting.set(name, handle);
    if (isWaiting) return;
    this.queue.put(() => {
      const newest = this.waiting.get(name) ?? handle;
      this.waiting.delete(name);
      return this.run(name, newest);
    });
  }

  /** Runs `handle` after what is queued; every call counts. `dropped` is called if it will never run. */
  putAlways(name: string, handle: () => Promise<void>, dropped: () => void = () => {}): void {
    this.onDrop.add(dropped);
    this.queue.put(() => {
      this.onDrop.delete(dropped);
      return this.run(name, handle);
    });
  }

  /** Drops what is queued and runs `handle` next. Kafka: ControllerEventManager#clearAndPut */
  clearAndPut(name: string, handle: () => Promise<void>): void {
    this.queue.clear();
    this.waiting.clear();
    const dropped = [...this.onDrop];
    this.onDrop.clear();
    this.put(name, handle);
    for (const tell of dropped) tell();
  }

  private async run(name: string, handle: () => Promise<void>): Promise<void> {
    try {
      await handle();
    } catch (error) {
      this.onFailure(name, error);
    }
  }

  idle(): Promise<void> {
    return this.queue.idle();
  }
}
