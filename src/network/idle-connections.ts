/**
 * Closes idle connections, on which no byte moves: after connections.max.idle.ms, or earlier when a new
 * connection would exceed max.connections.
 *
 * So a client that opens connections and leaves them open cannot lock others out. A connection in use is
 * never closed for a new one, nor is a connection of a listener that only brokers use.
 *
 * Kafka: common/network/Selector.java#maybeCloseOldestConnection,
 * SocketServer.scala#closeExcessConnections@2.8.2, which closes one for connections of brokers only.
 */
import { Clock, Log, Timer } from '../common/host';
import { RepeatedWarning } from '../common/repeated-warning';
import { ServerConnection } from './server-connection';

/** How many checks for idle connections there are within connections.max.idle.ms. */
const LOOKS = 10;
/** A connection that was used within this time is not closed for a new one, ms. */
const MIN_IDLE_MS = 10_000;
/** The list of candidates is rebuilt at most once in this time, ms, because that visits every connection. */
const MIN_LOOK_INTERVAL_MS = 1000;

export class IdleConnections {
  private timer: Timer | undefined;
  /** Connections that may be closed for a new one. The one that has been idle for longest is the last. */
  private candidates: ServerConnection[] = [];
  private lookedMs = -Infinity;
  private readonly evictions: RepeatedWarning;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly maxIdleMs: number,
    private readonly brokerListeners: readonly string[],
  ) {
    this.evictions = new RepeatedWarning(clock, log);
  }

  start(connections: ReadonlySet<ServerConnection>): void {
    if (this.maxIdleMs < 0 || this.timer !== undefined) return;
    this.timer = this.clock.schedule(Math.max(1, this.maxIdleMs / LOOKS), () => {
      this.timer = undefined;
      this.closeIdle(connections);
      this.start(connections);
    });
  }

  private closeIdle(connections: ReadonlySet<ServerConnection>): void {
    const nowMs = this.clock.monotonicMs();
    for (const connection of [...connections]) {
      if (connection.idleMs(nowMs) <= this.maxIdleMs) continue;
      if (this.log.debugOn) this.log.debug(`Closing connection from ${connection.remoteAddress}: it is idle`);
      connection.destroy('connections.max.idle.ms is over');
    }
  }

  /**
   * Closes the connection that has been idle for longest, to make room for a new one. Returns whether one was
   * closed.
   */
  closeOne(connections: ReadonlySet<ServerConnection>): boolean {
    const nowMs = this.clock.monotonicMs();
    const mayGiveWay = (one: ServerConnection) =>
      connections.has(one) &&
      one.requestsInProgress === 0 &&
      one.idleMs(nowMs) >= MIN_IDLE_MS &&
      !this.brokerListeners.includes(one.listenerName);
    if (this.candidates.length === 0 && nowMs - this.lookedMs >= MIN_LOOK_INTERVAL_MS) {
      this.lookedMs = nowMs;
      this.candidates = [...connections].filter(mayGiveWay).sort((a, b) => a.idleMs(nowMs) - b.idleMs(nowMs));
    }
    for (let one = this.candidates.pop(); one !== undefined; one = this.candidates.pop()) {
      if (!mayGiveWay(one)) continue;
      const { remoteAddress } = one;
      this.evictions.warn(
        () => `max.connections reached: closing the idle connection from ${remoteAddress} for a new one`,
      );
      one.destroy('max.connections reached: others need the room');
      return true;
    }
    return false;
  }

  close(): void {
    this.timer?.cancel();
  }
}
