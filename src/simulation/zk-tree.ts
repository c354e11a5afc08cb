/**
 * The state of a ZooKeeper server: the tree of znodes with their versions, and the rules of every operation.
 * Time, sessions and network are in sim-zookeeper.ts.
 *
 * A test runs the same seeded operations on this tree and on a real server and compares them
 * (test/zk/differential.test.ts).
 */
import { CreateMode, NO_OWNER, ZkError, ZkErrorCode, ZkOp, ZkOpResult, ZkStat } from '../zk/zk-session';

export interface Znode {
  data: Buffer;
  version: number;
  czxid: number;
  mzxid: number;
  ctimeMs: number;
  owner: string;
  readonly children: Set<string>;
  nextSequence: number;
}

export interface TreeChange {
  readonly change: 'created' | 'deleted' | 'changed' | 'children';
  readonly path: string;
}

/**
 * Without a stack trace: brokers often read znodes that do not exist, and the traces would cost more than all
 * the rest.
 */
function refused(code: ZkErrorCode, path: string, failedOp = -1): ZkError {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const error = new ZkError(code, path, false, failedOp);
  Error.stackTraceLimit = limit;
  return error;
}

function parentOf(path: string): string {
  return path.lastIndexOf('/') <= 0 ? '/' : path.slice(0, path.lastIndexOf('/'));
}

export class ZkTree {
  private nodes = new Map<string, Znode>();
  zxid = 0;

  constructor(private readonly nowMs: () => number) {
    this.nodes.set('/', this.znode(Buffer.alloc(0), NO_OWNER));
  }

  private znode(data: Buffer, owner: string): Znode {
    return {
      data,
      version: 0,
      czxid: this.zxid,
      mzxid: this.zxid,
      ctimeMs: this.nowMs(),
      owner,
      children: new Set(),
      nextSequence: 0,
    };
  }

  private find(path: string): Znode {
    const node = this.nodes.get(path);
    if (!node) throw refused('NO_NODE', path);
    return node;
  }

  private statOf(node: Znode): ZkStat {
    return {
      czxid: node.czxid,
      mzxid: node.mzxid,
      ctimeMs: node.ctimeMs,
      version: node.version,
      ephemeralOwner: node.owner,
      numChildren: node.children.size,
    };
  }

  get(path: string): { data: Buffer; stat: ZkStat } {
    const node = this.find(path);
    return { data: Buffer.from(node.data), stat: this.statOf(node) };
  }

  /** The znode's data without a copy; read-only. */
  peek(path: string): { readonly data: Buffer; readonly version: number } | undefined {
    return this.nodes.get(path);
  }

  exists(path: string): ZkStat | null {
    const node = this.nodes.get(path);
    return node ? this.statOf(node) : null;
  }

  children(path: string): string[] {
    return [...this.find(path).children].sort();
  }

  private create(
    path: string,
    data: Buffer | null,
    mode: CreateMode,
    session: string,
    changes: TreeChange[],
  ): string {
    if (
      !path.startsWith('/') ||
      (path.endsWith('/') && mode !== 'persistent-sequential') ||
      path.includes('//')
    )
      throw refused('BAD_ARGUMENTS', path);
    const parent = this.find(parentOf(path));
    if (parent.owner !== NO_OWNER) throw refused('NO_CHILDREN_FOR_EPHEMERALS', path);
    const full =
      mode === 'persistent-sequential' ? path + String(parent.nextSequence).padStart(10, '0') : path;
    if (this.nodes.has(full)) throw refused('NODE_EXISTS', full);
    parent.nextSequence++;
    this.nodes.set(
      full,
      this.znode(Buffer.from(data ?? Buffer.alloc(0)), mode === 'ephemeral' ? session : NO_OWNER),
    );
    parent.children.add(full.slice(full.lastIndexOf('/') + 1));
    changes.push({ change: 'created', path: full }, { change: 'children', path: parentOf(full) });
    return full;
  }

  private set(path: string, data: Buffer, version: number, changes: TreeChange[]): ZkStat {
    const node = this.find(path);
    if (version !== -1 && version !== node.version) throw refused('BAD_VERSION', path);
    node.data = Buffer.from(data);
    node.version++;
    node.mzxid = this.zxid;
    changes.push({ change: 'changed', path });
    return this.statOf(node);
  }

