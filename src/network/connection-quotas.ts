/**
 * Limits the number of connections: of the broker, from one IP address, on one listener; and how many new
 * ones are accepted in a second.
 *
 * The listeners that only brokers use are not subject to `max.connections` and the rate of the whole broker,
 * only to the limits that are set for them. So clients cannot keep a broker out. Kafka leaves a connection
 * beyond the limits in the kernel's accept queue. Here a connection beyond the rate waits for up to a second.
 * Otherwise it is refused, unless an idle connection can be closed for it (idle-connections.ts).
 *
 * Kafka: network/SocketServer.scala#ConnectionQuotas@2.8.2
 */
import { Clock } from '../common/host';

export interface ListenerLimits {
  readonly maxConnections: number;
  /** New connections per second. */
  readonly creationRate: number;
}

export interface ConnectionLimits extends ListenerLimits {
  readonly maxPerIp: number;
  readonly perIpOverrides: ReadonlyMap<string, number>;
  readonly listeners: ReadonlyMap<string, ListenerLimits>;
}

const NO_LIMITS: ListenerLimits = { maxConnections: Infinity, creationRate: Infinity };
/** The connections of one second may be accepted at once; as many again may wait. */
const BURST_MS = 1000;
const MAX_DELAY_MS = 1000;

/** Spaces connections evenly: each one uses up 1/rate seconds. */
class Rate {
  private bookedUntilMs = -Infinity;

  constructor(private readonly perSecond: number) {}

  /** How long a connection that arrives now has to wait, in ms. */
  delayMs(nowMs: number): number {
    if (this.perSecond === Infinity) return 0;
    return Math.max(0, Math.max(this.bookedUntilMs, nowMs) + 1000 / this.perSecond - nowMs - BURST_MS);
  }

  book(nowMs: number): void {
    this.bookedUntilMs = Math.max(this.bookedUntilMs, nowMs) + 1000 / this.perSecond;
  }
}

interface Counted extends ListenerLimits {
  /** The prefix of its settings. */
  readonly setting: string;
  count: number;
  readonly rate: Rate;
}

function counted(setting: string, limits: ListenerLimits): Counted {
  return { ...limits, setting, count: 0, rate: new Rate(limits.creationRate) };
}

export type Admission =
  | { readonly refusal: string; readonly isFull: boolean }
  | { readonly refusal: undefined; readonly delayMs: number };

export class ConnectionQuotas {
  private readonly broker: Counted;
  private readonly listeners = new Map<string, Counted>();
  private readonly perIp = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly limits: ConnectionLimits,
    private readonly brokerListeners: readonly string[],
  ) {
    this.broker = counted('', limits);
  }

  private listener(name: string): Counted {
    let known = this.listeners.get(name);
    if (known !== undefined) return known;
    known = counted(`listener.name.${name.toLowerCase()}.`, this.limits.listeners.get(name) ?? NO_LIMITS);
    this.listeners.set(name, known);
    return known;
  }

  /** Counts a new connection and returns how long it has to wait, or returns why it is refused. */
  open(listenerName: string, ip: string): Admission {
    const nowMs = this.clock.monotonicMs();
    const listener = this.listener(listenerName);
    const bounds = this.brokerListeners.includes(listenerName) ? [listener] : [this.broker, listener];
    const isFull = bounds.includes(this.broker) && this.broker.count >= this.broker.maxConnections;
    const refusal = this.refusal(bounds, ip);
    if (refusal !== undefined) return { refusal, isFull };
    const delayMs = Math.max(...bounds.map(({ rate }) => rate.delayMs(nowMs)));
    if (delayMs > MAX_DELAY_MS) return { refusal: 'max.connection.creation.rate is exceeded', isFull };
    for (const { rate } of bounds) rate.book(nowMs);
    for (const one of [listener, this.broker]) one.count++;
    this.perIp.set(ip, (this.perIp.get(ip) ?? 0) + 1);
    return { refusal: undefined, delayMs };
  }

  private refusal(bounds: readonly Counted[], ip: string): string | undefined {
    const full = bounds.find(({ count, maxConnections }) => count >= maxConnections);
    if (full) return `${full.setting}max.connections (${full.maxConnections}) reached`;
    const maxPerIp = this.limits.perIpOverrides.get(ip) ?? this.limits.maxPerIp;
    if ((this.perIp.get(ip) ?? 0) >= maxPerIp) return `max.connections.per.ip (${maxPerIp}) reached`;
    return undefined;
  }

  close(listenerName: string, ip: string): void {
    this.listener(listenerName).count--;
    this.broker.count--;
    const left = (this.perIp.get(ip) ?? 0) - 1;
    if (left > 0) this.perIp.set(ip, left);
    else this.perIp.delete(ip);
  }
}

/**
 * The IP address in `address:port`. An IPv4 address stays one when the listener is bound to IPv6
 * (::ffff:1.2.3.4).
 */
export function ipOf(remoteAddress: string): string {
  return remoteAddress.replace(/:\d+$/, '').replace(/^::ffff:/, '');
}
