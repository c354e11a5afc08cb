/**
 * A member of the ZooKeeper ensemble: what one group of clients sees. It applies what the leader has
 * committed, in order, but perhaps later; reads and watches show what it has applied.
 *
 * ZooKeeper's guarantees hold: a session sees its own writes once they are answered, and never goes back in
 * time; writes are decided by the leader, on the newest state. What one session has written another need not
 * see yet. The end of a session is a transaction too: a member that has not applied it goes on serving reads
 * to it.
 */
import { ZkEvent } from '../zk/zk-session';
import { World } from './world';
import { TreeChange, ZkTree } from './zk-tree';

/** Whoever has set watches. */
export interface Watcher {
  readonly hostName: string;
  /** Hands something to the client behind everything already on its way. */
  deliver(run: () => void): void;
  emit(event: ZkEvent): void;
}

export type WatchKind = 'data' | 'children';

/** One-shot watches, fired when the change is applied here. */
export class Watches {
  private readonly byPath = new Map<string, Set<Watcher>>();

  add(watcher: Watcher, kind: WatchKind, path: string): void {
    const key = `${kind}:${path}`;
    this.byPath.set(key, (this.byPath.get(key) ?? new Set()).add(watcher));
  }

  drop(watcher: Watcher): void {
    for (const set of this.byPath.values()) set.delete(watcher);
  }

  /** Those of one host's sessions go to another member. */
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
  /** Transactions committed, and applied here, since it began. */
  private committed = 0;
  private applied = 0;
  private waiting: { readonly at: number; readonly run: () => void }[] = [];
  private readonly endings = new Map<string, number>();
  lagMs = 0;

  /** In step with the leader when it begins. */
  constructor(private readonly world: World, private readonly leader: ZkTree) {
    this.tree = leader.clone();
  }

  /** The leader has committed a transaction; `ended`: the session it ended. */
  commit(changes: readonly TreeChange[], ended?: string): void {
    const paths = new Set(changes.map(({ path }) => path));
    const nodes = [...paths].map((path) => [path, this.leader.copyOf(path)] as const);
    const { zxid } = this.leader;
    this.behind.push({ changes, apply: () => this.tree.put(nodes, zxid) });
    this.committed++;
    if (ended) this.endings.set(ended, this.committed);
    if (this.lagMs === 0) this.catchUp();
    else this.world.schedule(this.lagMs, () => { if (this.behind.length > 0) this.applyNext(); });
  }

  private applyNext(): void {
    const { apply, changes } = this.behind.shift()!;
    apply();
    this.applied++;
    this.watches.fire(changes);
    this.wake();
  }

  /** Applies everything at once. */
  catchUp(): void {
    while (this.behind.length > 0) this.applyNext();
  }

  /** What is committed by now. */
  get position(): number { return this.committed; }

  /** Runs when everything committed before `at` is applied, in the order of the calls; at once if it is. */
  whenApplied(at: number, run: () => void): void {
    this.waiting.push({ at, run });
    this.wake();
  }

  private wake(): void {
    while (this.waiting.length > 0 && this.waiting[0]!.at <= this.applied) this.waiting.shift()!.run();
  }

  /** The session has ended, and this member has not heard of it. */
  stillServes(session: string): boolean {
    return (this.endings.get(session) ?? 0) > this.applied;
  }
}
