/**
 * `scripts/prove mutants [NAME...]`: plants one known defect after the other in copies of the code, and
 * checks that the tests detect it; for a defect that depends on timing, also the random instruments. Exit
 * code 0: every mutant was killed.
 *
 * The mutants and their format: test/mutants/README.md.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Command, Option } from 'commander';
import { action, wholeNumber } from './command';
import { Instrument, Mutant, parseMutant } from './mutant-patch';
import { MutantTrial } from './mutant-trial';
import { Outcome, report, summarize, summaryLines, Verdict, verdictLine } from './mutant-verdict';

interface Options {
  readonly only?: 'tests' | 'seeds';
  readonly jobs: number;
  readonly budgetSeconds: number;
  readonly list?: boolean;
  readonly report?: string;
}

const ROOT = path.join(__dirname, '../../..');
const INTERRUPTED = 130;

/** All mutants of a folder, ordered by name. Throws an Error that names a malformed file. */
export function readMutants(folder: string): Mutant[] {
  const files = fs
    .readdirSync(folder)
    .filter((file) => file.endsWith('.patch'))
    .sort();
  return files.map((file) =>
    parseMutant(file.replace(/\.patch$/, ''), fs.readFileSync(path.join(folder, file), 'utf8')),
  );
}

function chosen(names: readonly string[]): Mutant[] {
  const all = readMutants(path.join(ROOT, 'test/mutants'));
  const unknown = names.find((name) => !all.some((mutant) => mutant.name === name));
  if (unknown !== undefined) throw new Error(`there is no mutant '${unknown}'; --list names them`);
  return names.length > 0 ? all.filter(({ name }) => names.includes(name)) : all;
}

async function mutants(options: Options, names: readonly string[]): Promise<number> {
  const wanted = chosen(names).filter(({ seeds }) => options.only !== 'seeds' || seeds !== undefined);
  if (options.list) {
    for (const { name, what, seeds } of wanted) console.log(`${name}: ${what}${seeds ? ` [${seeds}]` : ''}`);
    return 0;
  }
  let trial: MutantTrial | undefined;
  const interrupted = () => {
    trial?.close();
    process.exit(INTERRUPTED);
  };
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
  try {
    trial = new MutantTrial({ root: ROOT, budgetSeconds: options.budgetSeconds });
    const verdicts = await tryAll(trial, wanted, options);
    for (const line of ['', ...summaryLines(summarize(verdicts), verdicts.length)]) console.log(line);
    if (options.report !== undefined) fs.writeFileSync(options.report, report(verdicts, commit()));
    const { killed } = summarize(verdicts);
    return killed === verdicts.length ? 0 : 1;
  } finally {
    trial?.close();
    process.removeListener('SIGINT', interrupted).removeListener('SIGTERM', interrupted);
  }
}

async function tryAll(
  trial: MutantTrial,
  wanted: readonly Mutant[],
  { only, jobs }: Options,
): Promise<Verdict[]> {
  if (only !== 'seeds') await trial.checkTests(wanted, jobs);
  const problems = new Map<Instrument, string>();
  for (const instrument of new Set(only === 'tests' ? [] : wanted.flatMap(({ seeds }) => seeds ?? []))) {
    const problem = await trial.instrumentProblem(instrument);
    if (problem === undefined) continue;
    problems.set(instrument, problem);
    console.log(`${instrument}: ${problem}`);
  }
  const verdicts: Verdict[] = [];
  const queue = [...wanted];
  const work = async () => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const problem = mutant.seeds && problems.get(mutant.seeds);
      const seedsFail: Outcome | undefined = problem === undefined ? undefined : { kind: 'error', problem };
      const isSkipped = seedsFail !== undefined && only === 'seeds';
      const { tests, seeds } = isSkipped ? {} : await trial.run(mutant, seedsFail ? 'tests' : only);
      const verdict = { mutant, tests, seeds: seedsFail ?? seeds };
      verdicts.push(verdict);
      console.log(verdictLine(verdict));
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return verdicts;
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .toString()
      .trim();
  } catch {
    return '(not in a git work tree)';
  }
}

export function mutantsCommand(): Command {
  return new Command('mutants')
    .description('plant known defects, one at a time, and check that tests and seeds notice them')
    .argument('[name...]', 'mutants of test/mutants; all if none is named')
    .addOption(
      new Option('--only <which>', 'run only the tests, or only the random instruments').choices([
        'tests',
        'seeds',
      ]),
    )
    .option('--jobs <n>', 'how many at once', wholeNumber, os.availableParallelism())
    .option('--budget-seconds <n>', 'how long an instrument may look for a violation', wholeNumber, 120)
    .option('--list', 'name the mutants')
    .option('--report <file>', 'write a Markdown table')
    .action(action<Options>((options, ...args) => mutants(options, args.flat())));
}
