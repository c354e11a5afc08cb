/**
 * The responses of one connection. They are sent in the order of the requests, in whatever order they are
 * ready.
 *
 * Invariants: a response that may be large is built only when it is the next to be sent, when the peer has
 * received the responses before it, and when the broker has memory for it. Bytes that the peer has not
 * received count against the budget until it has (docs/decisions/0016).
 *
 * Kafka: network/SocketServer.scala#Processor, where a connection sends one response at a time.
 */
import { messageOf } from '../common/errors';
import { Connection } from '../common/host';
import { Api } from '../protocol/schema';
import { encodeResponse } from '../protocol/wire';
import { FrameBudget, Lease, LeaseHolder } from './frame-budget';
import { TurnTaker, WorkTurns } from './work-turns';

const MAX_IN_PROGRESS = 64;
/**
 * Unsent bytes of a connection up to this size do not count against the budget. The host reports a drain at
 * fewer.
 */
const FREE_UNSENT_BYTES = 64 * 1024;

/** The peer that waits for a response. */
export interface Asker {
  /** Calls `listener` if the connection ends before the response is sent; at once if it has ended already. */
  onGone(listener: () => void): void;
  /** Starts no later request of this connection until the returned function is called. */
  hold(): () => void;
  /**
   * Resolves in a later turn of the event loop, after other connections had theirs. For work that is longer
   * than a turn.
   */
  nextTurn(): Promise<void>;
}

/**
 * Returned instead of a response: send the responses before this one, then close the connection.
 * Kafka: RequestChannel.CloseConnectionResponse
 */
export class CloseConnection {
  constructor(readonly reason: string) {}
}

/**
 * Returned instead of a response that may be large. `build` makes it when it is the next to be sent, with at
 * most about `maxBytes` bytes.
 */
export class DeferredResponse {
  constructor(readonly build: (maxBytes: number) => unknown) {}
}

/** A request in progress, and the place of its response in the queue. */
export class ResponseSlot implements Asker {
  isDone = false;
  response: Buffer[] | undefined;
  deferred: DeferredResponse | undefined;
  closeReason: string | undefined;
  /** The memory that the request takes while it waits for its response, in bytes. */
  waitingBytes = 0;
  private isGone = false;
  private goneListeners: (() => void)[] | undefined;

  /** Whether later requests of the connection have to wait (see `hold`). */
  isHolding = false;
  /** Called when the hold ends; set only during a hold. */
  onReleased: (() => void) | undefined;

  constructor(
    readonly api: Api,
    readonly correlationId: number,
    readonly isServedAlone: boolean,
    private readonly turns: WorkTurns,
  ) {}

  nextTurn(): Promise<void> {
    return this.turns.next();
  }

  hold(): () => void {
    this.isHolding = true;
    return () => {
      this.isHolding = false;
      this.onReleased?.();
    };
  }

  onGone(listener: () => void): void {
    if (this.isGone) return listener();
    (this.goneListeners ??= []).push(listener);
  }

  gone(): void {
    this.isGone = true;
    for (const listener of this.goneListeners ?? []) listener();
  }
}

/** What the queue needs from its connection and from the server. */
export interface ResponseQueueOwner {
  readonly turns: WorkTurns;
  budget(): FrameBudget;
  isBroker(): boolean;
  readonly isFullOfWaiting: boolean;
  endsWaiting(bytes: number): void;
  /** Another request may be able to start. */
  movedOn(): void;
  /** All responses before a CloseConnection have been written. */
  end(reason: string): void;
  fail(reason: string): void;
}

export class ResponseQueue implements LeaseHolder, TurnTaker {
  /** The requests in progress, oldest first. Responses are sent from the front. */
  private readonly slots: ResponseSlot[] = [];
  private lease: Lease | undefined;
  /**
   * Whether the lease is for bytes that have been written; otherwise it is for a response that is still to be
   * built.
   */
  private isSending = false;
  private isClosed = false;
  /**
   * Whether the connection is ending. Then nothing more may be written, because that would discard bytes on
   * their way.
   */
  private isEnding = false;

