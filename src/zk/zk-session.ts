/**
 * The interface to ZooKeeper (design D14): one session, its operations, its events. There is a real and a
 * simulated implementation.
 *
 * Guarantees of every implementation: operations are applied in the order in which they were issued. An
 * operation succeeds, fails with a code, or, if the connection broke, fails with CONNECTION_LOSS, in which
 * case `maybeApplied` says whether the server may have applied it. Watches fire once and are lost with the
 * connection: after `connected` everything watched must be read again. `expired` means that the server
 * reported it (or kept refusing the session). `lost` comes from the local clock: the negotiated timeout has
 * passed in silence, and the session may have expired.
 *
 * Kafka: zookeeper/ZooKeeperClient.scala@2.8.2 on org.apache.zookeeper.ZooKeeper
 */

export type ZkErrorCode =
  | 'NO_NODE'
  | 'NODE_EXISTS'
  | 'BAD_VERSION'
  | 'NOT_EMPTY'
  | 'NO_CHILDREN_FOR_EPHEMERALS'
  | 'NO_AUTH'
  | 'BAD_ARGUMENTS'
  | 'CONNECTION_LOSS'
  | 'SESSION_EXPIRED'
  | 'CLOSED'
  | 'OPERATION_TIMEOUT'
  | 'TOO_LARGE'
  | 'RUNTIME_INCONSISTENCY'
  | 'UNKNOWN';

export class ZkError extends Error {
  override readonly name = 'ZkError';

  constructor(
    readonly code: ZkErrorCode,
    readonly path: string,
    /** The reply to a write was lost: the server may have applied it. */
    readonly maybeApplied = false,
    /** The index of the operation that made a multi fail; -1 if unknown. */
    readonly failedOp = -1,
    detail = '',
  ) {
    super(
      `ZooKeeper: ${code} for ` +
        `${path}${detail ? ` (${detail})` : ''}${maybeApplied ? ' (it may have been applied)' : ''}`,
    );
  }
}

export function isZkError(error: unknown, ...codes: ZkErrorCode[]): error is ZkError {
  return error instanceof ZkError && (codes.length === 0 || codes.includes(error.code));
}

export interface ZkStat {
  /** The transaction that created the znode. The czxid of `/brokers/ids/N` is the broker epoch. */
  readonly czxid: number;
  readonly mzxid: number;
  readonly ctimeMs: number;
  readonly version: number;
  /** The session that owns an ephemeral znode, as 16 hex digits; all zeros for a persistent znode. */
  readonly ephemeralOwner: string;
  readonly numChildren: number;
}

export type CreateMode = 'persistent' | 'ephemeral' | 'persistent-sequential';

export type ZkOp =
  | {
      readonly type: 'create';
      readonly path: string;
      readonly data: Buffer | null;
      readonly mode: CreateMode;
    }
  | { readonly type: 'set'; readonly path: string; readonly data: Buffer; readonly version: number }
  | { readonly type: 'delete'; readonly path: string; readonly version: number }
  | { readonly type: 'check'; readonly path: string; readonly version: number };

/**
 * The result of one operation of a multi: a create has a path, a set has the new version, the others have
 * neither.
 */
export interface ZkOpResult {
  readonly path?: string;
  readonly version?: number;
}

export type ZkEvent =
  | { readonly type: 'connected' | 'suspended' | 'lost' | 'expired' | 'closed' }
  | {
      readonly type: 'watch';
      readonly change: 'created' | 'deleted' | 'changed' | 'children';
      readonly path: string;
    };

export interface SessionCredentials {
  /** 16 hex digits. */
  readonly id: string;
  /** 32 hex digits. */
  readonly password: string;
}

export interface ZkSession {
  readonly credentials: SessionCredentials;
  /** The negotiated timeout: the server may shorten or lengthen the requested one. */
  readonly timeoutMs: number;
  get(path: string, watch: boolean): Promise<{ data: Buffer; stat: ZkStat }>;
  exists(path: string, watch: boolean): Promise<ZkStat | null>;
  children(path: string, watch: boolean): Promise<string[]>;
  /** Returns the path of the created znode; a sequential znode's path ends in its number. */
  create(path: string, data: Buffer | null, mode: CreateMode): Promise<string>;
  /** Version -1 matches every version. */
  set(path: string, data: Buffer, version: number): Promise<ZkStat>;
  delete(path: string, version: number): Promise<void>;
  /** Applies all operations or none. On failure the error's `failedOp` is the index of the operation. */
  multi(ops: readonly ZkOp[]): Promise<ZkOpResult[]>;
  onEvent(listener: (event: ZkEvent) => void): void;
  /**
   * Ends the session. If the server could be reached, the session's ephemeral znodes are gone when this
   * resolves.
   */
  close(): Promise<void>;
}

export interface OpenSessionOptions {
  readonly sessionTimeoutMs: number;
  /** How long to wait for the first connection. */
  readonly connectTimeoutMs: number;
  /**
   * Resumes an existing session instead of opening a new one; rejects with SESSION_EXPIRED if it has ended.
   */
  readonly resume?: SessionCredentials;
}

/** Opens sessions: a real ZooKeeper service or a simulated one. */
export interface ZooKeeper {
  /** The connect string, used in messages. */
  readonly name: string;
  /** Creates the chroot of the connect string, if there is one and it does not exist. */
  createRoot(options: OpenSessionOptions): Promise<void>;
  /** Rejects with ZkError CONNECTION_LOSS if no server answers in time. */
  openSession(options: OpenSessionOptions): Promise<ZkSession>;
}

export const NO_OWNER = '0000000000000000';
