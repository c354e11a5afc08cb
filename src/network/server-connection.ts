/**
 * One accepted connection: frames in; their answers leave through a `ResponseQueue`.
 *
 * Requests start in the order they came; several may be in progress, so a producer's pipelined batches are
 * appended one after the other without waiting for each other's acknowledgement (docs/decisions/0005). One whose
 * answer may be large is in progress alone. The next request starts when the answers before have left, and
 * reading stops while a whole frame waits for its start or the frame that comes in has no room yet
 * (docs/decisions/0016). A connection with nothing in progress never waits for requests that wait: those may be
 * waiting for it (docs/decisions/0011).
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

/** How long a peer has to take the last responses of a connection that we close. */
const CLOSING_MS = 10_000;

export interface RequestContext {
  readonly header: RequestHeader;
  readonly listener: string;
  readonly remoteAddress: string;
  readonly asker: Asker;
}

/**
 * Serves one request: the response, a DeferredResponse, a CloseConnection, or undefined where the API has none
 * (Produce with acks 0).
 */
export type Serve = (api: Api, body: unknown, context: RequestContext) => Promise<unknown> | unknown;

/** What a connection needs of its server. */
export interface ConnectionOwner {
  readonly host: { readonly clock: Clock };
  readonly serve: Serve;
  readonly options: { readonly maxFrameBytes: number; readonly log: Log };
  readonly turns: WorkTurns;
  /** Frames above this ask for room. */
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
  /** Of the frame that comes in, once enough of it is there. */
  private limits: RequestLimits | undefined;
  private isPaused = false;
  private isAdvancing = false;
  /** Nothing is read any more; the connection ends when the responses before have left. */
  private isEnding = false;
  private isClosed = false;
  private closingTimer: Timer | undefined;
  /** Of the latest request whose answer may be large. */
  private wasBroker = false;
  /** When bytes last moved, either way; monotonic. */
  private activeMs: number;
  private takenBytes = 0;

  constructor(
    private readonly connection: Connection,
    readonly listenerName: string,
    private readonly server: ConnectionOwner,
    /** Told at once when we end the connection; the host tells it later. */
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

  /** For how long no byte has moved, in either direction. */
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

  /** Starts what may start, and reads on if there is room for more. */
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

  /** Reading on though a whole frame waits costs little, and shows that the peer has gone. */
  private get isLittle(): boolean {
    return this.parser.bufferedBytes < this.server.freeFrameBytes;
  }

  private readOn(wanted: boolean): void {
    if (wanted !== this.isPaused) return;
    this.isPaused = !wanted;
    if (wanted) this.connection.resume();
    else this.connection.pause();
  }

  /** Whether the next frame may start; who has room for it may not be kept waiting, but for a turn. */
  private mayStart(): boolean {
    if (this.turns.isOver) {
      this.turns.wait(this, this.isFromBroker());
      return false;
    }
    if (this.lease !== undefined) return true;
    this.limits ??= limitsOf(this.parser.peek(REQUEST_HEAD_BYTES), this.parser.frameBytes, apiByKey);
    return this.responses.mayStart(this.limits.isServedAlone);
  }

  /** Whether the frame that comes in is of a broker. */
  private isFromBroker(): boolean {
    return this.server.isBroker(this.listenerName, this.parser.peek(REQUEST_HEAD_BYTES));
  }

  /**
   * Whether to read more of the frame that comes in. Room for a large one is asked for only when it may start:
   * nobody holds room while waiting for something that may need it. What has already come is not worth the
   * asking.
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

  /** Once the frame has come it is not the peer who is slow. */
  revoked(reason: string): void {
    if (this.lease) this.fail(reason);
  }

  fail(reason: string): void {
    if (this.isClosed) return;
    this.server.options.log.warn(`Closing connection from ${this.connection.remoteAddress}: ${reason}`);
    this.destroy(reason);
  }

  /**
   * The frame's room is given back as soon as its handler returns: what waits must not keep others from being
   * read. A handler that still works on the frame itself keeps it until it lets the next request start, also
   * if the connection ends before: the frame is there as long.
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
    // Records are let go of when they are in the log; other requests stay in memory as they are.
    slot.waitingBytes = containsRecords(api.request) ? 0 : frame.length;
    this.server.startsWaiting(slot.waitingBytes);
    result.then(finish).catch((error) => this.fail(`${api.name} failed: ${messageOf(error)}`));
    return slot;
  }

  /** Lets what is written arrive, then closes. */
  end(reason: string): void {
    this.isEnding = true;
    this.server.options.log.info(`Closing connection from ${this.connection.remoteAddress}: ${reason}`);
    this.closingTimer = this.server.host.clock.schedule(CLOSING_MS, () => this.destroy(reason));
    this.connection.end();
  }

  /** Forgets what was in progress; called once the connection is gone. */
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
