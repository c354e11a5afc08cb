/**
 * The four spans of a failover, as docs/timeline.md names them: *detect* (until the controller knew),
 * *elect* (until ZooKeeper had the new leaders), *propagate* (until the new leaders were told) and *client
 * recovers* (until a record was acknowledged again). Folded from events as they come.
 */
import { LabEvent, partitionName } from '../../shared/events';
import { ZOOKEEPER } from '../../shared/run';

export interface Span {
  readonly name: 'detect' | 'elect' | 'propagate' | 'client recovers';
  readonly fromMs: number;
  /** null: it is not over. */
  readonly toMs: number | null;
}

export interface Incident {
  readonly broker: number;
  readonly fault: string;
  readonly atMs: number;
  readonly detectedMs: number | null;
  readonly electedMs: number | null;
  readonly propagatedMs: number | null;
  readonly recoveredMs: number | null;
  /** Partitions that it led, and that have no leader for a moment. */
  readonly orphans: readonly string[];
  /** Partitions that got another leader, with it. */
  readonly moved: Readonly<Record<string, number>>;
}

const MAX_INCIDENTS = 50;
/** What takes a broker out of the cluster without asking it. */
const FAULTS: ReadonlySet<unknown> = new Set([
  'kill -9',
  'died',
  'power cut',
  'SIGSTOP',
  'cut from ZooKeeper',
  'expire session',
  'SIGTERM',
]);

function begin(fault: string, broker: number, atMs: number): Incident {
  const times = { detectedMs: null, electedMs: null, propagatedMs: null, recoveredMs: null };
  return { broker, fault, atMs, ...times, orphans: [], moved: {} };
}

/** The incident after an event; the same object if the event is none of its business. */
function advance(incident: Incident, event: LabEvent): Incident {
  const { broker, moved, recoveredMs } = incident;
  if (recoveredMs !== null) return incident;
  const fields = event as Readonly<Record<string, unknown>>;
  const { atMs } = event;
  switch (event.what) {
    case 'broker-change': {
      const isAboutIt = [fields.removed, fields.bounced].flat().includes(broker);
      return isAboutIt && incident.detectedMs === null ? { ...incident, detectedMs: atMs } : incident;
    }
    case 'controller-elected':
      // A new controller begins by reading who is alive.
      if (fields.broker === broker || incident.detectedMs !== null) return incident;
      return { ...incident, detectedMs: atMs };
    case 'replica-left-isr': {
      if (fields.replica !== broker || fields.leader !== -1) return incident;
      return {
        ...incident,
        orphans: [...incident.orphans, partitionName(fields.topic as string, fields.partition as number)],
      };
    }
    case 'leader-elected': {
      const tp = partitionName(fields.topic as string, fields.partition as number);
      const isItsOwn = fields.from === broker || (fields.from === -1 && incident.orphans.includes(tp));
      if (!isItsOwn || fields.leader === -1) return incident;
      const detectedMs = incident.detectedMs ?? atMs;
      return {
        ...incident,
        detectedMs,
        electedMs: atMs,
        moved: { ...moved, [tp]: fields.leader as number },
      };
    }
    case 'became-leader': {
      const tp = partitionName(fields.topic as string, fields.partition as number);
      return moved[tp] === fields.broker ? { ...incident, propagatedMs: atMs } : incident;
    }
    case 'acked': {
      const tp = partitionName(fields.topic as string, fields.partition as number);
      return tp in moved && incident.propagatedMs !== null ? { ...incident, recoveredMs: atMs } : incident;
    }
    default:
      return incident;
  }
}

/** The broker that a user has cut off from ZooKeeper; undefined: it is something else. */
function cutFromZooKeeper(event: LabEvent): number | undefined {
  const { action } = event as {
    readonly action?: { readonly what: string; readonly from: string; readonly to: string };
  };
  if (event.what !== 'command' || action?.what !== 'cut-link') return undefined;
  const hosts = [action.from, action.to];
  const broker = hosts.find((host) => host.startsWith('broker-'));
  return hosts.includes(ZOOKEEPER) && broker ? Number(broker.slice('broker-'.length)) : undefined;
}

export function incidentsAfter(incidents: readonly Incident[], event: LabEvent): readonly Incident[] {
  if (event.what === 'fault') {
    const { fault, target } = event as Readonly<Record<string, unknown>>;
    const broker = Number(target);
    if (!FAULTS.has(fault) || !Number.isInteger(broker)) return incidents;
    return [...incidents, begin(fault as string, broker, event.atMs)].slice(-MAX_INCIDENTS);
  }
  const cutOff = cutFromZooKeeper(event);
  if (cutOff !== undefined) {
    return [...incidents, begin('cut from ZooKeeper', cutOff, event.atMs)].slice(-MAX_INCIDENTS);
  }
  const last = incidents.at(-1);
  if (!last) return incidents;
  const after = advance(last, event);
  return after === last ? incidents : [...incidents.slice(0, -1), after];
}

export function spansOf({ atMs, detectedMs, electedMs, propagatedMs, recoveredMs }: Incident): Span[] {
  const spans: Span[] = [{ name: 'detect', fromMs: atMs, toMs: detectedMs }];
  if (detectedMs !== null && electedMs !== null)
    spans.push({ name: 'elect', fromMs: detectedMs, toMs: electedMs });
  if (electedMs !== null) spans.push({ name: 'propagate', fromMs: electedMs, toMs: propagatedMs });
  if (propagatedMs !== null) spans.push({ name: 'client recovers', fromMs: propagatedMs, toMs: recoveredMs });
  return spans;
}
