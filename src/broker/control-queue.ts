/**
 * Requests of the controller are worked off one at a time, in the order they came, and nothing of them after the
 * broker was closed. One of very many partitions is worked off in turns of 20 ms: each partition writes a file,
 * and clients and the heartbeat to ZooKeeper are not to wait for all of them.
 *
 * Kafka: ReplicaManager.scala#replicaStateChangeLock@2.8.2, which one thread holds while others serve
 */
import { KafkaError } from '../common/errors';
import { Clock, sleep } from '../common/host';
import { inTurns } from '../common/in-turns';

export class ControlQueue {
  private last: Promise<unknown>;
  private isClosed = false;

  /** Nothing is begun before `ready` resolves. */
  constructor(private readonly clock: Clock, ready: Promise<void>) {
    this.last = ready;
  }

  /** Does the work when all that came before is done; rejects with what it throws, or when this is closed. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(() => {
      this.requireOpen();
      return work();
    });
    this.last = result.catch(() => undefined);
    return result;
  }

  /** For the work itself: calls `one` for each item, in order. */
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
