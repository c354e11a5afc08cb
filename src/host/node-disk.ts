/**
 * The disk of the node host: thin wrappers of `fs`. Calls that the page cache answers are synchronous; calls
 * that wait for the device return promises.
 *
 * `write` repeats after a short write, so that a caller gets all bytes written or an error. `replace` writes
 * a temporary file, optionally fsyncs it, renames it, and optionally fsyncs the directory, as Kafka does for
 * checkpoints.
 *
 * Kafka: utils/Utils.java#atomicMoveWithFallback@2.8.2
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { isOutOfDescriptors } from '../common/errors';
import { Disk, DiskEntry, DiskFile } from '../common/host';
import { LockFiles, takeLock } from './file-lock';
import { SpareDescriptors } from './spare-descriptors';

/** Below IOV_MAX (1024), the largest number of chunks that writev accepts. */
const MAX_CHUNKS = 1000;

class NodeFile implements DiskFile {
  constructor(
    private readonly fd: number,
    private readonly spare: SpareDescriptors,
  ) {}

  size(): number {
    return fs.fstatSync(this.fd).size;
  }

  read(target: Buffer, position: number): number {
    let done = 0;
    while (done < target.length) {
      const count = fs.readSync(this.fd, target, done, target.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  write(chunks: readonly Buffer[], position: number): void {
    let at = position;
    for (let i = 0; i < chunks.length; i += MAX_CHUNKS) {
      const part = chunks.slice(i, i + MAX_CHUNKS);
      let wanted = 0;
      for (const chunk of part) wanted += chunk.length;
      const written = fs.writevSync(this.fd, part, at);
      if (written < wanted) this.writeRest(part, written, at + written);
      at += wanted;
    }
  }

  private writeRest(chunks: Buffer[], written: number, position: number): void {
    const rest = Buffer.concat(chunks).subarray(written);
    for (let done = 0; done < rest.length;) {
      done += fs.writeSync(this.fd, rest, done, rest.length - done, position + done);
    }
  }

  truncate(size: number): void {
    fs.ftruncateSync(this.fd, size);
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) =>
      fs.fdatasync(this.fd, (error) => (error ? reject(error) : resolve())),
    );
  }

  syncNow(): void {
    fs.fdatasyncSync(this.fd);
  }

  close(): void {
    fs.closeSync(this.fd);
    this.spare.refill();
  }
}

/**
 * When a process started, in clock ticks since boot; '' if the system does not tell. A lock file contains it,
 * because process ids are reused.
 */
function startTimeOf(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** Identifies the boot of the machine; '' if the system does not tell. */
export function bootId(): string {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** How a lock file names its holder. */
function identityOf(pid: number): string {
  return `${pid} ${startTimeOf(pid)} ${bootId()}`.trim();
}

/**
 * Whether the process that a lock file names is running. Lock files of older versions do not contain the boot
 * id.
 */
function isAlive(holder: string): boolean {
  const [pid, started = '', boot = bootId()] = holder.split(' ');
  if (boot !== bootId() || startTimeOf(Number(pid)) !== started) return false;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

const lockFiles: LockFiles = {
  read: (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : ''),
  claim(link, text) {
    try {
      fs.symlinkSync(text, link);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  },
  claimant(link) {
    try {
      return fs.readlinkSync(link);
    } catch (error) {
      return unlessGone(error as NodeJS.ErrnoException);
    }
  },
  replace(file, text) {
    const temporary = `${file}.${process.pid}`;
    fs.writeFileSync(temporary, `${text}\n`);
    fs.renameSync(temporary, file);
  },
  remove: (link) => fs.rmSync(link, { force: true }),
};

function syncDirectory(directory: string): void {
  const fd = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

const OPEN_FLAGS = {
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
} as const;

export class NodeDisk implements Disk {
  private readonly spare = new SpareDescriptors();

  open(file: string, mode: 'read' | 'write' | 'create'): DiskFile {
    const fd = this.spare.during(() => fs.openSync(file, OPEN_FLAGS[mode], 0o644));
    return new NodeFile(fd, this.spare);
  }

  exists(file: string): boolean {
    return fs.existsSync(file);
  }

  stat(file: string): { size: number; modifiedMs: number } {
    const stat = fs.statSync(file);
    return { size: stat.size, modifiedMs: Math.floor(stat.mtimeMs) };
  }

  list(directory: string): DiskEntry[] {
    return this.spare
      .during(() => fs.readdirSync(directory, { withFileTypes: true }))
      .map((entry) => ({ name: entry.name, directory: entry.isDirectory() }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Creates one level after the other: mkdir with `recursive` reports a read-only file system as ENOENT. */
  makeDirectory(directory: string): void {
    if (fs.existsSync(directory) && fs.statSync(directory).isDirectory()) return;
    const parent = path.dirname(directory);
    if (parent !== directory) this.makeDirectory(parent);
    try {
      fs.mkdirSync(directory);
    } catch (error) {
      // Another process may have created it in between; a file of that name is still an error.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !fs.statSync(directory).isDirectory())
        throw error;
    }
  }

  readText(file: string): string {
    return this.spare.during(() => fs.readFileSync(file, 'utf8'));
  }

  rename(from: string, to: string): void {
    fs.renameSync(from, to);
  }

  setModified(file: string, modifiedMs: number): void {
    fs.utimesSync(file, modifiedMs / 1000, modifiedMs / 1000);
  }

  remove(file: string): void {
    this.spare.during(() => fs.rmSync(file, { recursive: true, force: true }));
  }

  replace(file: string, text: string, options: { durable: boolean; mode?: number }): void {
    const temporary = `${file}.tmp`;
    const fd = this.spare.during(() => fs.openSync(temporary, 'w', options.mode ?? 0o644));
    try {
      // Writes everything or throws. writeSync may write only a part when the disk is full.
      fs.writeFileSync(fd, text);
      if (options.durable) fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, file);
    if (options.durable) this.syncDirectoryNow(path.dirname(file));
  }

  /** fsync of the directory. If the directory no longer exists, there are no names to make durable. */
  async syncDirectory(directory: string): Promise<void> {
    const open = () => fs.promises.open(directory, 'r').catch(unlessGone);
    const handle = await open().catch((error) => {
      if (!isOutOfDescriptors(error) || !this.spare.giveOne()) throw error;
      return open();
    });
    if (handle === undefined) return;
    try {
      await handle.sync();
    } finally {
      await handle.close();
      this.spare.refill();
    }
  }

  syncDirectoryNow(directory: string): void {
    this.spare.during(() => syncDirectory(directory));
  }

  /**
   * A lock by the content of a file, see file-lock.ts (design D20). Throws an Error that names the process
   * that has it.
   */
  lock(file: string): { release(): void } {
    const mine = identityOf(process.pid);
    const holder = takeLock({ files: lockFiles, file, mine, isAlive });
    if (holder !== undefined) {
      throw new Error(
        `Failed to acquire lock on file ${path.basename(file)} in ${path.dirname(file)}. ` +
          `A broker is already running there as process ${holder.split(' ')[0]}.`,
      );
    }
    // As in Kafka the file stays; an empty one has no holder.
    return {
      release: () => {
        if (fs.existsSync(file)) fs.truncateSync(file);
      },
    };
  }
}
