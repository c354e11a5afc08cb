/**
 * The client's side of a simulated ZooKeeper session.
 *
 * A request whose connection breaks is applied or not, depending on the moment of the break; its caller gets
 * CONNECTION_LOSS, which leaves it open. The client detects a silent server after two thirds of the timeout,
 * a lost session by its own clock after the whole timeout, and an expired session when the server says so.
 */
import {
  CreateMode,
  OpenSessionOptions,
  SessionCredentials,
  ZkError,
  ZkEvent,
  ZkOp,
  ZkOpResult,
  ZkSession,
  ZkStat,
  ZooKeeper,
} from '../zk/zk-session';
import { SimHost } from './sim-host';
import { ServerSession, SessionClient, SimZooKeeper } from './sim-zookeeper';
import { Owner } from './world';
import { ZkOperation } from './zk-hooks';

const NAME = 'zookeeper:2181';

/** ZooKeeper as one host sees it. */
export function zooKeeperOf(zk: SimZooKeeper, host: SimHost): ZooKeeper {
  return {
    name: NAME,
    openSession: (options) => SimZkSession.open(zk, host, options),
    createRoot: async () => {},
  };
}

interface Pending {
  readonly fail: (error: ZkError) => void;
  readonly isWrite: boolean;
  readonly path: string;
  settled: boolean;
}

type Outcome<T> = { readonly value: T } | { readonly error: unknown };

const RETRY_MS = 100;

export class SimZkSession implements ZkSession, SessionClient {
  private server: ServerSession | undefined;
  private state: 'connecting' | 'connected' | 'expired' | 'closed' = 'connecting';
  private connection = 0;
  /** The connection that the server has closed and that the client still believes to be open. */
  private severed = -1;
  private pending: Pending[] = [];
  private lastRequestMs = 0;
  private lastReplyMs = 0;
  private heardMs: number;
  private lostTold = false;
  /** A message was lost on the link: TCP would reset the connection sooner or later. */
  private isBroken = false;
  private readonly owner: Owner;
  private readonly listeners: ((event: ZkEvent) => void)[] = [];

  private constructor(
    private readonly zk: SimZooKeeper,
    private readonly host: SimHost,
    private readonly options: OpenSessionOptions,
  ) {
    this.owner = host.life;
    this.heardMs = zk.world.nowMs;
  }

  static open(zk: SimZooKeeper, host: SimHost, options: OpenSessionOptions): Promise<SimZkSession> {
    host.checkAlive('openSession');
    const session = new SimZkSession(zk, host, options);
    return new Promise((resolve, reject) => {
      const timer = zk.world.schedule(
        options.connectTimeoutMs,
        () => {
          session.state = 'closed';
          reject(
            new ZkError(
              'CONNECTION_LOSS',
              NAME,
              false,
              -1,
              `no connection within ${options.connectTimeoutMs} ms`,
            ),
          );
        },
        session.owner,
      );
      session.onEvent((event) => {
        if (event.type === 'connected') resolve(session);
        else if (event.type === 'expired') reject(new ZkError('SESSION_EXPIRED', '/'));
        else return;
        timer.cancel();
      });
      session.tryConnect();
    });
  }

  get credentials(): SessionCredentials {
    return { id: this.server!.id, password: this.server!.password };
  }
  get timeoutMs(): number {
    return this.server?.timeoutMs ?? this.options.sessionTimeoutMs;
  }
  get canBeHeard(): boolean {
    return (
      !this.owner.isDead && !this.owner.isPaused && this.state === 'connected' && this.zk.reachable(this.host)
    );
  }

  onEvent(listener: (event: ZkEvent) => void): void {
    this.listeners.push(listener);
  }

  emit(event: ZkEvent): void {
    for (const listener of [...this.listeners]) listener(event);
  }

  private later(delayMs: number, run: () => void): void {
    this.zk.world.schedule(delayMs, run, this.owner);
  }

  private tryConnect(): void {
    if (this.state !== 'connecting') return;
    this.later(this.zk.latencyMs(), () => {
      if (this.state !== 'connecting') return;
      if (!this.zk.reachable(this.host)) return this.later(RETRY_MS, () => this.tryConnect());
      try {
        this.server = this.zk.connect(this, this.options, this.server ?? this.options.resume);
      } catch {
        this.over('expired');
        return;
      }
      this.state = 'connected';
      this.connection++;
      this.lostTold = false;
      this.isBroken = false;
      this.heardMs = this.lastRequestMs = this.lastReplyMs = this.zk.world.nowMs;
      this.watchConnection(this.connection);
      this.emit({ type: 'connected' });
    });
  }

