/**
 * The disk as one process sees it. A call by a dead process is a violation. Calls that change the disk are
 * counted, and the process can be made to crash at the k-th one: this call and all later ones have no effect.
 *
 * The creation of segments, writes of checkpoints and flushes are events that can trigger faults.
 */
import { Disk, DiskFile } from '../common/host';

/** The process to which the disk belongs: its state, and its callbacks. */
export interface DiskOwner {
  readonly isDead: boolean;
  /** The process crashed in the middle of an action; the rest of the action has no effect. */
  readonly isCrashed: boolean;
  /** Called when a dead process uses the disk. */
  readonly misused: (what: string) => void;
  /** Called before a file is opened or a file or directory is read. Throws if the disk fails at this call. */
  readonly looking: (what: string, path: string) => void;
  /** Called before each change. Throws if the process crashes at this call. */
  readonly changing: (what: string, path: string) => void;
  /** Resolves when a flush may take effect; undefined: at once. */
  readonly delayFlush: () => Promise<void> | undefined;
  readonly event: (what: string, path: string) => void;
}

/**
 * The error of each call in the rest of an action in which the process crashed. No caller survives to handle
 * it.
 */
export function crashed(what: string): Error {
  return Object.assign(new Error(`EIO: the process crashed at ${what}`), { code: 'EIO' });
}

/** A disk that notifies `owner` of each call before it passes the call to `disk`. */
export function processDisk(disk: Disk, owner: DiskOwner): Disk {
  const reading = (what: string) => {
    if (owner.isDead) owner.misused(what);
    if (owner.isCrashed) throw crashed(what);
  };
  const looking = (what: string, path: string) => {
    reading(what);
    owner.looking(what, path);
  };
  const changing = (what: string, path: string) => {
    reading(what);
    owner.changing(what, path);
  };
  const flushed = (path: string) => {
    if (path.endsWith('.log')) owner.event('flushed', path);
  };
  const file = (path: string, of: DiskFile): DiskFile => ({
    size: () => of.size(),
    read: (target, position) => of.read(target, position),
    write: (chunks, position) => {
      changing('write', path);
      of.write(chunks, position);
    },
    truncate: (size) => {
      changing('truncate', path);
      of.truncate(size);
    },
    sync: async () => {
      changing('sync', path);
      await owner.delayFlush();
      changing('sync', path);
      await of.sync();
      flushed(path);
    },
    syncNow: () => {
      changing('sync', path);
      flushed(path);
      of.syncNow();
    },
    close: () => of.close(),
  });
  return {
    open: (path, mode) => {
      if (mode !== 'create' || disk.exists(path)) {
        looking('open', path);
        return file(path, disk.open(path, mode));
      }
      changing('create', path);
      const opened = file(path, disk.open(path, mode));
      if (path.endsWith('.log')) owner.event('segment-created', path);
      return opened;
    },
    exists: (path) => {
      reading('exists');
      return disk.exists(path);
    },
    stat: (path) => {
      looking('stat', path);
      return disk.stat(path);
    },
    list: (path) => {
      looking('list', path);
      return disk.list(path);
    },
    makeDirectory: (path) => {
      changing('makeDirectory', path);
      disk.makeDirectory(path);
    },
    readText: (path) => {
      looking('readText', path);
      return disk.readText(path);
    },
    rename: (from, to) => {
      changing('rename', from);
      disk.rename(from, to);
    },
    setModified: (path, modifiedMs) => {
      reading('setModified');
      disk.setModified(path, modifiedMs);
    },
    remove: (path) => {
      changing('remove', path);
      disk.remove(path);
    },
    replace: (path, text, options) => {
      changing('replace', path);
      disk.replace(path, text, options);
      if (path.includes('checkpoint')) owner.event('checkpoint-written', path);
    },
    syncDirectory: (path) => {
      changing('syncDirectory', path);
      return disk.syncDirectory(path);
    },
    syncDirectoryNow: (path) => {
      changing('syncDirectory', path);
      disk.syncDirectoryNow(path);
    },
    lock: (path) => {
      reading('lock');
      return disk.lock(path);
    },
  };
}
