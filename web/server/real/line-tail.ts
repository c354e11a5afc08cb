/**
 * The lines that a process appends to a file, as they come: the system says when the file has grown, and a
 * slow look now and then finds what it did not say. Only looks; the file may not exist yet.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

const LOOK_MS = 1000;
const CHUNK_BYTES = 64 * 1024;
/** Of a file that was there before: its end. */
const MAX_HISTORY_BYTES = 1024 * 1024;
const MAX_LINE_BYTES = 256 * 1024;

export class LineTail {
  private position = 0;
  private rest = Buffer.alloc(0);
  private isSkipping = false;
  private watcher: fs.FSWatcher | undefined;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly file: string,
    private readonly onLine: (line: string) => void,
  ) {
    const { size } = statOf(file);
    if (size > MAX_HISTORY_BYTES) {
      this.position = size - MAX_HISTORY_BYTES;
      this.isSkipping = true;
    }
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
    this.look();
  }

  /** There is a file with something in it. */
  get isThere(): boolean {
    return this.position > 0;
  }

  private watchFolder(): void {
    try {
      this.watcher = fs.watch(path.dirname(this.file), (_, name) => {
        if (name === path.basename(this.file)) this.look();
      });
      this.watcher.on('error', () => this.unwatch());
      this.watcher.unref();
    } catch {
      // The folder is not there yet, or the system has no more watches: the slow look finds it.
    }
  }

  private unwatch(): void {
    this.watcher?.close();
    this.watcher = undefined;
  }

  look(): void {
    if (!this.watcher) this.watchFolder();
    const { size } = statOf(this.file);
    if (size < this.position) this.position = 0;
    if (size === this.position) return;
    let fd: number;
    try {
      fd = fs.openSync(this.file, 'r');
    } catch {
      return;
    }
    try {
      this.read(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  private read(fd: number): void {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const count = fs.readSync(fd, chunk, 0, CHUNK_BYTES, this.position);
      if (count === 0) return;
      this.position += count;
      this.take(Buffer.concat([this.rest, chunk.subarray(0, count)]));
    }
  }

  private take(bytes: Buffer): void {
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      if (!this.isSkipping) this.onLine(bytes.toString('utf8', from, end));
      this.isSkipping = false;
      from = end + 1;
    }
    this.rest = Buffer.from(bytes.subarray(from));
    if (this.rest.length <= MAX_LINE_BYTES) return;
    this.rest = Buffer.alloc(0);
    this.isSkipping = true;
  }

  close(): void {
    clearInterval(this.timer);
    this.unwatch();
  }
}

function statOf(file: string): { readonly size: number } {
  return fs.statSync(file, { throwIfNoEntry: false }) ?? { size: 0 };
}
