/**
 * A group member as a real process: `samsa verifiable-consumer`, whose JSON events say which partitions it is
 * assigned, and what it reads and commits. Ends when our end of its standard input closes.
 */
import { ChildProcess, spawn } from 'node:child_process';
import * as path from 'node:path';
import * as readline from 'node:readline';

export interface MemberEvent {
  readonly timestamp: number;
  readonly name: string;
  readonly [key: string]: unknown;
}

const SAMSA = path.join(__dirname, '../../../bin/samsa');

export class MemberProcess {
  private readonly child: ChildProcess;
  readonly exited: Promise<void>;
  /** The partition numbers of its latest assignment. */
  partitions: readonly number[] = [];
  processed = 0;
  isAlive = true;

  constructor(
    readonly name: string,
    args: readonly string[],
    onEvent: (member: MemberProcess, event: MemberEvent) => void,
  ) {
    this.child = spawn(process.execPath, [SAMSA, 'verifiable-consumer', '--verbose', ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, SAMSA_PARENT: 'stdin' },
    });
    this.exited = new Promise((resolve) =>
      this.child.once('exit', () => {
        this.isAlive = false;
        this.partitions = [];
        resolve();
      }),
    );
    readline.createInterface({ input: this.child.stdout! }).on('line', (line) => {
      const event = JSON.parse(line) as MemberEvent;
      if (event.name === 'partitions_assigned')
        this.partitions = (event.partitions as { partition: number }[]).map((one) => one.partition);
      if (event.name === 'partitions_revoked') this.partitions = [];
      if (event.name === 'record_data') this.processed++;
      onEvent(this, event);
    });
  }

  async kill9(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** Sends SIGTERM: the member commits, leaves the group and ends. */
  async terminate(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.exited;
  }
}
