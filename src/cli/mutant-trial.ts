/**
 * Tries mutants. Each one runs in a copy of the compiled project, first with the tests that it names, then
 * with the random instrument that it names.
 *
 * Invariant: at the end all child processes have ended and all copies are removed.
 */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { MutantCopies } from './mutant-copies';
import { Instrument, Mutant } from './mutant-patch';
import { Ended, failuresIn, JestResult, judgeInstrument, judgeTests, Outcome } from './mutant-verdict';

export interface TrialOptions {
  /** The project, with src, test and an up-to-date dist. */
  readonly root: string;
  /** How long an instrument may search for a violation. */
  readonly budgetSeconds: number;
}

/**
 * The command and options of each instrument. It runs until the budget is spent, in one process, so that
 * every run has the same walks or seeds.
 */
const INSTRUMENT_ARGUMENTS: Readonly<Record<Instrument, readonly string[]>> = {
  'walks': ['walks', '--walks', '100000000', '--jobs', '1'],
  'group-walks': ['walks', '--alphabet', 'groups', '--walks', '100000000', '--jobs', '1'],
  'simulate': ['simulate', '--seeds', '100000000', '--jobs', '1'],
  'sweep': ['sweep', '--jobs', '1'],
};
const OUTPUT_LIMIT = 1 << 20;
/** A run counts as hung after this many times its duration without a mutant, plus a minute. */
const HANG_FACTOR = 20;
const HANG_EXTRA_SECONDS = 60;
/** An instrument ends by itself after its budget, when its current run is complete. */
const INSTRUMENT_EXTRA_SECONDS = 300;

interface JestRun {
  readonly tests: readonly string[];
  /** A regular expression: run only tests whose title matches. */
  readonly title: string | undefined;
  readonly more: readonly string[];
  readonly limitSeconds?: number;
}

interface JestEnded {
  /** Undefined if jest ended without a result. */
  readonly result: JestResult | undefined;
  readonly ended: Ended;
}

const lastLine = (text: string) => text.trim().split('\n').at(-1)!;

export class MutantTrial {
  private readonly copies: MutantCopies;
  private readonly children = new Set<number>();
  private isClosed = false;
  /** The duration of each test file without a mutant, in seconds. */
  private readonly usualSeconds = new Map<string, number>();

  constructor(private readonly options: TrialOptions) {
    this.copies = new MutantCopies(options.root);
  }

