/**
 * Decides from a run of tests or of a random instrument whether a mutant was detected, and summarises all
 * runs. Without side effects.
 *
 * A mutant counts as killed only if a promise was broken visibly. A test file that cannot be loaded, or a
 * call of a function that does not exist, shows that the patch is wrong, not that the tests are good: this is
 * an error.
 */
import { Mutant } from './mutant-patch';

export type Outcome =
  | { readonly kind: 'killed'; readonly by: string; readonly seconds: number }
  | { readonly kind: 'survived'; readonly seconds: number }
  | { readonly kind: 'error'; readonly problem: string };

/** `tests` or `seeds` is undefined if it was not requested. */
export interface Verdict {
  readonly mutant: Mutant;
  readonly tests: Outcome | undefined;
  readonly seeds: Outcome | undefined;
}

/** The fields of jest's --json that are used here. */
export interface JestResult {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly startTime: number;
    readonly endTime: number;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

const WRONG_PATCH =
  /^(ReferenceError|SyntaxError)\b|is not a function|is not a constructor|Cannot find module/;

const firstLine = (text: string) =>
  text
    .replace(/\u001b\[[0-9;]*m/g, '')
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '') ?? '';
const fileName = (path: string) => path.split('/').at(-1)!.replace(/\.js$/, '.ts');

interface Failure {
  /** File and title of the test. */
  readonly by: string;
  readonly reason: string;
}

export function failuresIn({ testResults }: JestResult): Failure[] {
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => ({
        by: `${fileName(name)}: ${fullName}`,
        reason: firstLine(failureMessages?.[0] ?? ''),
      })),
  );
}

export function judgeTests(result: JestResult, seconds: number): Outcome {
  const { testResults } = result;
  const failures = failuresIn(result);
  const killer = failures.find(({ reason }) => !WRONG_PATCH.test(reason));
  if (killer) return { kind: 'killed', by: killer.by, seconds };
  if (failures.length > 0)
    return { kind: 'error', problem: `${failures[0]!.by} fails with ${failures[0]!.reason}` };
  const unloaded = testResults.find(({ status }) => status === 'failed');
  if (unloaded)
    return { kind: 'error', problem: `${fileName(unloaded.name)} does not run: ${crash(unloaded.message)}` };
  const ran = testResults.some(({ assertionResults }) =>
    assertionResults.some(({ status }) => status === 'passed'),
  );
  return ran
    ? { kind: 'survived', seconds }
    : { kind: 'error', problem: 'no test ran; does Title match one?' };
}

/**
 * Extracts the reason from jest's message about a file that could not be run; the first line is only a
 * heading.
 */
function crash(message: string): string {
  return firstLine(
    message
      .split('\n')
      .filter((line) => !line.includes('●'))
      .join('\n'),
  );
}

export interface Ended {
  /** Null: the process was ended because it hung. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** Exit code 0: no violation within the budget. Exit code 1 with a violation on standard output: killed. */
export function judgeInstrument({ code, stdout, stderr, seconds }: Ended): Outcome {
  if (code === null) return { kind: 'killed', by: 'a hang', seconds };
  if (code === 0) return { kind: 'survived', seconds };
  if (code === 1 && /violation/i.test(stdout)) {
    const runs = /^([\d,]+)(?: of [\d,]+)? (seeds|walks|runs|points)\b/m.exec(stdout);
    return { kind: 'killed', by: runs ? `${runs[1]} ${runs[2]}` : 'a violation', seconds };
  }
  return { kind: 'error', problem: firstLine(stderr) || `exit code ${code}` };
}

/** One line for the terminal. */
export function verdictLine({ mutant, tests, seeds }: Verdict): string {
  const parts = [];
  if (tests) parts.push(describe(tests));
  if (seeds) parts.push(`${mutant.seeds}: ${describe(seeds)}`);
  return `${mutant.name}: ${parts.join('; ')}`;
}

function describe(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'killed':
      return `killed by ${outcome.by} after ${outcome.seconds.toFixed(1)} s`;
    case 'survived':
      return `SURVIVED (${outcome.seconds.toFixed(1)} s)`;
    case 'error':
      return `ERROR: ${outcome.problem}`;
  }
}

export interface Summary {
  readonly killed: number;
  /** Not detected by the tests that they name. */
  readonly survivors: readonly string[];
  /** Detected by tests, but not by the instrument that they name. */
  readonly seedSurvivors: readonly string[];
  readonly errors: readonly string[];
}

export function summarize(verdicts: readonly Verdict[]): Summary {
  const names = (wanted: (verdict: Verdict) => boolean) =>
    verdicts.filter(wanted).map(({ mutant }) => mutant.name);
  const hasError = ({ tests, seeds }: Verdict) => tests?.kind === 'error' || seeds?.kind === 'error';
  const errors = names(hasError);
  const survivors = names((verdict) => verdict.tests?.kind === 'survived');
  const seedSurvivors = names((verdict) => verdict.seeds?.kind === 'survived');
  const bad = new Set([...errors, ...survivors, ...seedSurvivors]);
  return { killed: verdicts.length - bad.size, survivors, seedSurvivors, errors };
}

export function summaryLines(summary: Summary, total: number): string[] {
  const { killed, survivors, seedSurvivors, errors } = summary;
  const list = (names: readonly string[]) =>
    names.length > 0 ? `${names.length}: ${names.join(', ')}` : '0';
  return [
    `mutants          ${total}`,
    `killed           ${killed}`,
    `survived tests   ${list(survivors)}`,
    `survived seeds   ${list(seedSurvivors)}`,
    `errors           ${list(errors)}`,
  ];
}

/** A Markdown table, sorted by name. */
export function report(verdicts: readonly Verdict[], commit: string): string {
  const cell = (text: string) => text.replace(/\|/g, '\\|');
  const outcome = (one: Outcome | undefined) =>
    one ? describe(one).replace(/^killed by /, '') : 'not asked';
  const rows = [...verdicts]
    .sort((a, b) => (a.mutant.name < b.mutant.name ? -1 : 1))
    .map(({ mutant, tests, seeds }) => {
      const bySeeds = mutant.seeds && seeds ? `${mutant.seeds}: ${outcome(seeds)}` : '';
      return `| ${[mutant.name, mutant.what, outcome(tests), bySeeds].map(cell).join(' | ')} |`;
    });
  return [
    `Commit ${commit}. Written by \`./scripts/prove mutants --report\`.`,
    '',
    '| Mutant | What it does wrong | Killed by test | Killed by seeds |',
    '|---|---|---|---|',
    ...rows,
    '',
    '```',
    ...summaryLines(summarize(verdicts), verdicts.length),
    '```',
    '',
  ].join('\n');
}
