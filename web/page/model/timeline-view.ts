/**
 * The timeline as it is drawn: one lane for each process, marks for what is told, bands for the spans of
 * the last failover, and the stretch of time that is in view.
 */
import { State } from '../../shared/state';
import { Chronicle, Line } from './chronicle';
import { Span, spansOf } from './incidents';
import { seconds } from './words';

export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Lane {
  readonly host: string;
  readonly label: string;
}

export interface Mark {
  readonly seq: number;
  readonly atMs: number;
  readonly lane: number;
  readonly tone: Line['tone'];
  readonly text: string;
}

export interface Band extends Span {
  readonly until: number;
  readonly label: string;
}

const MIN_SPAN_MS = 15_000;
const STEP_MS = 5_000;
const MAX_SPAN_MS = 90_000;
const MAX_MARKS = 400;
const TICK_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000];

/** All of a short run; of a long one its last stretch. It moves in steps, so that the marks stand still. */
export function windowOf(nowMs: number, endMs: number): TimeWindow {
  const toMs = Math.max(MIN_SPAN_MS, Math.ceil((Math.max(nowMs, endMs) + 1000) / STEP_MS) * STEP_MS);
  return { fromMs: Math.max(0, toMs - MAX_SPAN_MS), toMs };
}

const MIN_ZOOM_MS = 20;

/** The stretch `factor` times as long, with `atMs` at the same place; null: it would be all of the run. */
export function zoomed(view: TimeWindow, factor: number, atMs: number, endMs: number): TimeWindow | null {
  const span = Math.max(MIN_ZOOM_MS, (view.toMs - view.fromMs) * factor);
  if (span >= Math.max(MIN_SPAN_MS, endMs)) return null;
  const fromMs = Math.max(0, atMs - shareOfTime(view, atMs) * span);
  return { fromMs, toMs: fromMs + span };
}

/** A zoomed view goes along with time, in steps of half its length. */
export function following(view: TimeWindow, nowMs: number): TimeWindow {
  const half = (view.toMs - view.fromMs) / 2;
  const steps =
    nowMs > view.toMs
      ? Math.ceil((nowMs - view.toMs) / half)
      : nowMs < view.fromMs
        ? -Math.ceil((view.fromMs - nowMs) / half)
        : 0;
  const fromMs = Math.max(0, view.fromMs + steps * half);
  return { fromMs, toMs: fromMs + 2 * half };
}

export function shareOfTime({ fromMs, toMs }: TimeWindow, atMs: number): number {
  return Math.min(1, Math.max(0, (atMs - fromMs) / (toMs - fromMs)));
}

export function timeAt({ fromMs, toMs }: TimeWindow, share: number): number {
  return fromMs + Math.min(1, Math.max(0, share)) * (toMs - fromMs);
}

export function lanesOf(state: Pick<State, 'brokers' | 'producers' | 'consumers'>): Lane[] {
  const brokers = Object.values(state.brokers)
    .sort((a, b) => a.broker - b.broker)
    .map(({ host, broker }) => ({ host, label: `broker ${broker}` }));
  const clients = [
    ...Object.values(state.producers).map(({ host, producer }) => ({ host, label: producer })),
    ...Object.values(state.consumers).map(({ host, consumer }) => ({ host, label: consumer })),
  ];
  return [{ host: 'zookeeper', label: 'ZooKeeper' }, ...brokers, ...clients];
}

export function marksOf({ lines }: Chronicle, lanes: readonly Lane[], { fromMs, toMs }: TimeWindow): Mark[] {
  const rows = new Map(lanes.map(({ host }, i) => [host, i]));
  return lines
    .filter(({ atMs, lane }) => atMs >= fromMs && atMs <= toMs && rows.has(lane))
    .slice(-MAX_MARKS)
    .map(({ seq, atMs, tone, text, lane }) => ({ seq, atMs, tone, text, lane: rows.get(lane)! }));
}

/** The spans of the incident that `atMs` lies in; the last one if it is later. */
export function bandsOf({ incidents }: Chronicle, nowMs: number, view?: TimeWindow): Band[] {
  const incident = incidents.findLast((one) => one.atMs <= nowMs);
  if (!incident) return [];
  const bands = spansOf(incident).map((span) => {
    const until = span.toMs ?? nowMs;
    return {
      ...span,
      until,
      label: `${span.name} ${seconds(until - span.fromMs)}${span.toMs === null ? ' …' : ''}`,
    };
  });
  return view ? bands.filter(({ fromMs, until }) => until >= view.fromMs && fromMs <= view.toMs) : bands;
}

/** `12 s`, `12.35 s`: no more digits than the ticks need. */
export function tickLabel(atMs: number, { fromMs, toMs }: TimeWindow): string {
  const digits = toMs - fromMs > 10_000 ? 0 : toMs - fromMs > 1000 ? 1 : 3;
  return `${(atMs / 1000).toFixed(digits)} s`;
}

/** Moments that are worth a number below the lanes. */
export function ticksOf({ fromMs, toMs }: TimeWindow): number[] {
  const span = toMs - fromMs;
  const step = TICK_STEPS.find((one) => span / one <= 12) ?? span / 10;
  const first = Math.ceil(fromMs / step) * step;
  return Array.from({ length: Math.floor((toMs - first) / step) + 1 }, (_, i) => first + i * step);
}

/** Where labels begin that want to stand at `at`, side by side in their order, and none beyond `end`. */
export function labelStarts(
  labels: readonly { readonly at: number; readonly width: number }[],
  end: number,
): number[] {
  const starts: number[] = [];
  for (const [i, { at }] of labels.entries()) {
    starts.push(i === 0 ? at : Math.max(at, starts[i - 1]! + labels[i - 1]!.width));
  }
  for (let i = labels.length - 1, limit = end; i >= 0; i--) {
    starts[i] = Math.min(starts[i]!, limit - labels[i]!.width);
    limit = starts[i]!;
  }
  return starts;
}
