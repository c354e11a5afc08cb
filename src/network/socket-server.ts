/**
 * The server side: listeners, connections, and the limits that protect the broker's memory.
 *
 * Invariants: the bytes of large incoming requests stay within `queuedMaxRequestBytes`, and the bytes of
 * large outgoing responses within `queuedMaxResponseBytes`, with separate budgets for clients and for brokers
 * (frame-budget.ts). When the requests that wait for a response take `queuedMaxRequestBytes`, each connection
 * has only one request in progress. Whatever clients do, requests between brokers are read and answered
 * (docs/decisions/0011, 0016).
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

/** How long a frame may take while others wait for memory. */
const MAX_FRAME_MS = 30_000;
/** A frame up to this size needs no lease: it is about what the host delivers in one chunk. */
const FREE_FRAME_BYTES = 64 * 1024;

export interface SocketServerOptions {
  readonly maxFrameBytes: number;
  readonly queuedMaxRequestBytes: number;
  readonly queuedMaxResponseBytes: number;
  readonly connections: ConnectionLimits;
  /** A connection on which no byte moves for this long is closed, ms; negative: never. */
  readonly maxIdleMs: number;
  /** The listeners on which only brokers connect; empty if brokers share a listener with clients. */
  readonly brokerListeners: readonly string[];
  /**
   * The listener on which brokers connect. If it is not in `brokerListeners`, clients connect there as well.
   */
  readonly interBrokerListener: string;
  /** On a shared listener a Fetch counts as a broker's if it names a live broker and that broker's epoch. */
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
  /** A frame up to this size needs no lease. */
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
        onFull: (holders) =>
          warning.warn(
            () =>
              `${setting} (${maxBytes}) of ${whose} is used up by ${holders} connections: others wait for ` +
              `memory`,
          ),
      });
    };
    return {
      requests: budget(options.queuedMaxRequestBytes, 'queued.max.request.bytes', 'request', 'came'),
      responses: budget(options.queuedMaxResponseBytes, 'queued.max.response.bytes', 'response', 'was taken'),
    };
  }

  /**
   * Binds and accepts connections; resolves with the port. Rejects with an Error that explains if the address
   * is in use or does not belong to this machine.
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

  /**
   * Registers Kafka's gauges where Kafka has them, and gauges by which tests check that nothing leaks: they
   * return to their base value when nothing happens.
   */
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
    // A connection that has to wait is not read until then.
    if (admission.delayMs > 0) this.host.clock.schedule(admission.delayMs, serve);
    else serve();
  }

  /**
   * Whether the request comes from a broker. Brokers have budgets of their own, so that no client can stop
   * replication or the controller's requests.
   */
  isBroker(listenerName: string, head: Buffer): boolean {
    const { brokerListeners, interBrokerListener, isLiveBroker } = this.options;
    const isShared = listenerName === interBrokerListener;
    return brokerListeners.includes(listenerName) || (isShared && isBrokerRequest(head, isLiveBroker));
  }

  budgetOf(direction: 'requests' | 'responses', isBroker: boolean): FrameBudget {
    return (isBroker ? this.brokers : this.clients)[direction];
  }

  /**
   * Whether waiting requests take all their memory. Then each connection has at most one request in progress.
   */
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
