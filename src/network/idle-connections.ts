/**
 * Connections on which no byte moves: they are closed after connections.max.idle.ms, and earlier where a new one
 * finds no room. So whoever opens connections and leaves them open keeps nobody out, and what brokers send each
 * other finds its way: a connection that is used is never closed for another, nor one of a listener that only
 * brokers use.
 *
 * Kafka: common/network/Selector.java#maybeCloseOldestConnection, SocketServer.scala#closeExcessConnections@2.8.2,
 * which closes one for connections of brokers only.
 */
import { Clock, Log, Timer } from '../common/host';
import { RepeatedWarning } from '../common/repeated-warning';
import { ServerConnection } from './server-connection';

/** Idle connections are looked for so often in their time. */
const LOOKS = 10;
/** One that was used lately gives way to nobody, ms. */
const MIN_IDLE_MS = 10_000;
/** All connections are looked at no more often, ms. */
const MIN_LOOK_INTERVAL_MS = 1000;

export class IdleConnections {
  private timer: Timer | undefined;
  /** The longest idle one last. */
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

  /** Closes the one that is idle for longest, for a new one; returns whether one was closed. */
  closeOne(connections: ReadonlySet<ServerConnection>): boolean {
    const nowMs = this.clock.monotonicMs();
    const mayGiveWay = (one: ServerConnection) =>
      connections.has(one) && one.requestsInProgress === 0 && one.idleMs(nowMs) >= MIN_IDLE_MS
      && !this.brokerListeners.includes(one.listenerName);
    if (this.candidates.length === 0 && nowMs - this.lookedMs >= MIN_LOOK_INTERVAL_MS) {
      this.lookedMs = nowMs;
      this.candidates = [...connections].filter(mayGiveWay).sort((a, b) => a.idleMs(nowMs) - b.idleMs(nowMs));
    }
    for (let one = this.candidates.pop(); one !== undefined; one = this.candidates.pop()) {
      if (!mayGiveWay(one)) continue;
      const { remoteAddress } = one;
      this.evictions.warn(() => `max.connections reached: closing the idle connection from ${remoteAddress} for a new one`);
      one.destroy('max.connections reached: others need the room');
      return true;
    }
    return false;
  }

  close(): void {
    this.timer?.cancel();
  }
}