  private over(state: 'expired' | 'closed'): void {
    if (this.state === 'expired' || this.state === 'closed') return;
    this.state = state;
    this.zk.dropWatches(this);
    this.failPending();
    this.emit({ type: state });
  }

  /** Detects a silent server after two thirds of the timeout, and a session that has ended. */
  private watchConnection(connection: number): void {
    this.later(this.timeoutMs / 6, () => {
      if (this.connection !== connection || this.state !== 'connected') return;
      if (this.isBroken || !this.zk.isOpenFor(this.host.name, this.server!.id)) return this.disconnect();
      if (this.zk.reachable(this.host)) this.heardMs = this.zk.world.nowMs;
      if (this.zk.world.nowMs - this.heardMs >= (this.timeoutMs * 2) / 3) this.disconnect();
      else this.watchConnection(connection);
    });
  }

  get hostName(): string {
    return this.host.name;
  }

  /** A TCP reset, noticed at once. */
  reset(): void {
    this.later(0, () => this.disconnect());
  }

  /** The connection is lost; the client reconnects and resumes the session. */
  disconnect(): void {
    if (this.state !== 'connected') return;
    this.state = 'connecting';
    this.connection++;
    this.zk.dropWatches(this);
    this.failPending();
    this.emit({ type: 'suspended' });
    this.later(Math.max(0, this.heardMs + this.timeoutMs - this.zk.world.nowMs), () => {
      if (this.state !== 'connecting' || this.lostTold) return;
      this.lostTold = true;
      this.emit({ type: 'lost' });
    });
    this.tryConnect();
  }

  private failPending(): void {
    const code = this.state === 'expired' ? 'SESSION_EXPIRED' : 'CONNECTION_LOSS';
    for (const one of this.pending.splice(0)) {
      if (one.settled) continue;
      one.settled = true;
      one.fail(new ZkError(code, one.path, one.isWrite && code === 'CONNECTION_LOSS'));
    }
  }

  /** Delivers a message to the client after everything already in flight to it. */
  deliver(run: () => void): void {
    const { world } = this.zk;
    const connection = this.connection;
    this.lastReplyMs = Math.max(this.lastReplyMs, world.nowMs + this.zk.latencyMs());
    this.later(this.lastReplyMs - world.nowMs, () => {
      if (this.connection !== connection || this.state !== 'connected') return;
      if (this.zk.reachable(this.host)) run();
      else this.isBroken = true;
    });
  }

  private call<T>(type: ZkOperation['type'], paths: readonly string[], apply: () => T): Promise<T> {
    this.host.checkAlive('a ZooKeeper call');
    if (this.host.life.isCrashed) return new Promise(() => {});
    const path = paths[paths.length - 1] ?? '/';
    const isWrite = !['get', 'exists', 'children'].includes(type);
    return new Promise<T>((resolve, reject) => {
      if (this.state !== 'connected') {
        const code =
          this.state === 'connecting'
            ? 'CONNECTION_LOSS'
            : this.state === 'expired'
              ? 'SESSION_EXPIRED'
              : 'CLOSED';
        return reject(new ZkError(code, path));
      }
      const { world, hooks } = this.zk;
      const connection = this.connection;
      const one: Pending = { fail: reject, isWrite, path, settled: false };
      this.pending.push(one);
      const operation = hooks.issue({ host: this.host.name, type, paths, isWrite });
      const arrivesMs = world.nowMs + this.zk.latencyMs() + hooks.delayMs(operation);
      this.lastRequestMs = Math.max(this.lastRequestMs, arrivesMs);
      // The request is in the network: it arrives even if its sender is dead or paused by then.
      world.schedule(this.lastRequestMs - world.nowMs, () => {
        if (!this.isServed(connection)) return;
        if (!this.zk.reachable(this.host)) {
          this.isBroken = true;
          return;
        }
        this.answer(operation, connection, apply, (outcome) => {
          const done = () => ('value' in outcome ? resolve(outcome.value) : reject(outcome.error));
          this.deliver(() => this.settle(one, done));
        });
      });
    });
  }

  /** Whether the server still accepts requests from this connection. */
  private isServed(connection: number): boolean {
    const isOpen = this.zk.isOpenFor(this.host.name, this.server!.id);
    return this.connection === connection && this.severed !== connection && isOpen;
  }

