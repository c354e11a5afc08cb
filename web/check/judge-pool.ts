/**
 * Judges links in processes of their own, as many at a time as there are cores. Each link has a deadline; a
 * process that does not keep it, or ends by itself, is replaced, and its link is told why it has no verdict.
 */
import { ChildProcess, fork } from 'node:child_process';
import * as path from 'node:path';
import { Asked } from './judge-process';
import { exerciseOf, Outcome } from './judge-run';

export interface PoolOptions {
  readonly jobs: number;
  /** For one link, in real ms. */
  readonly deadlineMs: number;
  /** The program that judges; another one in tests. */
  readonly program?: string;
}

const PROGRAM = path.join(__dirname, 'judge-process.js');
const ENGINE_FLAGS = ['--max-semi-space-size=32', '--max-old-space-size=1024'];

class JudgeProcess {
  private child: ChildProcess | undefined;

  constructor(private readonly options: PoolOptions) {}

  private running(): ChildProcess {
    // Without inspector flags and the like of this process; what a run prints is nobody's.
    this.child ??= fork(this.options.program ?? PROGRAM, [], {
      execArgv: ENGINE_FLAGS,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    return this.child;
  }

  judge(link: string): Promise<Outcome> {
    const child = this.running();
    const { deadlineMs } = this.options;
    return new Promise((resolve) => {
      const done = (outcome: Outcome, isGone: boolean) => {
        clearTimeout(timer);
        child.removeAllListeners();
        if (isGone) this.end();
        resolve(outcome);
      };
      const without = (why: string) => done({ exercise: exerciseOf(link), hasPassed: null, why }, true);
      const late = `It could not be judged within ${deadlineMs / 1000} s: too much happens in this run.`;
      const timer = setTimeout(() => without(late), deadlineMs);
      child.once('message', (outcome: Outcome) => done(outcome, false));
      child.once('exit', () => without('The process that judged it has died: too much happens in this run.'));
      child.once('error', ({ message }) => without(`It could not be judged: ${message}`));
      child.send({ link } satisfies Asked, (error) => {
        if (error) without(`It could not be judged: ${error.message}`);
      });
    });
  }

  end(): void {
    // An error event that comes later is of no interest, and must not be unheard.
    this.child?.on('error', () => {});
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }
}

/** Tells each verdict in the order of the links, as soon as those before it are there. */
export async function judgeAll(
  links: readonly string[],
  options: PoolOptions,
  tell: (outcome: Outcome, index: number) => void,
): Promise<void> {
  const outcomes: (Promise<Outcome> | undefined)[] = links.map(() => undefined);
  const settle: ((outcome: Outcome) => void)[] = [];
  links.forEach((_, i) => {
    outcomes[i] = new Promise((resolve) => (settle[i] = resolve));
  });
  let next = 0;
  const count = Math.max(1, Math.min(options.jobs, links.length));
  const processes = Array.from({ length: count }, () => new JudgeProcess(options));
  const endAll = () => processes.forEach((one) => one.end());
  process.once('exit', endAll);
  const work = processes.map(async (one) => {
    while (next < links.length) {
      const i = next++;
      settle[i]!(await one.judge(links[i]!));
    }
    one.end();
  });
  for (const [i, outcome] of outcomes.entries()) tell(await outcome!, i);
  await Promise.all(work);
  process.removeListener('exit', endAll);
}
