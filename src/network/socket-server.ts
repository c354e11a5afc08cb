/**
 * The answering side: listeners, connections, and the bounds that protect the broker from both.
 *
 * Invariants: bytes of large requests coming in stay below `queuedMaxRequestBytes`, and bytes of large responses
 * going out below `queuedMaxResponseBytes`, for clients and for brokers each (frame-budget.ts); beyond as many
 * bytes of requests that wait, a connection has one request in progress, not several. Whatever clients do, what
 * brokers send each other is read and answered (docs/decisions/0011, 0016).
 *
 * Kafka: network/SocketServer.scala@2.8.2; differs: Kafka serves one request of a connection at a time.
 */
import { errnoOf, messageOf } from '../common/errors';
import { Connection, Host, Listener, Log } from '../common/host';
import { Metrics } from '../common/metrics';
import { RepeatedWarning } from '../common/repeated-warning';
import { isBrokerRequest, IsLiveBroker } from '../protocol/wire';
import { ConnectionLimits, ConnectionQuotas, ipOf } from './connection-quotas';
import { FrameBudget } from './frame-budget';
import { IdleConnections } from './idle-connections';
import { Serve, ServerConnection } from './server-connection';
import { WorkTurns } from './work-turns';

/** A frame that is on its way while others wait for memory has this long. */
const MAX_FRAME_MS = 30_000;
/** A frame up to this size needs no room: about what the host hands over at once. */
const FREE_FRAME_BYTES = 64 * 1024;

export interface SocketServerOptions {
  readonly maxFrameBytes: number;
  readonly queuedMaxRequestBytes: number;
  readonly queuedMaxResponseBytes: number;
  readonly connections: ConnectionLimits;
  /** A connection on which no byte moves for so long is closed, ms; negative: never. */
  readonly maxIdleMs: number;
  /** The listeners on which only brokers connect, if they have any of their own. */
  readonly brokerListeners: readonly string[];
  /** Where brokers come in, among clients if it is none of those. */
  readonly interBrokerListener: string;
  /** Who says so there, in a Fetch, is a broker. */
  readonly isLiveBroker: IsLiveBroker;
  readonly log: Log;
}

interface Budgets {
  readonly requests: FrameBudget;
  readonly responses: FrameBudget;
}

export class SocketServer {
  private readonly listeners: Listener[] = [];
  private readonly connections = new Set<ServerConnection>();
  private readonly quotas: ConnectionQuotas;
  private readonly clients: Budgets;
  private readonly brokers: Budgets;
  private readonly refusals: RepeatedWarning;
  private readonly idle: IdleConnections;
  /** Frames above this ask for room. */
  readonly freeFrameBytes: number;
  readonly turns: WorkTurns;
  private waiting = 0;
  private isClosed = false;

  constructor(
    readonly host: Pick<Host, 'network' | 'clock'>,
    readonly serve: Serve,
    readonly options: SocketServerOptions,
  ) {
    const { queuedMaxRequestBytes, connections, brokerListeners, log } = options;
    this.turns = new WorkTurns(host.clock);
    this.quotas = new ConnectionQuotas(host.clock, connections, brokerListeners);
    this.refusals = new RepeatedWarning(host.clock, log);
    this.idle = new IdleConnections(host.clock, log, options.maxIdleMs, brokerListeners);
    this.clients = this.budgets('clients');
    this.brokers = this.budgets('brokers');
    this.freeFrameBytes = Math.min(FREE_FRAME_BYTES, queuedMaxRequestBytes / 1000);
  }

  private budgets(whose: string): Budgets {
    const { host, options } = this;
    const budget = (maxBytes: number, setting: string, what: string, verb: string) => {
      const warning = new RepeatedWarning(host.clock, options.log);
      return new FrameBudget(host.clock, maxBytes, {
        maxHoldMs: MAX_FRAME_MS,
        slowReason: (bytes) =>
          `a ${what} of ${bytes} bytes ${verb} too slowly: others waited for memory after ${MAX_FRAME_MS} ms`,
        onFull: (holders) => warning.warn(() =>
          `${setting} (${maxBytes}) of ${whose} is used up by ${holders} connections: others wait for memory`),
      });
    };
    return {
      requests: budget(options.queuedMaxRequestBytes, 'queued.max.request.bytes', 'request', 'came'),
      responses: budget(options.queuedMaxResponseBytes, 'queued.max.response.bytes', 'response', 'was taken'),
    };
  }

