/**
 * Requests that cannot be answered yet, listed under the partitions they wait for.
 *
 * Invariants: an operation ends exactly once: when `tryComplete` returns the answer after a partition
 * changed, when it expires, when it throws, or when its client has disconnected. Afterwards no list contains
 * it. Several checks of a partition in one turn of the event loop are made once, at the end of the turn.
 *
 * Kafka: server/DelayedOperation.scala@2.8.2; differs: Kafka leaves ended operations in the lists of their
 * other partitions until more than a thousand have gathered, because its lists have locks. Here a single
 * thread removes them at once.
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { Clock, Timer } from '../common/host';
import { Metrics } from '../common/metrics';
import { Asker } from '../network/server-connection';

export interface DelayedOperation<T> {
  /**
   * The answer, or undefined if the operation must wait. `changed`: the name of the partition that changed.
   */
  tryComplete(changed?: string): T | undefined;
  /** The time is over: returns the answer with what is available. */
  onExpire(): T;
}

/** An operation as the watcher lists contain it. */
interface Watched {
  readonly lists: WatcherList[];
  isDone: boolean;
  readonly timer: Timer | undefined;
  check(changed: string): void;
}

class Waiting<T> implements Watched {
  readonly lists: WatcherList[] = [];
  isDone = false;
  timer: Timer | undefined;

  constructor(
    private readonly operation: DelayedOperation<T>,
    private readonly forget: (watched: Watched) => void,
    private readonly resolve: (answer: T) => void,
    private readonly reject: (error: Error) => void,
  ) {}

  /** Ends the operation if `tryComplete` has the answer. */
  check(changed: string): void {
    if (this.isDone) return;
    try {
      const answer = this.operation.tryComplete(changed);
      if (answer !== undefined) this.end(answer);
    } catch (error) {
      this.fail(error);
    }
  }

  expire(): void {
    if (this.isDone) return;
    try {
      this.end(this.operation.onExpire());
    } catch (error) {
      this.fail(error);
    }
  }

  private end(answer: T): void {
    this.forget(this);
    this.resolve(answer);
  }

  private fail(error: unknown): void {
    this.forget(this);
    this.reject(error as Error);
  }
}

interface WatcherList {
  readonly key: string;
  readonly operations: Set<Watched>;
}

export class Purgatory {
  private readonly watchers = new Map<string, WatcherList>();
  private dirty = new Set<string>();
  private delayedCount = 0;
  private watchedCount = 0;

  constructor(private readonly clock: Clock) {}

  /** The number of operations that wait. */
  get numDelayed(): number {
    return this.delayedCount;
  }
  /** The number of entries in all lists: an operation counts once for each partition it waits for. */
  get watched(): number {
    return this.watchedCount;
  }

  /** Registers Kafka's gauges for a purgatory, and one more: entries of ended operations, which must be 0. */
  registerGauges(metrics: Metrics, delayedOperation: string): void {
    const gauge = (name: string, read: () => number) =>
      metrics.gauge(
        `kafka.server:type=DelayedOperationPurgatory,name=${name},delayedOperation=${delayedOperation}`,
        read,
      );
    gauge('PurgatorySize', () => this.watched);
    gauge('NumDelayedOperations', () => this.numDelayed);
    gauge('NumCompletedWatched', () => this.completedWatched());
  }

  private completedWatched(): number {
    let count = 0;
    for (const { operations } of this.watchers.values())
      for (const one of operations) if (one.isDone) count++;
    return count;
  }

  /** Returns the operation's answer: at once if possible, otherwise as `watch` does. */
  tryCompleteElseWatch<T>(
    operation: DelayedOperation<T>,
    tps: readonly TopicPartition[],
    timeoutMs: number,
    asker?: Pick<Asker, 'onGone'>,
  ): Promise<T> {
    try {
      const answer = operation.tryComplete();
      return answer === undefined ? this.watch(operation, tps, timeoutMs, asker) : Promise.resolve(answer);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /**
   * Adds an operation whose `tryComplete` has just returned undefined. Resolves with its answer when a
   * partition changes or after `timeoutMs`; rejects with the error that the operation throws. If `asker`
   * disconnects first, the promise never settles, and the operation is removed.
   */
  watch<T>(
    operation: DelayedOperation<T>,
    tps: readonly TopicPartition[],
    timeoutMs: number,
    asker?: Pick<Asker, 'onGone'>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const watched = new Waiting(operation, this.forget, resolve, reject);
      for (const tp of tps) this.enlist(tpName(tp), watched);
      this.delayedCount++;
      watched.timer = this.clock.schedule(timeoutMs, () => watched.expire());
      asker?.onGone(() => this.forget(watched));
    });
  }

  private enlist(key: string, watched: Watched): void {
    let list = this.watchers.get(key);
    if (list === undefined) this.watchers.set(key, (list = { key, operations: new Set() }));
    else if (list.operations.has(watched)) return;
    list.operations.add(watched);
    watched.lists.push(list);
    this.watchedCount++;
  }

  private readonly forget = (watched: Watched): void => {
    if (watched.isDone) return;
    watched.isDone = true;
    watched.timer?.cancel();
    this.delayedCount--;
    this.watchedCount -= watched.lists.length;
    for (const { key, operations } of watched.lists) {
      operations.delete(watched);
      if (operations.size === 0) this.watchers.delete(key);
    }
  };

  /** The partition changed: its operations are checked at the end of the current turn of the event loop. */
  check(tp: TopicPartition): void {
    if (this.watchers.size === 0) return;
    const key = tpName(tp);
    if (!this.watchers.has(key)) return;
    if (this.dirty.size === 0) queueMicrotask(() => this.checkDirty());
    this.dirty.add(key);
  }

  private checkDirty(): void {
    const keys = this.dirty;
    this.dirty = new Set();
    for (const key of keys) {
      const list = this.watchers.get(key);
      if (list) for (const watched of [...list.operations]) watched.check(key);
    }
  }
}
