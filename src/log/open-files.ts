/**
 * Limits the number of open files: descriptors of segments that are not in use are closed, and opened again
 * on demand (design D22).
 *
 * Invariant: at most `limit` files are open; the least recently used one is closed first. A file may be
 * closed while its segment is still written to; the next write opens it again.
 */
import { isOutOfDescriptors } from '../common/errors';
import { Disk, DiskFile } from '../common/host';

export class OpenFiles {
  /** In the order of use: a path that is used is deleted and inserted again. */
  private readonly open = new Map<string, DiskFile>();
  /** Files that are being synced. They are not closed until that is done. */
  private readonly syncing = new Map<DiskFile, { count: number; closeAfter: boolean }>();

  constructor(
    private readonly disk: Disk,
    private readonly limit: number,
  ) {}

  /** The open file at `path`. Opens it if need be; with `create` also creates it. */
  get(path: string, create = false): DiskFile {
    const known = this.open.get(path);
    if (known) {
      this.open.delete(path);
      this.open.set(path, known);
      return known;
    }
    const file = this.openNow(path, create ? 'create' : 'write');
    this.open.set(path, file);
    if (this.open.size > this.limit) this.close(this.open.keys().next().value!);
    return file;
  }

  /**
   * If there is no descriptor left, closes a quarter of the open files, the least recently used ones, and
   * tries again.
   */
  private openNow(path: string, mode: 'create' | 'write'): DiskFile {
    try {
      return this.disk.open(path, mode);
    } catch (error) {
      if (!isOutOfDescriptors(error) || this.open.size === 0) throw error;
      for (const cold of [...this.open.keys()].slice(0, Math.ceil(this.open.size / 4))) this.close(cold);
      return this.disk.open(path, mode);
    }
  }

  /** Makes the file durable. It stays open until then, even if `close` is called. */
  async sync(path: string): Promise<void> {
    const file = this.get(path);
    const state = this.syncing.get(file) ?? { count: 0, closeAfter: false };
    this.syncing.set(file, state);
    state.count++;
    try {
      await file.sync();
    } finally {
      if (--state.count === 0) {
        this.syncing.delete(file);
        if (state.closeAfter) file.close();
      }
    }
  }

  close(path: string): void {
    const file = this.open.get(path);
    this.open.delete(path);
    const state = file && this.syncing.get(file);
    if (state) state.closeAfter = true;
    else file?.close();
  }

  /** Closes every file in the directory and below it, before it is renamed or removed. */
  closeBelow(directory: string): void {
    for (const path of [...this.open.keys()]) if (path.startsWith(`${directory}/`)) this.close(path);
  }

  closeAll(): void {
    for (const path of [...this.open.keys()]) this.close(path);
  }

  get size(): number {
    return this.open.size;
  }
}
