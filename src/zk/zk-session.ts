/**
 * The ZooKeeper seam (design D14): one session, its operations, its events.
 *
 * What a caller may rely on, whichever implementation is below: operations are applied in the order they were issued;
 * an operation ends as done, as failed with a code, or, if the connection broke under it, as CONNECTION_LOSS with
 * `maybeApplied`. Watches are one-shot and are lost with the connection: after `connected` everything watched must be
 * read again. `expired` comes only when the server says so (or has refused the session for good); `lost` comes by the
 * local clock, when the negotiated timeout has passed without hearing the server, and means that the session may be
 * gone.
 *
 * Kafka: zookeeper/ZooKeeperClient.scala@2.8.2 on org.apache.zookeeper.ZooKeeper
 */

export type ZkErrorCode =
  | 'NO_NODE' | 'NODE_EXISTS' | 'BAD_VERSION' | 'NOT_EMPTY' | 'NO_CHILDREN_FOR_EPHEMERALS' | 'NO_AUTH' | 'BAD_ARGUMENTS'
  | 'CONNECTION_LOSS' | 'SESSION_EXPIRED' | 'CLOSED' | 'OPERATION_TIMEOUT' | 'TOO_LARGE' | 'RUNTIME_INCONSISTENCY' | 'UNKNOWN';

export class ZkError extends Error {
  override readonly name = 'ZkError';

  constructor(
    readonly code: ZkErrorCode, readonly path: string,
    /** The server may or may not have applied the write: the reply was lost. */
    readonly maybeApplied = false,
    /** Which operation of a multi failed. */
    readonly failedOp = -1,
    detail = '',
  ) {
    super(`ZooKeeper: ${code} for ${path}${detail ? ` (${detail})` : ''}${maybeApplied ? ' (it may have been applied)' : ''}`);
  }
}

export function isZkError(error: unknown, ...codes: ZkErrorCode[]): error is ZkError {
  return error instanceof ZkError && (codes.length === 0 || codes.includes(error.code));
}

export interface ZkStat {
  /** Transaction that created the znode; of `/brokers/ids/N` it is the broker epoch. */
  readonly czxid: number;
  readonly mzxid: number;
  readonly ctimeMs: number;
  readonly version: number;
  /** Session that owns an ephemeral znode, as 16 hex digits; all zeros for a persistent one. */
  readonly ephemeralOwner: string;
  readonly numChildren: number;
}

export type CreateMode = 'persistent' | 'ephemeral' | 'persistent-sequential';

export type ZkOp =
  | { readonly type: 'create'; readonly path: string; readonly data: Buffer | null; readonly mode: CreateMode }
  | { readonly type: 'set'; readonly path: string; readonly data: Buffer; readonly version: number }
  | { readonly type: 'delete'; readonly path: string; readonly version: number }
  | { readonly type: 'check'; readonly path: string; readonly version: number };

/** Of one operation of a multi: the path of a create, the new version of a set, nothing for the others. */
export interface ZkOpResult {
  readonly path?: string;
  readonly version?: number;
}

export type ZkEvent =
  | { readonly type: 'connected' | 'suspended' | 'lost' | 'expired' | 'closed' }
  | { readonly type: 'watch'; readonly change: 'created' | 'deleted' | 'changed' | 'children'; readonly path: string };

export interface SessionCredentials {
  /** 16 hex digits. */
  readonly id: string;
  /** 32 hex digits. */
  readonly password: string;
}

export interface ZkSession {
  readonly credentials: SessionCredentials;
  /** As negotiated: the server clamps what was asked for. */
  readonly timeoutMs: number;
  get(path: string, watch: boolean): Promise<{ data: Buffer; stat: ZkStat }>;
  exists(path: string, watch: boolean): Promise<ZkStat | null>;
  children(path: string, watch: boolean): Promise<string[]>;
  /** Resolves with the path made, which for a sequential znode ends in its number. */
  create(path: string, data: Buffer | null, mode: CreateMode): Promise<string>;
  /** Version -1 matches any. */
  set(path: string, data: Buffer, version: number): Promise<ZkStat>;
  delete(path: string, version: number): Promise<void>;
  /** All or nothing; a failure names the operation in `failedOp`. */
  multi(ops: readonly ZkOp[]): Promise<ZkOpResult[]>;
  onEvent(listener: (event: ZkEvent) => void): void;
  /** Ends the session: its ephemeral znodes are gone when this resolves, if the server could be reached. */
  close(): Promise<void>;
}

export interface OpenSessionOptions {
  readonly sessionTimeoutMs: number;
  /** How long to wait for the first connection. */
  readonly connectTimeoutMs: number;
  /** Take over an existing session instead of making one; rejects SESSION_EXPIRED if it is gone. */
  readonly resume?: SessionCredentials;
}

/** Where sessions come from: the real one (ZkClient), or the simulated one. */
export interface ZooKeeper {
  /** The connect string, for messages. */
  readonly name: string;
  /** Makes the chroot of the connect string, if there is one and it is missing. */
  createRoot(options: OpenSessionOptions): Promise<void>;
  /** Rejects with ZkError CONNECTION_LOSS when no server answers in time. */
  openSession(options: OpenSessionOptions): Promise<ZkSession>;
}

export const NO_OWNER = '0000000000000000';
