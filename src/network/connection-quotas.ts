/**
 * How many connections there may be: in all, from one address, on one listener, and how many new ones a second.
 *
 * The listeners that only brokers use have room of their own: neither `max.connections` nor the rate of the whole
 * broker keeps a broker out, only what is set for them. Kafka lets who comes too many wait in the
 * kernel's queue; here he waits for up to a second where the rate is exceeded, and is refused else, unless
 * another connection is idle (idle-connections.ts).
 *
 * Kafka: network/SocketServer.scala#ConnectionQuotas@2.8.2
 */
import { Clock } from '../common/host';

export interface ListenerLimits {
  readonly maxConnections: number;
  /** New connections a second. */
  readonly creationRate: number;
}

export interface ConnectionLimits extends ListenerLimits {
  readonly maxPerIp: number;
  readonly perIpOverrides: ReadonlyMap<string, number>;
  readonly listeners: ReadonlyMap<string, ListenerLimits>;
}

const NO_LIMITS: ListenerLimits = { maxConnections: Infinity, creationRate: Infinity };
/** A second's connections may come at once, and as many wait for their time. */
const BURST_MS = 1000;
const MAX_DELAY_MS = 1000;

/** An even rate: each connection takes the time that the rate gives it. */
class Rate {
  private bookedUntilMs = -Infinity;

  constructor(private readonly perSecond: number) {}

  /** When a connection that comes now may be served, ms from now. */
  delayMs(nowMs: number): number {
    if (this.perSecond === Infinity) return 0;
    return Math.max(0, Math.max(this.bookedUntilMs, nowMs) + 1000 / this.perSecond - nowMs - BURST_MS);
  }

  book(nowMs: number): void {
    this.bookedUntilMs = Math.max(this.bookedUntilMs, nowMs) + 1000 / this.perSecond;
  }
}

interface Counted extends ListenerLimits {
  /** What its settings begin with. */
  readonly setting: string;
  count: number;
  readonly rate: Rate;
}

function counted(setting: string, limits: ListenerLimits): Counted {
  return { ...limits, setting, count: 0, rate: new Rate(limits.creationRate) };
}

export type Admission = { readonly refusal: string; readonly isFull: boolean } | { readonly refusal: undefined; readonly delayMs: number };

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

  /** Counts a new connection, or says why it is refused. */
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

/** The address of a peer given as `address:port`; IPv4 also where the listener is one of IPv6. */
export function ipOf(remoteAddress: string): string {
  return remoteAddress.replace(/:\d+$/, '').replace(/^::ffff:/, '');
}
