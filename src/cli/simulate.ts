/**
 * `scripts/prove simulate --seeds N|--seed S`: simulates whole clusters with faults from a seed, in virtual
 * time. Exit code 0: no violation.
 */
import { Command } from 'commander';
import { drawScenario, Outcome, runScenario, shrink } from '../simulation/scenario';
import { action, keyValue, wholeNumber } from './command';
import { setSimulationFlags } from './engine-flags';
import { coreCount, runParallel } from './parallel';

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly jobs: number;
  /** This process runs every `stride`-th seed, on behalf of the process that started it. */
  readonly stride?: number;
  readonly seed?: string;
  readonly set?: Record<string, string>;
  readonly verbose?: boolean;
  readonly shrink?: boolean;
  readonly untilViolation?: boolean;
  readonly budgetSeconds?: number;
}

interface Part {
  readonly done: number;
  readonly failed: readonly string[];
  readonly reached: Record<string, number>;
}

const SUMMARY_EVERY_MS = 10000;
/** The start of the line in which a child process reports its counters. */
const PART = '#part ';

function report({ scenario, violations, timeline, log }: Outcome, verbose: boolean): void {
  console.log(`seed ${scenario.seed}: ${violations.length} violation(s)`);
  const { faults, eventFaults, operations, ...drawn } = scenario;
  console.log(`  ${JSON.stringify(drawn)}`);
  for (const fault of faults) console.log(`  fault ${JSON.stringify(fault)}`);
  for (const fault of eventFaults) console.log(`  event fault ${JSON.stringify(fault)}`);
  for (const operation of operations) console.log(`  operation ${JSON.stringify(operation)}`);
  for (const violation of violations.slice(0, 10)) console.log(`  ${violation}`);
  if (!verbose) return;
  for (const event of timeline) console.log(`  ${JSON.stringify(event)}`);
  for (const line of log) console.log(`  ${line}`);
}

async function simulateOne(seed: string, options: Options): Promise<number> {
  let scenario = drawScenario(seed, options.set);
  if (options.shrink) scenario = await shrink(scenario);
  const outcome = await runScenario(scenario);
  report(outcome, options.verbose ?? false);
  console.log(
    JSON.stringify(outcome.reached),
    `actions ${outcome.actions}, trace ${outcome.traceHash.toString(16)}`,
  );
  return outcome.violations.length > 0 ? 1 : 0;
}

async function simulateSeeds(options: Options): Promise<Part> {
  const reached: Record<string, number> = {};
  const failed: string[] = [];
  const startMs = Date.now();
  const stride = options.stride ?? 1;
  let shownMs = startMs;
  let done = 0;
  for (let i = 0; i < options.seeds; i += stride) {
    const outcome = await runScenario(drawScenario(String(options.from + i), options.set));
    done++;
    for (const [name, count] of Object.entries(outcome.reached)) reached[name] = (reached[name] ?? 0) + count;
    if (outcome.violations.length > 0) {
      failed.push(outcome.scenario.seed);
      report(outcome, false);
      if (options.untilViolation) break;
    }
    const nowMs = Date.now();
    if (nowMs - shownMs > SUMMARY_EVERY_MS) {
      shownMs = nowMs;
      const each = ((nowMs - startMs) / done).toFixed(0);
      process.stderr.write(
        `${done} of ${Math.ceil(options.seeds / stride)} seeds, ${failed.length} failed, ${each} ms a seed\n`,
      );
    }
    if (options.budgetSeconds !== undefined && nowMs - startMs > options.budgetSeconds * 1000) break;
  }
  return { done, failed, reached };
}

function summarize(parts: readonly Part[], { from }: Options, startMs: number): number {
  const reached: Record<string, number> = {};
  for (const part of parts) {
    for (const [name, count] of Object.entries(part.reached)) reached[name] = (reached[name] ?? 0) + count;
  }
  const done = parts.reduce((sum, part) => sum + part.done, 0);
  const failed = parts.flatMap((part) => part.failed);
  console.log(`reached: ${JSON.stringify(Object.fromEntries(Object.entries(reached).sort()))}`);
  const verdict = failed.length === 0 ? 'no violation' : `violations with seeds ${failed.join(', ')}`;
  const rate = (done / Math.max(0.001, (Date.now() - startMs) / 1000)).toFixed(1);
  console.log(`${done} seeds from ${from} (${rate} a second): ${verdict}`);
  return failed.length === 0 ? 0 : 1;
}

async function simulateInJobs(options: Options): Promise<number> {
  const startMs = Date.now();
  const { seeds, from, jobs, set = {}, untilViolation, budgetSeconds } = options;
  const commands = Array.from({ length: jobs }, (_, job) => [
    'simulate',
    '--jobs',
    '1',
    '--stride',
    String(jobs),
    '--from',
    String(from + job),
    '--seeds',
    String(Math.max(0, seeds - job)),
    ...Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`]),
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
  return Math.max(summarize(parts, options, startMs), ...codes.map((code) => (code === 0 ? 0 : 1)));
}

async function simulate(options: Options): Promise<number> {
  if (options.seed !== undefined) return simulateOne(options.seed, options);
  if (options.jobs > 1) return simulateInJobs(options);
  setSimulationFlags();
  const startMs = Date.now();
  const part = await simulateSeeds(options);
  if (options.stride === undefined) return summarize([part], options, startMs);
  console.log(`${PART}${JSON.stringify(part)}`);
  return part.failed.length === 0 ? 0 : 1;
}

export function simulateCommand(): Command {
  return new Command('simulate')
    .description('run simulated clusters under seeded faults')
    .option('--seeds <n>', 'how many', wholeNumber, 100)
    .option('--from <n>', 'the first seed', wholeNumber, 1)
    .option('--jobs <n>', 'processes (default: the number of cores)', wholeNumber, coreCount())
    .option(
      '--stride <n>',
      'internal: run every n-th seed, for the process that started this one',
      wholeNumber,
    )
    .option('--until-violation', 'stop at the first violation')
    .option('--budget-seconds <n>', 'stop after so many seconds', wholeNumber)
    .option('--seed <s>', 'one seed, with its faults and violations')
    .option('--verbose', 'with --seed: the timeline and the logs too')
    .option('--shrink', 'with --seed: leave out faults that are not needed')
    .option('--set <key=value>', 'a broker setting, such as lab.truncate.to.high.watermark=true', keyValue)
    .action(action<Options>(simulate));
}
