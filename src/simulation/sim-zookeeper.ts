/**
 * A ZooKeeper service in virtual time: one tree with linear history, sessions that only the server can end,
 * one-shot watches, responses in the order of requests, and connections that break at the worst moment.
 *
 * This is the server's side; sim-zk-session.ts has the client's. The timeout of a session runs only while the
 * server does not receive anything from its client (cut off, paused, dead).
 */
import { NO_OWNER, OpenSessionOptions, SessionCredentials, ZkError } from '../zk/zk-session';
import { SimHost } from './sim-host';
import { SimNetwork } from './sim-network';
import { Prng } from './prng';
import { World } from './world';
import { OperationEffect, OperationHook, OperationWhere, ZkHooks, ZkOperation } from './zk-hooks';
import { Watcher, Watches, WatchKind, ZkMember } from './zk-member';
import { TreeChange, ZkTree } from './zk-tree';

/** The host name in links to ZooKeeper, for cutting them. */
export const ZOOKEEPER_HOST = 'zookeeper';

const CHECK_MS = 100;

/** The client's end of a session. */
export interface SessionClient extends Watcher {
  readonly canBeHeard: boolean;
  reset(): void;
}

export interface ServerSession {
  readonly id: string;
  readonly password: string;
  readonly timeoutMs: number;
  client: SessionClient | undefined;
  unheardSinceMs: number | undefined;
}

export class SimZooKeeper {
  readonly tree: ZkTree;
  private readonly sessions = new Map<string, ServerSession>();
  private readonly watches = new Watches();
  /** By host: the member to which its sessions are connected, if that member lags behind the leader. */
  private readonly members = new Map<string, ZkMember>();
  private readonly random: Prng;
  private nextSession = 1;
  isDown = false;
  /** Called with every applied write, in order. */
  readonly onWrite: ((changes: readonly TreeChange[]) => void)[] = [];
  readonly hooks = new ZkHooks();

  constructor(
    readonly world: World,
    readonly network: SimNetwork,
  ) {
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
    return (
      !this.isDown &&
      !this.network.isCut(host.name, ZOOKEEPER_HOST) &&
      !this.network.isCut(ZOOKEEPER_HOST, host.name)
    );
  }

  /** Expires sessions from whose clients nothing was received for their timeout. */
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
    if (session.unheardSinceMs !== undefined && this.world.nowMs - session.unheardSinceMs > session.timeoutMs)
      this.endSession(session.id);
  }

  /** Resets every connection of the host; its sessions continue. */
  resetConnections(hostName: string): void {
    for (const { client } of this.sessions.values()) if (client?.hostName === hostName) client.reset();
  }

  /** Applies `effect` to matching operations, `times` times; see zk-hooks.ts. */
  atOperation(where: OperationWhere, effect: OperationEffect, times = 1): OperationHook {
    return this.hooks.at(where, effect, times);
  }

  /** The host's next write (that matches) is applied, and its connection breaks before the response. */
  loseNextWriteReply(host: string, matches: (operation: ZkOperation) => boolean = () => true): OperationHook {
    return this.hooks.at(
      (one) => one.host === host && one.isWrite && one.type !== 'close' && matches(one),
      'lose-reply',
    );
  }

  /**
   * An operator's action: writes the znode, whatever its version is, and creates it if it is missing. Returns
   * the former data.
   */
  overwrite(path: string, data: Buffer): Buffer | undefined {
    const known = this.tree.exists(path) ? this.tree.get(path).data : undefined;
    const op = known
      ? ({ type: 'set', path, data, version: -1 } as const)
      : ({ type: 'create', path, data, mode: 'persistent' } as const);
    this.changed(this.tree.write(op, NO_OWNER).changes);
    return known;
  }

  /** An operator's action: deletes the znode, which must not have children. */
  remove(path: string): void {
    this.changed(this.tree.write({ type: 'delete', path, version: -1 }, NO_OWNER).changes);
  }

  /** The number of operations that the host has issued; `atOperation` counts from here. */
  operationsOf(host: string): number {
    return this.hooks.count(host);
  }

  /** Stops or restarts ZooKeeper. While it is stopped, no session's timeout runs. */
  setDown(down: boolean): void {
    this.isDown = down;
    if (!down) for (const session of this.sessions.values()) session.unheardSinceMs = undefined;
  }

  connect(
    client: SessionClient,
    options: OpenSessionOptions,
    credentials: SessionCredentials | undefined,
  ): ServerSession {
    if (credentials) {
      const known = this.sessions.get(credentials.id);
      if (!known || known.password !== credentials.password) throw new ZkError('SESSION_EXPIRED', '/');
      known.client = client;
      known.unheardSinceMs = undefined;
      return known;
    }
    const id = (this.nextSession++).toString(16).padStart(16, '0');
    const session = {
      id,
      password: id.repeat(2),
      timeoutMs: options.sessionTimeoutMs,
      client,
      unheardSinceMs: undefined,
    };
    this.sessions.set(id, session);
    // Creating a session is a transaction. The member has applied it when it responds.
    this.members.get(client.hostName)?.catchUp();
    return session;
  }

  isOpen(id: string): boolean {
    return this.sessions.has(id);
  }

  /** The ids of the host's sessions that have not ended. */
  sessionsOf(hostName: string): string[] {
    return [...this.sessions.values()]
      .filter(({ client }) => client?.hostName === hostName)
      .map(({ id }) => id);
  }

  endSession(id: string): void {
    if (!this.sessions.delete(id)) return;
    this.changed(this.tree.endSession(id), id);
  }

  /**
   * From now on the host's sessions are connected to a member that applies transactions `lagMs` after their
   * commit; 0: it catches up and no longer lags. See zk-member.ts.
   */
  lag(hostName: string, lagMs: number): void {
    let member = this.members.get(hostName);
    if (!member) {
      member = new ZkMember(this.world, this.tree);
      this.watches.handOver(hostName, member.watches);
      this.members.set(hostName, member);
    }
    member.lagMs = lagMs;
    if (lagMs === 0) member.catchUp();
  }

  memberOf(hostName: string): ZkMember | undefined {
    return this.members.get(hostName);
  }

  /** The tree that sessions of the host read. */
  treeOf(hostName: string): ZkTree {
    return this.members.get(hostName)?.tree ?? this.tree;
  }

  /** Whether the session is open as far as the member knows to which the host is connected. */
  isOpenFor(hostName: string, id: string): boolean {
    return this.isOpen(id) || (this.members.get(hostName)?.stillServes(id) ?? false);
  }

  watch(session: SessionClient, kind: WatchKind, path: string): void {
    (this.members.get(session.hostName)?.watches ?? this.watches).add(session, kind, path);
  }

  dropWatches(session: SessionClient): void {
    (this.members.get(session.hostName)?.watches ?? this.watches).drop(session);
  }

  /** A transaction was committed; `ended` is the session that it ended. */
  changed(changes: readonly TreeChange[], ended?: string): void {
    for (const listener of this.onWrite) listener(changes);
    this.watches.fire(changes);
    for (const member of this.members.values()) member.commit(changes, ended);
  }
}
