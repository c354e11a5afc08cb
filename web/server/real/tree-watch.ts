/**
 * ZooKeeper's tree as it changes, seen by a session of the lab's own that only reads. Each znode is watched
 * for its data and its children; a watch that fires is followed by one read, so a change is known one round
 * trip after it happened.
 *
 * After a reconnect everything is read again (ZkConnection calls every handler). Of a tree with more znodes
 * than are watched a part is seen, and that is said.
 */
import { inBackground } from '../../../src/common/background';
import { Log } from '../../../src/common/host';
import { ZkConnection } from '../../../src/zk/zk-connection';
import { NO_OWNER, ZkStat } from '../../../src/zk/zk-session';

export interface SeenZnode {
  readonly path: string;
  readonly change: 'created' | 'changed' | 'deleted';
  /** As text; null when deleted. */
  readonly data: string | null;
  readonly stat: ZkStat | null;
}

export const MAX_ZNODES = 5000;
/** ZooKeeper's own. */
const NOT_OURS = '/zookeeper';

interface Watched {
  readonly stop: () => void;
  /** Undefined until it was read. */
  mzxid: number | undefined;
  /** A read is under way; what changes meanwhile is read afterwards. */
  readonly busy: { data: boolean; children: boolean };
  readonly again: { data: boolean; children: boolean };
}

export class TreeWatch {
  private readonly watched = new Map<string, Watched>();
  private isClosed = false;
  private hasSaid = false;

  constructor(
    private readonly zk: ZkConnection,
    private readonly log: Log,
    private readonly see: (znode: SeenZnode) => void,
    private readonly isTooLarge: () => void,
  ) {}

  /** Resolves when the tree was read once. */
  async start(): Promise<void> {
    await this.watch('/');
  }

  close(): void {
    this.isClosed = true;
    for (const { stop } of this.watched.values()) stop();
    this.watched.clear();
  }

  private async watch(path: string): Promise<void> {
    if (this.watched.has(path) || path === NOT_OURS) return;
    if (this.watched.size >= MAX_ZNODES) {
      if (!this.hasSaid) this.isTooLarge();
      this.hasSaid = true;
      return;
    }
    const later = (what: 'data' | 'children') => () =>
      inBackground(this.log, `Reading ${path}`, this.read(path, what));
    const stops = [this.zk.onDataChange(path, later('data')), this.zk.onChildChange(path, later('children'))];
    const none = () => ({ data: false, children: false });
    this.watched.set(path, {
      stop: () => stops.forEach((stop) => stop()),
      mzxid: undefined,
      busy: none(),
      again: none(),
    });
    await this.read(path, 'data');
    await this.read(path, 'children');
  }

  private async read(path: string, what: 'data' | 'children'): Promise<void> {
    const one = this.watched.get(path);
    if (!one) return;
    one.again[what] = one.busy[what];
    if (one.busy[what]) return;
    one.busy[what] = true;
    try {
      do {
        one.again[what] = false;
        if (what === 'data') await this.readData(path, one);
        else await this.readChildren(path);
      } while (one.again[what] && this.watched.get(path) === one);
    } catch (error) {
      // Without ZooKeeper nothing is read; after the reconnect all of it is.
      if (!this.isClosed) this.log.debug(`${path}: ${String(error)}`);
    } finally {
      one.busy[what] = false;
    }
  }

  private async readData(path: string, one: Watched): Promise<void> {
    const found = await this.zk.get(path);
    if (this.watched.get(path) !== one) return;
    if (!found) return this.gone(path);
    const { data, stat } = found;
    if (one.mzxid === stat.mzxid) return;
    const change = one.mzxid === undefined ? 'created' : 'changed';
    one.mzxid = stat.mzxid;
    if (path === '/') return;
    this.see({ path, change, data: data.toString(), stat });
  }

  private async readChildren(path: string): Promise<void> {
    const names = await this.zk.children(path);
    if (!this.watched.has(path)) return;
    const base = path === '/' ? '' : path;
    const there = new Set((names ?? []).map((name) => `${base}/${name}`));
    for (const known of [...this.watched.keys()]) {
      if (parentOf(known) === path && !there.has(known)) this.gone(known);
    }
    await Promise.all([...there].map((child) => this.watch(child)));
  }

  private gone(path: string): void {
    if (path === '/') return;
    for (const [below, one] of [...this.watched]) {
      if (below !== path && !below.startsWith(`${path}/`)) continue;
      one.stop();
      this.watched.delete(below);
      if (one.mzxid !== undefined) this.see({ path: below, change: 'deleted', data: null, stat: null });
    }
  }
}

const parentOf = (path: string): string => (path === '/' ? '' : path.slice(0, path.lastIndexOf('/')) || '/');

/** The session that owns it; null: it is persistent. */
export const ownerOf = (stat: ZkStat): string | null =>
  stat.ephemeralOwner === NO_OWNER ? null : stat.ephemeralOwner;
