/**
 * One accepted connection: frames in, responses out in the order of the requests.
 *
 * Requests start in the order they came; several may be in progress, so a producer's pipelined batches are
 * appended one after the other without waiting for each other's acknowledgement (docs/decisions/0005).
 * Reading stops while the frame that is coming in has no room yet, and while too much of this connection is
 * in progress or unsent. A connection with nothing in progress never waits for requests that wait: those may
 * be waiting for it (docs/decisions/0011).
 *
 * Kafka: network/SocketServer.scala#Processor, common/network/KafkaChannel.java@2.8.2
 */
import { messageOf } from '../common/errors';
import { Clock, Connection, Log, Timer } from '../common/host';
import { FrameParser } from '../protocol/frame-parser';
import { apiByKey } from '../protocol/apis';
import { Api, containsRecords } from '../protocol/schema';
import { decodeRequest, encodeResponse, REQUEST_HEAD_BYTES, RequestHeader } from '../protocol/wire';
import { FrameBudget, Lease, LeaseHolder } from './frame-budget';

const MAX_IN_PROGRESS = 64;
/** A peer that does not read its responses: beyond this many unsent bytes nothing more is read from it. */
const MAX_UNSENT_BYTES = 64 * 1024 * 1024;
/** How long a peer has to take the last responses of a connection that we close. */
const CLOSING_MS = 10_000;

/** The peer that waits for an answer. */
export interface Asker {
  /** Calls `listener` if the connection ends before the answer is there, at once if it has ended. */
  onGone(listener: () => void): void;
}

export interface RequestContext {
  readonly header: RequestHeader;
  readonly listener: string;
  readonly remoteAddress: string;
  readonly asker: Asker;
}

/**
 * In the place of a response: answer what came before, then close. Kafka:
 * RequestChannel.CloseConnectionResponse
 */
export class CloseConnection {
  constructor(readonly reason: string) {}
}

/**
 * Serves one request: the response, a CloseConnection, or undefined where the API has none (Produce with acks
 * 0).
 */
export type Serve = (api: Api, body: unknown, context: RequestContext) => Promise<unknown> | unknown;

/** What a connection needs of its server. */
export interface ConnectionOwner {
  readonly host: { readonly clock: Clock };
  readonly serve: Serve;
  readonly options: { readonly maxFrameBytes: number; readonly log: Log };
  /** Frames above this ask for room. */
  readonly freeFrameBytes: number;
  budgetFor(listenerName: string, head: Buffer): FrameBudget;
  readonly isFullOfWaiting: boolean;
  startsWaiting(bytes: number): void;
  endsWaiting(bytes: number): void;
}

class Pending implements Asker {
  isDone = false;
  response: Buffer[] | undefined;
  closeReason: string | undefined;
  /** What the request still holds while it waits. */
  waitingBytes = 0;
  private isGone = false;
  private goneListeners: (() => void)[] | undefined;

  onGone(listener: () => void): void {
    if (this.isGone) return listener();
    (this.goneListeners ??= []).push(listener);
  }

  gone(): void {
    this.isGone = true;
    for (const listener of this.goneListeners ?? []) listener();
  }
}

export class ServerConnection implements LeaseHolder {
  private readonly parser: FrameParser;
  /** Requests in progress, oldest first; responses leave from the front. */
  private readonly pending: Pending[] = [];
  private lease: Lease | undefined;
  private isPaused = false;
  /** Nothing is read any more; the connection ends when the responses before have left. */
  private isEnding = false;
  private isClosed = false;
  private closingTimer: Timer | undefined;

  constructor(
    private readonly connection: Connection,
    readonly listenerName: string,
    private readonly server: ConnectionOwner,
  ) {
    this.parser = new FrameParser(server.options.maxFrameBytes);
    connection.onData((chunk) => this.receive(chunk));
    connection.onDrain(() => this.resumeIfPossible());
  }

  get requestsInProgress(): number {
    return this.pending.length;
  }

