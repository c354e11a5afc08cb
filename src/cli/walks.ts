/**
 * `scripts/prove walks`: short random walks of steps on small simulated clusters. Walks that reach new states
 * are extended. Exit code 0: no violation.
 */
import { Command } from 'commander';
import { Coverage, Explorer } from '../simulation/walks/explore';
import {
  Alphabet,
  formatOutcome,
  Outcome,
  replayWalk,
  SeededSetup,
  shrink,
} from '../simulation/walks/alphabet';
import { WalkStep } from '../simulation/walks/step-rules';
import { replicationWalks } from '../simulation/walks/walk';
import { groupWalks } from '../simulation/group-walks/group-walk';
import { action, keyValue, wholeNumber } from './command';
import { setSimulationFlags } from './engine-flags';
import { coreCount, runParallel } from './parallel';

interface Options {
  readonly alphabet: string;
  readonly walks: number;
  readonly seed: string;
  readonly jobs: number;
  readonly job?: boolean;
  readonly budgetSeconds?: number;
  readonly untilViolation?: boolean;
  readonly walk?: string;
  readonly verbose?: boolean;
  readonly shrink?: boolean;
  readonly set?: Record<string, string>;
}

const SHOW_EVERY_MS = 5000;
const SHOWN_VIOLATIONS = 5;
const COVERAGE = 'coverage ';

function report<S extends SeededSetup, T extends WalkStep>(
  alphabet: Alphabet<S, T>,
  outcome: Outcome<S, T>,
  isVerbose: boolean,
): void {
  console.log(formatOutcome(alphabet, outcome));
  for (const violation of outcome.violations.slice(0, SHOWN_VIOLATIONS)) console.log(`  ${violation}`);
  if (!isVerbose) return;
  for (const event of outcome.timeline) console.log(`  ${JSON.stringify(event)}`);
  for (const line of outcome.log) console.log(`  ${line}`);
  outcome.visits.forEach(({ state }, i) => console.log(`  after ${i + 1}: ${state}`));
}

/**
 * Replays a text such as `seed=S brokers=3 replicas=1,2,3 min.isr=2: kill 1; start 1`, in which a violation
 * is printed.
 */
async function replayText<S extends SeededSetup, T extends WalkStep>(
  alphabet: Alphabet<S, T>,
  text: string,
  options: Options,
): Promise<number> {
  const match = /^seed=(\S+) ([^:]*):(.*)$/.exec(text.trim());
  if (!match) throw new Error(`a walk is written as 'seed=S, its setup: kill 1; start 1', not '${text}'`);
  const settings = options.set ?? {};
  const setup = { ...alphabet.parseSetup(match[2]!.trim()), seed: match[1]!, settings } as S;
  const steps = match[3]!.split(';').filter((step) => step.trim() !== '');
  let outcome = await replayWalk(
    alphabet,
    setup,
    steps.map((step) => alphabet.parseStep(step)),
  );
  if (options.shrink && outcome.violations.length > 0) outcome = await shrink(alphabet, outcome);
  report(alphabet, outcome, options.verbose ?? false);
  console.log(
    `${outcome.violations.length} violation(s), ${outcome.acked} acknowledged, trace ` +
      `${outcome.traceHash.toString(16)}`,
  );
  return outcome.violations.length > 0 ? 1 : 0;
}

async function explore<S extends SeededSetup, T extends WalkStep>(
  alphabet: Alphabet<S, T>,
  options: Options,
): Promise<number> {
  const explorer = new Explorer(alphabet, options.seed, options.set);
  const startMs = Date.now();
  let shownMs = startMs;
  let failed = 0;
  for (let i = 0; i < options.walks; i++) {
    const outcome = await explorer.next();
    const nowMs = Date.now();
    if (outcome.violations.length > 0) {
      failed++;
      report(alphabet, options.shrink ? await shrink(alphabet, outcome) : outcome, false);
      if (options.untilViolation) break;
    }
    if (nowMs - shownMs > SHOW_EVERY_MS) {
      shownMs = nowMs;
      const { walks, states, combinations } = explorer.coverage;
      const each = ((nowMs - startMs) / walks).toFixed(0);
      process.stderr.write(
        `${walks} of ${options.walks} walks, ${states} states, ${combinations} combinations, ${failed} ` +
          `failed, ${each} ms a walk\n`,
      );
    }
    if (options.budgetSeconds !== undefined && nowMs - startMs > options.budgetSeconds * 1000) break;
  }
  if (options.job) console.log(`${COVERAGE}${JSON.stringify({ ...explorer.coverage, failed })}`);
  else summarize([{ ...explorer.coverage, failed }], (Date.now() - startMs) / 1000);
  return failed > 0 ? 1 : 0;
}

