/**
 * The resources of a process, from /proc: resident memory and open descriptors; and the lines that it writes
 * into its log. Without /proc the values are 0, so that no limit is exceeded.
 */
import * as fs from 'node:fs';

export interface ProcessResources {
  readonly residentBytes: number;
  readonly descriptors: number;
}

/** Undefined if the process has ended. */
export function resourcesOf(pid: number | undefined): ProcessResources | undefined {
  if (pid === undefined) return undefined;
  if (!fs.existsSync('/proc/self/status')) return { residentBytes: 0, descriptors: 0 };
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined
      ? undefined
      : { residentBytes: Number(kilobytes) * 1024, descriptors: fs.readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return undefined;
  }
}

const BLOCK_BYTES = 1024 * 1024;

/** What to search for in a log. */
export interface LogPatterns {
  /** No line may begin with this text. */
  readonly forged: string;
  /** Matches lines that report an unexpected error. */
  readonly surprise: RegExp;
}

/** Counts the lines that are appended to a file, and those that match a pattern. */
export class LogFollower {
  private at = 0;
  private rest = '';
  lines = 0;
  forged = 0;
  surprises = 0;
  lastSurprise = '';

  constructor(
    private readonly file: string,
    private readonly patterns: LogPatterns,
  ) {}

  read(): this {
    if (!fs.existsSync(this.file)) return this;
    const fd = fs.openSync(this.file, 'r');
    try {
      const block = Buffer.alloc(BLOCK_BYTES);
      for (
        let bytes = fs.readSync(fd, block, 0, BLOCK_BYTES, this.at);
        bytes > 0;
        bytes = fs.readSync(fd, block, 0, BLOCK_BYTES, this.at)
      ) {
        this.at += bytes;
        const lines = (this.rest + block.toString('latin1', 0, bytes)).split('\n');
        this.rest = lines.pop()!.slice(-1000);
        this.lines += lines.length;
        for (const line of lines) this.judge(line);
      }
    } finally {
      fs.closeSync(fd);
    }
    return this;
  }

  private judge(line: string): void {
    if (line.startsWith(this.patterns.forged)) this.forged++;
    if (!this.patterns.surprise.test(line)) return;
    this.surprises++;
    this.lastSurprise = line.slice(0, 300);
  }
}