  /** Ends running processes and removes the copies. */
  close(): void {
    this.isClosed = true;
    for (const pid of this.children) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // The process has just ended by itself.
      }
    }
    this.copies.close();
  }

  /**
   * Throws an Error with the names of the failing tests, if the tests of these mutants fail without a mutant.
   */
  async checkTests(mutants: readonly Mutant[], workers: number): Promise<void> {
    const untitled = new Set(
      mutants.filter(({ title }) => title === undefined).flatMap(({ tests }) => tests),
    );
    const groups = new Map<string | undefined, Set<string>>([[undefined, untitled]]);
    for (const { tests, title } of mutants) {
      if (title === undefined) continue;
      const group = groups.get(title) ?? new Set();
      for (const test of tests) group.add(test);
      groups.set(title, group);
    }
    const copy = this.copies.make();
    for (const [title, tests] of groups) {
      if (tests.size === 0) continue;
      const { result, ended } = await this.jest(copy, {
        tests: [...tests],
        title,
        more: ['--maxWorkers', String(workers)],
      });
      if (!result) throw new Error(`the tests do not run without any mutant: ${lastLine(ended.stderr)}`);
      const outcome = judgeTests(result, ended.seconds);
      if (outcome.kind === 'killed') {
        throw new Error(
          ['without any mutant these fail:', ...failuresIn(result).map(({ by }) => by)].join('\n  '),
        );
      }
      if (outcome.kind === 'error') throw new Error(`without any mutant: ${outcome.problem}`);
      for (const { name, startTime, endTime } of result.testResults) {
        const file = path.relative(path.join(fs.realpathSync(copy), 'dist'), name).replace(/\.js$/, '.ts');
        this.usualSeconds.set(file, Math.max(this.usualSeconds.get(file) ?? 0, (endTime - startTime) / 1000));
      }
    }
    fs.rmSync(copy, { recursive: true });
  }

  /**
   * Undefined if the instrument reports nothing without a mutant. Otherwise the reason why its reports are
   * useless now.
   */
  async instrumentProblem(instrument: Instrument): Promise<string | undefined> {
    const copy = this.copies.make();
    const outcome = await this.instrument(copy, instrument);
    fs.rmSync(copy, { recursive: true });
    if (outcome.kind === 'killed') return `without any mutant it finds a violation after ${outcome.by}`;
    return outcome.kind === 'error' ? outcome.problem : undefined;
  }

  async run(
    mutant: Mutant,
    only: 'tests' | 'seeds' | undefined,
  ): Promise<{ tests?: Outcome; seeds?: Outcome }> {
    const copy = this.copies.make();
    try {
      const problem = this.copies.plant(mutant, copy);
      if (problem !== undefined) return { tests: { kind: 'error', problem } };
      const tests = only === 'seeds' ? undefined : await this.test(mutant, copy);
      const seeds = only === 'tests' || !mutant.seeds ? undefined : await this.instrument(copy, mutant.seeds);
      return { ...(tests && { tests }), ...(seeds && { seeds }) };
    } finally {
      fs.rmSync(copy, { recursive: true, force: true });
    }
  }

  /**
   * Runs one test file at a time until one detects the mutant: jest writes no result if it stops early
   * itself.
   */
  private async test({ tests, title }: Mutant, copy: string): Promise<Outcome> {
    let seconds = 0;
    for (const file of tests) {
      const limitSeconds = HANG_FACTOR * (this.usualSeconds.get(file) ?? 0) + HANG_EXTRA_SECONDS;
      const { result, ended } = await this.jest(copy, {
        tests: [file],
        title,
        more: ['--runInBand'],
        limitSeconds,
      });
      seconds += ended.seconds;
      if (ended.code === null) return { kind: 'killed', by: `a hang of ${file}`, seconds };
      if (!result)
        return { kind: 'error', problem: `jest ended with code ${ended.code}: ${lastLine(ended.stderr)}` };
      const outcome = judgeTests(result, seconds);
      if (outcome.kind !== 'survived') return outcome;
    }
    return { kind: 'survived', seconds };
  }

  private async jest(copy: string, { tests, title, more, limitSeconds }: JestRun): Promise<JestEnded> {
    const output = path.join(copy, 'result.json');
    const files = tests.map((test) => path.join(copy, 'dist', test.replace(/\.ts$/, '.js')));
    const missing = tests.find((_, i) => !fs.existsSync(files[i]!));
    if (missing !== undefined) throw new Error(`${missing} is not there, or not compiled`);
    const ended = await this.spawn(
      copy,
      [
        path.join(copy, 'node_modules/jest/bin/jest.js'),
        '--config',
        path.join(copy, 'jest.config.json'),
        '--json',
        '--outputFile',
        output,
        '--silent',
        ...more,
        ...(title === undefined ? [] : ['--testNamePattern', title]),
        '--runTestsByPath',
        ...files,
      ],
      limitSeconds,
    );
    const result = fs.existsSync(output)
      ? (JSON.parse(fs.readFileSync(output, 'utf8')) as JestResult)
      : undefined;
    fs.rmSync(output, { force: true });
    return { result, ended };
  }

  private async instrument(copy: string, instrument: Instrument): Promise<Outcome> {
    const { budgetSeconds } = this.options;
    const args = [
      path.join(copy, 'bin/samsa'),
      ...INSTRUMENT_ARGUMENTS[instrument],
      '--until-violation',
      '--budget-seconds',
      String(budgetSeconds),
    ];
    return judgeInstrument(await this.spawn(copy, args, 2 * budgetSeconds + INSTRUMENT_EXTRA_SECONDS));
  }

  /** In a process group of its own, so that its children can be ended with it. */
  private spawn(cwd: string, args: readonly string[], limitSeconds = 3600): Promise<Ended> {
    if (this.isClosed) return Promise.reject(new Error('interrupted'));
    const startMs = Date.now();
    const child = spawn(process.execPath, args, { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const texts = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        texts[name] = (texts[name] + text).slice(-OUTPUT_LIMIT);
      });
    }
    const { pid } = child;
    if (pid !== undefined) this.children.add(pid);
    return new Promise((resolve, reject) => {
      let hung = false;
      const timer = setTimeout(() => {
        hung = true;
        if (pid !== undefined) process.kill(-pid, 'SIGKILL');
      }, limitSeconds * 1000);
      const ended = () => {
        clearTimeout(timer);
        if (pid !== undefined) this.children.delete(pid);
      };
      child.once('error', (error) => {
        ended();
        reject(error);
      });
      child.once('close', (code) => {
        ended();
        resolve({ ...texts, code: hung ? null : (code ?? 255), seconds: (Date.now() - startMs) / 1000 });
      });
    });
  }
}
