/**
 * `scripts/prove simulate --seeds N|--seed S`: whole clusters under seeded faults, in virtual time. Exit 0: clean.
 */
import { Command } from 'commander';
import { drawScenario, Outcome, runScenario, shrink } from '../simulation/scenario';
import { action, keyValue, wholeNumber } from './command';

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly seed?: string;
  readonly set?: Record<string, string>;
  readonly verbose?: boolean;
  readonly shrink?: boolean;
}

const SUMMARY_EVERY_MS = 5000;

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

async function simulate(options: Options): Promise<number> {
  if (options.seed !== undefined) {
    let scenario = drawScenario(options.seed, options.set);
    if (options.shrink) scenario = await shrink(scenario);
    const outcome = await runScenario(scenario);
    report(outcome, options.verbose ?? false);
    console.log(JSON.stringify(outcome.reached), `actions ${outcome.actions}, trace ${outcome.traceHash.toString(16)}`);
    return outcome.violations.length > 0 ? 1 : 0;
  }
  const reached: Record<string, number> = {};
  const failed: string[] = [];
  const startMs = Date.now();
  let shownMs = startMs;
  for (let i = 0; i < options.seeds; i++) {
    const outcome = await runScenario(drawScenario(String(options.from + i), options.set));
    for (const [name, count] of Object.entries(outcome.reached)) reached[name] = (reached[name] ?? 0) + count;
    if (outcome.violations.length > 0) {
      failed.push(outcome.scenario.seed);
      report(outcome, false);
    }
    if (Date.now() - shownMs > SUMMARY_EVERY_MS) {
      shownMs = Date.now();
      process.stderr.write(`${i + 1} of ${options.seeds} seeds, ${failed.length} failed, ${((shownMs - startMs) / (i + 1)).toFixed(0)} ms a seed\n`);
    }
  }
  console.log(`reached: ${JSON.stringify(reached)}`);
  console.log(`${options.seeds} seeds from ${options.from}: ${failed.length === 0 ? 'no violation' : `violations with seeds ${failed.join(', ')}`}`);
  return failed.length === 0 ? 0 : 1;
}

export function simulateCommand(): Command {
  return new Command('simulate').description('run simulated clusters under seeded faults')
    .option('--seeds <n>', 'how many', wholeNumber, 100).option('--from <n>', 'the first seed', wholeNumber, 1)
    .option('--seed <s>', 'one seed, with its faults and violations').option('--verbose', 'with --seed: the timeline and the logs too')
    .option('--shrink', 'with --seed: leave out faults that are not needed')
    .option('--set <key=value>', 'a broker setting, such as lab.truncate.to.high.watermark=true', keyValue)
    .action(action<Options>(simulate));
}
