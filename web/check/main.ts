/**
 * `scripts/lab check FILE [--jobs N] [--deadline SECONDS]`: judges the links of a file and prints a row for
 * each. The exit code is 0 if all of them could be judged.
 */
import * as fs from 'node:fs';
import { messageOf } from '../../src/common/errors';
import { coreCount } from '../../src/cli/parallel';
import { csvRow } from './csv';
import { judgeAll } from './judge-pool';
import { Outcome } from './judge-run';
import { HandedIn, linksIn } from './links-file';

const DEADLINE_S = 60;
const MAX_SHOWN = 20_000;

interface Wish {
  readonly file: string;
  readonly jobs: number;
  readonly deadlineMs: number;
}

function wishIn(args: readonly string[]): Wish {
  const rest = [...args];
  const numberOf = (flag: string, otherwise: number): number => {
    const at = rest.indexOf(flag);
    if (at < 0) return otherwise;
    const [, value] = rest.splice(at, 2);
    if (!(Number(value) > 0)) throw new Error(`${flag} wants a number greater than 0`);
    return Number(value);
  };
  const jobs = Math.min(Math.ceil(numberOf('--jobs', coreCount())), 4 * coreCount());
  const deadlineMs = 1000 * numberOf('--deadline', DEADLINE_S);
  const [file, ...more] = rest;
  if (file === undefined || more.length > 0) throw new Error('usage: scripts/lab check FILE');
  return { file, jobs, deadlineMs };
}

const HEAD = csvRow(['link', 'exercise', 'passed', 'why not', 'name']);

function rowOf({ address, name }: HandedIn, { exercise, hasPassed, why }: Outcome): string {
  const shown = address.length > MAX_SHOWN ? `${address.slice(0, MAX_SHOWN)}…` : address;
  return csvRow([shown, exercise, hasPassed === null ? '' : hasPassed ? 'yes' : 'no', why, name]);
}

/** The same run handed in more than once, as lines of the file. */
function repeated(handedIn: readonly HandedIn[]): string[] {
  const lines = new Map<string, number[]>();
  for (const { link, line } of handedIn) lines.set(link, [...(lines.get(link) ?? []), line]);
  return [...lines.values()].filter(({ length }) => length > 1).map((same) => same.join(', '));
}

function summary(handedIn: readonly HandedIn[], outcomes: readonly Outcome[], ms: number): string {
  const count = (hasPassed: boolean | null) => outcomes.filter((one) => one.hasPassed === hasPassed).length;
  const rate = (outcomes.length / (ms / 1000)).toFixed(1);
  const same = repeated(handedIn);
  const copies = same.length > 0 ? `; the same run stands on lines ${same.join(' and on ')}` : '';
  return (
    `${outcomes.length} links: ${count(true)} passed, ${count(false)} not, ` +
    `${count(null)} could not be judged; ${rate} links a second${copies}`
  );
}

async function main(args: readonly string[]): Promise<void> {
  const { file, ...options } = wishIn(args);
  const handedIn = linksIn(fs.readFileSync(file, 'utf8'));
  if (handedIn.length === 0) throw new Error(`${file} holds no links`);
  const startMs = performance.now();
  // The same link is the same run.
  const links = [...new Set(handedIn.map(({ link }) => link))];
  const places = new Map(links.map((link, i) => [link, i]));
  const known: Outcome[] = [];
  let told = 0;
  const outcomes: Outcome[] = [];
  console.log(HEAD);
  await judgeAll(links, options, (outcome, i) => {
    known[i] = outcome;
    for (; told < handedIn.length; told++) {
      const found = known[places.get(handedIn[told]!.link)!];
      if (!found) return;
      outcomes.push(found);
      console.log(rowOf(handedIn[told]!, found));
    }
  });
  console.error(`lab check: ${summary(handedIn, outcomes, performance.now() - startMs)}`);
  process.exitCode = outcomes.some(({ hasPassed }) => hasPassed === null) ? 1 : 0;
}

// Whoever reads the rows may stop reading.
process.stdout.on('error', () => process.exit(1));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
main(process.argv.slice(2)).catch((error) => {
  console.error(`lab check: ${messageOf(error)}`);
  process.exitCode = 1;
});
