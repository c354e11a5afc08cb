/**
 * Requests that cannot be answered yet, watched by the partitions they wait for.
 *
 * Invariant: an operation completes exactly once: when `tryComplete` says so after a partition changed, or when its
 * time is over. Checks asked for within one turn of the loop are made once, at its end.
 *
 * Kafka: server/DelayedOperation.scala@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { Clock, Timer } from '../common/host';

export interface DelayedOperation {
  /** Completes the operation and returns true if it can be answered now. */
  tryComplete(): boolean;
  /** Time is over: answers with what there is. */
  onExpire(): void;
}

class Watched {
  isDone = false;
  timer: Timer | undefined;
  constructor(readonly operation: DelayedOperation) {}
}

export class Purgatory {
  private readonly watchers = new Map<string, Watched[]>();
  private dirty = new Set<string>();
  private count = 0;

  constructor(private readonly clock: Clock) {}

  get size(): number { return this.count; }

  /** Answers the operation now if possible, else when a partition changes or after `timeoutMs`. */
  tryCompleteElseWatch(operation: DelayedOperation, tps: readonly TopicPartition[], timeoutMs: number): void {
    if (operation.tryComplete()) return;
    const watched = new Watched(operation);
    this.count++;
    for (const tp of tps) {
      const key = tpName(tp);
      const list = this.watchers.get(key);
      if (list) list.push(watched);
      else this.watchers.set(key, [watched]);
    }
    watched.timer = this.clock.schedule(timeoutMs, () => {
      if (watched.isDone) return;
      this.finish(watched);
      operation.onExpire();
      for (const tp of tps) this.sweep(tpName(tp));
    });
  }

  private finish(watched: Watched): void {
    watched.isDone = true;
    watched.timer?.cancel();
    this.count--;
  }

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
      for (const watched of [...this.watchers.get(key) ?? []]) if (!watched.isDone && watched.operation.tryComplete()) this.finish(watched);
      this.sweep(key);
    }
  }

  private sweep(key: string): void {
    const left = (this.watchers.get(key) ?? []).filter((watched) => !watched.isDone);
    if (left.length > 0) this.watchers.set(key, left);
    else this.watchers.delete(key);
  }
}
