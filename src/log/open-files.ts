/**
 * A budget of open files: the descriptors of cold segments are closed and opened again on demand (design D22).
 *
 * Invariant: at most `limit` files are open through one budget; the least recently used goes first. A file whose owner
 * still writes to it costs only a re-open.
 */
import { Disk, DiskFile } from '../common/host';

export class OpenFiles {
  /** Insertion order is use order: a used path is deleted and set again. */
  private readonly open = new Map<string, DiskFile>();

  constructor(private readonly disk: Disk, private readonly limit: number) {}

  /** The open file at `path`, opened (and with `create`, made) if need be. */
  get(path: string, create = false): DiskFile {
    const known = this.open.get(path);
    if (known) {
      this.open.delete(path);
      this.open.set(path, known);
      return known;
    }
    const file = this.disk.open(path, create ? 'create' : 'write');
    this.open.set(path, file);
    if (this.open.size > this.limit) this.close(this.open.keys().next().value!);
    return file;
  }

  close(path: string): void {
    const file = this.open.get(path);
    this.open.delete(path);
    file?.close();
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
