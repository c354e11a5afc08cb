/**
 * Type declarations for node-zookeeper-client 1.1.3, and one connection of it with its defects patched.
 *
 * Invariant: a library client is used for exactly one TCP connection and then discarded. It gets the
 * session's id and password, the last zxid seen, and one server. So no state of a dead connection reaches the
 * next one (half a packet, stale auth and watch packets, accumulated watch functions), and no SetWatches
 * packet is ever sent, because a new client has no watches. The remaining defects are patched below; each
 * patch names its pitfall.
 *
 * Only this file and zk-client.ts use the library. The private members they use are checked when it is
 * loaded.
 */
import * as net from 'node:net';

export interface LibraryStat {
  readonly czxid: Buffer;
  readonly mzxid: Buffer;
  readonly ctime: Buffer;
  readonly version: number;
  readonly ephemeralOwner: Buffer;
  readonly numChildren: number;
}

export interface LibraryError {
  readonly code: number;
  readonly message: string;
}

export interface LibraryEvent {
  getType(): number;
  getPath(): string;
}

type Callback<T extends unknown[]> = (error: LibraryError | null, ...result: T) => void;
type Watcher = ((event: LibraryEvent) => void) | null;

export interface LibraryOpResult {
  readonly type: number;
  readonly err?: number;
  readonly path?: string;
  readonly stat?: LibraryStat;
}

export interface LibraryTransaction {
  readonly ops: { version?: number }[];
  create(path: string, data: Buffer | null, mode: number): LibraryTransaction;
  setData(path: string, data: Buffer, version: number): LibraryTransaction;
  check(path: string, version: number): LibraryTransaction;
  remove(path: string, version: number): LibraryTransaction;
  commit(callback: (error: LibraryError | null, results?: LibraryOpResult[]) => void): void;
}

interface ConnectionManager {
  state: number;
  xid: number;
  zxid: Buffer;
  socket: net.Socket | undefined;
  pendingBuffer: Buffer | null;
  packetQueue: { queue: { callback?: (error: unknown) => void }[] };
  connectTimeoutHandler: NodeJS.Timeout | null;
  servers: { host: string; port: number }[];
  connect(): void;
  close(): void;
  queue(request: unknown, callback?: () => void): void;
  findNextServer(callback: (server: unknown) => void): void;
  cleanupPendingQueue(code: number): void;
  onSocketConnected(): void;
  onSocketData(chunk: Buffer): void;
  onSocketClosed(hadError: boolean): void;
  onSocketTimeout(): void;
  onSocketConnectTimeout(): void;
}

export interface LibraryClient {
  readonly connectionManager: ConnectionManager;
  connect(): void;
  addAuthInfo(scheme: string, auth: Buffer): void;
  getSessionId(): Buffer;
  getSessionPassword(): Buffer;
  getSessionTimeout(): number;
  on(event: string, listener: (...args: never[]) => void): void;
  getData(path: string, watcher: Watcher, callback: Callback<[Buffer | undefined, LibraryStat]>): void;
  exists(path: string, watcher: Watcher, callback: Callback<[LibraryStat | null]>): void;
  getChildren(path: string, watcher: Watcher, callback: Callback<[string[], LibraryStat]>): void;
  create(path: string, data: Buffer | null, mode: number, callback: Callback<[string]>): void;
  setData(path: string, data: Buffer, version: number, callback: Callback<[LibraryStat]>): void;
  remove(path: string, version: number, callback: Callback<[]>): void;
  transaction(): LibraryTransaction;
}

interface Jute {
  XID_PING: number;
  OP_CODES: { PING: number };
  protocol: { RequestHeader: new (xid: number, type: number) => unknown };
  Request: new (header: unknown, payload: unknown) => unknown;
}

interface ExceptionModule {
  create: (code: number, path?: string) => LibraryError;
}

const library = require('node-zookeeper-client') as {
  createClient(servers: string, options: object): LibraryClient;
};
const jute = require('node-zookeeper-client/lib/jute') as Jute;
const exceptions = require('node-zookeeper-client/lib/Exception') as ExceptionModule;
const manager = require('node-zookeeper-client/lib/ConnectionManager') as {
  prototype: object;
  STATES: { CLOSED: number; CLOSING: number; CONNECTING: number };
};

export const LIBRARY_CODES = {
  NO_NODE: -101,
  NO_AUTH: -102,
  BAD_VERSION: -103,
  NO_CHILDREN_FOR_EPHEMERALS: -108,
  NODE_EXISTS: -110,
  NOT_EMPTY: -111,
  SESSION_EXPIRED: -112,
  BAD_ARGUMENTS: -8,
  CONNECTION_LOSS: -4,
  RUNTIME_INCONSISTENCY: -2,
  SYSTEM_ERROR: -1,
} as const;

