/**
 * A real ZooKeeper session on top of node-zookeeper-client. Each library client serves one connection only
 * (zookeeper-library.ts); everything that outlives a connection is in this file.
 *
 * Invariants: every call settles, at the latest when its connection ends. The server gets a request at least
 * every third of the session timeout. A connection that has been silent for two thirds of it is closed and
 * another server is tried; after the whole timeout the session is reported as `lost`, by the local clock. A
 * session whose connections the servers repeatedly accept and close is given up as expired.
 *
 * Kafka: zookeeper/ZooKeeperClient.scala@2.8.2
 */
import { HostPort } from '../common/cluster-types';
import { messageOf } from '../common/errors';
import { Clock, Log, Random, Timer } from '../common/host';
import {
  LIBRARY_CODES,
  LibraryConnection,
  LibraryError,
  LibraryEvent,
  LibraryOpResult,
  LibraryStat,
  setTransactionVersion,
} from './zookeeper-library';
import {
  CreateMode,
  OpenSessionOptions,
  SessionCredentials,
  ZkError,
  ZkErrorCode,
  ZkEvent,
  ZkOp,
  ZkOpResult,
  ZkSession,
  ZkStat,
} from './zk-session';

const CREATE_FLAGS: Record<CreateMode, number> = { persistent: 0, ephemeral: 1, 'persistent-sequential': 2 };
const EVENT_CHANGES = { 1: 'created', 2: 'deleted', 3: 'changed', 4: 'children' } as const;
const RECONNECT_BACKOFF_MS = 100;
const CLOSE_DEADLINE_MS = 1000;
/** P19: for a packet larger than 1 MB the server closes the connection, which fails all calls on it. */
const MAX_DATA_BYTES = 512 * 1024;
const MAX_MULTI_BYTES = 900 * 1024;
/** P8: after this many accepted and closed connections, and so many timeouts, the session is given up. */
const REFUSALS_TO_GIVE_UP = 5;
const TIMEOUTS_TO_GIVE_UP = 2;

const codeNames = new Map<number, ZkErrorCode>(
  Object.entries(LIBRARY_CODES)
    .filter(([name]) => name !== 'SYSTEM_ERROR')
    .map(([name, code]) => [code, name as ZkErrorCode]),
);

export interface ZkClientHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

type State = 'connecting' | 'connected' | 'expired' | 'closed';

export class ZkClient implements ZkSession {
  private connection: LibraryConnection | undefined;
  private state: State = 'connecting';
  private id: Buffer = Buffer.alloc(8);
  private password: Buffer = Buffer.alloc(16);
  private lastZxid: Buffer = Buffer.alloc(8);
  timeoutMs: number;
  private nextServer: number;
  private lastHeardMs = 0;
  private lastPingMs = 0;
  private watchdog: Timer | undefined;
  private lostTimer: Timer | undefined;
  private lastProblem = 'no server answered';
  private refusals = 0;
  private dialed = false;
  private suspendedSinceMs: number;
  /** For each call without a reply yet: the function that rejects it when the connection ends. */
  private readonly outstanding = new Set<() => void>();
  private onSessionClosed: (() => void) | undefined;
  private readonly listeners: ((event: ZkEvent) => void)[] = [];
  private readonly dispatch = (event: LibraryEvent) => this.watchFired(event);

  private constructor(
    private readonly host: ZkClientHost,
    private readonly servers: readonly HostPort[],
    private readonly chroot: string,
    options: OpenSessionOptions,
    private readonly auth: readonly { scheme: string; auth: Buffer }[],
  ) {
    this.timeoutMs = options.sessionTimeoutMs;
    this.nextServer = host.random.below(servers.length);
    this.suspendedSinceMs = host.clock.monotonicMs();
    if (options.resume) {
      this.id = Buffer.from(options.resume.id, 'hex');
      this.password = Buffer.from(options.resume.password, 'hex');
    }
  }

