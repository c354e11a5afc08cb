/**
 * The answers of one connection: they leave in the order of the requests, whichever is ready first.
 *
 * Invariants: an answer that may be large is built only when it is the next to be sent, when those before it
 * have been taken by the peer, and when the broker has room for it; what the peer has not taken is counted
 * until it has (docs/decisions/0016).
 *
 * Kafka: network/SocketServer.scala#Processor, where a connection has one answer on its way.
 */
import { messageOf } from '../common/errors';
import { Connection } from '../common/host';
import { Api } from '../protocol/schema';
import { encodeResponse } from '../protocol/wire';
import { FrameBudget, Lease, LeaseHolder } from './frame-budget';
import { TurnTaker, WorkTurns } from './work-turns';

const MAX_IN_PROGRESS = 64;
/** A connection may have so much unsent without being counted; the host drains at less. */
const FREE_UNSENT_BYTES = 64 * 1024;

/** The peer that waits for an answer. */
export interface Asker {
  /** Calls `listener` if the connection ends before the answer is there, at once if it has ended. */
  onGone(listener: () => void): void;
  /** No later request of the connection is started until the function that is returned has been called. */
  hold(): () => void;
  /** Resolves in a later turn of the loop, when others have had theirs: for work that is longer than 20 ms. */
  nextTurn(): Promise<void>;
}

/**
 * In the place of a response: answer what came before, then close. Kafka:
 * RequestChannel.CloseConnectionResponse
 */
export class CloseConnection {
  constructor(readonly reason: string) {}
}

/** In the place of a response that may be large: makes it, with at most about `maxBytes`, when it is its turn. */
export class DeferredResponse {
  constructor(readonly build: (maxBytes: number) => unknown) {}
}

/** A request in progress, and where its answer goes. */
export class ResponseSlot implements Asker {
  isDone = false;
  response: Buffer[] | undefined;
  deferred: DeferredResponse | undefined;
  closeReason: string | undefined;
  /** What the request still holds while it waits. */
  waitingBytes = 0;
  private isGone = false;
  private goneListeners: (() => void)[] | undefined;

  /** What comes behind has to wait until this is over. */
  isHolding = false;
  /** Ends the holding; set while it lasts. */
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

/** What the queue needs of its connection and of the server. */
export interface ResponseQueueOwner {
  readonly turns: WorkTurns;
  budget(): FrameBudget;
  isBroker(): boolean;
  readonly isFullOfWaiting: boolean;
  endsWaiting(bytes: number): void;
  /** There may be room for another request. */
  movedOn(): void;
  /** All answers before a CloseConnection have been written. */
  end(reason: string): void;
  fail(reason: string): void;
}

export class ResponseQueue implements LeaseHolder, TurnTaker {
  /** Oldest first; answers leave from the front. */
  private readonly slots: ResponseSlot[] = [];
  private lease: Lease | undefined;
  /** The lease is for what has been written; else for an answer that is still to be built. */
  private isSending = false;
  private isClosed = false;
  /** Nothing is written any more: that would take back what is on its way. */
  private isEnding = false;

  constructor(private readonly connection: Connection, private readonly owner: ResponseQueueOwner) {
    connection.onDrain(() => this.drained());
  }

  get length(): number {
    return this.slots.length;
  }

  get hasUnsent(): boolean {
    return this.connection.pendingBytes() > FREE_UNSENT_BYTES;
  }

  /** Whether the next request may start: its answer would find its place in memory. */
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
    else if (response !== undefined) slot.response = encodeResponse(slot.api, slot.correlationId, response);
    this.sendReady();
  }

  private sendReady(): void {
    if (this.isClosed || this.isEnding) return;
    while (this.slots[0]?.isDone) {
      const slot = this.slots[0];
      if (slot.deferred && !this.build(slot, slot.deferred)) return;
      this.slots.shift();
      if (slot.response) this.write(slot.response);
      // Others may get on by that, this connection too: its answer is on the way.
      this.owner.endsWaiting(slot.waitingBytes);
      if (slot.closeReason !== undefined) {
        this.isEnding = true;
        return this.owner.end(slot.closeReason);
      }
      if (this.isClosed) return;
    }
    this.owner.movedOn();
  }

  /** Whether the answer is there now; if not, a drain, a grant or a turn calls again. */
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
    this.connection.write(response);
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

  /** Forgets what was in progress; called once the connection is gone. */
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
