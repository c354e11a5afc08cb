/**
 * Notices when the files of a broker's log dir change, and tells what they say then. The system reports the
 * changes; a slow look now and then finds folders that it did not report.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { TopicPartition } from '../../../src/common/cluster-types';
import { checkpointOf, LogFolder, LogPositions, partitionOfFolder } from './log-files';

const LOOK_MS = 2000;
/** Appends within so many ms are looked at together. */
const TOGETHER_MS = 15;
/** More watches than this on one broker are not asked of the system. */
const MAX_FOLDERS = 200;
const LOG_STARTS = 'log-start-offset-checkpoint';
const RECOVERY_POINTS = 'recovery-point-offset-checkpoint';

interface Watched {
  readonly tp: TopicPartition;
  readonly log: LogFolder;
  readonly watcher: fs.FSWatcher | undefined;
  isDue: boolean;
}

export type PositionsListener = (
  tp: TopicPartition,
  positions: LogPositions,
  more: { readonly logStart: number; readonly syncedTo: number },
) => void;

export class LogDirWatch {
  private readonly folders = new Map<string, Watched>();
  private root: fs.FSWatcher | undefined;
  private readonly timer: NodeJS.Timeout;
  private isClosed = false;

  constructor(
    private readonly logDir: string,
    private readonly tell: PositionsListener,
  ) {
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
    this.look();
  }

  private look(): void {
    if (this.isClosed) return;
    if (!this.root) {
      this.root = watch(this.logDir, (name) => {
        if (name === LOG_STARTS || name === RECOVERY_POINTS) this.allDue();
        else if (partitionOfFolder(name)) this.findFolders();
      });
    }
    this.findFolders();
    this.allDue();
  }

  private allDue(): void {
    for (const one of this.folders.values()) this.due(one);
  }

  private findFolders(): void {
    let names: string[];
    try {
      names = fs.readdirSync(this.logDir);
    } catch {
      return;
    }
    for (const name of names) {
      const tp = partitionOfFolder(name);
      // Internal topics are not drawn.
      if (!tp || tp.topic.startsWith('__') || this.folders.has(name)) continue;
      if (this.folders.size >= MAX_FOLDERS) return;
      const folder = path.join(this.logDir, name);
      const one: Watched = {
        tp,
        log: new LogFolder(folder),
        watcher: watch(folder, () => this.due(one)),
        isDue: false,
      };
      this.folders.set(name, one);
      this.due(one);
    }
    for (const [name, { watcher }] of [...this.folders]) {
      if (names.includes(name)) continue;
      watcher?.close();
      this.folders.delete(name);
    }
  }

  private due(one: Watched): void {
    if (one.isDue || this.isClosed) return;
    one.isDue = true;
    setTimeout(() => {
      one.isDue = false;
      if (!this.isClosed) this.read(one);
    }, TOGETHER_MS);
  }

  private read({ tp, log }: Watched): void {
    const positions = log.positions();
    if (!positions) return;
    const name = `${tp.topic}-${tp.partition}`;
    const at = (file: string) => checkpointOf(this.logDir, file).get(name) ?? 0;
    this.tell(tp, positions, { logStart: at(LOG_STARTS), syncedTo: at(RECOVERY_POINTS) });
  }

  close(): void {
    this.isClosed = true;
    clearInterval(this.timer);
    this.root?.close();
    for (const { watcher } of this.folders.values()) watcher?.close();
    this.folders.clear();
  }
}

/** Undefined: it is not there, or the system has no more watches. */
function watch(folder: string, onChange: (name: string) => void): fs.FSWatcher | undefined {
  try {
    const watcher = fs.watch(folder, (_, name) => onChange(name ?? ''));
    watcher.on('error', () => watcher.close());
    watcher.unref();
    return watcher;
  } catch {
    return undefined;
  }
}
