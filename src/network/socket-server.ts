/**
 * The answering side: listeners, connections, and the bounds that protect the broker from both.
 *
 * Invariants: bytes of large requests coming in stay below `queuedMaxRequestBytes`, for clients and for
 * brokers each (frame-budget.ts); beyond as many bytes of requests that wait, a connection has one request in
 * progress, not several. Whatever clients do, what brokers send each other is read (docs/decisions/0011).
 *
 * Kafka: network/SocketServer.scala@2.8.2; differs: Kafka serves one request of a connection at a time.
 */
import { errnoOf, messageOf } from '../common/errors';
import { Connection, Host, Listener, Log } from '../common/host';
import { Metrics } from '../common/metrics';
import { isBrokerRequest } from '../protocol/wire';
import { FrameBudget } from './frame-budget';
import { Serve, ServerConnection } from './server-connection';

/** A request that comes in while others wait for memory has this long. */
const MAX_FRAME_MS = 30_000;
/** A frame up to this size needs no room: about what the host hands over at once. */
const FREE_FRAME_BYTES = 64 * 1024;

export interface SocketServerOptions {
  readonly maxFrameBytes: number;
  readonly queuedMaxRequestBytes: number;
  readonly maxConnections: number;
  /** The listeners on which only brokers connect, if they have any of their own. */
  readonly brokerListeners: readonly string[];
  /** Where brokers come in, among clients if it is none of those. */
  readonly interBrokerListener: string;
  readonly log: Log;
}

export class SocketServer {
  private readonly listeners: Listener[] = [];
  private readonly connections = new Set<ServerConnection>();
  private readonly clientFrames: FrameBudget;
  private readonly brokerFrames: FrameBudget;
  /** Frames above this ask for room. */
  readonly freeFrameBytes: number;
  private waiting = 0;

  constructor(
    readonly host: Pick<Host, 'network' | 'clock'>,
    readonly serve: Serve,
    readonly options: SocketServerOptions,
  ) {
    const { queuedMaxRequestBytes } = options;
    this.clientFrames = new FrameBudget(host.clock, queuedMaxRequestBytes, MAX_FRAME_MS);
    this.brokerFrames = new FrameBudget(host.clock, queuedMaxRequestBytes, MAX_FRAME_MS);
    this.freeFrameBytes = Math.min(FREE_FRAME_BYTES, queuedMaxRequestBytes / 1000);
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
    gauge('MemoryPoolUsed', () => this.clientFrames.usedBytes);
    gauge('BrokerMemoryPoolUsed', () => this.brokerFrames.usedBytes);
    gauge('WaitingRequestBytes', () => this.waiting);
    gauge('RequestsInProgress', () =>
      [...this.connections].reduce((sum, one) => sum + one.requestsInProgress, 0),
    );
    gauge('ConnectionCount', () => this.connections.size);
  }

  private accept(connection: Connection, listenerName: string): void {
    const { maxConnections, brokerListeners, log } = this.options;
    if (this.connections.size >= maxConnections && !brokerListeners.includes(listenerName)) {
      log.warn(
        `Rejected connection from ${connection.remoteAddress}: max.connections (${maxConnections}) reached`,
      );
      connection.destroy('max.connections reached');
      return;
    }
    const served = new ServerConnection(connection, listenerName, this);
    this.connections.add(served);
    connection.onClose(() => {
      served.closed();
      this.connections.delete(served);
    });
  }

  /**
   * Brokers have a budget of their own, so that no client can keep them from replicating or from being
   * controlled.
   */
  budgetFor(listenerName: string, head: Buffer): FrameBudget {
    const { brokerListeners, interBrokerListener } = this.options;
    const isShared = listenerName === interBrokerListener;
    const isBroker = brokerListeners.includes(listenerName) || (isShared && isBrokerRequest(head));
    return isBroker ? this.brokerFrames : this.clientFrames;
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
    for (const connection of [...this.connections]) connection.destroy('the broker is shutting down');
    this.clientFrames.close();
    this.brokerFrames.close();
    await Promise.all(closing);
  }
}