  static open(
    host: ZkClientHost,
    servers: readonly HostPort[],
    chroot: string,
    options: OpenSessionOptions,
    auth: readonly { scheme: string; auth: Buffer }[],
  ): Promise<ZkClient> {
    const client = new ZkClient(host, servers, chroot, options, auth);
    return new Promise((resolve, reject) => {
      const path = servers.map((server) => `${server.host}:${server.port}`).join(',');
      const timer = host.clock.schedule(options.connectTimeoutMs, () => {
        client.abandon('closed');
        reject(
          new ZkError(
            'CONNECTION_LOSS',
            path,
            false,
            -1,
            `no connection within ${options.connectTimeoutMs} ms: ${client.lastProblem}`,
          ),
        );
      });
      client.onEvent((event) => {
        if (event.type === 'connected') resolve(client);
        else if (event.type === 'expired') reject(new ZkError('SESSION_EXPIRED', path));
        else return;
        timer.cancel();
      });
      client.connect();
    });
  }

  get credentials(): SessionCredentials {
    return { id: this.id.toString('hex'), password: this.password.toString('hex') };
  }

  onEvent(listener: (event: ZkEvent) => void): void {
    this.listeners.push(listener);
  }

  private emit(event: ZkEvent): void {
    for (const listener of [...this.listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.host.log.error(`A ZooKeeper listener failed: ${messageOf(error)}`);
      }
    }
  }

  private get now(): number {
    return this.host.clock.monotonicMs();
  }

  /** Connects to the next server. P3: the deadline covers the session handshake, not only TCP. */
  private connect(): void {
    const server = this.servers[this.nextServer++ % this.servers.length]!;
    this.dialed = false;
    const connection = new LibraryConnection(
      {
        ...server,
        sessionTimeoutMs: this.timeoutMs,
        sessionId: this.id,
        sessionPassword: this.password,
        lastZxid: this.lastZxid,
        auth: this.auth,
      },
      {
        onDialed: () => {
          this.dialed = true;
        },
        onConnected: () => {
          deadline.cancel();
          this.connected(connection);
        },
        onExpired: () => {
          deadline.cancel();
          this.abandon('expired');
        },
        onHeard: () => {
          this.lastHeardMs = this.now;
        },
        onClosed: (reason) => {
          deadline.cancel();
          this.disconnected(connection, reason);
        },
      },
    );
    this.connection = connection;
    const deadlineMs = Math.max(50, Math.floor(this.timeoutMs / Math.max(2, this.servers.length)));
    const deadline = this.host.clock.schedule(deadlineMs, () =>
      connection.destroy(`${server.host}:${server.port} did not answer within ${deadlineMs} ms`),
    );
    connection.connect();
  }

  private connected(connection: LibraryConnection): void {
    if (connection !== this.connection || this.state === 'closed') return;
    this.id = connection.client.getSessionId();
    this.password = connection.client.getSessionPassword();
    this.timeoutMs = connection.client.getSessionTimeout();
    this.state = 'connected';
    this.refusals = 0;
    this.lostTimer?.cancel();
    this.lastHeardMs = this.lastPingMs = this.now;
    this.watch(connection);
    this.emit({ type: 'connected' });
  }

  /** P2: sends pings, and closes a connection that is silent for two thirds of the session timeout. */
  private watch(connection: LibraryConnection): void {
    this.watchdog?.cancel();
    this.watchdog = this.host.clock.schedule(Math.max(10, this.timeoutMs / 15), () => {
      if (this.connection !== connection || this.state !== 'connected') return;
      if (this.now - this.lastHeardMs >= (this.timeoutMs * 2) / 3) {
        connection.destroy(`nothing heard for ${Math.round(this.now - this.lastHeardMs)} ms`);
        return;
      }
      if (this.now - this.lastPingMs >= this.timeoutMs / 3) {
        this.lastPingMs = this.now;
        connection.ping();
      }
      this.watch(connection);
    });
  }

  private disconnected(connection: LibraryConnection, reason: string): void {
    if (connection !== this.connection) return;
    this.lastZxid = connection.lastZxid;
    this.lastProblem = reason;
    // P5: the library forgets a call whose reply has a wrong request id. Every call must settle.
    for (const lost of [...this.outstanding]) lost();
    this.outstanding.clear();
    this.onSessionClosed?.();
    if (this.state === 'closed' || this.state === 'expired') return;
    if (this.state === 'connected') this.suspend();
    else if (this.dialed) this.refusals++;
    if (
      this.refusals >= REFUSALS_TO_GIVE_UP &&
      this.now - this.suspendedSinceMs > TIMEOUTS_TO_GIVE_UP * this.timeoutMs
    ) {
      this.host.log.warn(`ZooKeeper refuses session 0x${this.id.toString('hex')} for good; giving it up`);
      this.abandon('expired');
      return;
    }
    this.host.clock.schedule(this.host.random.below(RECONNECT_BACKOFF_MS), () => {
      if (this.state === 'connecting') this.connect();
    });
  }