function summarize(parts: readonly (Coverage & { readonly failed: number })[], seconds: number): void {
  const sum = (pick: (part: Coverage & { readonly failed: number }) => number) =>
    parts.reduce((total, part) => total + pick(part), 0);
  const names = Object.keys(parts[0]?.waypoints ?? {});
  for (const name of names)
    console.log(`  ${String(sum((part) => part.waypoints[name] ?? 0)).padStart(8)} walks passed: ${name}`);
  const walks = sum((part) => part.walks);
  const failed = sum((part) => part.failed);
  console.log(
    `${walks} walks, ${sum((part) => part.acked)} records acknowledged, ${sum((part) => part.states)} ` +
      `states, ` +
      `${sum((part) => part.combinations)} combinations of waypoints, ${(walks / seconds).toFixed(0)} ` +
      `walks/s`,
  );
  console.log(failed === 0 ? 'no violation' : `${failed} walk(s) with violations`);
}

async function exploreInJobs(options: Options): Promise<number> {
  const startMs = Date.now();
  const commands = Array.from({ length: options.jobs }, (_, job) => {
    const share = Math.floor(options.walks / options.jobs) + (job < options.walks % options.jobs ? 1 : 0);
    const args = ['walks', '--alphabet', options.alphabet, '--job', '--jobs', '1'];
    args.push('--walks', String(share), '--seed', `${options.seed}-${job}`);
    if (options.budgetSeconds !== undefined) args.push('--budget-seconds', String(options.budgetSeconds));
    if (options.untilViolation) args.push('--until-violation');
    if (options.shrink) args.push('--shrink');
    for (const [key, value] of Object.entries(options.set ?? {})) args.push('--set', `${key}=${value}`);
    return args;
  });
  const parts: (Coverage & { readonly failed: number })[] = [];
  const codes = await runParallel(
    commands,
    (line) => {
      if (line.startsWith(COVERAGE))
        parts.push(JSON.parse(line.slice(COVERAGE.length)) as Coverage & { failed: number });
      else console.log(line);
    },
    options.untilViolation ?? false,
  );
  if (parts.length > 0) summarize(parts, (Date.now() - startMs) / 1000);
  return codes.some((code) => code !== 0) ? 1 : 0;
}

function walksOf<S extends SeededSetup, T extends WalkStep>(
  alphabet: Alphabet<S, T>,
  options: Options,
): Promise<number> {
  if (options.walk !== undefined) return replayText(alphabet, options.walk, options);
  if (options.jobs > 1) return exploreInJobs(options);
  setSimulationFlags();
  return explore(alphabet, options);
}

function walks(options: Options): Promise<number> {
  switch (options.alphabet) {
    case 'replication':
      return walksOf(replicationWalks, options);
    case 'groups':
      return walksOf(groupWalks, options);
    default:
      throw new Error(`--alphabet is replication or groups, not '${options.alphabet}'`);
  }
}

export function walksCommand(): Command {
  return new Command('walks')
    .description('run short walks of staged steps on small simulated clusters')
    .option(
      '--alphabet <name>',
      'what the steps are about: replication, or groups (and their clients)',
      'replication',
    )
    .option('--walks <n>', 'how many', wholeNumber, 1000)
    .option('--seed <s>', 'the search is the same for the same seed and number of jobs', '1')
    .option('--jobs <n>', 'processes (default: the number of cores)', wholeNumber, coreCount())
    .option('--job', 'internal: print the coverage for the process that started this one')
    .option('--budget-seconds <n>', 'stop after so many seconds', wholeNumber)
    .option('--until-violation', 'stop at the first violation')
    .option('--walk <text>', 'one walk, as a violation is printed')
    .option('--verbose', 'with --walk: events, logs, states')
    .option('--shrink', 'leave out steps that are not needed for the violation')
    .option('--set <key=value>', 'a broker setting', keyValue)
    .action(action<Options>(walks));
}
