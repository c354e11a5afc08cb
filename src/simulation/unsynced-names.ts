/**
 * Names in the directories of a simulated disk that were created, renamed or removed since the directory was
 * synced. A power cut reverts the latest of these changes; the seed determines how many.
 */
import { Prng } from './prng';
import { PendingSync, SimFile } from './sim-file';

/** The files to which the names of one operation referred before it. */
type Change = Map<string, SimFile | undefined>;

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

export class UnsyncedNames {
  /** By directory, oldest first. */
  private readonly changes = new Map<string, Change[]>();

  constructor(private readonly files: Map<string, SimFile>) {}

  /**
   * To be called before an operation changes the files to which these names refer; all are in one directory.
   */
  willChange(paths: readonly string[]): void {
    const directory = parentOf(paths[0]!);
    const change: Change = new Map(paths.map((path) => [path, this.files.get(path)]));
    const known = this.changes.get(directory);
    if (known) known.push(change);
    else this.changes.set(directory, [change]);
  }

  beginSync(directory: string): PendingSync {
    const asked = new Set(this.changes.get(directory) ?? []);
    return {
      arrived: () => {
        const left = (this.changes.get(directory) ?? []).filter((change) => !asked.has(change));
        if (left.length > 0) this.changes.set(directory, left);
        else this.changes.delete(directory);
      },
    };
  }

  directoryRemoved(path: string): void {
    for (const directory of [...this.changes.keys()]) {
      if (directory === path || directory.startsWith(`${path}/`)) this.changes.delete(directory);
    }
  }

  directoryRenamed(from: string, to: string): void {
    for (const [directory, changes] of [...this.changes]) {
      if (directory !== from && !directory.startsWith(`${from}/`)) continue;
      this.changes.delete(directory);
      this.changes.set(
        to + directory.slice(from.length),
        changes.map(
          (change): Change =>
            new Map([...change].map(([path, file]) => [to + path.slice(from.length), file])),
        ),
      );
    }
  }

  powerCut(random: Prng): void {
    for (const changes of this.changes.values()) {
      const kept = random.chance(0.5) ? changes.length : random.below(changes.length + 1);
      for (const change of changes.slice(kept).reverse()) {
        for (const [path, file] of change) {
          if (file) this.files.set(path, file);
          else this.files.delete(path);
        }
      }
    }
    this.changes.clear();
  }
}
