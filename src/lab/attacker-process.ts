/**
 * An attacker as a process of its own, so that its work does not slow down the processes that measure. It
 * runs `samsa attack --worker`, which reports in JSON lines what it has sent. It ends when our end of its
 * standard input closes.
 */
import { ChildProcess, spawn } from 'node:child_process';
import * as path from 'node:path';
import * as readline from 'node:readline';

export interface AttackerOrder {
  readonly attack: string;
  /** Send only the input with this number. */
  readonly number?: number;
  readonly seed: string;
  readonly ports: readonly number[];
  readonly forMs: number;
}

export interface AttackerReport {
  readonly inputs: number;
  readonly outcomes: Readonly<Record<'answered' | 'closed' | 'silent' | 'refused', number>>;
  /** The latest inputs without a response. */
  readonly suspects: readonly string[];
  /** The inputs that took longest. Others may have waited for the first of them. */
  readonly slowest: readonly string[];
}

const SAMSA = path.join(__dirname, '../../../bin/samsa');
/** How long an attacker may take to end by itself. */
const GRACE_MS = 15_000;

export class AttackerProcess {
  private readonly child: ChildProcess;
  report: AttackerReport = {
    inputs: 0,
    outcomes: { answered: 0, closed: 0, silent: 0, refused: 0 },
    suspects: [],
    slowest: [],
  };
  /** Resolves with a description of the failure, or undefined. */
  readonly ended: Promise<string | undefined>;
  private lastWords = '';

  constructor(order: AttackerOrder) {
    this.child = spawn(process.execPath, [SAMSA, 'attack', '--worker', JSON.stringify(order)], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdin!.on('error', () => {});
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.lastWords = (this.lastWords + chunk.toString()).slice(-500);
    });
    readline.createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.report = JSON.parse(line) as AttackerReport;
    });
    const timer = setTimeout(() => this.kill(), order.forMs + GRACE_MS);
    this.ended = new Promise((resolve) =>
      this.child.once('close', (code, signal) => {
        clearTimeout(timer);
        resolve(
          code === 0 || signal === 'SIGKILL'
            ? undefined
            : `exit code ${code ?? signal}: ${this.lastWords.trim()}`,
        );
      }),
    );
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
