/**
 * A ZooKeeper service in virtual time: one linear tree, sessions that end only on the server's side, one-shot watches,
 * replies in the order of requests, and connections that break at the worst moment.
 *
 * This is the server's side; the client's is sim-zk-session.ts. A session's clock runs only while its client cannot be heard (cut off, paused, dead).
 */
import { NO_OWNER, OpenSessionOptions, SessionCredentials, ZkError, ZkEvent } from '../zk/zk-session';
import { SimHost } from './sim-host';
import { SimNetwork } from './sim-network';
import { Prng } from './prng';
import { World } from './world';
import { OperationEffect, OperationHook, OperationWhere, ZkHooks, ZkOperation } from './zk-hooks';
import { TreeChange, ZkTree } from './zk-tree';

/** The name by which links to it are cut. */
export const ZOOKEEPER_HOST = 'zookeeper';

const CHECK_MS = 100;

/** The client's end of a session. */
export interface SessionClient {
  readonly canBeHeard: boolean;
  readonly hostName: string;
  reset(): void;
  /** Hands something to the client behind everything already on its way. */
  deliver(run: () => void): void;
  emit(event: ZkEvent): void;
}

export interface ServerSession {
  readonly id: string;
  readonly password: string;
  readonly timeoutMs: number;
  client: SessionClient | undefined;
  unheardSinceMs: number | undefined;
}

type WatchKind = 'data' | 'children';

export class SimZooKeeper {
  readonly tree: ZkTree;
  private readonly sessions = new Map<string, ServerSession>();
  private readonly watches = new Map<string, Set<SessionClient>>();
  private readonly random: Prng;
  private nextSession = 1;
  isDown = false;
  /** Hears of every write that was applied, in order. */
  readonly onWrite: ((changes: readonly TreeChange[]) => void)[] = [];
  readonly hooks = new ZkHooks();

  constructor(readonly world: World, readonly network: SimNetwork) {
    this.tree = new ZkTree(() => Math.floor(world.epochMs + world.nowMs));
    this.random = world.random.split('zookeeper');
    this.watchSessions();
  }

  latencyMs(): number {
    return 0.2 + this.random.below(20) / 10;
  }

  chance(probability: number): boolean {
    return this.random.chance(probability);
  }

  reachable(host: SimHost): boolean {
    return !this.isDown && !this.network.isCut(host.name, ZOOKEEPER_HOST) && !this.network.isCut(ZOOKEEPER_HOST, host.name);
  }

  /** Ends sessions whose clients have not been heard for their timeout. */
  private watchSessions(): void {
    this.world.schedule(CHECK_MS, () => {
      if (!this.isDown) for (const session of [...this.sessions.values()]) this.checkSession(session);
      this.watchSessions();
    });
  }

  private checkSession(session: ServerSession): void {
    const heard = session.client?.canBeHeard ?? false;
    if (heard) session.unheardSinceMs = undefined;
    else session.unheardSinceMs ??= this.world.nowMs;
    if (session.unheardSinceMs !== undefined && this.world.nowMs - session.unheardSinceMs > session.timeoutMs) this.endSession(session.id);
  }

  /** Every connection of the host breaks at once; its sessions live on. */
  resetConnections(hostName: string): void {
    for (const { client } of this.sessions.values()) if (client?.hostName === hostName) client.reset();
  }

  /** Something happens to an operation, once or `times` times; see zk-hooks.ts. */
  atOperation(where: OperationWhere, effect: OperationEffect, times = 1): OperationHook {
    return this.hooks.at(where, effect, times);
  }

  /** The host's next write (that matches) is applied, and its connection breaks before the reply. */
  loseNextWriteReply(host: string, matches: (operation: ZkOperation) => boolean = () => true): OperationHook {
    return this.hooks.at((one) => one.host === host && one.isWrite && one.type !== 'close' && matches(one), 'lose-reply');
  }

  /** An operator's hand: writes to the znode, whatever its version, and makes it if it is missing. Returns what was there. */
  overwrite(path: string, data: Buffer): Buffer | undefined {
    const known = this.tree.exists(path) ? this.tree.get(path).data : undefined;
    const op = known ? { type: 'set', path, data, version: -1 } as const : { type: 'create', path, data, mode: 'persistent' } as const;
    this.changed(this.tree.write(op, NO_OWNER).changes);
    return known;
  }

  /** How many operations the host has issued; `atOperation` counts on from here. */
  operationsOf(host: string): number {
    return this.hooks.count(host);
  }

  /** ZooKeeper is down, or up again; while it is down no session's clock runs. */
  setDown(down: boolean): void {
    this.isDown = down;
    if (!down) for (const session of this.sessions.values()) session.unheardSinceMs = undefined;
  }

  connect(client: SessionClient, options: OpenSessionOptions, credentials: SessionCredentials | undefined): ServerSession {
    if (credentials) {
      const known = this.sessions.get(credentials.id);
      if (!known || known.password !== credentials.password) throw new ZkError('SESSION_EXPIRED', '/');
      known.client = client;
      known.unheardSinceMs = undefined;
      return known;
    }
    const id = (this.nextSession++).toString(16).padStart(16, '0');
    const session = { id, password: id.repeat(2), timeoutMs: options.sessionTimeoutMs, client, unheardSinceMs: undefined };
    this.sessions.set(id, session);
    return session;
  }

  isOpen(id: string): boolean {
    return this.sessions.has(id);
  }

  /** Ids of the host's sessions that have not ended. */
  sessionsOf(hostName: string): string[] {
    return [...this.sessions.values()].filter(({ client }) => client?.hostName === hostName).map(({ id }) => id);
  }

  endSession(id: string): void {
    if (!this.sessions.delete(id)) return;
    this.changed(this.tree.endSession(id));
  }

  watch(session: SessionClient, kind: WatchKind, path: string): void {
    const key = `${kind}:${path}`;
    const set = this.watches.get(key) ?? new Set();
    this.watches.set(key, set.add(session));
  }

  dropWatches(session: SessionClient): void {
    for (const set of this.watches.values()) set.delete(session);
  }

  changed(changes: readonly TreeChange[]): void {
    for (const listener of this.onWrite) listener(changes);
    for (const { change, path } of changes) {
      this.fire(change === 'children' ? 'children' : 'data', change, path);
      if (change === 'deleted') this.fire('children', change, path);
    }
  }

  private fire(kind: WatchKind, change: TreeChange['change'], path: string): void {
    const set = this.watches.get(`${kind}:${path}`);
    if (!set) return;
    this.watches.delete(`${kind}:${path}`);
    for (const session of set) session.deliver(() => session.emit({ type: 'watch', change, path }));
  }
}
