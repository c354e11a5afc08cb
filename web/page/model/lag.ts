/** How far a consumer or a group is behind, by partition: position, committed offset, the end it may read. */
import { State } from '../../shared/state';

export interface LagRow {
  readonly topic: string;
  readonly partition: number;
  /** Who reads it; null: nobody has it now. */
  readonly consumer: string | null;
  /** The next offset that it reads; null: not known yet. */
  readonly position: number | null;
  /** null: nothing was committed. */
  readonly committed: number | null;
  /** The leader's high watermark: what may be read. */
  readonly end: number;
  /** From the position, or from the committed offset where nobody reads. */
  readonly lag: number;
}

type Seen = Pick<State, 'replicas' | 'consumers' | 'groups'>;

function endOf({ replicas }: Seen, topic: string, partition: number): number {
  const all = Object.values(replicas).filter((one) => one.topic === topic && one.partition === partition);
  const leaders = all.filter(({ role }) => role === 'leader');
  return Math.max(0, ...(leaders.length > 0 ? leaders : all).map(({ highWatermark }) => highWatermark));
}

function rowOf(seen: Seen, group: string | null, topic: string, partition: number): LagRow {
  const reader = Object.values(seen.consumers).find(
    (one) => one.group === group && one.topic === topic && one.assigned.includes(partition),
  );
  const commits = group === null ? [] : (seen.groups[group]?.committed ?? []);
  const committed = commits.find(([name, number]) => name === topic && number === partition)?.[2] ?? null;
  const position = reader?.positions.find(([number]) => number === partition)?.[1] ?? null;
  const end = endOf(seen, topic, partition);
  return {
    ...{ topic, partition, position, committed, end },
    consumer: reader?.consumer ?? null,
    lag: Math.max(0, end - (position ?? committed ?? 0)),
  };
}

/** Of all partitions that a member has or that were committed for. */
export function lagOfGroup(seen: Seen, group: string): LagRow[] {
  const names = new Map<string, readonly [string, number]>();
  const add = (topic: string, partition: number) => names.set(`${topic}-${partition}`, [topic, partition]);
  for (const [topic, partition] of seen.groups[group]?.committed ?? []) add(topic, partition);
  for (const one of Object.values(seen.consumers)) {
    if (one.group === group) for (const partition of one.assigned) add(one.topic, partition);
  }
  return [...names.values()]
    .sort(([a, i], [b, j]) => (a === b ? i - j : a < b ? -1 : 1))
    .map(([topic, partition]) => rowOf(seen, group, topic, partition));
}

export function lagOfConsumer(seen: Seen, consumer: string): LagRow[] {
  const one = seen.consumers[consumer];
  return (one?.assigned ?? []).map((partition) => rowOf(seen, one!.group, one!.topic, partition));
}