  /** P7: the library reports an expiry only after a reconnect, so `lost` comes from a timer of ours. */
  private suspend(): void {
    this.state = 'connecting';
    this.suspendedSinceMs = this.now;
    this.watchdog?.cancel();
    const leftMs = Math.max(0, this.lastHeardMs + this.timeoutMs - this.now);
    this.lostTimer = this.host.clock.schedule(leftMs, () => {
      if (this.state === 'connecting') this.emit({ type: 'lost' });
    });
    this.emit({ type: 'suspended' });
  }

  private abandon(state: 'expired' | 'closed'): void {
    if (this.state === 'closed' || this.state === 'expired') return;
    this.state = state;
    this.watchdog?.cancel();
    this.lostTimer?.cancel();
    this.connection?.destroy(state);
    this.emit({ type: state });
  }

  private watchFired(event: LibraryEvent): void {
    const change = EVENT_CHANGES[event.getType() as keyof typeof EVENT_CHANGES];
    const path = this.localPath(event.getPath());
    // Only after the read that set the watch has returned: its reply may be in the same chunk (P12, P15).
    if (change) queueMicrotask(() => this.emit({ type: 'watch', change, path }));
  }

  /** P26: with a chroot in front, even a relative path would be valid for the library. */
  private fullPath(path: string): string {
    if (path !== '/' && !/^(\/[^/]+)+$/.test(path)) throw new Error(`'${path}' is not an absolute path`);
    return path === '/' && this.chroot !== '' ? this.chroot : `${this.chroot}${path}`;
  }

  private localPath(path: string): string {
    return path === this.chroot ? '/' : path.slice(this.chroot.length);
  }

