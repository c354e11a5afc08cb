/**
 * Requests to ZooKeeper, its replies, and what it tells those who watch, as messages on their way.
 *
 * The simulated ZooKeeper has no wire. When an operation is issued, or was applied, the next thing its
 * session schedules is the arrival: whoever looks at what is scheduled knows when that is. What it schedules
 * for others while it applies a write are notifications.
 */
import { SimCluster } from '../../src/simulation/sim-cluster';
import { Owner } from '../../src/simulation/world';
import { ZkOperation } from '../../src/simulation/zk-hooks';
import { TreeChange } from '../../src/simulation/zk-tree';
import { ZOOKEEPER } from '../shared/run';
import { MessageSight } from '../shared/events';
import { MessageWatch } from './message-watch';
import { hostOfOwner, lateSessionsOf } from './peek';

type Expected =
  | { readonly what: 'request' | 'reply'; readonly operation: ZkOperation }
  | { readonly what: 'notifications'; readonly name: string };

/** A message on its way: what its arrival will do. */
interface Arrival {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  atMs: number;
  readonly run: () => void;
  readonly owner: Owner | undefined;
  handle: { cancel(): void };
}

const MAX_PATHS = 3;

function nameOf({ type, paths }: ZkOperation): string {
  const more = paths.length - MAX_PATHS;
  return `${type} ${paths.slice(0, MAX_PATHS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

export class ZooKeeperMessages {
  private expected: Expected | undefined;
  private arrivals: Arrival[] = [];

  constructor(
    private readonly cluster: SimCluster,
    private readonly messages: MessageWatch,
  ) {
    const { world, zookeeper } = cluster;
    const schedule = world.schedule.bind(world);
    world.schedule = (delayMs, run, owner) => {
      const handle = schedule(delayMs, run, owner);
      const id = this.expected && this.scheduled(delayMs, owner);
      if (id) this.keep(id, { atMs: world.nowMs + Math.max(0, delayMs), run, owner, handle });
      return handle;
    };
    // Asked for a delay, the hook is shown each operation as it is issued; it befalls none.
    zookeeper.hooks.at((operation) => this.issued(operation), { delayMs: 0 }, Infinity);
    const applied = zookeeper.hooks.at(
      () => true,
      {
        after: (operation) => {
          (applied.fired as ZkOperation[]).length = 0;
          this.expected = { what: 'reply', operation };
        },
      },
      Infinity,
    );
    zookeeper.onWrite.push((changes) => this.changed(changes));
  }

  /** Called after each action: what was expected did not come. */
  actionIsOver(): void {
    this.expected = undefined;
  }

  private issued(operation: ZkOperation): boolean {
    this.expected = { what: 'request', operation };
    return false;
  }

  private changed(changes: readonly TreeChange[]): void {
    const first = changes.find(({ change }) => change !== 'children');
    if (first) this.expected = { what: 'notifications', name: `${first.change} ${first.path}` };
  }

  /** Returns the ids of the message that was just scheduled, with its ends; undefined: it was none. */
  private scheduled(
    delayMs: number,
    owner: Owner | undefined,
  ): Pick<Arrival, 'id' | 'from' | 'to'> | undefined {
    const expected = this.expected!;
    const arrivesMs = this.cluster.world.nowMs + Math.max(0, delayMs);
    const tell = (from: string, to: string, said: { name: string; isResponse: boolean }) => ({
      id: this.messages.tell(from, to, { ...said, arrivesMs }),
      from,
      to,
    });
    if (expected.what === 'notifications') {
      const host = hostOfOwner(owner);
      return host ? tell(ZOOKEEPER, host, { name: `watch: ${expected.name}`, isResponse: false }) : undefined;
    }
    this.expected = undefined;
    const { host } = expected.operation;
    const isResponse = expected.what === 'reply';
    const [from, to] = isResponse ? [ZOOKEEPER, host] : [host, ZOOKEEPER];
    return tell(from, to, { name: nameOf(expected.operation), isResponse });
  }

  private keep(
    ends: Pick<Arrival, 'id' | 'from' | 'to'>,
    arrival: Omit<Arrival, 'id' | 'from' | 'to'>,
  ): void {
    const { nowMs } = this.cluster.world;
    if (this.arrivals.length > 0 && this.arrivals[0]!.atMs <= nowMs)
      this.arrivals = this.arrivals.filter(({ atMs }) => atMs > nowMs);
    this.arrivals.push({ ...ends, ...arrival });
  }

  private onWay(host: string): Arrival[] {
    const { nowMs } = this.cluster.world;
    return this.arrivals.filter(({ from, to, atMs }) => (from === host || to === host) && atMs > nowMs);
  }

  /**
   * The connection of the message's client breaks, as when a message is lost: nothing that is on its way on
   * it arrives. Returns the ids of what is lost.
   */
  drop({ from, to }: MessageSight): number[] {
    const host = from === ZOOKEEPER ? to : from;
    const lost = this.onWay(host);
    for (const { handle } of lost) handle.cancel();
    this.cluster.zookeeper.resetConnections(host);
    return lost.map(({ id }) => id);
  }

  /** The message and what is behind it arrives later. Returns the ids with their new times. */
  delay({ id, from, to }: MessageSight, delayMs: number): [id: number, arrivesMs: number][] {
    const { world, zookeeper } = this.cluster;
    const all = this.onWay(from === ZOOKEEPER ? to : from).filter((one) => one.from === from);
    const late = all.slice(
      Math.max(
        0,
        all.findIndex((one) => one.id === id),
      ),
    );
    for (const one of late) {
      one.handle.cancel();
      one.atMs += delayMs;
      one.handle = world.schedule(one.atMs - world.nowMs, one.run, one.owner);
    }
    const lastMs = late.at(-1)?.atMs ?? world.nowMs;
    for (const session of lateSessionsOf(zookeeper, from === ZOOKEEPER ? to : from)) {
      if (from === ZOOKEEPER) session.lastReplyMs = Math.max(session.lastReplyMs, lastMs);
      else session.lastRequestMs = Math.max(session.lastRequestMs, lastMs);
    }
    return late.map((one) => [one.id, one.atMs]);
  }
}