  /**
   * Binds and accepts; returns the port. Rejects with an Error that explains when the address is taken or not
   * ours.
   */
  async listen(listenerName: string, host: string, port: number): Promise<number> {
    try {
      const listener = await this.host.network.listen(host, port, (connection) =>
        this.accept(connection, listenerName),
      );
      this.listeners.push(listener);
      this.idle.start(this.connections);
      return listener.port;
    } catch (error) {
      const why = errnoOf(error) === 'EADDRINUSE' ? 'Address already in use' : messageOf(error);
      throw new Error(`Socket server failed to bind to ${host === '' ? '*' : host}:${port}: ${why}.`);
    }
  }

  /** Kafka's gauges where it has them, and what a checker wants at its floor when nothing happens. */
  registerGauges(metrics: Metrics): void {
    const gauge = (name: string, read: () => number) =>
      metrics.gauge(`kafka.network:type=SocketServer,name=${name}`, read);
    gauge('MemoryPoolUsed', () => this.clients.requests.usedBytes);
    gauge('BrokerMemoryPoolUsed', () => this.brokers.requests.usedBytes);
    gauge('ResponseMemoryUsed', () => this.clients.responses.usedBytes);
    gauge('BrokerResponseMemoryUsed', () => this.brokers.responses.usedBytes);
    gauge('WaitingRequestBytes', () => this.waiting);
    gauge('RequestsInProgress', () =>
      [...this.connections].reduce((sum, one) => sum + one.requestsInProgress, 0),
    );
    gauge('ConnectionCount', () => this.connections.size);
  }

  private accept(connection: Connection, listenerName: string): void {
    const { remoteAddress } = connection;
    const ip = ipOf(remoteAddress);
    let admission = this.quotas.open(listenerName, ip);
    if (admission.refusal !== undefined && admission.isFull && this.idle.closeOne(this.connections))
      admission = this.quotas.open(listenerName, ip);
    if (admission.refusal !== undefined) {
      const { refusal } = admission;
      this.refusals.warn(() => `Rejected connection from ${remoteAddress}: ${refusal}`);
      connection.destroy(refusal);
      return;
    }
    let isGone = false;
    let served: ServerConnection | undefined;
    const gone = () => {
      if (isGone) return;
      isGone = true;
      this.quotas.close(listenerName, ip);
      served?.closed();
      if (served) this.connections.delete(served);
    };
    connection.onClose(gone);
    const serve = () => {
      if (isGone || this.isClosed) return connection.destroy('the broker is shutting down');
      served = new ServerConnection(connection, listenerName, this, gone);
      this.connections.add(served);
    };
    // Until then it is not read.
    if (admission.delayMs > 0) this.host.clock.schedule(admission.delayMs, serve);
    else serve();
  }

  /**
   * Brokers have budgets of their own, so that no client can keep them from replicating or from being
   * controlled.
   */
  isBroker(listenerName: string, head: Buffer): boolean {
    const { brokerListeners, interBrokerListener, isLiveBroker } = this.options;
    const isShared = listenerName === interBrokerListener;
    return brokerListeners.includes(listenerName) || (isShared && isBrokerRequest(head, isLiveBroker));
  }

  budgetOf(direction: 'requests' | 'responses', isBroker: boolean): FrameBudget {
    return (isBroker ? this.brokers : this.clients)[direction];
  }

  /** Then no connection gets further ahead of its answers. */
  get isFullOfWaiting(): boolean {
    return this.waiting >= this.options.queuedMaxRequestBytes;
  }

  startsWaiting(bytes: number): void {
    this.waiting += bytes;
  }

  endsWaiting(bytes: number): void {
    const wasFull = this.isFullOfWaiting;
    this.waiting -= bytes;
    if (wasFull && !this.isFullOfWaiting)
      for (const connection of this.connections) connection.resumeIfPossible();
  }

  async close(): Promise<void> {
    const closing = this.listeners.splice(0).map((listener) => listener.close());
    this.isClosed = true;
    for (const connection of [...this.connections]) connection.destroy('the broker is shutting down');
    this.idle.close();
    for (const { requests, responses } of [this.clients, this.brokers]) {
      requests.close();
      responses.close();
    }
    await Promise.all(closing);
  }
}
