/**
 * The answering side: listeners, connections, and the bounds that protect the broker from both.
 *
 * A connection's requests start in the order they came and are answered in that order; several may be in progress, so a
 * producer's pipelined batches are appended one after the other without waiting for each other's acknowledgement.
 * Invariant: bytes of requests in progress, over all connections, stay below `queuedMaxRequestBytes`, and requests of
 * one connection below `MAX_IN_PROGRESS`; beyond, reading stops until responses leave.
 *
 * Kafka: network/SocketServer.scala@2.8.2; differs: Kafka serves one request of a connection at a time.
 */
import { errnoOf, messageOf } from '../common/errors';
import { Connection, Listener, Log, Network } from '../common/host';
import { FrameParser } from '../protocol/frame-parser';
import { apiByKey } from '../protocol/apis';
import { Api } from '../protocol/schema';
import { decodeRequest, encodeResponse, RequestHeader } from '../protocol/wire';

const MAX_IN_PROGRESS = 64;
/** A peer that does not read its responses: beyond this many unsent bytes nothing more is read from it. */
const MAX_UNSENT_BYTES = 64 * 1024 * 1024;

export interface RequestContext {
  readonly header: RequestHeader;
  readonly listener: string;
  readonly remoteAddress: string;
}

/** Serves one request: the response, or undefined where the API has none (Produce with acks 0). */
export type Serve = (api: Api, body: unknown, context: RequestContext) => Promise<unknown> | unknown;

export interface SocketServerOptions {
  readonly maxFrameBytes: number;
  readonly queuedMaxRequestBytes: number;
  readonly maxConnections: number;
  readonly log: Log;
}

export class SocketServer {
  private readonly listeners: Listener[] = [];
  private readonly connections = new Set<ServerConnection>();
  bytesInProgress = 0;

  constructor(private readonly network: Network, private readonly serve: Serve, readonly options: SocketServerOptions) {}

  /** Binds and accepts; returns the port. Rejects with a sentence when the address is taken or not ours. */
  async listen(listenerName: string, host: string, port: number): Promise<number> {
    try {
      const listener = await this.network.listen(host, port, (connection) => this.accept(connection, listenerName));
      this.listeners.push(listener);
      return listener.port;
    } catch (error) {
      const why = errnoOf(error) === 'EADDRINUSE' ? 'Address already in use' : messageOf(error);
      throw new Error(`Socket server failed to bind to ${host === '' ? '*' : host}:${port}: ${why}.`);
    }
  }

  get connectionCount(): number { return this.connections.size; }

  private accept(connection: Connection, listenerName: string): void {
    if (this.connections.size >= this.options.maxConnections) {
      this.options.log.warn(`Rejected connection from ${connection.remoteAddress}: max.connections (${this.options.maxConnections}) reached`);
      connection.destroy('max.connections reached');
      return;
    }
    const served = new ServerConnection(connection, listenerName, this, this.serve);
    this.connections.add(served);
    connection.onClose(() => {
      served.closed();
      this.connections.delete(served);
      this.resumeStalled();
    });
  }

  get overBudget(): boolean {
    return this.bytesInProgress >= this.options.queuedMaxRequestBytes;
  }

  resumeStalled(): void {
    if (this.overBudget) return;
    for (const connection of this.connections) connection.resumeIfPossible();
  }

  async close(): Promise<void> {
    const closing = this.listeners.splice(0).map((listener) => listener.close());
    for (const connection of [...this.connections]) connection.destroy('the broker is shutting down');
    await Promise.all(closing);
  }
}

interface Pending {
  readonly bytes: number;
  done: boolean;
  response: Buffer[] | undefined;
}

class ServerConnection {
  private readonly parser: FrameParser;
  /** Requests in progress, oldest first; responses leave from the front. */
  private readonly pending: Pending[] = [];
  private paused = false;
  private isClosed = false;

  constructor(
    private readonly connection: Connection, private readonly listenerName: string,
    private readonly server: SocketServer, private readonly serve: Serve,
  ) {
    this.parser = new FrameParser(server.options.maxFrameBytes);
    connection.onData((chunk) => this.receive(chunk));
    connection.onDrain(() => this.resumeIfPossible());
  }

  private receive(chunk: Buffer): void {
    try {
      this.parser.push(chunk, (frame) => { if (!this.isClosed) this.start(frame); });
    } catch (error) {
      this.server.options.log.warn(`Closing connection from ${this.connection.remoteAddress}: ${messageOf(error)}`);
      this.destroy(messageOf(error));
      return;
    }
    if (this.mustWait() && !this.paused) {
      this.paused = true;
      this.connection.pause();
    }
  }

  private mustWait(): boolean {
    return this.pending.length >= MAX_IN_PROGRESS || this.connection.pendingBytes() > MAX_UNSENT_BYTES || this.server.overBudget;
  }

  resumeIfPossible(): void {
    if (!this.paused || this.isClosed || this.mustWait()) return;
    this.paused = false;
    this.connection.resume();
  }

  private start(frame: Buffer): void {
    const { header, api, body } = decodeRequest(frame, apiByKey);
    const slot: Pending = { bytes: frame.length, done: false, response: undefined };
    this.pending.push(slot);
    this.server.bytesInProgress += slot.bytes;
    const finish = (response: unknown) => {
      slot.done = true;
      slot.response = response === undefined ? undefined : encodeResponse(api, header.correlationId, response);
      this.sendReady();
    };
    const result = this.serve(api, body, { header, listener: this.listenerName, remoteAddress: this.connection.remoteAddress });
    if (result instanceof Promise) result.then(finish).catch((error) => this.destroy(`${api.name} failed: ${messageOf(error)}`));
    else finish(result);
  }

  private sendReady(): void {
    if (this.isClosed) return;
    while (this.pending[0]?.done) {
      const { response, bytes } = this.pending.shift()!;
      this.server.bytesInProgress -= bytes;
      if (response) this.connection.write(response);
    }
    if (this.paused) this.server.resumeStalled();
  }

  /** Forgets what was in progress; called once the connection is gone. */
  closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const { bytes } of this.pending.splice(0)) this.server.bytesInProgress -= bytes;
  }

  destroy(reason: string): void {
    this.closed();
    this.connection.destroy(reason);
  }
}
