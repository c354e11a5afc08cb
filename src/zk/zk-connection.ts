/**
 * A connection to ZooKeeper that outlives sessions: holds the current session and opens a new one when it
 * expires.
 *
 * Reads are retried across reconnects until they succeed or their deadline passes. Writes are not retried:
 * they wait for a connection and then pass on the session's result. Handlers are registered per path and stay
 * registered. A read of a path with a handler sets the watch. The handler is called after a watch event,
 * after a reconnect and in a new session; it gets no data and must read again.
 *
 * Kafka: zookeeper/ZooKeeperClient.scala, zk/KafkaZkClient.scala#retryRequestsUntilConnected@2.8.2
 */
import { inBackground } from '../common/background';
import { messageOf } from '../common/errors';
import { Host, Log, sleep } from '../common/host';
import {
  CreateMode,
  isZkError,
  OpenSessionOptions,
  SessionCredentials,
  ZkError,
  ZkEvent,
  ZkOp,
  ZkOpResult,
  ZkSession,
  ZkStat,
  ZooKeeper,
} from './zk-session';

export interface ZkConnectionOptions extends OpenSessionOptions {
  readonly maxInFlightRequests: number;
}

export interface SessionListener {
  /** ZooKeeper was silent for the whole session timeout; the session may have expired. */
  onLost?(): void;
  /** The session has expired; a new one will be opened. */
  onExpired?(): void;
  /**
   * A new session is open. Path handlers are called after this promise resolves; if it rejects, it is called
   * again.
   */
  onNewSession?(): Promise<void>;
}

type Handler = () => void;

const REOPEN_BACKOFF_MS = 500;
/** How often `sync` is tried when the connection breaks. */
const SYNC_ATTEMPTS = 10;
/** After a reconnect, this many path handlers are called before the event loop gets a turn. */
const RESYNC_CHUNK = 256;

export class ZkConnection {
  private session: ZkSession | undefined;
  private connected = true;
  private waiting: (() => void)[] = [];
  private readonly dataHandlers = new Map<string, Set<Handler>>();
  private readonly childHandlers = new Map<string, Set<Handler>>();
  private readonly sessionListeners: SessionListener[] = [];
  private inFlight = 0;
  private readonly slotWaiters: (() => void)[] = [];
  private isClosed = false;
  private readonly log: Log;

  private constructor(
    private readonly host: Host,
    private readonly zookeeper: ZooKeeper,
    private readonly options: ZkConnectionOptions,
  ) {
    this.log = host.log.child('ZkConnection');
  }

  static async open(host: Host, zookeeper: ZooKeeper, options: ZkConnectionOptions): Promise<ZkConnection> {
    const connection = new ZkConnection(host, zookeeper, options);
    connection.adopt(await zookeeper.openSession(options));
    return connection;
  }

  get credentials(): SessionCredentials {
    return this.current.credentials;
  }
  get sessionTimeoutMs(): number {
    return this.current.timeoutMs;
  }
  get isConnected(): boolean {
    return this.connected && !this.isClosed;
  }

  private get current(): ZkSession {
    if (this.session === undefined) throw new ZkError('SESSION_EXPIRED', '/');
    return this.session;
  }

  addSessionListener(listener: SessionListener): void {
    this.sessionListeners.push(listener);
  }

  private adopt(session: ZkSession): void {
    this.session = session;
    this.setConnected(true);
    session.onEvent((event) => {
      if (session === this.session) this.onEvent(event);
    });
  }

  private setConnected(connected: boolean): void {
    this.connected = connected;
    if (connected) for (const wake of this.waiting.splice(0)) wake();
  }

  private onEvent(event: ZkEvent): void {
    switch (event.type) {
      case 'watch':
        return this.watchFired(event.change, event.path);
      case 'connected':
        this.setConnected(true);
        inBackground(this.log, 'Looking again', this.resync());
        return;
      case 'suspended':
        this.log.warn('Connection to ZooKeeper lost; the session is being resumed');
        return this.setConnected(false);
      case 'lost':
        this.log.warn(`Nothing heard from ZooKeeper for the session timeout of ${this.sessionTimeoutMs} ms`);
        for (const listener of this.sessionListeners) listener.onLost?.();
        return;
      case 'expired':
        return this.expired();
      case 'closed':
        return this.setConnected(false);
    }
  }

