/**
 * The disk as one process sees it: a call of a dead process is a violation, calls that change something are
 * counted, and at the k-th of them the process can be made to crash: that call and all after it have no
 * effect.
 *
 * Segments created, checkpoints written and flushes are events, at which faults may strike.
 */
import { Disk, DiskFile } from '../common/host';

/** What the process it belongs to has to say, and hears. */
export interface DiskOwner {
  readonly isDead: boolean;
  /** The process crashed in the middle of an action; what is left of the action has no effect. */
  readonly isCrashed: boolean;
  /** A call by a process that is dead. */
  readonly misused: (what: string) => void;
  /** Before a call that changes something. Throws if the process crashes here. */
  readonly changing: (what: string, path: string) => void;
  /** What a flush waits for before it has an effect; undefined: nothing. */
  readonly delayFlush: () => Promise<void> | undefined;
  readonly event: (what: string, path: string) => void;
}

/**
 * What a call throws in the rest of an action in which the process crashed: nobody is there to handle it
 * otherwise.
 */
export function crashed(what: string): Error {
  return Object.assign(new Error(`EIO: the process crashed at ${what}`), { code: 'EIO' });
}

/** `owner` judges each call before `disk` makes it. */
export function processDisk(disk: Disk, owner: DiskOwner): Disk {
  const reading = (what: string) => {
    if (owner.isDead) owner.misused(what);
    if (owner.isCrashed) throw crashed(what);
  };
  const changing = (what: string, path: string) => {
    reading(what);
    owner.changing(what, path);
  };
  const flushed = (path: string) => { if (path.endsWith('.log')) owner.event('flushed', path); };
  const file = (path: string, of: DiskFile): DiskFile => ({
    size: () => of.size(),
    read: (target, position) => of.read(target, position),
    write: (chunks, position) => { changing('write', path); of.write(chunks, position); },
    truncate: (size) => { changing('truncate', path); of.truncate(size); },
    sync: async () => {
      changing('sync', path);
      await owner.delayFlush();
      changing('sync', path);
      await of.sync();
      flushed(path);
    },
    syncNow: () => { changing('sync', path); flushed(path); of.syncNow(); },
    close: () => of.close(),
  });
  return {
    open: (path, mode) => {
      if (mode !== 'create' || disk.exists(path)) {
        reading('open');
        return file(path, disk.open(path, mode));
      }
      changing('create', path);
      const opened = file(path, disk.open(path, mode));
      if (path.endsWith('.log')) owner.event('segment-created', path);
      return opened;
    },
    exists: (path) => { reading('exists'); return disk.exists(path); },
    stat: (path) => { reading('stat'); return disk.stat(path); },
    list: (path) => { reading('list'); return disk.list(path); },
    makeDirectory: (path) => { changing('makeDirectory', path); disk.makeDirectory(path); },
    readText: (path) => { reading('readText'); return disk.readText(path); },
    rename: (from, to) => { changing('rename', from); disk.rename(from, to); },
    setModified: (path, modifiedMs) => { reading('setModified'); disk.setModified(path, modifiedMs); },
    remove: (path) => { changing('remove', path); disk.remove(path); },
    replace: (path, text, options) => {
      changing('replace', path);
      disk.replace(path, text, options);
      if (path.includes('checkpoint')) owner.event('checkpoint-written', path);
    },
    syncDirectory: (path) => { changing('syncDirectory', path); return disk.syncDirectory(path); },
    syncDirectoryNow: (path) => { changing('syncDirectory', path); disk.syncDirectoryNow(path); },
    lock: (path) => { reading('lock'); return disk.lock(path); },
  };
}
