/**
 * What a user does to a message on its way: it is lost, late, or arrives twice. Each returns why it is
 * impossible; undefined: it is done.
 */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { EventLog } from './event-log';
import { Flight, InFlight } from './in-flight';
import { KeptMessage, MessageWatch } from './message-watch';
import { ZooKeeperMessages } from './zookeeper-messages';

type Refusal = string | undefined;

/** A message that can still be stopped. */
interface OnItsWay {
  readonly kept: KeptMessage;
  /** Its first bytes that have not arrived; undefined while it waits at a cut link, and for ZooKeeper's. */
  readonly flight: Flight | undefined;
}

export class MessageFaults {
  constructor(
    private readonly cluster: SimCluster,
    private readonly log: EventLog,
    private readonly messages: MessageWatch,
    private readonly flights: InFlight,
    private readonly zookeeper: ZooKeeperMessages,
  ) {}

  private find(id: number): OnItsWay | string {
    const kept = this.messages.find(id);
    if (!kept) return `There is no message ${id}, or it was long ago.`;
    const { arrivesMs } = kept.sight;
    if (kept.isLost) return `Message ${id} was lost before.`;
    if (arrivesMs !== null && arrivesMs <= this.cluster.world.nowMs) return `Message ${id} has arrived.`;
    const flight = kept.parts.map((part) => part.flight).find((one) => one && !this.flights.hasArrived(one));
    return { kept, flight };
  }

  private tell(what: string, { sight }: KeptMessage, more: Readonly<Record<string, unknown>> = {}): void {
    const { id, name, from, to, isResponse } = sight;
    this.log.happened('simulation', what, { message: id, name, from, to, isResponse, ...more });
  }

  /** The message, and what is behind it on its connection, never arrives: the connection breaks. */
  drop(id: number): Refusal {
    const found = this.find(id);
    if (typeof found === 'string') return found;
    const { kept, flight } = found;
    if (kept.sight.kind === 'zookeeper') {
      this.zookeeper.drop(kept.sight).forEach((one) => this.messages.lost(one));
      this.messages.lost(id);
    } else if (flight) {
      for (const lost of this.flights.drop(flight)) this.messages.lostWith(lost);
    } else {
      kept.stream!.pair.reset('ECONNRESET');
      this.messages.lostAt(kept.stream!);
    }
    this.tell('message-dropped', kept);
    return undefined;
  }

  delay(id: number, delayMs: number): Refusal {
    const found = this.find(id);
    if (typeof found === 'string') return found;
    const { kept, flight } = found;
    if (kept.sight.arrivesMs === null) return `Message ${id} waits at a cut link.`;
    if (kept.sight.kind === 'zookeeper') {
      for (const [message, arrivesMs] of this.zookeeper.delay(kept.sight, delayMs))
        this.messages.arrivesAt(message, arrivesMs);
    } else {
      for (const late of this.flights.delay(flight!, delayMs))
        this.messages.arrivesWith(late, this.flights.arrivesMs(late));
    }
    this.tell('message-delayed', kept, { ms: delayMs });
    return undefined;
  }

  duplicate(id: number): Refusal {
    const found = this.find(id);
    if (typeof found === 'string') return found;
    const { kept } = found;
    if (kept.sight.kind === 'zookeeper') return 'ZooKeeper’s messages have no bytes here: none is repeated.';
    if (kept.sight.arrivesMs === null) return `Message ${id} waits at a cut link.`;
    const last = kept.parts.at(-1)!;
    if (!kept.isComplete || !last.flight) return `Message ${id} has not been sent to its end yet.`;
    const place = { flight: last.flight, endsAt: last.endsAt };
    if (!this.flights.canRepeat(place)) return `Message ${id} is arriving already.`;
    this.flights.repeat({ ...place, copy: this.messages.frameOf(kept) });
    this.messages.repeated(kept);
    this.tell('message-duplicated', kept);
    return undefined;
  }
}
