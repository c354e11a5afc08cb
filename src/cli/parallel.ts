/**
 * Runs the same command in several processes, each with a share of the work: a simulation uses one core.
 *
 * The children end with this process: they are killed when it exits.
 */
import { spawn } from 'node:child_process';
import * as os from 'node:os';
import { createInterface } from 'node:readline';
import { JOB_FLAGS } from './engine-flags';

export function coreCount(): number {
  return os.availableParallelism();
}

/**
 * Runs `samsa` once for each list of arguments and passes its lines on. Resolves with the exit codes; a
 * signal counts as exit code 1. With `stopAtFailure` the others are stopped as soon as one ends with a code
 * other than 0.
 */
export async function runParallel(
  commands: readonly (readonly string[])[],
  onLine: (line: string, job: number) => void,
  stopAtFailure: boolean,
): Promise<number[]> {
  const start = [...JOB_FLAGS, ...process.execArgv, process.argv[1]!];
  const children = commands.map((args) =>
    spawn(process.execPath, [...start, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  const stopAll = () => {
    for (const child of children) child.kill('SIGKILL');
  };
  process.once('exit', stopAll);
  const onSignal = () => process.exit(130);
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const codes = children.map(
    (child, job) =>
      new Promise<number>((resolve) => {
        createInterface({ input: child.stdout }).on('line', (line) => onLine(line, job));
        let code = 1;
        child.on('exit', (exitCode) => {
          code = exitCode ?? (stopped ? 0 : 1);
          if (code === 0 || !stopAtFailure) return;
          stopped = true;
          stopAll();
        });
        child.on('close', () => resolve(code));
        child.on('error', () => resolve(1));
      }),
  );
  let stopped = false;
  const ended = await Promise.all(codes);
  process.removeListener('exit', stopAll);
  process.removeListener('SIGINT', onSignal);
  process.removeListener('SIGTERM', onSignal);
  return ended;
}
