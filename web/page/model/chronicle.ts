/**
 * What the page tells of a run: the lines of the event list, the marks of the timeline and the spans of the
 * failovers. Folded from events, as the state of the picture is (shared/fold.ts).
 */
import { LabEvent } from '../../shared/events';
import { Incident, incidentsAfter } from './incidents';
import { ClientNames, sentenceOf, Tone } from './sentences';
import { groupOf, tellTogether } from './together';

export interface Line {
  readonly seq: number;
  readonly atMs: number;
  readonly what: string;
  readonly tone: Tone;
  readonly text: string;
  /** The lane it belongs to: a host. */
  readonly lane: string;
  /** When the last fault before it was; null: there was none. */
  readonly sinceMs: number | null;
  /** The same sentence came so often in a row. */
  readonly times: number;
  readonly group: string | undefined;
  /** What it tells; several where they are told together. */
  readonly events: readonly LabEvent[];
}

export interface Chronicle {
  readonly lines: readonly Line[];
  readonly incidents: readonly Incident[];
  readonly lastFaultMs: number | null;
  readonly clients: ClientNames;
}

export const EMPTY_CHRONICLE: Chronicle = { lines: [], incidents: [], lastFaultMs: null, clients: {} };
const MAX_LINES = 2000;
/** Events of a group within so many virtual ms are one line. */
const TOGETHER_MS = 20;

const MESSAGE_FAULT = /^message-(dropped|delayed|duplicated)$/;

/** What somebody did to the cluster; times are told since the last of them. */
const isFault = ({ what }: LabEvent): boolean =>
  what === 'fault' || what === 'command' || MESSAGE_FAULT.test(what);

/** The host that an event happened to, rather than the one that tells it. */
export function laneOf(event: LabEvent): string {
  const { what, who } = event;
  const { target, host, broker, path, fault, action } = event as Readonly<Record<string, unknown>>;
  if (what === 'fault') {
    if (/^\d+/.test(String(target)) && !String(target).includes('>'))
      return `broker-${parseInt(String(target), 10)}`;
    return String(fault).startsWith('ZooKeeper') ? 'zookeeper' : 'simulation';
  }
  const { from } = (MESSAGE_FAULT.test(what) ? event : (action ?? {})) as { readonly from?: unknown };
  if (isFault(event) && typeof from === 'string') return from;
  if (what === 'session' && typeof host === 'string') return 'zookeeper';
  if (what === 'znode' || typeof path === 'string') return 'zookeeper';
  return typeof broker === 'number' && who === 'simulation' ? `broker-${broker}` : who;
}

/** The names of the clients after an event that may tell of one; the same object if it does not. */
function clientsAfter(before: ClientNames, event: LabEvent): ClientNames {
  if (event.what !== 'producer' && event.what !== 'consumer') return before;
  const { host, [event.what]: name } = event as Readonly<Record<string, unknown>>;
  if (typeof host !== 'string' || typeof name !== 'string' || before[host] === name) return before;
  return { ...before, [host]: name };
}

/** The line that an event joins, among the last ones: its index, or -1. */
function lineFor(lines: readonly Line[], event: LabEvent, group: string | undefined): number {
  if (group === undefined) return -1;
  for (let i = lines.length - 1; i >= 0 && event.atMs - lines[i]!.atMs <= TOGETHER_MS; i--) {
    if (lines[i]!.group === group) return i;
  }
  return -1;
}

function join(line: Line, event: LabEvent): Line {
  const events = [...line.events, event];
  return { ...line, events, text: tellTogether(events) };
}

export function chronicleAfter(before: Chronicle, events: readonly LabEvent[]): Chronicle {
  let { incidents, lastFaultMs, clients } = before;
  let lines: Line[] | undefined;
  for (const event of events) {
    incidents = incidentsAfter(incidents, event);
    clients = clientsAfter(clients, event);
    const told = sentenceOf(event, clients);
    if (!told) continue;
    const { seq, atMs, what } = event;
    if (isFault(event) && told.tone === 'fault') lastFaultMs = atMs;
    lines ??= [...before.lines];
    const group = groupOf(event);
    const known = lineFor(lines, event, group);
    const last = lines.at(-1);
    const lane = laneOf(event);
    if (known >= 0) lines[known] = join(lines[known]!, event);
    else if (last?.text === told.text && last.lane === lane && what !== 'fault') {
      lines[lines.length - 1] = { ...last, times: last.times + 1 };
    } else
      lines.push({
        seq,
        atMs,
        what,
        ...told,
        lane,
        sinceMs: lastFaultMs,
        times: 1,
        group,
        events: [event],
      });
  }
  if (!lines && incidents === before.incidents && clients === before.clients) return before;
  return { lines: (lines ?? before.lines).slice(-MAX_LINES), incidents, lastFaultMs, clients };
}

/** Whether a chronicle of a run reaches at least as far as another of the same run. */
export function isLonger(one: Chronicle, other: Chronicle): boolean {
  return (one.lines.at(-1)?.seq ?? 0) >= (other.lines.at(-1)?.seq ?? 0);
}
