/**
 * The queue of control requests, which are processed one at a time in the order of their arrival.
 *
 * Invariant: nothing is processed after the broker was closed. A request for very many partitions is
 * processed in slices of 5 ms: each partition writes a file, and neither clients nor ZooKeeper's heartbeats
 * should wait for all of them.
 *
 * Kafka: ReplicaManager.scala#replicaStateChangeLock@2.8.2, which one thread holds while others serve
 */
import { KafkaError } from '../common/errors';
import { Clock, sleep } from '../common/host';
import { inTurns } from '../common/in-turns';

export class ControlQueue {
  private last: Promise<unknown>;
  private isClosed = false;

  /** No request is processed before `ready` resolves. */
  constructor(
    private readonly clock: Clock,
    ready: Promise<void>,
  ) {
    this.last = ready;
  }

  /**
   * Runs `work` after all earlier work. Rejects with the error that `work` throws, or if the queue is closed.
   */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(() => {
      this.requireOpen();
      return work();
    });
    this.last = result.catch(() => undefined);
    return result;
  }

  /**
   * Called inside `work`: calls `one` for each item, in order, and yields to the event loop between slices.
   */
  inTurns<T, R>(items: Iterable<T>, one: (item: T) => R | Promise<R>): Promise<R[]> {
    const turns = { clock: this.clock, next: () => sleep(this.clock, 0) };
    return inTurns(turns, items, (item) => {
      this.requireOpen();
      return one(item);
    });
  }

  private requireOpen(): void {
    if (this.isClosed) throw new KafkaError('ILLEGAL_STATE', 'the broker is shutting down');
  }

  close(): void {
    this.isClosed = true;
  }
}
