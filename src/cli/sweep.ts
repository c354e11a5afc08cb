/**
 * `scripts/prove sweep`: short histories, each run again with a fault at every single operation. Exit code 0:
 * no violation.
 */
import { Command, Option } from 'commander';
import {
  allPoints,
  Point,
  pointKinds,
  pointName,
  runPoint,
  storyNames,
  SweepOutcome,
} from '../simulation/sweep';
import { action, wholeNumber } from './command';
import { setSimulationFlags } from './engine-flags';
import { coreCount, runParallel } from './parallel';

interface Options {
  readonly scenario?: string;
  readonly point?: string;
  readonly jobs: number;
  /** `I/N`: this process runs every N-th point from the I-th on, on behalf of the process that started it. */
  readonly share?: string;
  readonly untilViolation?: boolean;
  readonly budgetSeconds?: number;
  readonly verbose?: boolean;
}

interface Part {
  readonly done: number;
  readonly failed: number;
  readonly points: number;
  readonly byKind: Readonly<Record<string, number>>;
}

const SUMMARY_EVERY_MS = 10000;
const PART = '#part ';

function report({ story, point, violations, cluster }: SweepOutcome, verbose: boolean): void {
  console.log(`sweep --scenario ${story} --point '${pointName(point)}': ${violations.length} violation(s)`);
  for (const violation of violations.slice(0, 10)) console.log(`  ${violation}`);
  if (!verbose) return;
  for (const event of cluster.world.timeline) console.log(`  ${JSON.stringify(event)}`);
  for (const line of cluster.logLines()) console.log(`  ${line}`);
}

/** Parses the output of pointName: KIND [HOST] K. Throws an Error that explains if the text is no point. */
function parsePoint(text: string): Point {
  const [kind, host, k] = text.split(' ');
  const known = pointKinds.find((one) => one === kind);
  if (known === undefined) throw new Error(`--point is KIND [HOST] K with one of ${pointKinds.join(', ')}`);
  if (k === undefined) return { kind: known, host: '', k: Number(host) };
  return { kind: known, host: host!, k: Number(k) };
}

async function sweepShare(options: Options): Promise<Part> {
  const startMs = Date.now();
  const [first, step] = (options.share ?? '0/1').split('/').map(Number) as [number, number];
  const { clean, points } = await allPoints(options.scenario === undefined ? storyNames : [options.scenario]);
  let failed = 0;
  let done = 0;
  let shownMs = startMs;
  const byKind: Record<string, number> = {};
  for (const outcome of first === 0 ? clean : []) {
    if (outcome.violations.length === 0) continue;
    failed++;
    report(outcome, options.verbose ?? false);
  }
  for (let i = first; i < points.length && !(failed > 0 && options.untilViolation); i += step) {
    const { story, point } = points[i]!;
    const outcome = await runPoint(story, point);
    done++;
    byKind[point.kind] = (byKind[point.kind] ?? 0) + 1;
    if (outcome.violations.length > 0) {
      failed++;
      report(outcome, options.verbose ?? false);
    }
    const nowMs = Date.now();
    if (nowMs - shownMs > SUMMARY_EVERY_MS) {
      shownMs = nowMs;
      const each = ((nowMs - startMs) / done).toFixed(0);
      process.stderr.write(
        `${done} of ${Math.ceil(points.length / step)} points, ${failed} failed, ${each} ms a point\n`,
      );
    }
    if (options.budgetSeconds !== undefined && nowMs - startMs > options.budgetSeconds * 1000) break;
  }
  return { done, failed, points: points.length, byKind };
}

function summarize(parts: readonly Part[]): number {
  const sum = (pick: (part: Part) => number) => parts.reduce((total, part) => total + pick(part), 0);
  for (const kind of pointKinds) {
    console.log(`  ${String(sum((part) => part.byKind[kind] ?? 0)).padStart(6)} ${kind}`);
  }
  const failed = sum((part) => part.failed);
  const verdict = failed === 0 ? 'no violation' : `${failed} with violations`;
  console.log(`${sum((part) => part.done)} of ${parts[0]?.points ?? 0} points: ${verdict}`);
  return failed === 0 ? 0 : 1;
}

async function sweepInJobs(options: Options): Promise<number> {
  const { jobs, scenario, untilViolation, budgetSeconds } = options;
  const commands = Array.from({ length: jobs }, (_, job) => [
    'sweep',
    '--jobs',
    '1',
    '--share',
    `${job}/${jobs}`,
    ...(scenario === undefined ? [] : ['--scenario', scenario]),
    ...(untilViolation ? ['--until-violation'] : []),
    ...(budgetSeconds === undefined ? [] : ['--budget-seconds', String(budgetSeconds)]),
  ]);
  const parts: Part[] = [];
  const codes = await runParallel(
    commands,
    (line) => {
      if (line.startsWith(PART)) parts.push(JSON.parse(line.slice(PART.length)) as Part);
      else console.log(line);
    },
    untilViolation ?? false,
  );
  return Math.max(summarize(parts), ...codes.map((code) => (code === 0 ? 0 : 1)));
}

async function sweep(options: Options): Promise<number> {
  if (options.point !== undefined) {
    const outcome = await runPoint(options.scenario ?? storyNames[0]!, parsePoint(options.point));
    report(outcome, options.verbose ?? false);
    console.log(`trace ${outcome.traceHash.toString(16)}`);
    return outcome.violations.length > 0 ? 1 : 0;
  }
  if (options.jobs > 1) return sweepInJobs(options);
  setSimulationFlags();
  const part = await sweepShare(options);
  if (options.share === undefined) return summarize([part]);
  console.log(`${PART}${JSON.stringify(part)}`);
  return part.failed > 0 ? 1 : 0;
}

export function sweepCommand(): Command {
  return new Command('sweep')
    .description('run short stories with a fault at every single operation in turn')
    .addOption(new Option('--scenario <name>', 'one story (default: all)').choices(storyNames))
    .option('--point <text>', 'with --scenario: one point, as a violation is printed: KIND [HOST] K')
    .option('--verbose', 'with --point: the timeline and the logs too')
    .option('--jobs <n>', 'processes (default: the number of cores)', wholeNumber, coreCount())
    .option(
      '--share <i/n>',
      'internal: every n-th point from the i-th, for the process that started this one',
    )
    .option('--until-violation', 'stop at the first violation')
    .option('--budget-seconds <n>', 'stop after so many seconds', wholeNumber)
    .action(action<Options>(sweep));
}
