/**
 * A limit for the memory that large frames take while they are received or sent. A holder of memory has a
 * lease.
 *
 * For requests: when a connection has read the length of a large request, it asks for that many bytes before
 * it reads on. It gives them back when the request's handler has returned, even if the request still waits
 * for its response. For responses: a connection asks before it builds a response that may be large, then
 * corrects the lease to the real size, and gives it back when the peer has received the response
 * (docs/decisions/0016).
 *
 * Invariants: leases are granted while less than `maxBytes` are in use (so the last one may exceed it), in
 * the order in which they were asked for, so that no connection waits for ever. A frame that is too slow
 * loses its connection when others wait for memory.
 *
 * Kafka: common/memory/SimpleMemoryPool.java, queued.max.request.bytes@2.8.2; differs: Kafka grants in no
 * order, and a peer that announces a request and sends no more of it holds its memory until
 * connections.max.idle.ms.
 */
import { Clock, Timer } from '../common/host';

const MAX_SHARE_BYTES = 1024 * 1024;

export interface LeaseHolder {
  /** The lease has been granted: read on, or build the response. */
  granted(): void;
  /**
   * The frame was too slow and others wait: close the connection, which gives the lease back. A holder whose
   * frame has already arrived ignores the call.
   */
  revoked(reason: string): void;
}

export interface Lease {
  readonly isGranted: boolean;
  /** Corrects the size of the lease to the real size of the frame. */
  resize(bytes: number): void;
  /** Ends the lease, granted or not. Further calls have no effect. */
  giveBack(): void;
}

export interface FrameBudgetOptions {
  /** How long a frame may take while others wait, in ms; then its lease is revoked. */
  readonly maxHoldMs: number;
  /** The reason with which the connection of a slow frame is closed. */
  readonly slowReason: (bytes: number) => string;
  /** Called when a connection has to wait and none waited before. `holders`: the number of granted leases. */
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
  /** Granted leases, oldest first. */
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

  /** How much to ask for when the size of the frame is not known yet. */
  get shareBytes(): number {
    return Math.min(MAX_SHARE_BYTES, Math.ceil(this.maxBytes / 16));
  }

  /** Asks for `bytes`. The lease is granted at once, or later with a call of `holder.granted`. */
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

  /**
   * A lease for bytes that are in memory already. It is granted even beyond `maxBytes`; later ones wait
   * longer.
   */
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
    // `granted` may give a lease back, which calls this method again.
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
    // A lease that is granted during this loop comes last in `out`, and has its full time.
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