const PATCHED_MEMBERS = [
  'connect',
  'close',
  'queue',
  'findNextServer',
  'cleanupPendingQueue',
  'onSocketConnected',
  'onSocketData',
  'onSocketClosed',
  'onSocketTimeout',
  'onSocketConnectTimeout',
];
for (const member of PATCHED_MEMBERS) {
  if (!(member in manager.prototype))
    throw new Error(`node-zookeeper-client has no ConnectionManager#${member}: it is not version 1.1.3`);
}

/** P10: for an unknown error code the library throws in its data handler, and the call never returns. */
const createException = exceptions.create;
exceptions.create = (code, path) => {
  try {
    return createException(code, path);
  } catch {
    const error = createException(LIBRARY_CODES.SYSTEM_ERROR, path);
    return Object.assign(error, { code, message: `ZooKeeper error ${code}` });
  }
};

/**
 * P20: request ids start at 1, because the library never completes a request with id 0, and wrap before 2^31.
 */
const LAST_XID = 0x7fff_fff0;

export interface ConnectionEvents {
  /** The TCP connection is open; the session is not yet. */
  onDialed(): void;
  onConnected(): void;
  onExpired(): void;
  onHeard(): void;
  /** The connection has ended. Called exactly once. */
  onClosed(reason: string): void;
}

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly sessionTimeoutMs: number;
  readonly sessionId: Buffer;
  readonly sessionPassword: Buffer;
  readonly lastZxid: Buffer;
  readonly auth: readonly { scheme: string; auth: Buffer }[];
}

/** One connection to one server, for one session. */
export class LibraryConnection {
  readonly client: LibraryClient;
  private readonly cm: ConnectionManager;
  private isClosed = false;
  private problem = 'connection closed';

  constructor(
    options: ConnectionOptions,
    private readonly events: ConnectionEvents,
  ) {
    this.client = library.createClient('localhost:1', {
      sessionTimeout: options.sessionTimeoutMs,
      spinDelay: 1,
      retries: 0,
      sessionId: options.sessionId,
      sessionPassword: options.sessionPassword,
    });
    this.cm = this.client.connectionManager;
    this.cm.servers = [{ host: options.host, port: options.port }];
    this.cm.zxid = options.lastZxid;
    for (const { scheme, auth } of options.auth) this.client.addAuthInfo(scheme, auth);
    this.patch();
    this.client.on('connected', () => events.onConnected());
    this.client.on('expired', () => events.onExpired());
  }

  private patch(): void {
    const { cm } = this;
    let xid = 1;
    Object.defineProperty(cm, 'xid', {
      get: () => xid,
      set: (value: number) => {
        xid = value > LAST_XID ? 1 : Math.max(1, value);
      },
    });
    cm.findNextServer = (callback) => {
      if (!this.isClosed) callback(cm.servers[0]);
    };
    cm.onSocketTimeout = () => {};
    cm.onSocketConnectTimeout = () => {};
    const connected = cm.onSocketConnected.bind(cm);
    cm.onSocketConnected = () => {
      if (this.isClosed) return this.destroy('closed while connecting');
      this.events.onDialed();
      connected();
    };
    const data = cm.onSocketData.bind(cm);
    cm.onSocketData = (chunk) => {
      if (this.isClosed) return;
      if (chunk.length > 0) this.events.onHeard();
      try {
        data(chunk);
      } catch (error) {
        this.destroy(`the server's reply could not be read: ${String(error)}`);
      }
    };
    cm.onSocketClosed = () => this.finished();
  }

  connect(): void {
    this.client.connect();
    this.cm.connect = () => {};
    this.cm.socket?.on('error', (error) => {
      this.problem = (error as NodeJS.ErrnoException).code ?? error.message;
    });
  }

  /** P4: sent on a timer of our own, because every received byte restarts the library's idle timer. */
  ping(): void {
    this.cm.queue(new jute.Request(new jute.protocol.RequestHeader(jute.XID_PING, jute.OP_CODES.PING), null));
  }

  get lastZxid(): Buffer {
    return this.cm.zxid;
  }

  /** Asks the server to end the session; the server then closes the connection. */
  closeSession(): void {
    this.cm.close();
  }

  destroy(reason: string): void {
    this.problem = reason;
    if (this.cm.socket) this.cm.socket.destroy();
    else this.finished();
  }

  /** P5: fails every call that is sent or queued, and accepts no more. */
  private finished(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.cm.connectTimeoutHandler) clearTimeout(this.cm.connectTimeoutHandler);
    this.cm.state = manager.STATES.CLOSED;
    this.cm.pendingBuffer = null;
    this.cm.cleanupPendingQueue(LIBRARY_CODES.CONNECTION_LOSS);
    const queued = this.cm.packetQueue.queue.splice(0);
    for (const packet of queued) packet.callback?.(exceptions.create(LIBRARY_CODES.CONNECTION_LOSS));
    this.events.onClosed(this.problem);
  }
}

/** P1: the library drops version 0 from the operations of a transaction, which makes them unconditional. */
export function setTransactionVersion(transaction: LibraryTransaction, version: number): void {
  const op = transaction.ops[transaction.ops.length - 1];
  if (op) op.version = version;
}
