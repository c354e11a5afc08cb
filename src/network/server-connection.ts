/**
 * An accepted connection: reads requests and starts them; their responses leave through a `ResponseQueue`.
 *
 * Requests start in the order in which they arrive. Several may be in progress, so that the pipelined
 * batches of a producer are appended one after the other, without waiting for each other's acknowledgement
 * (docs/decisions/0005). A request whose response may be large is in progress alone. No request starts while
 * bytes of earlier responses wait for the peer. Reading stops while a complete frame waits to be started, or
 * while there is no memory for the incoming frame (docs/decisions/0016). A connection without a request in
 * progress never waits for requests of other connections that wait, because those may be waiting for its
 * request (docs/decisions/0011).
 *
 * Kafka: network/SocketServer.scala#Processor, common/network/KafkaChannel.java@2.8.2
 */
import { messageOf } from '../common/errors';
import { Clock, Connection, Log, Timer } from '../common/host';
import { FrameParser } from '../protocol/frame-parser';
import { apiByKey } from '../protocol/apis';
import { RequestLimits, requestLimits } from '../protocol/request-limits';
import { Api, containsRecords } from '../protocol/schema';
import { decodeRequest, limitsOf, REQUEST_HEAD_BYTES, RequestHeader } from '../protocol/wire';
import { FrameBudget, Lease, LeaseHolder } from './frame-budget';
import { Asker, CloseConnection, ResponseQueue, ResponseQueueOwner, ResponseSlot } from './response-queue';
import { TurnTaker, WorkTurns } from './work-turns';

export { Asker, CloseConnection, DeferredResponse } from './response-queue';

/** How long a peer has to receive the last responses before we close the connection. */
const CLOSING_MS = 10_000;

export interface RequestContext {
  readonly header: RequestHeader;
  readonly listener: string;
  readonly remoteAddress: string;
  readonly asker: Asker;
}

/**
 * Serves one request. Returns the response, a DeferredResponse, a CloseConnection, or undefined if the API
 * has no response (Produce with acks 0).
 */
export type Serve = (api: Api, body: unknown, context: RequestContext) => Promise<unknown> | unknown;

/** What a connection needs from its server. */
export interface ConnectionOwner {
  readonly host: { readonly clock: Clock };
  readonly serve: Serve;
  readonly options: { readonly maxFrameBytes: number; readonly log: Log };
  readonly turns: WorkTurns;
  /** A frame up to this size needs no lease. */
  readonly freeFrameBytes: number;
  isBroker(listenerName: string, head: Buffer): boolean;
  budgetOf(direction: 'requests' | 'responses', isBroker: boolean): FrameBudget;
  readonly isFullOfWaiting: boolean;
  startsWaiting(bytes: number): void;
  endsWaiting(bytes: number): void;
}

export class ServerConnection implements LeaseHolder, TurnTaker, ResponseQueueOwner {
  private readonly parser: FrameParser;
  private readonly responses: ResponseQueue;
  private lease: Lease | undefined;
  /** The limits of the incoming frame, once enough of it has arrived. */
  private limits: RequestLimits | undefined;
  private isPaused = false;
  private isAdvancing = false;
  /**
   * Whether nothing more is read: the connection ends when the responses before that point have been sent.
   */
  private isEnding = false;
  private isClosed = false;
  private closingTimer: Timer | undefined;
  /**
   * Whether the latest request with a possibly large response came from a broker. Selects the budget of the
   * response.
   */
  private wasBroker = false;
  /** When bytes last moved in either direction; monotonic ms. */
  private activeMs: number;
  private takenBytes = 0;

  constructor(
    private readonly connection: Connection,
    readonly listenerName: string,
    private readonly server: ConnectionOwner,
    /** Called at once when we end the connection; the host's `onClose` comes later. */
    private readonly onEnded: () => void = () => {},
  ) {
    this.parser = new FrameParser(server.options.maxFrameBytes);
    this.responses = new ResponseQueue(connection, this);
    this.activeMs = server.host.clock.monotonicMs();
    connection.onData((chunk) => this.receive(chunk));
  }

  get remoteAddress(): string {
    return this.connection.remoteAddress;
  }
  get requestsInProgress(): number {
    return this.responses.length;
  }
  get turns(): WorkTurns {
    return this.server.turns;
  }
  get isFullOfWaiting(): boolean {
    return this.server.isFullOfWaiting;
  }
  budget(): FrameBudget {
    return this.server.budgetOf('responses', this.wasBroker);
  }
  isBroker(): boolean {
    return this.wasBroker;
  }
  endsWaiting(bytes: number): void {
    this.server.endsWaiting(bytes);
  }

  /** For how long no byte has moved in either direction, in ms. */
  idleMs(nowMs: number): number {
    const taken = this.connection.takenBytes();
    if (taken !== this.takenBytes && this.connection.pendingBytes() > 0) this.activeMs = nowMs;
    this.takenBytes = taken;
    return nowMs - this.activeMs;
  }

  private receive(chunk: Buffer): void {
    if (this.isEnding || this.isClosed) return;
    this.activeMs = this.server.host.clock.monotonicMs();
    this.orFail(() => this.parser.add(chunk));
    this.advance();
  }

