/**
 * Memory for large requests while they come in: who has read a request's length asks for its bytes before
 * reading on, and gives them back when the request's handler has returned, whether or not the request still
 * waits for its answer.
 *
 * Invariants: room is granted while fewer than `maxBytes` are out, in the order it was asked for, so nobody
 * is passed over for ever; and a request that comes in too slowly loses its connection when others wait for
 * the room it holds.
 *
 * Kafka: common/memory/SimpleMemoryPool.java, queued.max.request.bytes@2.8.2; differs: Kafka grants in no
 * order, and a peer that announces a request and sends no more of it holds its memory until
 * connections.max.idle.ms.
 */
import { Clock, Timer } from '../common/host';

export interface LeaseHolder {
  /** There is room now: read on. */
  granted(): void;
  /** Too slow while others wait: close the connection and give the room back. */
  revoked(reason: string): void;
}

export interface Lease {
  readonly isGranted: boolean;
  /** Ends it, granted or not. May be called again. */
  giveBack(): void;
}

class Entry implements Lease {
  isGranted = false;
  grantedMs = 0;

  constructor(
    readonly holder: LeaseHolder,
    readonly bytes: number,
    private readonly end: (entry: Entry) => void,
  ) {}

  giveBack(): void {
    this.end(this);
  }
}

export class FrameBudget {
  /** Oldest first. */
  private readonly out = new Set<Entry>();
  private readonly queue = new Set<Entry>();
  private timer: Timer | undefined;
  private used = 0;

  constructor(
    private readonly clock: Clock,
    private readonly maxBytes: number,
    private readonly maxHoldMs: number,
  ) {}

  get usedBytes(): number {
    return this.used;
  }

  /** Room for `bytes`: granted at once, or later by a call of `holder.granted`. */
  ask(bytes: number, holder: LeaseHolder): Lease {
    const entry = new Entry(holder, bytes, (ended) => this.end(ended));
    if (this.used < this.maxBytes && this.queue.size === 0) this.grant(entry);
    else {
      this.queue.add(entry);
      this.timer ??= this.clock.schedule(this.maxHoldMs, () => this.revokeSlow());
    }
    return entry;
  }

  private grant(entry: Entry): void {
    entry.isGranted = true;
    entry.grantedMs = this.clock.monotonicMs();
    this.used += entry.bytes;
    this.out.add(entry);
  }

  private end(entry: Entry): void {
    this.queue.delete(entry);
    if (this.out.delete(entry)) this.used -= entry.bytes;
    for (const next of this.queue) {
      if (this.used >= this.maxBytes) return;
      this.queue.delete(next);
      this.grant(next);
      next.holder.granted();
    }
  }

  private revokeSlow(): void {
    this.timer = undefined;
    for (const entry of [...this.out]) {
      if (this.queue.size === 0) return;
      const remainingMs = entry.grantedMs + this.maxHoldMs - this.clock.monotonicMs();
      if (remainingMs > 0) {
        this.timer = this.clock.schedule(remainingMs, () => this.revokeSlow());
        return;
      }
      entry.holder.revoked(
        `a request of ${entry.bytes} bytes came too slowly: others waited for memory after ${this.maxHoldMs} ms`,
      );
    }
  }

  close(): void {
    this.timer?.cancel();
  }
}