  /** Runs one library call. P26: the library may throw. P13: callers continue in a microtask. */
  private call<T>(
    path: string,
    isWrite: boolean,
    run: (
      client: LibraryConnection['client'],
      done: (error: LibraryError | null, value?: T, failedOp?: number) => void,
    ) => void,
  ): Promise<T> {
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
      const lost = () => reject(new ZkError('CONNECTION_LOSS', path, isWrite));
      this.outstanding.add(lost);
      try {
        run(this.connection!.client, (error, value, failedOp) => {
          this.outstanding.delete(lost);
          if (error) reject(this.errorOf(error, path, isWrite, failedOp ?? -1));
          else resolve(value as T);
        });
      } catch (error) {
        this.outstanding.delete(lost);
        reject(new ZkError('BAD_ARGUMENTS', path, false, -1, messageOf(error)));
      }
    });
  }

  private errorOf(error: LibraryError, path: string, isWrite: boolean, failedOp: number): ZkError {
    const code = codeNames.get(error.code) ?? 'UNKNOWN';
    return new ZkError(
      code,
      path,
      isWrite && code === 'CONNECTION_LOSS',
      failedOp,
      code === 'UNKNOWN' ? error.message : '',
    );
  }

  get(path: string, watch: boolean): Promise<{ data: Buffer; stat: ZkStat }> {
    return this.call(path, false, (client, done) =>
      client.getData(this.fullPath(path), watch ? this.dispatch : null, (error, data, stat) =>
        done(error, error ? undefined : { data: data ?? Buffer.alloc(0), stat: statOf(stat) }),
      ),
    );
  }

  exists(path: string, watch: boolean): Promise<ZkStat | null> {
    return this.call<ZkStat | null>(path, false, (client, done) =>
      client.exists(this.fullPath(path), watch ? this.dispatch : null, (error, stat) =>
        done(error, stat ? statOf(stat) : null),
      ),
    );
  }

  children(path: string, watch: boolean): Promise<string[]> {
    return this.call(path, false, (client, done) =>
      client.getChildren(this.fullPath(path), watch ? this.dispatch : null, (error, names) =>
        done(error, names),
      ),
    );
  }

  create(path: string, data: Buffer | null, mode: CreateMode): Promise<string> {
    this.checkSize(path, data?.length ?? 0, MAX_DATA_BYTES);
    return this.call(path, true, (client, done) =>
      client.create(this.fullPath(path), data, CREATE_FLAGS[mode], (error, made) =>
        done(error, error ? undefined : this.localPath(made)),
      ),
    );
  }

  set(path: string, data: Buffer, version: number): Promise<ZkStat> {
    this.checkSize(path, data.length, MAX_DATA_BYTES);
    return this.call(path, true, (client, done) =>
      client.setData(this.fullPath(path), data, version, (error, stat) =>
        done(error, error ? undefined : statOf(stat)),
      ),
    );
  }

  delete(path: string, version: number): Promise<void> {
    return this.call(path, true, (client, done) =>
      client.remove(this.fullPath(path), version, (error) => done(error)),
    );
  }

  multi(ops: readonly ZkOp[]): Promise<ZkOpResult[]> {
    const path = ops[ops.length - 1]?.path ?? '/';
    this.checkSize(
      path,
      ops.reduce((sum, op) => sum + op.path.length + ('data' in op ? (op.data?.length ?? 0) : 0) + 64, 0),
      MAX_MULTI_BYTES,
    );
    return this.call(path, true, (client, done) => {
      const transaction = client.transaction();
      for (const op of ops) this.addToTransaction(transaction, op);
      transaction.commit((error, results) => {
        const failed = error ? failedOperation(results ?? []) : undefined;
        if (failed) done({ code: failed.code, message: error!.message }, undefined, failed.index);
        else
          done(
            error,
            results?.map((result) => this.opResult(result)),
          );
      });
    });
  }

  private addToTransaction(
    transaction: ReturnType<LibraryConnection['client']['transaction']>,
    op: ZkOp,
  ): void {
    const path = this.fullPath(op.path);
    // The version is set afterwards: the library ignores a version of 0 (P1).
    if (op.type === 'create') transaction.create(path, op.data, CREATE_FLAGS[op.mode]);
    else if (op.type === 'set') setTransactionVersion(transaction.setData(path, op.data, -1), op.version);
    else if (op.type === 'delete') setTransactionVersion(transaction.remove(path, -1), op.version);
    else setTransactionVersion(transaction.check(path, -1), op.version);
  }

  private opResult(result: LibraryOpResult): ZkOpResult {
    if (result.path !== undefined) return { path: this.localPath(result.path) };
    return result.stat ? { version: result.stat.version } : {};
  }

  private checkSize(path: string, bytes: number, limit: number): void {
    if (bytes > limit) throw new ZkError('TOO_LARGE', path, false, -1, `${bytes} bytes exceed ${limit}`);
  }

  /** P11: works in every state, and takes a second at most. */
  async close(): Promise<void> {
    const connection = this.connection;
    if (this.state === 'connected' && connection) {
      this.state = 'closed';
      this.watchdog?.cancel();
      await new Promise<void>((resolve) => {
        const timer = this.host.clock.schedule(CLOSE_DEADLINE_MS, () =>
          connection.destroy('close timed out'),
        );
        this.onSessionClosed = () => {
          timer.cancel();
          resolve();
        };
        connection.closeSession();
      });
      this.emit({ type: 'closed' });
      return;
    }
    this.abandon('closed');
  }
}

/** The operation that made a multi fail: error 0 before it, RUNTIME_INCONSISTENCY after it. */
function failedOperation(results: readonly LibraryOpResult[]): { code: number; index: number } | undefined {
  const index = results.findIndex(
    (result) =>
      result.err !== undefined && result.err !== 0 && result.err !== LIBRARY_CODES.RUNTIME_INCONSISTENCY,
  );
  return index < 0 ? undefined : { code: results[index]!.err!, index };
}

function statOf(stat: LibraryStat): ZkStat {
  return {
    czxid: Number(stat.czxid.readBigInt64BE()),
    mzxid: Number(stat.mzxid.readBigInt64BE()),
    ctimeMs: Number(stat.ctime.readBigInt64BE()),
    version: stat.version,
    ephemeralOwner: stat.ephemeralOwner.toString('hex'),
    numChildren: stat.numChildren,
  };
}
