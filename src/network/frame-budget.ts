/**
 * Memory for large frames on their way. For requests: who has read a request's length asks for its bytes
 * before reading on, and gives them back when the request's handler has returned, whether or not the request
 * still waits for its answer. For responses: who is next to send asks before the answer is built, says how
 * large it became, and gives it back when the peer has taken it (docs/decisions/0016).
 *
 * Invariants: room is granted while fewer than `maxBytes` are out, in the order it was asked for, so nobody
 * is passed over for ever; and a frame that moves too slowly loses its connection when others wait for the
 * room it holds.
 *
 * Kafka: common/memory/SimpleMemoryPool.java, queued.max.request.bytes@2.8.2; differs: Kafka grants in no
 * order, and a peer that announces a request and sends no more of it holds its memory until
 * connections.max.idle.ms.
 */
import { Clock, Timer } from '../common/host';

const MAX_SHARE_BYTES = 1024 * 1024;

export interface LeaseHolder {
  /** There is room now: read on. */
  granted(): void;
  /** Too slow while others wait: close the connection and give the room back, unless we are still at work. */
  revoked(reason: string): void;
}

export interface Lease {
  readonly isGranted: boolean;
  /** What was granted turned out to be so large. */
  resize(bytes: number): void;
  /** Ends it, granted or not. May be called again. */
  giveBack(): void;
}

export interface FrameBudgetOptions {
  /** A frame that is on its way longer is given up when others wait. */
  readonly maxHoldMs: number;
  /** Why, to its connection. */
  readonly slowReason: (bytes: number) => string;
  /** Somebody begins to wait; `holders` have the room. */
  readonly onFull: (holders: number) => void;
}

class Entry implements Lease {
  isGranted = false;
  grantedMs = 0;

  constructor(
    readonly holder: LeaseHolder,
    public bytes: number,
    private readonly budget: { resized(by: number): void; end(entry: Entry): void },
  ) {}

  resize(bytes: number): void {
    if (this.isGranted) this.budget.resized(bytes - this.bytes);
    this.bytes = bytes;
  }

  giveBack(): void {
    this.budget.end(this);
    this.isGranted = false;
  }
}

export class FrameBudget {
  /** Oldest first. */
  private readonly out = new Set<Entry>();
  private readonly queue = new Set<Entry>();
  private timer: Timer | undefined;
  private used = 0;
  private isGranting = false;

  constructor(
    private readonly clock: Clock,
    private readonly maxBytes: number,
    private readonly options: FrameBudgetOptions,
  ) {}

  get usedBytes(): number {
    return this.used;
  }

  get freeBytes(): number {
    return Math.max(0, this.maxBytes - this.used);
  }

  /** What to ask for while nobody knows how large a frame will be. */
  get shareBytes(): number {
    return Math.min(MAX_SHARE_BYTES, Math.ceil(this.maxBytes / 16));
  }

  /** Room for `bytes`: granted at once, or later by a call of `holder.granted`. */
  ask(bytes: number, holder: LeaseHolder): Lease {
    const entry = new Entry(holder, bytes, this.ledger);
    if (this.used < this.maxBytes && this.queue.size === 0) this.grant(entry);
    else {
      if (this.queue.size === 0) this.options.onFull(this.out.size);
      this.queue.add(entry);
      this.timer ??= this.clock.schedule(this.options.maxHoldMs, () => this.revokeSlow());
    }
    return entry;
  }

  /** Room for bytes that are there already, whether there is any or not: others wait the longer. */
  take(bytes: number, holder: LeaseHolder): Lease {
    const entry = new Entry(holder, bytes, this.ledger);
    this.grant(entry);
    return entry;
  }

  private readonly ledger = {
    resized: (by: number) => {
      this.used += by;
      if (by < 0) this.grantNext();
    },
    end: (entry: Entry) => this.end(entry),
  };

  private grant(entry: Entry): void {
    entry.isGranted = true;
    entry.grantedMs = this.clock.monotonicMs();
    this.used += entry.bytes;
    this.out.add(entry);
  }

  private end(entry: Entry): void {
    this.queue.delete(entry);
    if (this.out.delete(entry)) this.used -= entry.bytes;
    this.grantNext();
  }

  private grantNext(): void {
    // Who is granted room may give it back before he returns.
    if (this.isGranting) return;
    this.isGranting = true;
    try {
      for (const next of this.queue) {
        if (this.used >= this.maxBytes) return;
        this.queue.delete(next);
        this.grant(next);
        next.holder.granted();
      }
    } finally {
      this.isGranting = false;
    }
  }

  private revokeSlow(): void {
    let waitMs = this.options.maxHoldMs;
    // Those who are granted what others lose come last, and have their time.
    for (const entry of this.out) {
      if (this.queue.size === 0) break;
      const remainingMs = entry.grantedMs + this.options.maxHoldMs - this.clock.monotonicMs();
      if (remainingMs > 0) {
        waitMs = remainingMs;
        break;
      }
      entry.holder.revoked(this.options.slowReason(entry.bytes));
    }
    this.timer = this.queue.size === 0 ? undefined : this.clock.schedule(waitMs, () => this.revokeSlow());
  }

  close(): void {
    this.timer?.cancel();
  }
}
