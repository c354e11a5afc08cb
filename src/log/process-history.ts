/**
 * Remembers over restarts of the process since which broker epoch this broker has lost nothing that it wrote.
 * The controller compares that epoch with the zxid that wrote a partition's state (docs/decisions/0020).
 *
 * Each log dir has a file with the boot of the machine in which the dir was last used, that epoch, and the
 * epoch of the process's first registration. A killed process loses nothing: the operating system has what it
 * wrote. With the machine goes what was not flushed, unless the last process closed its logs.
 *
 * Invariant: the epoch is kept only if the log dirs are as many as they were, every one is online, has the
 * same text, and was left by a clean shutdown or in this boot, and recovery found all logs as they were
 * written. In all other cases it is the epoch of the first registration, and the files go at once: this
 * process may stop cleanly before it registers. Only where all that is wrong is that a dir is full the files
 * stay until this process registers: nothing is written to that dir, and the next process finds it as it was.
 *
 * Kafka: no counterpart in 2.8. KIP-966 (3.7) has the broker epoch in the file of a clean shutdown, so every
 * crash counts as a loss there.
 */
import { Disk } from '../common/host';
import { ProcessEpochs } from '../common/cluster-types';
import { isDiskError } from '../common/errors';
import { CLEAN_MARKER, LogDir } from './log-dir';

interface KeptFile extends ProcessEpochs {
  /** '-' if the system does not tell. */
  readonly bootId: string;
  /** How many log dirs the broker had: one that is not named any more has taken its logs along. */
  readonly dirCount: number;
}

const NO_BOOT = '-';

function pathOf({ path }: LogDir): string {
  return `${path}/.samsa-kept`;
}

function encode({ bootId, processEpoch, keptSince, dirCount, flushedSince }: KeptFile): string {
  const flushed = flushedSince === undefined ? '' : ` ${flushedSince}`;
  return `${bootId} ${keptSince} ${processEpoch} ${dirCount}${flushed}\n`;
}

/** Undefined if the text is anything else. */
function decode(text: string): KeptFile | undefined {
  const match = /^(\S+) (\d{1,16}) (\d{1,16}) (\d{1,6})(?: (\d{1,16}))?$/.exec(text.trim());
  if (!match) return undefined;
  const [keptSince, processEpoch, dirCount] = match.slice(2, 5).map(Number);
  const flushedSince = match[5] === undefined ? undefined : Number(match[5]);
  return {
    bootId: match[1]!,
    keptSince: keptSince!,
    processEpoch: processEpoch!,
    dirCount: dirCount!,
    flushedSince,
  };
}

/** The log dirs of a broker. */
export interface KeptDirs {
  readonly dirs: readonly LogDir[];
  /** Every dir is online, and so is every log. */
  readonly isWhole: boolean;
  /** Calls `action` for every online dir; a dir whose disk fails goes offline. */
  onEveryDir(action: (dir: LogDir) => void): void;
}

export class ProcessHistory {
  /** What this process told; set by its first registration. */
  private epochs: ProcessEpochs | undefined;
  private keptSince: number | undefined;
  private flushedSince: number | undefined;
  /** The next process counts as one that may have lost something, whatever else it finds. */
  private isForgotten = false;
  private readonly bootId: string;

  constructor(
    private readonly disk: Disk,
    bootId: string | undefined,
    private readonly dirs: KeptDirs,
  ) {
    this.bootId = bootId ?? NO_BOOT;
  }

  /** Reads what the last process left. Called with the dirs locked, before the clean-shutdown markers go. */
  load(): void {
    const { kept, isPowerLost } = this.leftByLast();
    if (kept === undefined || this.isForgotten) return this.lost();
    this.flushedSince = kept.flushedSince ?? kept.keptSince;
    if (isPowerLost) return this.lost();
    this.keptSince = kept.keptSince;
    // The markers are removed next: if this process is then killed in this boot, it has still lost nothing.
    if (kept.bootId !== this.bootId && this.dirs.isWhole) this.write({ ...kept, bootId: this.bootId });
  }

  /**
   * `kept` is undefined if a dir is not as the last process left it: it is new, or failed. One that is full
   * has lost nothing. `isPowerLost`: what was not flushed may be lost.
   */
  private leftByLast(): { readonly kept?: KeptFile; readonly isPowerLost: boolean } {
    const texts: string[] = [];
    let isClean = true;
    this.dirs.onEveryDir((dir) => {
      texts.push(this.disk.exists(pathOf(dir)) ? this.disk.readText(pathOf(dir)) : '');
      isClean &&= this.disk.exists(`${dir.path}/${CLEAN_MARKER}`);
    });
    const kept = decode(texts[0] ?? '');
    const none = { isPowerLost: false };
    if (kept === undefined || texts.some((text) => text !== texts[0])) return none;
    if (kept.dirCount !== this.dirs.dirs.length) return none;
    const isSameBoot = kept.bootId === this.bootId && this.bootId !== NO_BOOT;
    return { kept, isPowerLost: !isClean && !isSameBoot };
  }

  /** What a registration with `brokerEpoch` tells the controller. */
  at(brokerEpoch: number): ProcessEpochs {
    if (this.epochs !== undefined) return this.epochs;
    const kept = this.dirs.isWhole ? this.keptSince : undefined;
    const flushed = this.dirs.isWhole ? this.flushedSince : undefined;
    const keptSince = Math.min(kept ?? brokerEpoch, brokerEpoch);
    const told = { processEpoch: brokerEpoch, keptSince };
    return flushed !== undefined && flushed < keptSince ? { ...told, flushedSince: flushed } : told;
  }

  /** Writes the files for the next process, at the first registration of this one. */
  registered(brokerEpoch: number): void {
    if (this.epochs !== undefined) return;
    this.epochs = this.at(brokerEpoch);
    this.write({ ...this.epochs, bootId: this.bootId, dirCount: this.dirs.dirs.length });
    if (this.isForgotten || !this.dirs.isWhole) this.forget();
  }

  /** A dir or log that goes offline, or is damaged, may be back after a restart with less than it had. */
  forget(): void {
    this.isForgotten = true;
    this.flushedSince = undefined;
    this.lost();
  }

  /** There is less than was written. Nothing is kept but what comes after the first registration. */
  lost(): void {
    this.keptSince = undefined;
    this.dirs.onEveryDir((dir) => this.disk.remove(pathOf(dir)));
    for (const dir of this.dirs.dirs) if (dir.isOffline) this.tryRemove(pathOf(dir));
  }

  /** A disk that failed to flush a log, or to read it, may still remove a name. */
  private tryRemove(path: string): void {
    try {
      this.disk.remove(path);
    } catch (error) {
      if (!isDiskError(error)) throw error;
    }
  }

  private write(kept: KeptFile): void {
    this.dirs.onEveryDir((dir) => this.disk.replace(pathOf(dir), encode(kept), { durable: true }));
  }
}
