/**
 * The table of attacks and outcomes, as text for a terminal and as Markdown for docs/reliability.md.
 *
 * [p]
 */
import { Experience } from './bystanders';
import { Attack } from './ground';
import { Observation, Verdict } from './judge';

export interface Row {
  readonly attack: Pick<Attack, 'name' | 'sends' | 'expected'>;
  readonly seen: Observation;
  readonly verdict: Verdict;
}

const MB = 1024 * 1024;
const KINDS = ['produce', 'consume', 'commit'] as const;

const p99 = (experience: Experience) => KINDS.map((kind) => experience[kind].p99Ms.toFixed(0)).join('/');
const worst = (experience: Experience) =>
  Math.max(...KINDS.map((kind) => experience[kind].worstMs)).toFixed(0);

export function outcomeOf({ problems, slow }: Verdict): string {
  if (problems.length > 0) return 'HARM';
  return slow.length > 0 ? 'slow' : 'held';
}

function memory({ seen }: Row): string {
  const most = (standing: Observation['before']) =>
    Math.max(0, ...standing.brokers.map((broker) => broker.residentBytes ?? 0));
  return [most(seen.before), seen.peakBytes, most(seen.after)]
    .map((bytes) => (bytes / MB).toFixed(0))
    .join('→');
}

function logLines({ seen: { before, after } }: Row): number {
  return after.brokers.reduce(
    (sum, broker, i) => sum + broker.logLines - (before.brokers[i]?.logLines ?? 0),
    0,
  );
}

const columns: readonly (readonly [title: string, cell: (row: Row) => string])[] = [
  ['attack', ({ attack }) => attack.name],
  ['inputs', ({ seen }) => seen.inputs.toLocaleString('en')],
  ['quiet p99, ms', ({ seen }) => p99(seen.quiet)],
  ['attacked', ({ seen }) => p99(seen.attacked)],
  ['worst wait', ({ seen }) => worst(seen.attacked)],
  ['memory, MB', memory],
  ['descriptors', ({ seen }) => String(seen.peakDescriptors)],
  ['log lines', (row) => String(logLines(row))],
  ['outcome', ({ verdict }) => outcomeOf(verdict)],
];

/** A line of column titles, then one line for each row. */
export function tableLines(rows: readonly Row[]): string[] {
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, cell]) => cell(row)))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i]!.length)));
  return cells.map((line) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
  );
}

/** The lines about a row besides its figures. */
export function detailLines({ verdict }: Row): string[] {
  return [
    ...verdict.problems.map((text) => `  HARM: ${text}`),
    ...verdict.slow.map((text) => `  slow: ${text}`),
  ];
}

export function markdown(rows: readonly Row[]): string {
  const title = [
    'Attack',
    'What it sends',
    'Bound',
    'Inputs',
    'p99 quiet → attacked (produce/consume/commit), ms',
    'Worst wait, ms',
    'Memory before→peak→after, MB',
    'Outcome',
  ];
  const lines = rows.map((row) => [
    `\`${row.attack.name}\``,
    row.attack.sends,
    row.attack.expected,
    row.seen.inputs.toLocaleString('en'),
    `${p99(row.seen.quiet)} → ${p99(row.seen.attacked)}`,
    worst(row.seen.attacked),
    memory(row),
    [outcomeOf(row.verdict), ...row.verdict.problems].join(': '),
  ]);
  return [title, title.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}
