/**
 * The same command in several processes, one a share of the work: simulations use one core each.
 *
 * A child ends when this process does: it is killed with it, and the wait for it ends with its exit.
 */
import { spawn } from 'node:child_process';
import * as os from 'node:os';
import { createInterface } from 'node:readline';
import { JOB_FLAGS } from './engine-flags';

export function coreCount(): number {
  return os.availableParallelism();
}

/**
 * Runs `samsa` once for each list of arguments and hands on its lines; resolves with the exit codes. A signal counts as
 * exit code 1. With `stopAtFailure` the others are stopped as soon as one ends with a code other than 0.
 */
export async function runParallel(
  commands: readonly (readonly string[])[], onLine: (line: string, job: number) => void, stopAtFailure: boolean,
): Promise<number[]> {
  const start = [...JOB_FLAGS, ...process.execArgv, process.argv[1]!];
  const children = commands.map((args) => spawn(process.execPath, [...start, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  }));
  const stopAll = () => { for (const child of children) child.kill('SIGKILL'); };
  process.once('exit', stopAll);
  const onSignal = () => process.exit(130);
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const codes = children.map((child, job) => new Promise<number>((resolve) => {
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
  }));
  let stopped = false;
  const ended = await Promise.all(codes);
  process.removeListener('exit', stopAll);
  process.removeListener('SIGINT', onSignal);
  process.removeListener('SIGTERM', onSignal);
  return ended;
}