  private receive(chunk: Buffer): void {
    if (this.isEnding) return;
    try {
      this.parser.push(chunk, (frame) => {
        if (!this.isClosed && !this.isEnding) this.take(frame);
      });
    } catch (error) {
      this.server.options.log.warn(
        `Closing connection from ${this.connection.remoteAddress}: ${messageOf(error)}`,
      );
      this.destroy(messageOf(error));
      return;
    }
    if (this.isClosed || this.isEnding || this.isPaused || this.mayReadOn()) return;
    this.isPaused = true;
    this.connection.pause();
  }

  /**
   * Whether to read on. Room for a frame is asked for only when nothing else is in the way, and who has it
   * reads on to the frame's end: nobody holds room while waiting for something that may need it.
   */
  private mayReadOn(): boolean {
    if (this.connection.pendingBytes() > MAX_UNSENT_BYTES) return false;
    if (this.lease === undefined) {
      if (this.pending.length >= MAX_IN_PROGRESS || (this.pending.length > 0 && this.server.isFullOfWaiting))
        return false;
      this.askForRoom();
    }
    return this.lease === undefined || this.lease.isGranted;
  }

  /**
   * A large frame is read on only when there is room for it. What has already come is not worth the asking.
   */
  private askForRoom(): void {
    const { frameBytes } = this.parser;
    if (frameBytes <= this.server.freeFrameBytes) return;
    if (this.parser.bufferedBytes < Math.min(frameBytes, REQUEST_HEAD_BYTES)) return;
    this.lease = this.server
      .budgetFor(this.listenerName, this.parser.peek(REQUEST_HEAD_BYTES))
      .ask(frameBytes, this);
  }

  granted(): void {
    this.resumeIfPossible();
  }

  revoked(reason: string): void {
    this.server.options.log.warn(`Closing connection from ${this.connection.remoteAddress}: ${reason}`);
    this.destroy(reason);
  }

  resumeIfPossible(): void {
    if (!this.isPaused || this.isClosed || !this.mayReadOn()) return;
    this.isPaused = false;
    this.connection.resume();
  }

  /**
   * The frame's room is given back as soon as its handler returns: what waits must not keep others from being
   * read.
   */
  private take(frame: Buffer): void {
    const { lease } = this;
    this.lease = undefined;
    try {
      this.start(frame);
    } finally {
      lease?.giveBack();
    }
  }

  private start(frame: Buffer): void {
    const { header, api, body } = decodeRequest(frame, apiByKey);
    const slot = new Pending();
    this.pending.push(slot);
    const finish = (response: unknown) => {
      slot.isDone = true;
      if (response instanceof CloseConnection) {
        slot.closeReason = response.reason;
        this.isEnding = true;
      } else if (response !== undefined) slot.response = encodeResponse(api, header.correlationId, response);
      this.sendReady();
    };
    const context = {
      header,
      listener: this.listenerName,
      remoteAddress: this.connection.remoteAddress,
      asker: slot,
    };
    const result = this.server.serve(api, body, context);
    if (!(result instanceof Promise)) return finish(result);
    // Records are let go of when they are in the log; other requests stay in memory as they are.
    slot.waitingBytes = containsRecords(api.request) ? 0 : frame.length;
    this.server.startsWaiting(slot.waitingBytes);
    result.then(finish).catch((error) => this.destroy(`${api.name} failed: ${messageOf(error)}`));
  }

  private sendReady(): void {
    if (this.isClosed) return;
    while (this.pending[0]?.isDone) {
      const { response, closeReason, waitingBytes } = this.pending.shift()!;
      this.server.endsWaiting(waitingBytes);
      if (closeReason !== undefined) return this.end(closeReason);
      if (response) this.connection.write(response);
    }
    this.resumeIfPossible();
  }

  /** Lets what is written arrive, then closes. */
  private end(reason: string): void {
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
    this.lease?.giveBack();
    for (const slot of this.pending.splice(0)) {
      this.server.endsWaiting(slot.waitingBytes);
      slot.gone();
    }
  }

  destroy(reason: string): void {
    this.closed();
    this.connection.destroy(reason);
  }
}
