/**
 * A story's timeline (docs/timeline.md) as a tape: its lines as happenings, and what of the picture follows
 * from them. Who opens it may have been sent anything, so every line is judged; what is wrong is told in a
 * sentence with the number of the line.
 *
 * A run that was killed leaves its last line in pieces: that line is left out, and said so.
 */
import { isSight, LabEvent, VerdictSight } from './events';
import { TimelineSights } from './timeline-sights';

export class TimelineError extends Error {}

export const TIMELINE_LIMITS = {
  bytes: 64 * 1024 * 1024,
  lines: 200_000,
  lineLength: 256 * 1024,
  brokers: 1000,
};
/** Longer runs there are none of. */
const MAX_SPAN_MS = 7 * 24 * 60 * 60 * 1000;
/** What happens after the last event: nothing, for a moment, so that it is seen. */
const AFTER_MS = 1000;

export interface Timeline {
  readonly events: readonly LabEvent[];
  readonly endMs: number;
  /** What was left out, in words; null: nothing. */
  readonly note: string | null;
}

interface Row {
  readonly time: number;
  readonly who: string;
  readonly what: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 249;
const isBroker = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= -1 && (value as number) <= TIMELINE_LIMITS.brokers;

function fail(line: number, why: string): never {
  throw new TimelineError(`This is no timeline of a run: line ${line} ${why}.`);
}

function rowOf(text: string, line: number): Row {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    fail(line, 'is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(line, 'is not an object');
  const { time, who, what, seq: _seq, atMs: _atMs, ...fields } = value as Record<string, unknown>;
  if (typeof time !== 'number' || !Number.isFinite(time) || time < 0) fail(line, 'has no time');
  if (!isText(who)) fail(line, 'does not say who');
  if (!isText(what)) fail(line, 'does not say what happened');
  // Sights are what the page concludes; a timeline holds only what happened.
  if (isSight({ what } as LabEvent)) fail(line, `tells of "${what}", which is no event of a timeline`);
  checkFields(fields, line);
  return { time, who, what, fields };
}

/** The page relies on their types. */
function checkFields(fields: Readonly<Record<string, unknown>>, line: number): void {
  const check = (names: readonly string[], isGood: (value: unknown) => boolean) => {
    for (const name of names) {
      const value = Object.hasOwn(fields, name) ? fields[name] : null;
      if (value !== null && !isGood(value))
        fail(line, `has ${name === 'isr' ? 'an ISR' : `a ${name}`} that can be none`);
    }
  };
  check(['broker', 'leader', 'replica'], isBroker);
  check(['partition'], (value) => Number.isSafeInteger(value));
  check(['topic'], isText);
  check(['isr', 'added', 'removed', 'bounced'], (value) => Array.isArray(value) && value.every(isBroker));
}

/** The rows in the order of their times. */
function rowsOf(text: string): { rows: Row[]; note: string | null } {
  if (text.length > TIMELINE_LIMITS.bytes)
    throw new TimelineError('The file is larger than any timeline of a run.');
  if (text.trim() === '') throw new TimelineError('The file is empty: the run had told nothing yet.');
  const lines = text.split('\n');
  const isWhole = lines.at(-1) === '';
  if (isWhole) lines.pop();
  if (lines.length > TIMELINE_LIMITS.lines)
    throw new TimelineError(
      `The file has ${lines.length} lines; at most ${TIMELINE_LIMITS.lines} are shown.`,
    );
  const rows: Row[] = [];
  let note: string | null = null;
  lines.forEach((line, i) => {
    if (line.trim() === '') return;
    if (line.length > TIMELINE_LIMITS.lineLength) fail(i + 1, 'is longer than any event');
    const isLast = i === lines.length - 1 && !isWhole;
    try {
      rows.push(rowOf(line, i + 1));
    } catch (error) {
      if (!isLast || rows.length === 0) throw error;
      note = 'The file is cut off: its last line is not whole and was left out.';
    }
  });
  if (rows.length === 0) throw new TimelineError('The file has no events.');
  rows.sort((a, b) => a.time - b.time);
  if (rows.at(-1)!.time - rows[0]!.time > MAX_SPAN_MS)
    throw new TimelineError('The times in the file are more than a week apart: it is of more than one run.');
  return { rows, note };
}

const COUNTS = ['sent', 'acked', 'read', 'lost', 'duplicated', 'reordered'] as const;

/** The counts of a verdict.json; undefined: it has none. */
function countsOf(verdict: unknown): Omit<VerdictSight, 'what'> | undefined {
  const said = (typeof verdict === 'object' && verdict !== null ? verdict : {}) as Record<string, unknown>;
  if (!COUNTS.every((name) => Number.isSafeInteger(said[name]))) return undefined;
  const counts = Object.fromEntries(COUNTS.map((name) => [name, said[name]])) as Record<string, number>;
  return { ...(counts as unknown as Omit<VerdictSight, 'what'>), lostOf: {}, duplicatedOf: {} };
}

/** `verdict`: what lies beside it as verdict.json, told at its end. Throws TimelineError and nothing else. */
export function readTimeline(text: string, verdict?: unknown): Timeline {
  const { rows, note } = rowsOf(text);
  const startMs = rows[0]!.time;
  const sights = new TimelineSights(rows.map(({ who, what, fields }) => ({ who, what, ...fields })));
  const events: LabEvent[] = [];
  const add = (atMs: number, event: object) => {
    events.push({ ...event, seq: events.length + 1, atMs } as LabEvent);
  };
  for (const sight of sights.atTheBeginning()) add(0, sight);
  for (const { time, who, what, fields } of rows) {
    const atMs = time - startMs;
    const told = sights.after({ who, what, ...fields });
    for (const event of told) add(atMs, event);
  }
  const lastMs = rows.at(-1)!.time - startMs;
  const counts = countsOf(verdict);
  if (counts) add(lastMs, { who: 'story', what: 'verdict', ...counts });
  return { events, endMs: lastMs + AFTER_MS, note };
}
