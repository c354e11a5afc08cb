/**
 * ZooKeeper's tree as rows: parents before children, numbers in the order of numbers, and of each znode
 * what matters at a glance. A change is marked for a while of virtual time.
 */
import { State } from '../../shared/state';

type Znode = State['znodes'][string];

export interface TreeRow {
  readonly path: string;
  readonly depth: number;
  readonly label: string;
  /** What it holds, in few words. */
  readonly summary: string;
  readonly version: number;
  /** The host whose session owns it; null: it is persistent. */
  readonly ownerHost: string | null;
  readonly mark: 'created' | 'changed' | 'deleted' | null;
  readonly isFolder: boolean;
}

/** How long a change is marked, in virtual ms. */
export const MARKED_MS = 1500;
/** What a beginner need not see before he asks. */
const MAX_PARTITIONS = 4;
const ASIDE = [
  '/admin',
  '/config',
  '/feature',
  '/samsa',
  '/latest_producer_id_block',
  '/log_dir_event_notification',
  '/isr_change_notification',
  '/consumers',
  '/cluster',
  '/brokers/seqid',
  '/brokers/topics/__consumer_offsets',
];
const isAside = (path: string): boolean => ASIDE.some((one) => path === one || path.startsWith(`${one}/`));

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

function json(data: string | null): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(data ?? '');
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

/** The znodes that people read, in the words of the picture; others as they are. */
export function summaryOf(path: string, data: string | null): string {
  if (data === null || data === '') return '';
  const fields = json(data);
  if (path === '/controller') return `broker ${String(fields.brokerid)}`;
  if (/^\/brokers\/ids\/\d+$/.test(path))
    return `${String(fields.host ?? '')}:${String(fields.port ?? '')}`.replace(/:-1$/, '');
  if (/\/partitions\/\d+\/state$/.test(path)) {
    const { leader, leader_epoch: epoch, isr } = fields;
    return `leader ${String(leader)} · epoch ${String(epoch)} · ISR ${String(isr)}`;
  }
  if (/^\/brokers\/topics\/[^/]+$/.test(path)) {
    const partitions = Object.entries(
      (fields.partitions ?? {}) as Readonly<Record<string, readonly number[]>>,
    );
    const shown = partitions
      .slice(0, MAX_PARTITIONS)
      .map(([partition, replicas]) => `${partition}:[${replicas}]`);
    return [
      ...shown,
      ...(partitions.length > MAX_PARTITIONS ? [`… ${partitions.length} partitions`] : []),
    ].join(' ');
  }
  return data.length > 60 ? `${data.slice(0, 59)}…` : data;
}

/** Order of siblings: the controller first, numbers as numbers. */
function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((path) => path.replace('/controller', '/ controller').split('/')) as [
    string[],
    string[],
  ];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] === right[i]) continue;
    const [x, y] = [Number(left[i]), Number(right[i])];
    return Number.isNaN(x) || Number.isNaN(y) ? (left[i]! < right[i]! ? -1 : 1) : x - y;
  }
  return left.length - right.length;
}

/** A chain of folders with one child each is one row: `partitions/0/state`. */
function rowsBelow(znodes: readonly Znode[], sessions: State['sessions'], nowMs: number): TreeRow[] {
  const children = new Map<string, Znode[]>();
  for (const znode of znodes) {
    const list = children.get(parentOf(znode.path));
    if (list) list.push(znode);
    else children.set(parentOf(znode.path), [znode]);
  }
  const rows: TreeRow[] = [];
  const visit = (first: Znode, depth: number) => {
    let znode = first;
    let label = znode.path.slice(znode.path.lastIndexOf('/') + 1);
    for (
      let only = children.get(znode.path);
      only?.length === 1 && !summaryOf(znode.path, znode.data);
      only = children.get(znode.path)
    ) {
      znode = only[0]!;
      label += znode.path.slice(znode.path.lastIndexOf('/'));
    }
    const { path, data, version, owner, change, seenMs } = znode;
    const isMarked = change === 'deleted' || nowMs - seenMs < MARKED_MS;
    rows.push({
      path,
      depth,
      label: depth === 0 ? `/${label}` : label,
      summary: summaryOf(path, data),
      version,
      ownerHost: owner === null ? null : (sessions[owner]?.host ?? 'nobody'),
      mark: isMarked ? change : null,
      isFolder: children.has(path),
    });
    for (const child of children.get(path) ?? []) visit(child, depth + 1);
  };
  for (const znode of children.get('/') ?? []) visit(znode, 0);
  return rows;
}

/** `showsAll`: with what is seldom looked at. */
export function treeRows(
  { znodes, sessions, nowMs }: Pick<State, 'znodes' | 'sessions' | 'nowMs'>,
  showsAll: boolean,
): TreeRow[] {
  const shown = Object.values(znodes).filter(({ path }) => path !== '/' && (showsAll || !isAside(path)));
  return rowsBelow(
    shown.sort((a, b) => compare(a.path, b.path)),
    sessions,
    nowMs,
  );
}
