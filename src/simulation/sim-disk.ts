/**
 * A disk in memory that can lose data. kill -9 keeps all that was written. A power cut keeps the synced bytes
 * of a file and, by seed, a prefix of the rest, with torn bytes at its end. Of the names in a directory it
 * keeps the synced ones and, by seed, the first few creations, renames and removals since then, in order, as
 * journalling file systems do.
 *
 * Creating, renaming and removing whole directories is durable at once. A test runs the same operations on
 * this disk and on a real one and compares them (test/real/differential.test.ts).
 */
import { Disk, DiskEntry, DiskFile } from '../common/host';
import { Prng } from './prng';
import { SimFile } from './sim-file';
import { UnsyncedNames } from './unsynced-names';

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: '${path}'`), { code });
}

/**
 * EIO: nothing below `path` can be read or written. ENOSPC: files can be read, a write fails after a part of
 * it. EMFILE: open files can be used, but no other can be opened.
 */
export interface DiskFailure {
  readonly path: string;
  readonly code: 'EIO' | 'ENOSPC' | 'EMFILE';
  /** Determines how much of the write that meets the full disk is written. */
  readonly random: Prng;
}

export class SimDisk implements Disk {
  private readonly files = new Map<string, SimFile>();
  private readonly directories = new Set<string>();
  private readonly locks = new Set<string>();
  private failures: DiskFailure[] = [];

  /** Changes in directories that are not synced yet. */
  private readonly names = new UnsyncedNames(this.files);
  /** The duration of an fsync; undefined: none. Set by faults. */
  syncTime: (() => Promise<void>) | undefined;

  constructor(private readonly nowMs: () => number) {}

  private find(path: string): SimFile {
    const file = this.files.get(path);
    if (!file) throw systemError('ENOENT', path);
    return file;
  }

  fail(failure: DiskFailure): void {
    this.failures.push(failure);
  }

  heal(): void {
    this.failures = [];
  }

  private failureAt(path: string, codes: readonly string[]): DiskFailure | undefined {
    return this.failures.find(
      (one) => codes.includes(one.code) && (path === one.path || path.startsWith(`${one.path}/`)),
    );
  }

  private checkRead(path: string): void {
    if (this.failureAt(path, ['EIO'])) throw systemError('EIO', path);
  }

  private checkWrite(path: string): void {
    const failure = this.failureAt(path, ['EIO', 'ENOSPC']);
    if (failure) throw systemError(failure.code, path);
  }

  /** The part of a write that succeeds: all of it, or a prefix together with the error. */
  private admitted(path: string, chunks: readonly Buffer[]): { bytes: Buffer[]; error?: Error } {
    const failure = this.failureAt(path, ['EIO', 'ENOSPC']);
    if (!failure) return { bytes: [...chunks] };
    const all = Buffer.concat(chunks);
    const part = failure.code === 'EIO' ? 0 : failure.random.below(all.length);
    return { bytes: [all.subarray(0, part)], error: systemError(failure.code, path) };
  }

  private create(path: string): SimFile {
    this.checkWrite(path);
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (parent !== '' && !this.directories.has(parent)) throw systemError('ENOENT', path);
    const file = new SimFile();
    file.modifiedMs = this.nowMs();
    this.bind(path, file);
    return file;
  }

  /** Lets the name refer to the file; undefined: removes the name. */
  private bind(path: string, file: SimFile | undefined): void {
    this.names.willChange([path]);
    if (file) this.files.set(path, file);
    else this.files.delete(path);
  }

  open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    if (this.failureAt(path, ['EMFILE'])) throw systemError('EMFILE', path);
    const file = this.files.get(path) ?? (mode === 'create' ? this.create(path) : this.find(path));
    let isOpen = true;
    const check = () => {
      if (!isOpen) throw systemError('EBADF', path);
    };
    return {
      size: () => {
        check();
        return file.size;
      },
      read: (target, position) => {
        check();
        this.checkRead(path);
        return file.data.copy(
          target,
          0,
          Math.min(position, file.size),
          Math.min(file.size, position + target.length),
        );
      },
      write: (chunks, position) => {
        check();
        const { bytes, error } = this.admitted(path, chunks);
        this.put(file, bytes, position);
        if (error) throw error;
      },
      truncate: (size) => {
        check();
        this.checkWrite(path);
        file.reserve(size);
        if (size > file.size) file.data.fill(0, file.size, size);
        file.size = size;
        file.changedFrom(size);
        file.modifiedMs = this.nowMs();
      },
      sync: async () => {
        check();
        this.checkRead(path);
        const written = file.beginSync();
        if (this.syncTime) await this.syncTime();
        this.checkRead(path);
        written.arrived();
      },
      syncNow: () => {
        check();
        this.checkRead(path);
        file.beginSync().arrived();
      },
      close: () => {
        isOpen = false;
      },
    };
  }

  private put(file: SimFile, chunks: readonly Buffer[], position: number): void {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (bytes === 0) return;
    let at = position;
    file.reserve(position + bytes);
    if (position > file.size) file.data.fill(0, file.size, position);
    for (const chunk of chunks) at += chunk.copy(file.data, at);
    file.changedFrom(position);
    file.size = Math.max(file.size, at);
    file.modifiedMs = this.nowMs();
  }

  exists(path: string): boolean {
    return this.files.has(path) || this.directories.has(path);
  }

  stat(path: string): { size: number; modifiedMs: number } {
    this.checkRead(path);
    const { size, modifiedMs } = this.find(path);
    return { size, modifiedMs };
  }

  setModified(path: string, modifiedMs: number): void {
    this.find(path).modifiedMs = modifiedMs;
  }

  list(path: string): DiskEntry[] {
    this.checkRead(path);
    if (!this.directories.has(path)) throw systemError('ENOENT', path);
    const entries = new Map<string, boolean>();
    for (const directory of this.directories)
      if (directory.startsWith(`${path}/`))
        entries.set(directory.slice(path.length + 1).split('/')[0]!, true);
    for (const file of this.files.keys()) {
      const rest = file.startsWith(`${path}/`) ? file.slice(path.length + 1) : '';
      if (rest !== '' && !rest.includes('/')) entries.set(rest, false);
    }
    return [...entries]
      .map(([name, directory]) => ({ name, directory }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  makeDirectory(path: string): void {
    if (this.directories.has(path)) return this.checkRead(path);
    this.checkWrite(path);
    const parts = path.split('/');
    for (let i = 1; i <= parts.length; i++) this.directories.add(parts.slice(0, i).join('/'));
  }

  readText(path: string): string {
    this.checkRead(path);
    return this.find(path).text();
  }

  /** A full disk still has room for a new name. */
  rename(from: string, to: string): void {
    this.checkRead(from);
    if (this.directories.has(from)) {
      for (const directory of [...this.directories]) {
        if (directory !== from && !directory.startsWith(`${from}/`)) continue;
        this.directories.delete(directory);
        this.directories.add(to + directory.slice(from.length));
      }
      for (const [path, file] of [...this.files]) {
        if (!path.startsWith(`${from}/`)) continue;
        this.files.delete(path);
        this.files.set(to + path.slice(from.length), file);
      }
      this.names.directoryRenamed(from, to);
      return;
    }
    const file = this.find(from);
    if (from === to) return;
    this.names.willChange([from, to]);
    this.files.delete(from);
    this.files.set(to, file);
  }

  remove(path: string): void {
    this.checkRead(path);
    if (this.files.has(path)) return this.bind(path, undefined);
    if (!this.directories.has(path)) return;
    this.names.directoryRemoved(path);
    for (const file of [...this.files.keys()]) if (file.startsWith(`${path}/`)) this.files.delete(file);
    for (const directory of [...this.directories])
      if (directory === path || directory.startsWith(`${path}/`)) this.directories.delete(directory);
  }

  replace(path: string, text: string, options: { durable: boolean }): void {
    this.checkWrite(path);
    const file = this.create(path);
    file.setText(text);
    if (!options.durable) return;
    file.durable = file.size;
    this.syncDirectoryNow(path.slice(0, path.lastIndexOf('/')));
  }

  /** A directory that was removed has no names to lose. */
  async syncDirectory(path: string): Promise<void> {
    this.checkRead(path);
    const written = this.names.beginSync(path);
    if (this.syncTime) await this.syncTime();
    this.checkRead(path);
    written.arrived();
  }

  syncDirectoryNow(path: string): void {
    this.checkRead(path);
    if (!this.directories.has(path)) throw systemError('ENOENT', path);
    this.names.beginSync(path).arrived();
  }

  lock(path: string): { release(): void } {
    this.checkWrite(path);
    if (this.locks.has(path))
      throw new Error(`Failed to acquire lock on file ${path}. A broker is already running there.`);
    this.locks.add(path);
    return {
      release: () => {
        this.locks.delete(path);
      },
    };
  }

  /** kill -9: everything written stays, locks are released. */
  processDied(): void {
    this.locks.clear();
  }

  /** Power cut: what was not synced is kept in part, or lost. */
  powerCut(random: Prng): void {
    this.locks.clear();
    this.names.powerCut(random);
    for (const file of this.files.values()) file.powerCut(random);
  }
}
