/**
 * What was measured of both systems, row by row; medians, and the median of the ratios of the rounds.
 */
import { System } from './systems';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length % 2 === 1
    ? sorted[(sorted.length - 1) / 2]!
    : (sorted[sorted.length / 2 - 1]! + sorted[sorted.length / 2]!) / 2;
}

/** The value of `--name` on the command line. */
export function option(name: string, fallback: string): string {
  const args = process.argv.slice(2);
  return args[args.indexOf(`--${name}`) + 1 || args.length] ?? fallback;
}

interface Row {
  readonly unit: string;
  /** What the ratio of Samsa to Kafka ought to be. */
  readonly goal: string;
  /** Of the system that Samsa is compared with. */
  readonly other: number[];
  readonly samsa: number[];
}

const rows = new Map<string, Row>();

export function note(what: string, unit: string, goal: string, system: System, value: number): void {
  const row = rows.get(what) ?? { unit, goal, other: [], samsa: [] };
  rows.set(what, row);
  (system.name === 'samsa' ? row.samsa : row.other).push(value);
  console.error(`${system.name.padEnd(6)} ${what}: ${shown(value)} ${unit}`);
}

function shown(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(0);
}

/** `hasGoals`: the goals are for the comparison with Kafka. */
export function printTable(other: string, hasGoals = true): void {
  console.log(`| | ${other} | Samsa | ratio (median of rounds) |${hasGoals ? ' goal |' : ''}`);
  console.log(`|---|---|---|---|${hasGoals ? '---|' : ''}`);
  for (const [what, { unit, goal, other: theirs, samsa }] of rows) {
    const ratios = samsa.slice(0, theirs.length).map((value, i) => value / theirs[i]!);
    const ratio = ratios.length > 0 ? median(ratios).toFixed(2) : '–';
    const figures = `${shown(median(theirs))} ${unit} | ${shown(median(samsa))} ${unit} | ${ratio}`;
    console.log(`| ${what} | ${figures} |${hasGoals ? ` ${goal} |` : ''}`);
  }
}
