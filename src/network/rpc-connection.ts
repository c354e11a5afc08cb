/**
 * The client side of a connection: sends requests, matches responses by correlation id, and fails all open
 * requests when the connection ends.
 *
 * Invariant: every promise settles, by its response, its timeout or the end of the connection. Responses
 * arrive in the order of the requests; a response out of order is a protocol error and ends the connection.
 *
 * Kafka: clients/.../{NetworkClient,InFlightRequests}.java@2.8.2
 */
import { HostPort } from '../common/cluster-types';
import { errnoOf, KafkaError, messageOf } from '../common/errors';
import { Clock, Connection, Host, Timer } from '../common/host';
import { FrameParser } from '../protocol/frame-parser';
import { apiVersions } from '../protocol/messages/metadata';
import { Api } from '../protocol/schema';
import { decodeResponse, encodeRequest, responseCorrelationId } from '../protocol/wire';

const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;

interface InFlight {
  readonly correlationId: number;
  readonly settle: (frame: Buffer) => void;
  readonly fail: (error: Error) => void;
  readonly timer: Timer;
}

/** A request without response that was written, and whose sender waits because the peer reads slowly. */
interface Unsent {
  readonly sent: () => void;
  readonly fail: (error: Error) => void;
  readonly timer: Timer;
}

export interface RpcOptions {
  readonly clientId: string;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs?: number;
}

export class RpcConnection {
  private readonly parser = new FrameParser(MAX_RESPONSE_BYTES);
  private readonly inFlight: InFlight[] = [];
  private readonly unsent: Unsent[] = [];
  private nextCorrelationId = 0;
  private closedReason: string | undefined;
  private usedMs: number;
  private readonly closeListeners: ((reason: string) => void)[] = [];

  private constructor(
    private readonly clock: Clock,
    private readonly connection: Connection,
    private readonly options: RpcOptions,
  ) {
    this.usedMs = clock.monotonicMs();
    connection.onData((chunk) => this.receive(chunk));
    connection.onDrain(() => this.drained());
    connection.onClose((reason) => this.closed(reason));
  }

  /**
   * Connects, and sends ApiVersions first: a peer that does not answer it is not a broker of this protocol.
   * Rejects with DISCONNECTED or REQUEST_TIMED_OUT.
   */
  static async open(host: Host, address: HostPort, options: RpcOptions): Promise<RpcConnection> {
    const connection = await dial(host, address, options);
    const rpc = new RpcConnection(host.clock, connection, options);
    const timeoutMs = Math.min(
      options.requestTimeoutMs,
      options.connectTimeoutMs ?? options.requestTimeoutMs,
    );
    await rpc.request(
      apiVersions,
      { clientSoftwareName: 'samsa', clientSoftwareVersion: '0.1.0' },
      timeoutMs,
    );
    return rpc;
  }

  get isOpen(): boolean {
    return this.closedReason === undefined;
  }
  get inFlightCount(): number {
    return this.inFlight.length;
  }

  /** Whether no request is in flight and none was sent during the last `forMs` ms. */
  isIdle(forMs: number): boolean {
    return this.inFlight.length === 0 && this.clock.monotonicMs() - this.usedMs > forMs;
  }

  onClose(listener: (reason: string) => void): void {
    if (this.closedReason !== undefined) listener(this.closedReason);
    else this.closeListeners.push(listener);
  }

  /**
   * Resolves with the response. Rejects with DISCONNECTED, or with REQUEST_TIMED_OUT after `timeoutMs`; a
   * timeout also ends the connection.
   */
  request<Q, R>(api: Api<Q, R>, body: Q, timeoutMs = this.options.requestTimeoutMs): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      if (this.closedReason !== undefined) return reject(new KafkaError('DISCONNECTED', this.closedReason));
      const correlationId = this.correlate();
      const frame = encodeRequest(api, correlationId, this.options.clientId, body);
      const timer = this.clock.schedule(timeoutMs, () =>
        this.destroy(`no response to ${api.name} within ${timeoutMs} ms`, 'REQUEST_TIMED_OUT'),
      );
      const settle = (response: Buffer) => resolve(decodeResponse(response, api));
      this.inFlight.push({ correlationId, settle, fail: reject, timer });
      this.connection.write(frame);
    });
  }

  /**
   * Sends a request that has no response (Produce with acks 0). Resolves when the peer reads fast enough for
   * more to be sent. Rejects as `request` does; then it is unknown whether the request arrived.
   */
  send<Q, R>(api: Api<Q, R>, body: Q): Promise<void> {
    if (this.closedReason !== undefined)
      return Promise.reject(new KafkaError('DISCONNECTED', this.closedReason));
    if (this.connection.write(encodeRequest(api, this.correlate(), this.options.clientId, body)))
      return Promise.resolve();
    const { requestTimeoutMs } = this.options;
    return new Promise((resolve, reject) => {
      const timer = this.clock.schedule(requestTimeoutMs, () =>
        this.destroy(`${api.name} was not taken within ${requestTimeoutMs} ms`, 'REQUEST_TIMED_OUT'),
      );
      this.unsent.push({ sent: resolve, fail: reject, timer });
    });
  }

  private drained(): void {
    for (const { sent, timer } of this.unsent.splice(0)) {
      timer.cancel();
      sent();
    }
  }

  private correlate(): number {
    this.usedMs = this.clock.monotonicMs();
    const id = this.nextCorrelationId;
    this.nextCorrelationId = (id + 1) % 0x7fff_ffff;
    return id;
  }

  close(): void {
    this.connection.destroy('closed by us');
    this.closed('closed by us');
  }

  private destroy(reason: string, errorName: 'REQUEST_TIMED_OUT' | 'DISCONNECTED' = 'DISCONNECTED'): void {
    this.connection.destroy(reason);
    this.closed(reason, errorName);
  }

  private receive(chunk: Buffer): void {
    try {
      this.parser.push(chunk, (frame) => {
        const [expected] = this.inFlight;
        const correlationId = responseCorrelationId(frame);
        if (expected === undefined || correlationId !== expected.correlationId) {
          throw new Error(
            `response ${correlationId} came where ${expected?.correlationId ?? 'none'} was expected`,
          );
        }
        this.inFlight.shift();
        expected.timer.cancel();
        try {
          expected.settle(frame);
        } catch (error) {
          expected.fail(new KafkaError('DISCONNECTED', String(error)));
          throw error;
        }
      });
    } catch (error) {
      this.destroy(String(error));
    }
  }

  private closed(reason: string, errorName: 'REQUEST_TIMED_OUT' | 'DISCONNECTED' = 'DISCONNECTED'): void {
    if (this.closedReason !== undefined) return;
    this.closedReason = reason;
    for (const open of [...this.inFlight.splice(0), ...this.unsent.splice(0)]) {
      open.timer.cancel();
      open.fail(new KafkaError(errorName, reason));
    }
    for (const listener of this.closeListeners.splice(0)) listener(reason);
  }
}

async function dial(host: Host, address: HostPort, options: RpcOptions): Promise<Connection> {
  try {
    return await host.network.dial(
      address.host,
      address.port,
      options.connectTimeoutMs ?? options.requestTimeoutMs,
    );
  } catch (error) {
    throw new KafkaError(
      'DISCONNECTED',
      `connection to ${address.host}:${address.port} failed: ${errnoOf(error) ?? messageOf(error)}`,
    );
  }
}