  private expired(): void {
    this.setConnected(false);
    this.session = undefined;
    if (this.isClosed) return;
    this.log.warn('ZooKeeper session expired; opening a new one');
    this.host.event({ what: 'zk-session-expired' });
    for (const listener of this.sessionListeners) listener.onExpired?.();
    inBackground(this.log, 'Opening a new ZooKeeper session', this.reopen());
  }

  /**
   * Retries until a session is open or the connection is closed: without a session a broker cannot take part
   * in the cluster.
   */
  private async reopen(): Promise<void> {
    while (!this.isClosed) {
      try {
        const session = await this.zookeeper.openSession({ ...this.options, resume: undefined });
        if (this.isClosed) return void session.close();
        this.adopt(session);
        return await this.takeIntoUse(session);
      } catch (error) {
        if (this.isClosed) return;
        this.log.warn(`No new ZooKeeper session yet: ${messageOf(error)}`);
        await sleep(this.host.clock, REOPEN_BACKOFF_MS);
      }
    }
  }

  /**
   * Calls the session listeners until they all succeed. The session stays the same while it is alive:
   * registrations made in it would count as another session's if a second one were opened, and would stay
   * alive beside it.
   */
  private async takeIntoUse(session: ZkSession): Promise<void> {
    while (session === this.session && !this.isClosed) {
      try {
        for (const listener of this.sessionListeners) await listener.onNewSession?.();
        return await this.resync();
      } catch (error) {
        // The connection was closed during the listener's work.
        if (this.isClosed) return;
        this.log.warn(`The new ZooKeeper session cannot be used yet: ${messageOf(error)}`);
        await sleep(this.host.clock, REOPEN_BACKOFF_MS);
      }
    }
  }

  /** All watches were lost with the connection: calls every handler, in chunks. */
  private async resync(): Promise<void> {
    const handlers = [...this.dataHandlers.values(), ...this.childHandlers.values()].flatMap((set) => [
      ...set,
    ]);
    for (let i = 0; i < handlers.length; i += RESYNC_CHUNK) {
      for (const handler of handlers.slice(i, i + RESYNC_CHUNK)) handler();
      if (i + RESYNC_CHUNK < handlers.length) await sleep(this.host.clock, 0);
    }
  }

  private watchFired(change: 'created' | 'deleted' | 'changed' | 'children', path: string): void {
    if (change !== 'children') for (const handler of [...(this.dataHandlers.get(path) ?? [])]) handler();
    if (change !== 'changed') for (const handler of [...(this.childHandlers.get(path) ?? [])]) handler();
  }

  /**
   * Registers `handler` for the znode being created, changed or deleted. Returns a function that removes it.
   */
  onDataChange(path: string, handler: Handler): () => void {
    return register(this.dataHandlers, path, handler);
  }

  onChildChange(path: string, handler: Handler): () => void {
    return register(this.childHandlers, path, handler);
  }

  /**
   * The znode, or null if it does not exist. If a handler is registered, sets the data watch, which also
   * reports the creation of a missing znode.
   */
  async get(path: string): Promise<{ data: Buffer; stat: ZkStat } | null> {
    const watch = this.dataHandlers.has(path);
    for (;;) {
      try {
        return await this.read((session) => session.get(path, watch));
      } catch (error) {
        if (!isZkError(error, 'NO_NODE')) throw error;
      }
      // A failed getData sets no watch; exists does.
      if (!watch || (await this.exists(path)) === null) return null;
    }
  }

  exists(path: string): Promise<ZkStat | null> {
    return this.read((session) => session.exists(path, this.dataHandlers.has(path)));
  }

  /**
   * The sorted names of the children; null if the znode does not exist. A handler is also notified of its
   * creation.
   */
  async children(path: string): Promise<string[] | null> {
    const watch = this.childHandlers.has(path);
    for (;;) {
      try {
        const names = await this.read((session) => session.children(path, watch));
        return [...names].sort();
      } catch (error) {
        if (!isZkError(error, 'NO_NODE')) throw error;
      }
      if (!watch || (await this.read((session) => session.exists(path, true))) === null) return null;
    }
  }

