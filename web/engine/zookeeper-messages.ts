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
import { MessageWatch } from './message-watch';
import { hostOfOwner } from './peek';

type Expected =
  | { readonly what: 'request' | 'reply'; readonly operation: ZkOperation }
  | { readonly what: 'notifications'; readonly name: string };

const MAX_PATHS = 3;

function nameOf({ type, paths }: ZkOperation): string {
  const more = paths.length - MAX_PATHS;
  return `${type} ${paths.slice(0, MAX_PATHS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

export class ZooKeeperMessages {
  private expected: Expected | undefined;

  constructor(
    private readonly cluster: SimCluster,
    private readonly messages: MessageWatch,
  ) {
    const { world, zookeeper } = cluster;
    const schedule = world.schedule.bind(world);
    world.schedule = (delayMs, run, owner) => {
      if (this.expected) this.scheduled(delayMs, owner);
      return schedule(delayMs, run, owner);
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

  private scheduled(delayMs: number, owner: Owner | undefined): void {
    const { expected } = this;
    if (!expected) return;
    const arrivesMs = this.cluster.world.nowMs + Math.max(0, delayMs);
    if (expected.what === 'notifications') {
      const host = hostOfOwner(owner);
      if (host)
        this.messages.tell(ZOOKEEPER, host, {
          name: `watch: ${expected.name}`,
          isResponse: false,
          arrivesMs,
        });
      return;
    }
    this.expected = undefined;
    const {
      operation,
      operation: { host },
    } = expected;
    const isResponse = expected.what === 'reply';
    const [from, to] = isResponse ? [ZOOKEEPER, host] : [host, ZOOKEEPER];
    this.messages.tell(from, to, { name: nameOf(operation), isResponse, arrivesMs });
  }
}