  private delete(path: string, version: number, changes: TreeChange[]): void {
    const node = this.find(path);
    if (version !== -1 && version !== node.version) throw refused('BAD_VERSION', path);
    if (node.children.size > 0) throw refused('NOT_EMPTY', path);
    this.nodes.delete(path);
    const parent = this.find(parentOf(path));
    parent.children.delete(path.slice(path.lastIndexOf('/') + 1));
    changes.push({ change: 'deleted', path }, { change: 'children', path: parentOf(path) });
  }

  private apply(op: ZkOp, session: string, changes: TreeChange[]): ZkOpResult {
    switch (op.type) {
      case 'create':
        return { path: this.create(op.path, op.data, op.mode, session, changes) };
      case 'set':
        return { version: this.set(op.path, op.data, op.version, changes).version };
      case 'delete':
        this.delete(op.path, op.version, changes);
        return {};
      case 'check': {
        const node = this.find(op.path);
        if (op.version !== -1 && node.version !== op.version) throw refused('BAD_VERSION', op.path);
        return {};
      }
    }
  }

  /** Applies all operations or none; `changes` are the changes for the watches. */
  multi(ops: readonly ZkOp[], session: string): { results: ZkOpResult[]; changes: TreeChange[] } {
    const saved = this.snapshot(ops);
    const changes: TreeChange[] = [];
    const results: ZkOpResult[] = [];
    this.zxid++;
    for (const [i, op] of ops.entries()) {
      try {
        results.push(this.apply(op, session, changes));
      } catch (error) {
        saved();
        throw error instanceof ZkError ? refused(error.code, error.path, i) : error;
      }
    }
    return { results, changes };
  }

  /** Saves the znodes that the operations may change. The returned function restores them. */
  private snapshot(ops: readonly ZkOp[]): () => void {
    const paths = new Set(ops.flatMap((op) => [op.path, parentOf(op.path)]));
    const before = [...paths].map((path) => {
      const node = this.nodes.get(path);
      return [path, node && { ...node, children: new Set(node.children) }] as const;
    });
    const sequential = ops.filter((op) => op.type === 'create' && op.mode === 'persistent-sequential');
    const known = sequential.length > 0 ? new Set(this.nodes.keys()) : undefined;
    return () => {
      if (known) for (const path of [...this.nodes.keys()]) if (!known.has(path)) this.nodes.delete(path);
      for (const [path, node] of before) {
        if (node) this.nodes.set(path, node);
        else this.nodes.delete(path);
      }
    };
  }

  /** One operation outside a multi. It is refused before it changes anything. */
  write(op: ZkOp, session: string): { result: ZkOpResult; changes: TreeChange[] } {
    const changes: TreeChange[] = [];
    this.zxid++;
    return { result: this.apply(op, session, changes), changes };
  }

  /** Ends the session and deletes its ephemeral znodes. */
  endSession(session: string): TreeChange[] {
    const changes: TreeChange[] = [];
    this.zxid++;
    for (const path of [...this.nodes.keys()].sort())
      if (this.nodes.get(path)!.owner === session) this.delete(path, -1, changes);
    return changes;
  }

  /** A copy of the znode for another tree; undefined if it does not exist. */
  copyOf(path: string): Znode | undefined {
    const node = this.nodes.get(path);
    return node && { ...node, children: new Set(node.children) };
  }

  /** Takes over znodes in their state after transaction `zxid`. */
  put(nodes: readonly (readonly [path: string, node: Znode | undefined])[], zxid: number): void {
    this.zxid = zxid;
    for (const [path, node] of nodes) {
      if (node) this.nodes.set(path, node);
      else this.nodes.delete(path);
    }
  }

  clone(): ZkTree {
    const tree = new ZkTree(this.nowMs);
    tree.put(
      this.paths().map((path) => [path, this.copyOf(path)] as const),
      this.zxid,
    );
    return tree;
  }

  paths(): string[] {
    return [...this.nodes.keys()].sort();
  }
}