  constructor(
    private readonly connection: Connection,
    private readonly owner: ResponseQueueOwner,
  ) {
    connection.onDrain(() => this.drained());
  }

  get length(): number {
    return this.slots.length;
  }

  get hasUnsent(): boolean {
    return this.connection.pendingBytes() > FREE_UNSENT_BYTES;
  }

  /** Whether the next request may start: there must be memory for its response. */
  mayStart(isServedAlone: boolean): boolean {
    if (this.hasUnsent) return false;
    if (this.slots.length === 0) return true;
    if (isServedAlone || this.slots.length >= MAX_IN_PROGRESS || this.owner.isFullOfWaiting) return false;
    const last = this.slots[this.slots.length - 1]!;
    return !last.isServedAlone && !last.isHolding;
  }

  add(slot: ResponseSlot): void {
    this.slots.push(slot);
  }

  finish(slot: ResponseSlot, response: unknown): void {
    slot.isDone = true;
    if (response instanceof CloseConnection) slot.closeReason = response.reason;
    else if (response instanceof DeferredResponse) slot.deferred = response;
    else if (response !== undefined) {
      this.owner.turns.measure(() => {
        slot.response = encodeResponse(slot.api, slot.correlationId, response);
      });
    }
    this.sendReady();
  }

  private sendReady(): void {
    if (this.isClosed || this.isEnding) return;
    while (this.slots[0]?.isDone) {
      const slot = this.slots[0];
      if (slot.deferred && !this.build(slot, slot.deferred)) return;
      this.slots.shift();
      if (slot.response) this.write(slot.response);
      // This lets other connections, and this one, start requests: the memory of the request is free again.
      this.owner.endsWaiting(slot.waitingBytes);
      if (slot.closeReason !== undefined) {
        this.isEnding = true;
        return this.owner.end(slot.closeReason);
      }
      if (this.isClosed) return;
    }
    this.owner.movedOn();
  }

  /**
   * Builds the response and returns true. Returns false if it has to wait; then a drain, a grant or a turn
   * tries again.
   */
  private build(slot: ResponseSlot, deferred: DeferredResponse): boolean {
    if (this.hasUnsent) return false;
    const budget = this.owner.budget();
    this.lease ??= budget.ask(budget.shareBytes, this);
    if (!this.lease.isGranted) return false;
    const { turns } = this.owner;
    if (turns.isOver) {
      turns.wait(this, this.owner.isBroker());
      return false;
    }
    try {
      turns.measure(() => {
        const maxBytes = Math.max(budget.shareBytes, budget.freeBytes);
        slot.response = encodeResponse(slot.api, slot.correlationId, deferred.build(maxBytes));
      });
    } catch (error) {
      this.owner.fail(`${slot.api.name} failed: ${messageOf(error)}`);
      return false;
    }
    slot.deferred = undefined;
    return true;
  }

  private write(response: Buffer[]): void {
    // The write is a system call, often the most expensive part of a small request.
    this.owner.turns.measure(() => this.connection.write(response));
    if (!this.hasUnsent) return this.giveBack();
    const bytes = this.connection.pendingBytes();
    this.isSending = true;
    if (this.lease) this.lease.resize(bytes);
    else this.lease = this.owner.budget().take(bytes, this);
  }

  private giveBack(): void {
    const { lease } = this;
    this.isSending = false;
    this.lease = undefined;
    lease?.giveBack();
  }

  private drained(): void {
    if (this.isClosed || this.hasUnsent) return;
    if (this.isSending) this.giveBack();
    this.sendReady();
  }

  granted(): void {
    this.sendReady();
  }

  takeTurn(): void {
    this.sendReady();
  }

  revoked(reason: string): void {
    this.owner.fail(reason);
  }

  /** Drops the requests in progress; called when the connection is closed. */
  close(): void {
    this.isClosed = true;
    this.owner.turns.forget(this);
    this.giveBack();
    for (const slot of this.slots.splice(0)) {
      this.owner.endsWaiting(slot.waitingBytes);
      slot.gone();
    }
  }
}
