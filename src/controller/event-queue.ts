/**
 * The queue of controller events, run one at a time in order. An expired session or a shutdown drops the
 * queued events.
 *
 * Invariant: an event starts only when the one before has finished, including its ZooKeeper round trips, so
 * no event sees a half-changed context. Watch handlers only put events here. Of several waiting events with
 * the same name only one runs, with the newest handler: many notifications cost one read, and an older
 * handler may belong to a controller epoch that has ended.
 *
 * Kafka: controller/ControllerEventManager.scala@2.8.2
 */
import { messageOf } from '../common/errors';
import { Log } from '../common/host';
import { SerialQueue } from '../common/serial-queue';

export class EventQueue {
  private readonly queue: SerialQueue;
  /** By event name: the handler to run when the waiting event is reached. */
  private readonly waiting = new Map<string, () => Promise<void>>();
  /** Callbacks for events that are dropped before they run. */
  private readonly onDrop = new Set<() => void>();

  constructor(
    private readonly log: Log,
    private readonly onFailure: (name: string, error: unknown) => void,
  ) {
    this.queue = new SerialQueue((error) => this.log.error(`The event queue failed: ${messageOf(error)}`));
  }

  /**
   * Queues an event. If an event of this name already waits, it keeps its place and runs `handle` instead.
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

  /** Queues an event that is never merged with another. `dropped` is called if the event will not run. */
  putAlways(name: string, handle: () => Promise<void>, dropped: () => void = () => {}): void {
    this.onDrop.add(dropped);
    this.queue.put(() => {
      this.onDrop.delete(dropped);
      return this.run(name, handle);
    });
  }

  /** Drops all queued events and runs `handle` next. Kafka: ControllerEventManager#clearAndPut */
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