  /**
   * The leader decides writes at once. All responses come in order, from the member to which the client is
   * connected.
   */
  private answer<T>(
    operation: ZkOperation,
    connection: number,
    apply: () => T,
    reply: (outcome: Outcome<T>) => void,
  ): void {
    const member = this.zk.memberOf(this.host.name);
    const attempt = () => this.arrive(operation, connection, apply);
    const tell = (outcome: Outcome<T> | undefined) => {
      if (outcome) reply(outcome);
    };
    if (!member) return tell(attempt());
    if (!operation.isWrite)
      return member.whenApplied(0, () => {
        if (this.isServed(connection)) tell(attempt());
      });
    if (!this.zk.isOpen(this.server!.id)) return;
    const outcome = attempt();
    // If the connection broke, there is no wait: the next connection may read an older state.
    if (outcome) member.whenApplied(member.position, () => reply(outcome));
  }

  /** Applies the operation with the effects of its hooks; undefined if the connection broke. */
  private arrive<T>(operation: ZkOperation, connection: number, apply: () => T): Outcome<T> | undefined {
    const effects = this.zk.hooks.effects(operation);
    for (const effect of effects)
      if (typeof effect === 'object' && 'before' in effect) effect.before(operation);
    if (effects.includes('reset-before')) this.sever(connection);
    if (!this.isServed(connection)) return undefined;
    let outcome: Outcome<T>;
    try {
      outcome = { value: apply() };
    } catch (error) {
      outcome = { error };
    }
    for (const effect of effects)
      if (typeof effect === 'object' && 'after' in effect) effect.after(operation);
    if (effects.includes('lose-reply')) this.sever(connection);
    return this.severed === connection ? undefined : outcome;
  }

  /** Closes the server's end at once: later requests are not applied. The client notices next. */
  private sever(connection: number): void {
    this.severed = connection;
    this.later(0, () => {
      if (this.connection === connection) this.disconnect();
    });
  }

  private settle(one: Pending, done: () => void): void {
    if (one.settled) return;
    one.settled = true;
    this.pending = this.pending.filter((other) => other !== one);
    done();
  }

  get(path: string, watch: boolean): Promise<{ data: Buffer; stat: ZkStat }> {
    return this.call('get', [path], () => {
      const found = this.zk.treeOf(this.host.name).get(path);
      if (watch) this.zk.watch(this, 'data', path);
      return found;
    });
  }

  exists(path: string, watch: boolean): Promise<ZkStat | null> {
    return this.call('exists', [path], () => {
      if (watch) this.zk.watch(this, 'data', path);
      return this.zk.treeOf(this.host.name).exists(path);
    });
  }

  children(path: string, watch: boolean): Promise<string[]> {
    return this.call('children', [path], () => {
      const names = this.zk.treeOf(this.host.name).children(path);
      if (watch) this.zk.watch(this, 'children', path);
      return names;
    });
  }

  private write(op: Exclude<ZkOp, { type: 'check' }>): Promise<ZkOpResult> {
    return this.call(op.type, [op.path], () => {
      const { result, changes } = this.zk.tree.write(op, this.server!.id);
      this.zk.changed(changes);
      return result;
    });
  }

  async create(path: string, data: Buffer | null, mode: CreateMode): Promise<string> {
    return (await this.write({ type: 'create', path, data, mode })).path!;
  }

  set(path: string, data: Buffer, version: number): Promise<ZkStat> {
    return this.call('set', [path], () => {
      const { changes } = this.zk.tree.write({ type: 'set', path, data, version }, this.server!.id);
      const { stat } = this.zk.tree.get(path);
      this.zk.changed(changes);
      return stat;
    });
  }

  async delete(path: string, version: number): Promise<void> {
    await this.write({ type: 'delete', path, version });
  }

  multi(ops: readonly ZkOp[]): Promise<ZkOpResult[]> {
    return this.call(
      'multi',
      ops.map((op) => op.path),
      () => {
        const { results, changes } = this.zk.tree.multi(ops, this.server!.id);
        this.zk.changed(changes);
        return results;
      },
    );
  }

  async close(): Promise<void> {
    if (this.state === 'connected') {
      await this.call('close', ['/'], () => this.zk.endSession(this.server!.id)).catch(() => {});
    }
    this.over('closed');
  }
}
