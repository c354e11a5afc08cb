/**
 * A budget of open files: the descriptors of cold segments are closed and opened again on demand (design D22).
 *
 * Invariant: at most `limit` files are open through one budget; the least recently used goes first. A file whose owner
 * still writes to it costs only a re-open.
 */
import { isOutOfDescriptors } from '../common/errors';
import { Disk, DiskFile } from '../common/host';

export class OpenFiles {
  /** Insertion order is use order: a used path is deleted and set again. */
  private readonly open = new Map<string, DiskFile>();
  /** Files being synced: not to be closed until that is done. */
  private readonly syncing = new Map<DiskFile, { count: number; closeAfter: boolean }>();

  constructor(private readonly disk: Disk, private readonly limit: number) {}

  /** The open file at `path`, opened (and with `create`, made) if need be. */
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

  /** Where there is no descriptor for it, cold files give theirs. */
  private openNow(path: string, mode: 'create' | 'write'): DiskFile {
    try {
      return this.disk.open(path, mode);
    } catch (error) {
      if (!isOutOfDescriptors(error) || this.open.size === 0) throw error;
      for (const cold of [...this.open.keys()].slice(0, Math.ceil(this.open.size / 4))) this.close(cold);
      return this.disk.open(path, mode);
    }
  }

  /** Makes the file durable; it stays open until then, even if the budget or its owner wants it closed. */
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

  /** Forgets every file below the directory, for a rename or removal. */
  closeBelow(directory: string): void {
    for (const path of [...this.open.keys()]) if (path.startsWith(`${directory}/`)) this.close(path);
  }

  closeAll(): void {
    for (const path of [...this.open.keys()]) this.close(path);
  }

  get size(): number { return this.open.size; }
}