  private orFail(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.fail(messageOf(error));
    }
  }

  /** Starts the requests that may start, and resumes or pauses reading. */
  private advance(): void {
    if (this.isAdvancing || this.isClosed || this.isEnding) return;
    this.isAdvancing = true;
    let isRoom = false;
    this.orFail(() => {
      while (this.mayStartWhole()) this.turns.measure(() => this.take(this.parser.next()!));
      isRoom = this.parser.hasWhole ? this.isLittle : this.hasRoom();
    });
    this.isAdvancing = false;
    if (!this.isClosed && !this.isEnding) this.readOn(isRoom);
  }

  private mayStartWhole(): boolean {
    return !this.isClosed && !this.isEnding && this.parser.hasWhole && this.mayStart();
  }

  /**
   * Whether little is buffered. Then reading goes on even though a complete frame waits: it costs little
   * memory, and it reveals when the peer has closed the connection.
   */
  private get isLittle(): boolean {
    return this.parser.bufferedBytes < this.server.freeFrameBytes;
  }

  private readOn(wanted: boolean): void {
    if (wanted !== this.isPaused) return;
    this.isPaused = !wanted;
    if (wanted) this.connection.resume();
    else this.connection.pause();
  }

  /**
   * Whether the next frame may start. A frame that has a lease must not wait for responses (only for a turn),
   * because it keeps memory from others.
   */
  private mayStart(): boolean {
    if (this.turns.isOver) {
      this.turns.wait(this, this.isFromBroker());
      return false;
    }
    if (this.lease !== undefined) return true;
    this.limits ??= limitsOf(this.parser.peek(REQUEST_HEAD_BYTES), this.parser.frameBytes, apiByKey);
    return this.responses.mayStart(this.limits.isServedAlone);
  }

  /** Whether the incoming frame comes from a broker. */
  private isFromBroker(): boolean {
    return this.server.isBroker(this.listenerName, this.parser.peek(REQUEST_HEAD_BYTES));
  }

  /**
   * Whether to read more of the incoming frame. A large one needs a lease, and asks for it only when it may
   * start at once: a connection must not hold memory while it waits for a request that may need memory. A
   * small frame needs none; most of it has usually arrived with its first bytes.
   */
  private hasRoom(): boolean {
    if (this.isClosed || this.isEnding) return false;
    if (this.lease) return this.lease.isGranted;
    const { frameBytes, bufferedBytes } = this.parser;
    if (frameBytes <= this.server.freeFrameBytes) return true;
    if (bufferedBytes < Math.min(frameBytes, REQUEST_HEAD_BYTES)) return true;
    if (!this.mayStart()) return false;
    this.lease = this.server.budgetOf('requests', this.isFromBroker()).ask(frameBytes, this);
    return this.lease.isGranted;
  }

  granted(): void {
    this.advance();
  }

  takeTurn(): void {
    this.advance();
  }

  movedOn(): void {
    this.activeMs = this.server.host.clock.monotonicMs();
    this.advance();
  }

  resumeIfPossible(): void {
    if (this.isPaused || this.parser.hasWhole) this.advance();
  }

  /** Without a lease the frame has arrived already, so that the peer is not to blame. */
  revoked(reason: string): void {
    if (this.lease) this.fail(reason);
  }

  fail(reason: string): void {
    if (this.isClosed) return;
    this.server.options.log.warn(`Closing connection from ${this.connection.remoteAddress}: ${reason}`);
    this.destroy(reason);
  }

  /**
   * Takes a frame and starts its request. The lease is given back as soon as the handler returns, so that
   * waiting requests do not keep others from being read. A handler that still works on the frame (see
   * `Asker.hold`) keeps the lease until it ends the hold, even if the connection ends before: the frame stays
   * in memory as long.
   */
  private take(frame: Buffer): void {
    const { lease } = this;
    this.lease = undefined;
    this.limits = undefined;
    let slot: ResponseSlot | undefined;
    try {
      slot = this.start(frame);
    } finally {
      if (slot?.isHolding) this.giveBackLater(slot, lease);
      else lease?.giveBack();
    }
  }

  private giveBackLater(slot: ResponseSlot, lease: Lease | undefined): void {
    slot.onReleased = () => {
      lease?.giveBack();
      this.advance();
    };
  }

  private start(frame: Buffer): ResponseSlot {
    const { header, api, body } = decodeRequest(frame, apiByKey);
    const { isServedAlone } = requestLimits(api.key);
    if (isServedAlone) this.wasBroker = this.server.isBroker(this.listenerName, frame);
    const slot = new ResponseSlot(api, header.correlationId, isServedAlone, this.turns);
    this.responses.add(slot);
    const finish = (response: unknown) => {
      if (response instanceof CloseConnection) this.isEnding = true;
      this.responses.finish(slot, response);
    };
    const context = {
      header,
      listener: this.listenerName,
      remoteAddress: this.connection.remoteAddress,
      asker: slot,
    };
    const result = this.server.serve(api, body, context);
    if (!(result instanceof Promise)) {
      finish(result);
      return slot;
    }
    // The records of a Produce are in the log by now and their frame is free; other requests stay in memory.
    slot.waitingBytes = containsRecords(api.request) ? 0 : frame.length;
    this.server.startsWaiting(slot.waitingBytes);
    result.then(finish).catch((error) => this.fail(`${api.name} failed: ${messageOf(error)}`));
    return slot;
  }

  /** Lets the written bytes arrive, then closes. */
  end(reason: string): void {
    this.isEnding = true;
    this.server.options.log.info(`Closing connection from ${this.connection.remoteAddress}: ${reason}`);
    this.closingTimer = this.server.host.clock.schedule(CLOSING_MS, () => this.destroy(reason));
    this.connection.end();
  }

  /** Drops the requests in progress; called when the connection is closed. */
  closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.closingTimer?.cancel();
    this.turns.forget(this);
    this.lease?.giveBack();
    this.responses.close();
  }

  destroy(reason: string): void {
    this.closed();
    this.onEnded();
    this.connection.destroy(reason);
  }
}
