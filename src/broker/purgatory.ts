/**
 * Requests that cannot be answered yet, watched by the partitions they wait for.
 *
 * Invariants: an operation ends exactly once: when `tryComplete` has the answer after a partition changed,
 * when its time is over, when it fails, or when nobody waits for it any more; and from then on no list holds
 * it. Checks asked for within one turn of the loop are made once, at its end.
 *
 * Kafka: server/DelayedOperation.scala@2.8.2; differs: Kafka leaves ended operations in the lists of their
 * other partitions until more than a thousand have gathered, because its lists have locks. One thread removes
 * them at once.
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { Clock, Timer } from '../common/host';
import { Metrics } from '../common/metrics';
import { Asker } from '../network/server-connection';

export interface DelayedOperation<T> {
  /** The answer, or undefined while it has to wait. `changed`: the partition that changed, by its name. */
  tryComplete(changed?: string): T | undefined;
  /** Time is over: answers with what there is. */
  onExpire(): T;
}

/** An operation as the lists hold it. */
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

  /** Looks whether the answer is there, and if so ends with it. */
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

  /** Operations that wait. */
  get numDelayed(): number {
    return this.delayedCount;
  }
  /** Entries in the lists of all partitions: an operation counts once for each partition it waits for. */
  get watched(): number {
    return this.watchedCount;
  }

  /** Kafka's gauges of a purgatory, and one more: entries of operations that have ended, which must be 0. */
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

  /** The operation's answer: now if possible, else as `watch` says. */
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
   * The answer of an operation that has just been found to wait, once a partition changes or after
   * `timeoutMs`. Rejects with what the operation throws. If `asker` goes away first, the promise is never
   * settled and nothing is left of it.
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

  /** The partition changed; its operations are looked at when the current turn is over. */
  check(tp: TopicPartition): void {
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