  create(path: string, data: Buffer | null, mode: CreateMode = 'persistent'): Promise<string> {
    return this.write((session) => session.create(path, data, mode));
  }

  set(path: string, data: Buffer, version: number): Promise<ZkStat> {
    return this.write((session) => session.set(path, data, version));
  }

  delete(path: string, version: number): Promise<void> {
    return this.write((session) => session.delete(path, version));
  }

  multi(ops: readonly ZkOp[]): Promise<ZkOpResult[]> {
    return this.write((session) => session.multi(ops));
  }

  /**
   * Brings the server up to date. Reads that begin after this promise has resolved show every write that was
   * committed when it was called, including those of other sessions. It is needed when a message from another
   * broker, not a watch, caused the read, because the server may lag behind. A multi that only checks that
   * `path` exists has this effect; ZooKeeper's own sync is not part of the ZkSession interface.
   */
  async sync(path: string): Promise<void> {
    for (let left = SYNC_ATTEMPTS; ; left--) {
      try {
        await this.multi([{ type: 'check', path, version: -1 }]);
        return;
      } catch (error) {
        if (left <= 1 || !isZkError(error, 'CONNECTION_LOSS')) throw error;
      }
    }
  }

  /** Creates the znode and its parents, without data, where they are missing. */
  async ensurePath(path: string): Promise<void> {
    const parts = path.split('/').slice(1);
    for (let i = 1; i <= parts.length; i++) {
      const part = `/${parts.slice(0, i).join('/')}`;
      for (;;) {
        try {
          await this.create(part, null);
          break;
        } catch (error) {
          if (isZkError(error, 'NODE_EXISTS')) break;
          if (!isZkError(error, 'CONNECTION_LOSS')) throw error;
        }
      }
    }
  }

  private async read<T>(run: (session: ZkSession) => Promise<T>): Promise<T> {
    const deadline = this.host.clock.monotonicMs() + this.options.sessionTimeoutMs * 2;
    for (;;) {
      await this.untilConnected(deadline);
      try {
        return await this.withSlot(() => run(this.current));
      } catch (error) {
        if (!isZkError(error, 'CONNECTION_LOSS', 'SESSION_EXPIRED') || this.isClosed) throw error;
        if (this.host.clock.monotonicMs() >= deadline) throw error;
        // The connection is failing; its event has not arrived yet.
        if (this.connected) await sleep(this.host.clock, 1);
      }
    }
  }

  private async write<T>(run: (session: ZkSession) => Promise<T>): Promise<T> {
    await this.untilConnected(this.host.clock.monotonicMs() + this.options.sessionTimeoutMs);
    return this.withSlot(() => run(this.current));
  }

  private untilConnected(deadlineMs: number): Promise<void> {
    if (this.isClosed) return Promise.reject(new ZkError('CLOSED', '/'));
    if (this.connected) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const wake = () => {
        timer.cancel();
        if (this.isClosed) reject(new ZkError('CLOSED', '/'));
        else resolve();
      };
      const timer = this.host.clock.schedule(Math.max(0, deadlineMs - this.host.clock.monotonicMs()), () => {
        this.waiting = this.waiting.filter((one) => one !== wake);
        reject(new ZkError('OPERATION_TIMEOUT', '/', false, -1, 'not connected to ZooKeeper'));
      });
      this.waiting.push(wake);
    });
  }

  /** P27: limits the number of requests in flight. Kafka: zookeeper.max.in.flight.requests */
  private async withSlot<T>(run: () => Promise<T>): Promise<T> {
    if (this.inFlight >= this.options.maxInFlightRequests)
      await new Promise<void>((resolve) => this.slotWaiters.push(resolve));
    else this.inFlight++;
    try {
      return await run();
    } finally {
      const next = this.slotWaiters.shift();
      if (next) next();
      else this.inFlight--;
    }
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const wake of this.waiting.splice(0)) wake();
    await this.session?.close();
  }
}

function register(handlers: Map<string, Set<Handler>>, path: string, handler: Handler): () => void {
  const set = handlers.get(path) ?? new Set<Handler>();
  handlers.set(path, set);
  set.add(handler);
  return () => {
    set.delete(handler);
    if (set.size === 0 && handlers.get(path) === set) handlers.delete(path);
  };
}
