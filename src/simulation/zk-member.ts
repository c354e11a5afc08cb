/**
 * A member of the ZooKeeper ensemble, as one group of clients sees it. It applies what the leader has
 * committed, in order, but perhaps later. Reads and watches show what it has applied.
 *
 * ZooKeeper's guarantees hold: a session sees its own writes once they are answered, and never an older state
 * than before. The leader decides writes, on the newest state. Writes of one session may be invisible to
 * another session for a while. The end of a session is a transaction, too: a member that has not applied it
 * continues to serve reads to the session.
 */
import { ZkEvent } from '../zk/zk-session';
import { World } from './world';
import { TreeChange, ZkTree } from './zk-tree';

/** A client that has set watches. */
export interface Watcher {
  readonly hostName: string;
  /** Delivers a message to the client after everything already in flight to it. */
  deliver(run: () => void): void;
  emit(event: ZkEvent): void;
}

export type WatchKind = 'data' | 'children';

/** One-shot watches, triggered when the change is applied by this member. */
export class Watches {
  private readonly byPath = new Map<string, Set<Watcher>>();

  add(watcher: Watcher, kind: WatchKind, path: string): void {
    const key = `${kind}:${path}`;
    this.byPath.set(key, (this.byPath.get(key) ?? new Set()).add(watcher));
  }

  drop(watcher: Watcher): void {
    for (const set of this.byPath.values()) set.delete(watcher);
  }

  /** Moves the watches of one host's sessions to another member. */
  handOver(hostName: string, to: Watches): void {
    for (const [key, set] of this.byPath) {
      for (const watcher of [...set]) {
        if (watcher.hostName !== hostName) continue;
        set.delete(watcher);
        to.byPath.set(key, (to.byPath.get(key) ?? new Set()).add(watcher));
      }
    }
  }

  fire(changes: readonly TreeChange[]): void {
    for (const { change, path } of changes) {
      this.fireOne(change === 'children' ? 'children' : 'data', change, path);
      if (change === 'deleted') this.fireOne('children', change, path);
    }
  }

  private fireOne(kind: WatchKind, change: TreeChange['change'], path: string): void {
    const set = this.byPath.get(`${kind}:${path}`);
    if (!set) return;
    this.byPath.delete(`${kind}:${path}`);
    for (const watcher of set) watcher.deliver(() => watcher.emit({ type: 'watch', change, path }));
  }
}

interface Transaction {
  readonly apply: () => void;
  readonly changes: readonly TreeChange[];
}

export class ZkMember {
  readonly tree: ZkTree;
  readonly watches = new Watches();
  private readonly behind: Transaction[] = [];
  /** The number of transactions committed, and applied by this member, since its start. */
  private committed = 0;
  private applied = 0;
  private waiting: { readonly at: number; readonly run: () => void }[] = [];
  private readonly endings = new Map<string, number>();
  lagMs = 0;

  /** A new member does not lag. */
  constructor(
    private readonly world: World,
    private readonly leader: ZkTree,
  ) {
    this.tree = leader.clone();
  }

  /** The leader has committed a transaction; `ended` is the session that it ended. */
  commit(changes: readonly TreeChange[], ended?: string): void {
    const paths = new Set(changes.map(({ path }) => path));
    const nodes = [...paths].map((path) => [path, this.leader.copyOf(path)] as const);
    const { zxid } = this.leader;
    this.behind.push({ changes, apply: () => this.tree.put(nodes, zxid) });
    this.committed++;
    if (ended) this.endings.set(ended, this.committed);
    if (this.lagMs === 0) this.catchUp();
    else
      this.world.schedule(this.lagMs, () => {
        if (this.behind.length > 0) this.applyNext();
      });
  }

  private applyNext(): void {
    const { apply, changes } = this.behind.shift()!;
    apply();
    this.applied++;
    this.watches.fire(changes);
    this.wake();
  }

  /** Applies all committed transactions at once. */
  catchUp(): void {
    while (this.behind.length > 0) this.applyNext();
  }

  /** The number of transactions committed so far. */
  get position(): number {
    return this.committed;
  }

  /**
   * Runs `run` when all transactions before `at` are applied, in the order of the calls; at once if they are
   * already.
   */
  whenApplied(at: number, run: () => void): void {
    this.waiting.push({ at, run });
    this.wake();
  }

  private wake(): void {
    while (this.waiting.length > 0 && this.waiting[0]!.at <= this.applied) this.waiting.shift()!.run();
  }

  /** The session has ended, and this member has not applied its end yet. */
  stillServes(session: string): boolean {
    return (this.endings.get(session) ?? 0) > this.applied;
  }
}
